//! Stores that a server must leave alone.

use std::{fs, os::unix::fs::PermissionsExt};

use rusqlite::Connection;

use crate::program::{Server, ask, complaint, mission_control, store_in, text, wait_for};

/// The complaint of a server that cannot serve that store.
fn refused(store: &str) -> String {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--store", store];
    complaint(&mission_control(&arguments).output().unwrap()).to_owned()
}

#[test]
fn a_store_that_another_server_has_is_refused_and_goes_on_serving_that_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    let first = Server::on(&store);
    let complaint = refused(&store);
    assert!(complaint.contains("in use by another process. Stop the other server"), "{complaint}");
    first.get("/api/tasks");
    assert_eq!(first.terminated().status.code(), Some(0));
    Server::on(&store);
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    Server::on(&store).terminated();
    let version = || Connection::open(directory.path().join("mc.db")).unwrap();
    version().pragma_update(None, "user_version", 99).unwrap();
    let complaint = refused(&store);
    assert!(complaint.contains("99") && complaint.contains("Use the newer version"), "{complaint}");
    let kept: u32 = version().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(kept, 99);
}

#[test]
fn files_of_other_programs_are_refused_and_left_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("notes.txt"), "not a database, only some notes that are long enough to be one").unwrap();
    let other = Connection::open(path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE bookmarks (address TEXT)").unwrap();
    other.close().unwrap();
    for name in ["notes.txt", "other.db"] {
        let before = fs::read(path(name)).unwrap();
        let complaint = refused(&format!("sqlite:{}", path(name).display()));
        assert!(
            complaint.contains(name) && complaint.contains("Choose another file with --store"),
            "{complaint}"
        );
        assert_eq!(fs::read(path(name)).unwrap(), before);
    }
}

#[test]
fn stores_that_cannot_be_opened_are_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let below_a_file = format!("sqlite:{}/file/mc.db", directory.path().display());
    let a_directory = format!("sqlite:{}", directory.path().display());
    for store in [below_a_file.as_str(), &a_directory] {
        assert!(refused(store).contains("Check that sqlite:"), "{}", refused(store));
    }
}

#[test]
fn a_store_that_may_only_be_read_is_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    Server::on(&store).terminated();
    let database = directory.path().join("mc.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o400)).unwrap();
    // Whoever may do everything may write it all the same.
    if fs::OpenOptions::new().write(true).open(&database).is_err() {
        let complaint = refused(&store);
        assert!(complaint.contains("it is read-only. Make it writable"), "{complaint}");
    }
}

#[test]
fn what_is_made_is_for_its_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/data/mc.db", directory.path().display());
    let server = Server::on(&store);
    server.get("/api/tasks");
    let backups = directory.path().join("backups").display().to_string();
    let backup = mission_control(&["backup", "--store", &store, "--dir", &backups]).output().unwrap();
    assert!(backup.status.success(), "{}", text(&backup.stderr));
    for made in ["data", "backups"] {
        let made = directory.path().join(made);
        for path in fs::read_dir(&made).unwrap().map(|entry| entry.unwrap().path()).chain([made.clone()]) {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        }
    }
}

#[test]
fn a_new_store_is_made_with_its_directories() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/a/b/mc.db", directory.path().display());
    let output = Server::on(&store).terminated();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(directory.path().join("a/b/mc.db").exists());
}

fn create_task(server: &Server, key: &str) -> u16 {
    let body = r#"{"title": "Write the guide", "type": "docs"}"#;
    ask(&server.address, "POST", "/api/tasks", key, body).unwrap().status
}

#[test]
fn a_store_that_was_emptied_or_has_two_names_is_refused_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = (store_in(directory.path()), directory.path().join("mc.db"));
    Server::on(&store).terminated();
    fs::hard_link(&path, directory.path().join("second.db")).unwrap();
    let complaint = refused(&store);
    assert!(complaint.contains("2 names (hard links). Remove the other names"), "{complaint}");
    fs::remove_file(directory.path().join("second.db")).unwrap();

    fs::write(&path, "").unwrap();
    let complaint = refused(&store);
    assert!(
        complaint.contains("there is no log in") && complaint.contains("Put the file back"),
        "{complaint}"
    );
    assert!(complaint.contains("mc.db.lock first"), "{complaint}");
    fs::remove_file(directory.path().join("mc.db.lock")).unwrap();
    Server::on(&store);
}

#[test]
fn a_store_that_was_moved_in_use_takes_nothing_and_is_in_use_under_its_new_name() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = (store_in(directory.path()), directory.path().join("mc.db"));
    let mut server = Server::ready(mission_control(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "info",
        "--store",
        &store,
    ]));
    let moved = directory.path().join("moved.db");
    fs::rename(&path, &moved).unwrap();
    assert_eq!([create_task(&server, "a"), create_task(&server, "b")], [503, 503]);
    let other = format!("sqlite:{}", moved.display());
    assert!(refused(&other).contains("in use by another process"), "{}", refused(&other));
    for command in ["backup", "verify-db"] {
        let output = mission_control(&[command, "--store", &other]).output().unwrap();
        let complaint = text(&output.stderr);
        assert!(complaint.contains("under another name. Stop that process first"), "{complaint}");
    }
    fs::rename(&moved, &path).unwrap();
    assert_eq!(create_task(&server, "c"), 201);
    let mut log = server.log();
    let mut told = String::new();
    server.signal("-TERM");
    std::io::Read::read_to_string(&mut log, &mut told).unwrap();
    let count = |words: &str| told.matches(words).count();
    assert_eq!(
        (count("was removed, moved or replaced"), count("takes every commit again")),
        (1, 1),
        "{told}"
    );
    Server::on(&store);
}

#[test]
fn a_missing_write_ahead_log_is_told_of_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    Server::on(&store).terminated();
    let server = Server::on(&store);
    assert_eq!(create_task(&server, "a"), 201);
    server.killed();
    let verify = || {
        let output = mission_control(&["verify-db", "--store", &store]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    assert!(!verify().contains("warning"), "{}", verify());
    fs::remove_file(directory.path().join("mc.db-wal")).unwrap();
    let told = "events that were recorded are missing";
    assert!(verify().contains(told), "{}", verify());
    let mut server = Server::on(&store);
    wait_for(&mut server.log(), told);
    assert_eq!(create_task(&server, "b"), 201);
}
