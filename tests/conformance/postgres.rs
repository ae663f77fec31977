//! The database of a PostgreSQL server: what it refuses, and what it shows to others who are connected to it.

mod foreign;
mod opening;
mod rights;
mod trouble;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use mc_store::{
    log::EventLog,
    postgres::PostgresLog,
    testing::{Database, Postgres},
    verify::Problem,
};
use sqlx::{Connection, Error, PgConnection};

use crate::{
    fixture::{at, committed, everything, keyed, one},
    verification::{problems, verified_after},
};

/// A new database with an empty log; nothing where PostgreSQL is not installed.
fn database() -> Option<Database> {
    Postgres::shared().map(Postgres::database)
}

fn open(database: &Database) -> Arc<dyn EventLog> {
    Arc::new(PostgresLog::open(database.url()).unwrap())
}

async fn connected(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Executes statements as whoever the address names.
async fn execute(url: &str, statements: &str) -> Result<(), Error> {
    sqlx::raw_sql(statements).execute(&mut connected(url).await).await.map(drop)
}

/// The SQLSTATE and the message with which the database refuses statements.
async fn refusal(url: &str, statements: &str) -> (String, String) {
    match execute(url, statements).await {
        Err(Error::Database(refused)) => (refused.code().unwrap().into_owned(), refused.message().to_owned()),
        other => panic!("{statements}: {other:?}"),
    }
}

#[tokio::test]
async fn the_database_refuses_even_its_owner_to_change_or_remove_what_was_recorded() {
    let Some(database) = database() else { return };
    let log = open(&database);
    committed(log.append(keyed(one("a", 0, 1), "k", 1, "first")).await);
    let before = everything(&log).await;
    for (statement, message) in [
        ("UPDATE events SET payload = '{}'", "events are never updated: what was recorded is history"),
        ("UPDATE event_log SET payload = '{}'", "events are never updated: what was recorded is history"),
        (
            "INSERT INTO events SELECT * FROM events ON CONFLICT (position) DO UPDATE SET payload = '{}'",
            "events are never updated: what was recorded is history",
        ),
        ("DELETE FROM events", "events are never deleted: what was recorded is history"),
        ("DELETE FROM event_log", "events are never deleted: what was recorded is history"),
        ("TRUNCATE events", "events are never deleted: what was recorded is history"),
        ("UPDATE mc_idempotency_keys SET answer = ''", "idempotency keys are never updated"),
        ("DELETE FROM mc_idempotency_keys", "idempotency keys are never deleted"),
        ("TRUNCATE mc_idempotency_keys", "idempotency keys are never deleted"),
        ("UPDATE mc_head SET position = 0", "the head of the log only moves forward"),
        ("UPDATE mc_head SET lease = lease - 1", "the head of the log only moves forward"),
        ("DELETE FROM mc_head", "the head of the log is never deleted"),
        ("TRUNCATE mc_head", "the head of the log is never deleted"),
    ] {
        let (code, refused) = refusal(database.url(), statement).await;
        assert_eq!((code.as_str(), refused.as_str()), ("23001", message), "{statement}");
    }
    log.close().await;
    let log = open(&database);
    assert_eq!(everything(&log).await, before);
    assert_eq!(log.answered("k").await.unwrap().unwrap().answer, "first");
}

#[tokio::test]
async fn operators_can_query_the_log_by_name() {
    let Some(database) = database() else { return };
    committed(open(&database).append(one("a", 0, 1)).await);
    let query = "SELECT aggregate_type, aggregate_id, recorded_at FROM event_log";
    let row: (String, String, String) =
        sqlx::query_as(query).fetch_one(&mut connected(database.url()).await).await.unwrap();
    assert_eq!((row.0.as_str(), row.1.as_str()), ("test", "a"));
    assert_eq!(row.2.parse::<DateTime<Utc>>().unwrap(), at(1));
}

#[tokio::test]
async fn damage_that_only_a_database_can_have_is_found() {
    for (damage, expected) in [
        ("DELETE FROM events WHERE position IN (5, 6)", vec![(Problem::PositionGap, Some(5))]),
        ("UPDATE events SET metadata = '[]' WHERE position = 4", vec![(Problem::Unreadable, Some(4))]),
        ("UPDATE events SET event_version = 'x' WHERE position = 4", vec![(Problem::Unreadable, Some(4))]),
    ] {
        let Some(fixture) = crate::fixture::postgres() else { return };
        let report = verified_after(&fixture, damage).await;
        assert_eq!(problems(&report), expected, "{damage}: {report:?}");
    }
}
