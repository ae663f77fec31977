//! Clients that send half, nothing or nonsense, or do not read: what becomes of them, and of everybody else.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::program::{Answer, Server, answer, ask, begin_post, configured, mission_control, text, wait_for};

/// A server with these options beside the usual ones.
fn server(options: &[&str]) -> Server {
    let usual = ["serve", "--listen", "127.0.0.1:0", "--store", "memory:"];
    Server::ready(mission_control(&[&usual[..], options].concat()))
}

/// The same, in a process that may have so many files open.
fn server_with_files(files: usize) -> Server {
    let program = env!("CARGO_BIN_EXE_mission-control");
    let limited = format!("ulimit -n {files}; exec {program} serve --listen 127.0.0.1:0 --store memory:");
    let mut shell = Command::new("sh");
    shell.args(["-c", &limited]);
    Server::ready(configured(shell))
}

fn send(server: &Server, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(bytes.as_ref()).unwrap();
    stream
}

/// What comes until the server closes.
fn rest(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(read).unwrap()
}

#[track_caller]
fn refused(stream: &mut TcpStream, status: u16, code: &str) -> Answer {
    let answer = answer(stream).unwrap();
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
    assert!(answer.head.contains(&format!("x-request-id: {}", answer.body["instance"].as_str().unwrap())));
    answer
}

/// The value of a line of `/metrics`.
#[track_caller]
fn metric(server: &Server, line: &str) -> u64 {
    find_metric(server, line).unwrap_or_else(|| panic!("/metrics has no {line}"))
}

/// The same, or nothing where the server has no place for whoever asks.
fn find_metric(server: &Server, line: &str) -> Option<u64> {
    let host = &server.address;
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let metrics = rest(&mut send(server, request));
    let value = metrics.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

#[test]
fn half_a_head_is_refused_once_its_time_is_up() {
    let server = server(&["--head-timeout", "1s"]);
    let begun = Instant::now();
    let mut half = send(&server, "GET /livez HTTP/1.1\r\nho");
    let mut silent = send(&server, "");
    refused(&mut half, 408, "head_too_slow");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(rest(&mut silent), "");
    assert_eq!(metric(&server, "mc_http_connections_ended_total{reason=\"head_timeout\"}"), 2);
}

#[test]
fn a_head_that_trickles_in_is_refused_all_the_same() {
    let server = server(&["--head-timeout", "1s"]);
    let mut slow = send(&server, "GET /livez HTTP/1.1\r\nx-slow: ");
    let mut reader = slow.try_clone().unwrap();
    reader.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    // A byte whenever nothing was answered for a while.
    let mut status = [0; 12];
    while let Err(error) = reader.read_exact(&mut status) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        slow.write_all(b"x").unwrap();
    }
    assert_eq!(&status, b"HTTP/1.1 408");
}

