//! Stores that a server must leave alone.

use std::{fs, os::unix::fs::PermissionsExt};

use rusqlite::Connection;

use crate::program::{Server, complaint, mission_control, store_in, text};

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
