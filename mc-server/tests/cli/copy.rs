//! Copying between a file and a database on a server, also where the copy is killed.

use std::{
    path::Path,
    process::{Child, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use mc_domain::{
    actor::Actor,
    recorded::{Metadata, StreamId},
    values::Name,
};
use mc_store::{
    Store,
    log::{Append, Commit, Idempotency, NewEvent},
    testing::{Database, Postgres},
};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    program::{Server, ask, complaint, mission_control, store_in, text},
    sql::first,
};

/// How many events the log of a copy has that is killed.
const LONG: u64 = 10_000;

fn run(arguments: &[&str]) -> Output {
    mission_control(arguments).output().unwrap()
}

#[track_caller]
fn said(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[track_caller]
fn copied(from: &str, to: &str) -> Value {
    serde_json::from_str(&said(&["copy", "--json", "--from", from, "--to", to])).unwrap()
}

fn database() -> Option<Database> {
    Some(Postgres::shared()?.empty_database())
}

/// The lines of a backup without the first and the last, which have its time.
fn document(store: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    said(&["backup", "--store", store, "--dir", &path]);
    let backup = std::fs::read_to_string(directory.path().join("latest.json")).unwrap();
    let lines: Vec<_> = backup.lines().map(str::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

fn create_task(server: &Server, key: &str) -> u16 {
    let body = r#"{"title": "Write the guide", "type": "docs"}"#;
    ask(&server.address, "POST", "/api/tasks", key, body).unwrap().status
}

#[test]
fn a_store_moves_to_a_database_and_back_while_it_is_served() {
    let Some(database) = database() else { return };
    let directory = tempfile::tempdir().unwrap();
    let (store, url) = (store_in(directory.path()), database.url());
    said(&["seed", "--store", &store]);
    let server = Server::on(&store);
    let first = copied(&store, url);
    assert_eq!(create_task(&server, "later"), 201);
    server.terminated();

    let second = copied(&store, url);
    assert_eq!(second["eventsBefore"], first["events"]);
    assert!(second["events"].as_u64() > first["events"].as_u64());
    assert_eq!(document(url), document(&store));

    let server = Server::on(url);
    let key = ask(
        &server.address,
        "POST",
        "/api/tasks",
        "later",
        r#"{"title": "Write the guide", "type": "docs"}"#,
    );
    assert!(key.unwrap().head.contains("idempotency-replayed"), "a repeat gets the first answer");
    assert_eq!(create_task(&server, "last"), 201);
    let back = format!("sqlite:{}", directory.path().join("back.db").display());
    let third = copied(url, &back);
    assert_eq!(third["eventsBefore"], 0);
    server.terminated();
    assert_eq!(document(&back), document(url));
    let again = said(&["copy", "--from", url, "--to", &back]);
    assert!(again.contains("0 of them new") && again.contains("SHA-256"), "{again}");
    assert!(said(&["verify-db", "--store", &back]).contains("all is well"));
}

#[test]
fn a_destination_that_holds_something_else_is_refused_and_stays() {
    let Some(database) = database() else { return };
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    said(&["seed", "--store", &store]);
    said(&["seed", "--store", database.url()]);
    let file = format!("sqlite:{}", directory.path().join("other.db").display());
    said(&["seed", "--store", &file]);
    for other in [database.url(), &file] {
        let before = document(other);
        let output = run(&["copy", "--from", &store, "--to", other]);
        let complaint = complaint(&output);
        assert!(
            complaint.contains("the destination holds another log")
                && complaint.contains("Nothing was changed"),
            "{complaint}"
        );
        assert_eq!(document(other), before);
    }
    std::fs::write(directory.path().join("notes.db"), "some notes that are long enough to be a file")
        .unwrap();
    let notes = format!("sqlite:{}", directory.path().join("notes.db").display());
    let output = run(&["copy", "--from", &store, "--to", &notes]);
    assert!(complaint(&output).contains("is not a Mission Control store"), "{}", complaint(&output));
    let server = Server::on(database.url());
    let output = run(&["copy", "--from", &store, "--to", database.url()]);
    assert!(complaint(&output).contains("Stop the servers that use it first"), "{}", complaint(&output));
    drop(server);
}

/// Fills a log with events of another service, which nothing has to decode.
fn fill(url: &str) {
    let log = Store::open(url).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for first in (0..LONG).step_by(5_000) {
            let events = (first..first + 5_000).map(event).collect();
            let stream = StreamId { aggregate_type: "meter".into(), aggregate_id: first.to_string() };
            let idempotency =
                Idempotency { key: format!("key {first}"), fingerprint: [7; 32], answer: "{}".to_owned() };
            let appends = vec![Append { stream, expected: 0, events }];
            let commit = Commit { appends, idempotency: Some(idempotency), ..Commit::default() };
            log.append(commit).await.unwrap();
        }
        log.close().await;
    });
}

fn event(number: u64) -> NewEvent {
    NewEvent {
        event_type: "meter.read".into(),
        event_version: 1,
        payload: format!("{{ \"value\": {number} }}"),
        metadata: Metadata {
            event_id: Uuid::from_u128(u128::from(number) + 1).into(),
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            actor: Actor::Human(Name::new("Sofie").unwrap()),
            project: None,
            command_id: Uuid::from_u128(1).into(),
            idempotency_key: None,
            credential: None,
        },
    }
}

/// Starts a copy, and kills it as soon as it is under way.
fn killed(from: &str, to: &str, is_under_way: impl Fn() -> bool) {
    let mut command = mission_control(&["copy", "--from", from, "--to", to]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(&mut child, is_under_way);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn wait_until(child: &mut Child, is_under_way: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_under_way() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it never was under way");
        sleep(Duration::from_millis(2));
    }
}

#[track_caller]
fn assert_resumed(outcome: &Value) {
    let before = outcome["eventsBefore"].as_u64().unwrap();
    assert!(before > 0 && before < LONG, "{outcome}");
    assert_eq!(outcome["events"], LONG);
    assert_eq!(outcome["idempotencyKeys"], LONG / 5_000);
}

fn long() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    fill(&store);
    (directory, store)
}

#[test]
fn a_copy_to_a_database_that_is_killed_goes_on_and_no_command_opens_it_before() {
    let Some(database) = database() else { return };
    let (_directory, store) = long();
    let url = database.url();
    killed(&store, url, || has_events(url));
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["backup"],
        &["verify-db"],
        &["seed"],
        &["archive"],
        &["security-check"],
        &["credential", "list"],
        &["credential", "issue", "--name", "Ada", "--role", "operator"],
    ] {
        let output = run(&[arguments, &["--store", url]].concat());
        let complaint = complaint(&output);
        assert!(
            complaint.contains("is not complete") && complaint.contains("Run mission-control copy again"),
            "{arguments:?}: {complaint}"
        );
    }
    assert_resumed(&copied(&store, url));
    assert_eq!(document(url), document(&store));
}

#[test]
fn a_copy_to_a_file_that_is_killed_goes_on_and_is_no_store_before() {
    let (directory, store) = long();
    let other = format!("sqlite:{}", directory.path().join("other.db").display());
    let unfinished = directory.path().join("other.db.copying");
    killed(&store, &other, || has_rows(&unfinished));
    assert!(!directory.path().join("other.db").exists());
    let output = run(&["verify-db", "--store", &other]);
    assert!(complaint(&output).contains("there is no store at"), "{}", complaint(&output));
    assert_resumed(&copied(&store, &other));
    assert_eq!(document(&other), document(&store));
    assert!(!unfinished.exists());
}

fn has_rows(path: &Path) -> bool {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let count = rusqlite::Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, u64>(0))
    });
    count.is_ok_and(|count| count > 0)
}

fn has_events(url: &str) -> bool {
    matches!(first(url, "SELECT position > 0 FROM mc_head"), Ok(Some(true)))
}
