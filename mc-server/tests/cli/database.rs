//! The commands on a database on a server, also beside the servers that have it.

use std::{
    path::Path,
    process::Output,
    thread::sleep,
    time::{Duration, Instant},
};

use mc_store::testing::{Database, Postgres};
use serde_json::Value;

use crate::{
    program::{Server, ask_as, complaint, mission_control, store_in, text},
    sql::first,
};

fn database() -> Option<Database> {
    Some(Postgres::shared()?.empty_database())
}

fn run(arguments: &[&str]) -> Output {
    mission_control(arguments).output().unwrap()
}

#[track_caller]
fn said(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// The events and keys of a backup: all lines but those with its time.
fn content(directory: &Path) -> Vec<String> {
    let backup = std::fs::read_to_string(directory.join("latest.json")).unwrap();
    let lines: Vec<_> = backup.lines().map(str::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

#[test]
fn a_backup_of_one_kind_of_store_is_restored_to_the_other() {
    let (Some(database), Some(second)) = (database(), database()) else { return };
    let directory = tempfile::tempdir().unwrap();
    let backups = |name: &str| directory.path().join(name);
    let backed_up = |store: &str, name: &str| {
        said(&["backup", "--store", store, "--dir", &backups(name).display().to_string()]);
        content(&backups(name))
    };
    said(&["seed", "--store", database.url()]);
    let original = backed_up(database.url(), "first");
    let file = store_in(directory.path());
    let backup = backups("first").join("latest.json").display().to_string();
    said(&["restore", "--backup", &backup, "--store", &file]);
    assert_eq!(backed_up(&file, "second"), original);
    let backup = backups("second").join("latest.json").display().to_string();
    let told = said(&["restore", "--json", "--backup", &backup, "--store", second.url()]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["store"], &told["file"]), (&Value::from(second.url()), &Value::Null));
    assert_eq!(backed_up(second.url(), "third"), original);
    assert!(said(&["verify-db", "--store", second.url()]).contains("all is well"));

    let refused = run(&["restore", "--backup", &backup, "--store", second.url()]);
    assert!(complaint(&refused).contains("Make an empty database with createdb"), "{}", complaint(&refused));
    let refused = run(&["restore", "--replace", "--backup", &backup, "--store", second.url()]);
    assert!(complaint(&refused).contains("--replace is of no use"), "{}", complaint(&refused));
}

/// Waits until the server has followed what a command recorded.
#[track_caller]
fn soon(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "the server does not follow the log");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn commands_work_beside_a_server_that_has_the_database() {
    let Some(database) = database() else { return };
    let (directory, url) = (tempfile::tempdir().unwrap(), database.url());
    let server = Server::on(url);
    assert!(said(&["seed", "--store", url]).contains("11 agents"));
    soon(|| server.get("/api/tasks").as_array().map(Vec::len) == Some(8));
    assert!(said(&["archive", "--store", url, "--older-than", "1d"]).contains("0 tasks archived"));
    assert!(said(&["verify-db", "--store", url]).contains("all is well"));
    let issued = said(&["credential", "issue", "--name", "Ada", "--role", "operator", "--store", url]);
    let secret = issued.trim();
    let answers = |secret: &str| ask_as(&server.address, secret, "GET", "/api/tasks", "").status;
    soon(|| (answers(secret), answers("")) == (200, 401));
    let listed = said(&["credential", "list", "--json", "--store", url]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    said(&["credential", "revoke", id, "--store", url]);
    soon(|| answers(secret) == 401);
    let backups = directory.path().display().to_string();
    let cleaned = said(&["cleanup", "--store", url, "--dir", &backups]);
    assert!(cleaned.contains("PostgreSQL frees unused space by itself"), "{cleaned}");
    said(&["health", "--server", &format!("http://{}", server.address)]);
}

#[test]
fn a_security_check_of_a_database_finds_a_mighty_role_and_a_missing_guard() {
    let Some(database) = database() else { return };
    let directory = tempfile::tempdir().unwrap();
    said(&["seed", "--store", database.url()]);
    let backups = directory.path().display().to_string();
    let check = |store: &str| {
        let output = mission_control(&["security-check", "--json", "--dir", &backups, "--store", store])
            .current_dir(directory.path())
            .output()
            .unwrap();
        text(&output.stdout).to_owned()
    };
    let mighty = check(database.url());
    assert!(mighty.contains("the role postgres is a superuser"), "{mighty}");
    assert!(!mighty.contains("not encrypted") && !mighty.contains("lacks"), "{mighty}");
    let given = database.url().replacen("postgres@", "postgres:s3cret@", 1);
    assert!(check(&given).contains("is in the command line"), "{}", check(&given));
    database.execute("DROP TRIGGER events_are_not_deleted ON events");
    assert!(check(database.url()).contains("lacks events_are_not_deleted"));
}

#[test]
fn a_database_without_a_log_is_named_by_commands_that_need_one() {
    let Some(database) = database() else { return };
    for command in ["backup", "verify-db", "archive"] {
        let output = run(&[command, "--store", database.url()]);
        assert!(complaint(&output).contains("there is no log in it"), "{command}: {}", complaint(&output));
    }
}

#[test]
fn the_documented_roles_suffice_for_what_they_are_for_and_no_more() {
    let (Some(postgres), Some(database)) = (Postgres::shared(), database()) else { return };
    let directory = tempfile::tempdir().unwrap();
    said(&["seed", "--store", database.url()]);
    let roles = include_str!("../../../docs/postgres-roles.sql");
    // Once more changes nothing.
    [roles, roles].into_iter().for_each(|statements| database.execute(statements));

    let server_url = database.url_of("mission_control_server");
    let server = Server::on(&server_url);
    let created =
        ask_as(&server.address, "", "POST", "/api/tasks", r#"{"title": "Write the guide", "type": "docs"}"#);
    assert_eq!(created.status, 201, "{created:?}");
    let refused = |role: &str, statement: &str| {
        let url = database.url_of(role);
        let error = first(&url, statement).unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{role}: {statement}: {error}");
    };
    refused("mission_control_server", "INSERT INTO events SELECT * FROM events");
    refused("mission_control_server", "UPDATE mc_head SET position = 0");
    refused("mission_control_auditor", "SELECT mc_fence()");
    refused("mission_control_writer", "UPDATE events SET sequence = 1");
    refused("mission_control_writer", "INSERT INTO events SELECT * FROM events");

    let insert = "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
        VALUES ('meter', 'm1', 1, 'meter.read', '1', '{\"value\": 1}', '{}')";
    let writer = database.url_of("mission_control_writer");
    first(&writer, insert).unwrap();
    let auditor = database.url_of("mission_control_auditor");
    assert!(said(&["verify-db", "--store", &auditor]).contains("1 event of aggregates that are none"));
    let backups = directory.path().display().to_string();
    said(&["backup", "--store", &auditor, "--dir", &backups]);
    let refused = run(&["seed", "--store", &auditor]);
    assert!(complaint(&refused).contains("lacks a right"), "{}", complaint(&refused));
    server.terminated();

    let empty = postgres.empty_database();
    empty.execute("GRANT ALL ON SCHEMA public TO mission_control_owner");
    let owner = empty.url_of("mission_control_owner");
    said(&["copy", "--from", &auditor, "--to", &owner]);
}
