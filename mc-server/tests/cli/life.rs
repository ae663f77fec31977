//! How a server begins and ends.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use serde_json::json;

use crate::program::{Server, answer, ask, begin_post, complaint, mission_control, store_in, text, wait_for};

#[test]
fn a_server_that_is_asked_to_end_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    for signal in ["-TERM", "-INT"] {
        let server = Server::on(&store);
        assert!(
            server.line.contains(&store) && server.line.contains("Try: curl http://127.0.0.1:"),
            "{}",
            server.line
        );
        server.signal(signal);
        let output = server.ended();
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""), "{signal}");
        assert!(text(&output.stderr).contains("shutting down"));
    }
}

#[test]
fn a_port_that_is_taken_is_told_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = mission_control(&["--listen", &address, "--store", "memory:"]).output().unwrap();
    let complaint = complaint(&output);
    assert!(complaint.contains(&format!("{address} is in use by another program")), "{complaint}");
    assert!(complaint.contains("--listen"), "{complaint}");
}

#[test]
fn a_request_in_flight_is_answered_and_kept_although_the_server_ends() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    let mut server = Server::on(&store);
    let body = json!({ "title": "In flight", "type": "docs" }).to_string();
    let mut request = begin_post(&server.address, "/api/tasks", &body);
    let mut log = server.log();
    server.signal("-TERM");
    wait_for(&mut log, "shutting down");
    request.write_all(body.as_bytes()).unwrap();
    let created = answer(&mut request).unwrap();
    assert_eq!((created.status, &created.body["title"]), (201, &json!("In flight")));
    assert_eq!(server.ended().status.code(), Some(0));
    let server = Server::on(&store);
    assert_eq!(server.get("/api/tasks"), json!([created.body]));
}

#[test]
fn an_event_stream_ends_with_the_server() {
    let server = Server::on("memory:");
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let request = format!("GET /api/events?after=0 HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.signal("-INT");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("event: project.created"), "{rest}");
    assert_eq!(server.ended().status.code(), Some(0));
}

#[test]
fn whoever_does_not_want_to_wait_signals_twice() {
    let mut server = Server::on("memory:");
    let _unfinished = begin_post(&server.address, "/api/tasks", "{}");
    let mut log = server.log();
    server.signal("-INT");
    wait_for(&mut log, "shutting down");
    server.signal("-INT");
    assert_eq!(server.ended().status.code(), Some(1));
}

#[test]
fn the_environment_stands_in_for_options_and_typing_errors_are_told() {
    let mut command = mission_control(&["serve"]);
    command
        .env("MC_LISTEN", "127.0.0.1:0")
        .env("MC_STORE", "memory:")
        .env("MC_OPERATOR", "Ada")
        .env("MC_STOER", "x")
        .env("MC_ALLOWED_HOSTS", "");
    let server = Server::ready(command);
    assert!(server.line.contains("(store memory:)"), "{}", server.line);
    let body = json!({ "title": "Write", "type": "docs" }).to_string();
    let created = ask(&server.address, "POST", "/api/tasks", "", &body).unwrap();
    assert_eq!(created.body["createdBy"]["name"], "Ada");
    let output = server.terminated();
    assert_eq!(text(&output.stderr).matches("nothing reads MC_STOER").count(), 1);
}

#[test]
fn a_log_that_nobody_reads_stops_no_request() {
    let server =
        Server::ready(mission_control(&["--listen", "127.0.0.1:0", "--store", "memory:", "--log", "trace"]));
    // A pipe holds 64 KiB.
    for _ in 0..500 {
        server.get("/api/tasks");
    }
    server.signal("-TERM");
    let begun = std::time::Instant::now();
    let output = server.ended();
    assert_eq!(output.status.code(), Some(0));
    assert!(begun.elapsed().as_secs() < 10);
}
