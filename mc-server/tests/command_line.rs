//! The program as a whole: what it prints, where, and how it ends.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
};

fn mission_control(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MC_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Starts a server and waits until it is ready.
fn serving(arguments: &[&str]) -> (Child, String) {
    let mut server = mission_control(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (server, line)
}

fn terminated(server: Child) -> Output {
    let pid = server.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    server.wait_with_output().unwrap()
}

#[test]
fn a_server_that_is_asked_to_end_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/mc.db", directory.path().display());
    let (server, line) = serving(&["--listen", "127.0.0.1:0", "--store", &store]);
    assert!(line.contains(&store) && line.contains("Try: curl http://127.0.0.1:"), "{line}");
    let output = terminated(server);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""));
    assert!(text(&output.stderr).contains("shutting down"));
}

#[test]
fn a_second_server_on_one_store_fails_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/mc.db", directory.path().display());
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--store", &store];
    let (first, _) = serving(&arguments);
    let second = mission_control(&arguments).output().unwrap();
    terminated(first);
    assert_eq!((second.status.code(), text(&second.stdout)), (Some(1), ""));
    let complaint = text(&second.stderr);
    assert!(complaint.starts_with("mission-control: ") && complaint.lines().count() == 1, "{complaint}");
    assert!(complaint.contains("in use by another process. Stop the other server"), "{complaint}");
}

#[test]
fn wrong_usage_has_an_exit_status_of_its_own() {
    let output = mission_control(&["--listen", "nowhere"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    assert!(text(&output.stderr).contains("such as 127.0.0.1:3000"));
}

#[test]
fn the_environment_stands_in_for_options_and_typing_errors_are_told() {
    let mut command = mission_control(&["serve"]);
    command
        .env("MC_LISTEN", "127.0.0.1:0")
        .env("MC_STORE", "memory:")
        .env("MC_STOER", "x")
        .env("MC_ALLOWED_HOSTS", "");
    let mut server = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("(store memory:)"), "{line}");
    let output = terminated(server);
    assert_eq!(text(&output.stderr).matches("nothing reads MC_STOER").count(), 1);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut command = mission_control(&["--help"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}
