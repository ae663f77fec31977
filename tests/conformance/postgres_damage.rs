//! What verification finds in a PostgreSQL database that somebody changed past its guards, and what is restored into one.

use mc_store::{
    backup::{self, BackupError},
    error::StoreError,
    log::EventLog,
    postgres::{PostgresImport, PostgresInspection, PostgresLog, PostgresReader},
    testing::{Database, Postgres},
    verify::{Problem, Report, verify},
};

use crate::fixture::{at, backed_up, committed, keyed, many, one};

/// A database whose log has six events in two streams, and a key.
async fn log() -> Option<Database> {
    let database = Postgres::shared()?.empty_database();
    let log = PostgresLog::open(database.url()).unwrap();
    committed(log.append(keyed(many("a", 0, 4), "key", 1, "1")).await);
    committed(log.append(one("b", 0, 5)).await);
    committed(log.append(one("a", 4, 6)).await);
    log.close().await;
    Some(database)
}

fn report(database: &Database) -> Report {
    verify(&PostgresInspection::open(database.url()).unwrap(), at(10), &mut |_, _| {})
}

/// What a superuser does who first turns the guards off.
fn unguarded(database: &Database, statement: &str) -> Report {
    database.execute(&format!(
        "SET session_replication_role = replica; {statement}; SET session_replication_role = origin"
    ));
    report(database)
}

fn problems(report: &Report) -> Vec<Problem> {
    let all = report.findings.iter().chain(&report.warnings);
    all.map(|finding| finding.problem).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_as_it_was_written_is_sound_also_for_a_test_inside_a_runtime() {
    let Some(database) = log().await else { return };
    let report = report(&database);
    assert_eq!(problems(&report), []);
    // The events of the test are of no aggregate of the domain.
    assert_eq!((report.head, report.events, report.streams, report.idempotency_keys), (6, 6, 2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_or_changed_past_the_guards_is_found() {
    for (statement, expected) in [
        ("DELETE FROM events WHERE position = 2", vec![Problem::PositionGap, Problem::VersionGap]),
        ("DELETE FROM events WHERE position = 6", vec![Problem::Database]),
        ("UPDATE events SET metadata = '{}' WHERE position = 5", vec![Problem::Unreadable]),
        ("UPDATE events SET event_version = 'new' WHERE position = 5", vec![Problem::Unreadable]),
        (
            "UPDATE events SET metadata = (SELECT metadata FROM events WHERE position = 1) WHERE position = 2",
            vec![Problem::RepeatedEvent, Problem::Lacking],
        ),
        (
            "UPDATE events SET latest_at = latest_at - interval '1 hour' WHERE position = 3",
            vec![Problem::Lacking],
        ),
        ("UPDATE mc_head SET position = 9", vec![Problem::Database]),
        ("DELETE FROM mc_head", vec![Problem::Database]),
        ("UPDATE mc_idempotency_keys SET fingerprint = '\\x00'", vec![Problem::UnreadableKey]),
        ("UPDATE mc_idempotency_keys SET position = 7", vec![Problem::KeyOutOfRange]),
        ("UPDATE mc_idempotency_keys SET answer = 'no JSON'", vec![Problem::UnreadableKey]),
        ("DROP TRIGGER events_are_not_updated ON events", vec![Problem::Lacking]),
        ("ALTER TABLE events DISABLE TRIGGER events_are_placed", vec![Problem::Lacking]),
        ("ALTER TABLE events DROP CONSTRAINT events_position", vec![Problem::Lacking]),
    ] {
        let Some(database) = log().await else { return };
        let report = unguarded(&database, statement);
        assert_eq!(problems(&report), expected, "{statement}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_shows_the_log_as_it_was_at_the_opening_and_takes_no_commit() {
    let Some(database) = log().await else { return };
    let reader = PostgresReader::open(database.url()).unwrap();
    let log = PostgresLog::open(database.url()).unwrap();
    committed(log.append(one("late", 0, 7)).await);
    assert_eq!((reader.head(), reader.read_all(0, 10).await.unwrap().len()), (6, 6));
    assert!(matches!(reader.append(one("x", 0, 8)).await, Err(StoreError::ReadOnly)));
    assert!(matches!(reader.probe().await, Err(StoreError::ReadOnly)));
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_a_log_is_not_read() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.empty_database();
    let read = PostgresReader::open(database.url()).map(|_| ());
    assert!(matches!(read, Err(StoreError::NotALog { .. })), "{read:?}");
    let inspected = PostgresInspection::open(database.url()).map(|_| ());
    assert!(matches!(inspected, Err(StoreError::NotALog { .. })), "{inspected:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_restored_into_an_empty_database_only() {
    let (Some(database), Some(server)) = (log().await, Postgres::shared()) else { return };
    let document = backed_up(&PostgresReader::open(database.url()).unwrap()).await;
    let occupied = PostgresImport::create(database.url()).map(|_| ());
    assert!(matches!(occupied, Err(StoreError::Occupied { .. })), "{occupied:?}");

    let empty = server.empty_database();
    let cut = &document[..document.len() / 2];
    let refused = backup::read(cut, PostgresImport::create(empty.url()).unwrap(), &mut |_, _| {}).map(|_| ());
    assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
    let import = PostgresImport::create(empty.url()).unwrap();
    backup::read(document.as_slice(), import, &mut |_, _| {}).unwrap();
    assert!(backed_up(&PostgresReader::open(empty.url()).unwrap()).await == document);
    assert_eq!(problems(&report(&empty)), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_a_node_has_open_is_not_restored_into() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.empty_database();
    let log = PostgresLog::open(database.url()).unwrap();
    let refused = PostgresImport::create(database.url()).map(|_| ());
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
    log.close().await;
}