#[test]
fn an_idle_connection_is_closed_and_an_event_stream_is_not() {
    let server = server(&["--head-timeout", "1s", "--idle-timeout", "1s", "--write-timeout", "1s"]);
    let host = &server.address;
    let mut events = send(&server, format!("GET /api/events HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let mut idle = send(&server, format!("GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let answered = rest(&mut idle);
    assert!(answered.starts_with("HTTP/1.1 200 OK"), "{answered}");
    assert_eq!(metric(&server, "mc_http_connections_ended_total{reason=\"idle_timeout\"}"), 1);
    ask(host, "POST", "/api/tasks", "", &json!({ "title": "Later", "type": "docs" }).to_string()).unwrap();
    let mut seen = String::new();
    while !seen.contains("event: task.created") {
        let mut part = [0; 4096];
        let bytes = events.read(&mut part).unwrap();
        assert_ne!(bytes, 0, "the stream ended with {seen}");
        seen.push_str(text(&part[..bytes]));
    }
}

#[test]
fn a_body_that_does_not_arrive_is_refused_once_its_time_is_up() {
    let server = server(&["--body-timeout", "1s"]);
    let mut post = begin_post(&server.address, "/api/tasks", "{}");
    post.write_all(b"{").unwrap();
    refused(&mut post, 408, "body_too_slow");
}

#[test]
fn a_client_that_does_not_read_is_ended() {
    let server = server(&["--write-timeout", "1s"]);
    let long = json!({ "title": "Long", "type": "docs", "description": "x".repeat(9_000) }).to_string();
    for _ in 0..300 {
        assert_eq!(ask(&server.address, "POST", "/api/tasks", "", &long).unwrap().status, 201);
    }
    let host = &server.address;
    let list = format!("GET /api/tasks?limit=300 HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let deaf: Vec<_> = (0..3).map(|_| send(&server, list.repeat(4))).collect();
    let events = send(&server, format!("GET /api/events?after=0 HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let ended = "mc_http_connections_ended_total{reason=\"write_timeout\"}";
    let begun = Instant::now();
    while metric(&server, ended) < 4 {
        assert!(begun.elapsed() < Duration::from_secs(30), "clients that do not read stay");
    }
    drop((deaf, events));
}

#[test]
fn a_reader_that_was_ended_goes_on_where_it_was() {
    let server = server(&["--write-timeout", "1s"]);
    let long = json!({ "title": "Long", "type": "docs", "description": "x".repeat(9_000) }).to_string();
    for _ in 0..500 {
        assert_eq!(ask(&server.address, "POST", "/api/tasks", "", &long).unwrap().status, 201);
    }
    let host = &server.address;
    let mut deaf = send(&server, format!("GET /api/events?after=0 HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let begun = Instant::now();
    while metric(&server, "mc_http_connections_ended_total{reason=\"write_timeout\"}") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "a client that does not read stays");
    }
    assert_eq!(metric(&server, "mc_event_streams"), 0);
    let head = 502;
    let mut ids = Vec::new();
    let mut whole = |text: &str| {
        // What is not followed by an empty line was not received.
        let events = text.rsplit_once("\n\n").map_or("", |(events, _)| events);
        let found = events.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.extend(found.map(|id| id.parse::<u64>().unwrap()));
        ids.last().copied().unwrap_or_default()
    };
    let last = whole(&rest(&mut deaf));
    assert!(last < head, "everything was received");
    let request = format!("GET /api/events HTTP/1.1\r\nhost: {host}\r\nlast-event-id: {last}\r\n\r\n");
    let mut again = send(&server, request);
    let mut text = Vec::new();
    let mut part = [0; 64 * 1024];
    while !String::from_utf8_lossy(&text).contains(&format!("id: {head}\n")) {
        let bytes = again.read(&mut part).unwrap();
        assert_ne!(bytes, 0);
        text.extend_from_slice(&part[..bytes]);
    }
    whole(&format!("{}\n\n", String::from_utf8_lossy(&text)));
    assert_eq!(ids, (1..=head).collect::<Vec<_>>());
}

#[test]
fn a_crowd_that_sends_nothing_keeps_nobody_out() {
    let mut server = server_with_files(64);
    let crowd: Vec<_> = (0..200).map(|_| send(&server, "GET /")).collect();
    assert_eq!(server.get("/livez"), json!({ "status": "ok" }));
    assert_eq!(metric(&server, "mc_http_connections_limit"), 32);
    assert!(metric(&server, "mc_http_connections") <= 32);
    assert!(metric(&server, "mc_http_connections_ended_total{reason=\"made_room\"}") >= 168);
    wait_for(&mut server.log(), "all 32 places for connections are taken (--max-connections)");
    drop(crowd);
}

#[test]
fn idle_connections_make_room_and_work_does_not() {
    let server = server(&["--max-connections", "2"]);
    let host = &server.address;
    let mut events = send(&server, format!("GET /api/events HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let mut first = [0; 15];
    events.read_exact(&mut first).unwrap();
    let mut idles = Vec::new();
    for _ in 0..5 {
        let mut idle = send(&server, format!("GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        idle.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        // The next one takes its place, and the stream goes on.
        idles.push(idle);
    }
    let second =
        send(&server, format!("GET /api/events HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
    let mut second = second;
    assert_eq!(answer(&mut second).unwrap().body["code"], "too_many_streams");
    drop((events, idles));
}

#[test]
fn whoever_finds_all_places_at_work_is_told_so() {
    let mut server = server(&["--max-connections", "1"]);
    let host = server.address.clone();
    let mut events = send(&server, format!("GET /api/events HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let mut first = [0; 15];
    events.read_exact(&mut first).unwrap();
    let mut late = send(&server, format!("GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let refused = refused(&mut late, 503, "too_many_connections");
    assert!(refused.head.contains("retry-after: 2"), "{}", refused.head);
    wait_for(&mut server.log(), "connections are refused: all 1 places are taken");
    drop(events);
}

#[test]
fn a_process_without_descriptors_says_so_and_recovers() {
    let mut server = server_with_files(14);
    let crowd: Vec<_> = (0..20).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    wait_for(&mut server.log(), "no connection can be taken: raise the limit of open files");
    drop(crowd);
    // Until the server has seen that the crowd is gone, whoever asks may still have to make room.
    let line = "mc_http_connections_refused_total{reason=\"no_descriptor\"}";
    let begun = Instant::now();
    let counted = loop {
        match find_metric(&server, line) {
            Some(counted) => break counted,
            None => assert!(begun.elapsed() < Duration::from_secs(10), "nobody is answered any more"),
        }
    };
    assert!(counted > 0);
}

#[test]
fn bytes_that_are_no_request_are_refused_with_a_problem() {
    let server = server(&[]);
    let host = &server.address;
    let long = format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-long: {}\r\n\r\n", "x".repeat(100 * 1024));
    let many = format!("GET / HTTP/1.1\r\nhost: {host}\r\n{}\r\n", "x-many: x\r\n".repeat(200));
    for (bytes, status, code) in [
        ("NONSENSE\r\n\r\n", 400, "malformed_request"),
        ("GET /livez HTTP/9.9\r\n\r\n", 400, "malformed_request"),
        ("GET /livez HTTP/1.1\r\nhost localhost\r\n\r\n", 400, "malformed_request"),
        ("GET /\u{1} HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        (
            "POST /api/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1, 2\r\n\r\n",
            400,
            "malformed_request",
        ),
        (&long, 431, "head_too_large"),
        (&many, 431, "head_too_large"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
    ] {
        refused(&mut send(&server, bytes), status, code);
    }
    assert_eq!(metric(&server, "mc_http_connections_ended_total{reason=\"malformed\"}"), 8);
}

#[test]
fn a_request_says_once_for_which_host_it_is() {
    let server = server(&[]);
    for (bytes, status, code) in [
        ("GET /livez HTTP/1.1\r\n", 400, "malformed_request"),
        ("GET http://localhost/livez HTTP/1.1\r\n", 400, "malformed_request"),
        ("GET /livez HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n", 400, "malformed_request"),
        ("GET /livez HTTP/1.0\r\nhost: localhost\r\nhost: localhost\r\n", 400, "malformed_request"),
        ("GET /livez HTTP/1.1\r\nhost: evil.example\r\n", 403, "host_not_allowed"),
        ("GET /livez HTTP/1.1\r\nhost:\r\n", 403, "host_not_allowed"),
        ("GET http://evil.example/livez HTTP/1.1\r\nhost: localhost\r\n", 403, "host_not_allowed"),
        ("CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n", 404, "no_such_route"),
    ] {
        refused(&mut send(&server, format!("{bytes}connection: close\r\n\r\n")), status, code);
    }
}

#[test]
fn requests_of_other_forms_are_answered() {
    let server = server(&[]);
    for request in [
        "GET /livez HTTP/1.0\r\n\r\n",
        "GET http://localhost/livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "\r\nGET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    ] {
        let mut stream = send(&server, request);
        assert_eq!(answer(&mut stream).unwrap().body, json!({ "status": "ok" }), "{request}");
    }
    let mut options = send(&server, "OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(rest(&mut options).starts_with("HTTP/1.1 204 No Content"));
}

#[test]
fn requests_that_come_together_are_answered_one_by_one_and_nonsense_after_them_is_refused() {
    let server = server(&[]);
    let request = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut stream = send(&server, format!("{request}{request}NONSENSE\r\n\r\n"));
    let answers = rest(&mut stream);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    let (_, last) = answers.rsplit_once("HTTP/1.1 ").unwrap();
    assert!(last.starts_with("400 Bad Request") && last.contains("\"code\":\"malformed_request\""), "{last}");
}

#[test]
fn half_a_request_does_not_hold_up_the_end() {
    let mut server = server(&[]);
    let host = server.address.clone();
    let half_head = send(&server, "GET /livez HTTP/1.1\r\nho");
    let fresh = send(&server, "");
    let mut idle = send(&server, format!("GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let mut first = [0; 15];
    idle.read_exact(&mut first).unwrap();
    let mut half_body = begin_post(&host, "/api/tasks", r#"{"title":"Half"}"#);
    half_body.write_all(b"{").unwrap();
    let mut log = server.log();
    let begun = Instant::now();
    server.signal("-TERM");
    wait_for(&mut log, "shutting down");
    let refused = refused(&mut half_body, 503, "draining");
    assert_eq!(refused.body["type"], Value::from("/problems/draining"));
    assert_eq!(server.ended().status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop((half_head, fresh, idle));
}
