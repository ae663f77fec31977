//! The tables of a log, and the versions of their layout.

use sqlx::{Connection, Error, Executor, PgConnection};

use super::connection::Address;
use crate::error::StoreError;

/// The step to each schema version, from 1. A released step is never edited.
const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_log.sql"), include_str!("migrations/0002_guards.sql")];
/// The oldest PostgreSQL that has what the log needs (`idle_session_timeout`).
const OLDEST_SERVER: i32 = 140_000;
/// The columns of the table of postgres-es, in order of their names.
const STOCK_COLUMNS: [&str; 7] =
    ["aggregate_id", "aggregate_type", "event_type", "event_version", "metadata", "payload", "sequence"];

const SERVER: &str = "\
    SELECT current_setting('server_version_num')::integer, current_setting('server_version'), \
        current_setting('server_encoding'), to_regclass('mc_schema') IS NOT NULL, to_regclass('events') IS NOT NULL";
const VERSION: &str = "SELECT max(version) FROM mc_schema";
const EVENT_COLUMNS: &str = "\
    SELECT attname::text FROM pg_attribute \
    WHERE attrelid = to_regclass('events') AND attnum > 0 AND NOT attisdropped ORDER BY attname";
const HAS_EVENTS: &str = "SELECT EXISTS (SELECT FROM events)";
const IS_UNFINISHED: &str = "SELECT EXISTS (SELECT FROM mc_unfinished)";
/// One migration at a time in a schema of the database. It is taken before the transaction begins: inside of one, names that were
/// looked up before are not looked up again, so that the tables that another node has made meanwhile would be missing.
const LOCK: &str = "SELECT pg_advisory_lock(4, hashtext(current_schema()))";
const UNLOCK: &str = "SELECT pg_advisory_unlock(4, hashtext(current_schema()))";
const CREATE_VERSIONS: &str = "CREATE TABLE IF NOT EXISTS mc_schema (version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())";
/// The functions of the log look for its tables here and nowhere else, whoever calls them.
const PIN_SCHEMA: &str =
    "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)";
const INSERT_VERSION: &str = "INSERT INTO mc_schema (version) VALUES ($1)";

/// Brings the database to the latest schema version, or finds that it is there. A database that needs nothing is only read, so
/// that a user without the right to change tables can open it.
///
/// # Errors
/// - [`StoreError::Unsuitable`] when the server is too old or the database has another encoding than UTF-8.
/// - [`StoreError::NotALog`] when it has a table `events` of another program.
/// - [`StoreError::NewerVersion`] when a later version of this program has written it.
/// - [`StoreError::Unprivileged`] when the user may not read, or not make the tables that are missing.
/// - [`StoreError::Unavailable`] when the database does not answer.
pub(super) async fn open(connection: &mut PgConnection, address: &Address) -> Result<(), StoreError> {
    if version(connection, address).await? < MIGRATIONS.len() {
        migrate(connection, address).await?;
    }
    Ok(())
}

/// Opens a connection to a database that has a log, which is complete. Only reads.
///
/// # Errors
/// - [`StoreError::NotALog`] when there is no log in the database.
/// - [`StoreError::Incomplete`] when a copy into it has not ended.
/// - As [`open`].
pub(super) async fn open_to_read(address: &Address) -> Result<PgConnection, StoreError> {
    let mut connection = address.connect().await.map_err(|error| address.error(error))?;
    if version(&mut connection, address).await? == 0 {
        return Err(StoreError::NotALog { store: address.shown.clone(), reason: "there is no log in it" });
    }
    match is_unfinished(&mut connection).await {
        Ok(false) => Ok(connection),
        Ok(true) => Err(StoreError::Incomplete { store: address.shown.clone() }),
        Err(error) => Err(address.error(error)),
    }
}

/// The name of every trigger in the migrations.
pub(super) fn triggers() -> impl Iterator<Item = &'static str> {
    let all = MIGRATIONS.iter().flat_map(|sql| sql.split("CREATE TRIGGER ").skip(1));
    all.filter_map(|rest| rest.split_whitespace().next())
}

/// Whether a copy into the log has begun and not ended.
pub(super) async fn is_unfinished(connection: &mut PgConnection) -> Result<bool, Error> {
    sqlx::query_scalar(IS_UNFINISHED).fetch_one(connection).await
}

/// The schema version, 0 when there is no log yet. Only reads.
pub(super) async fn version(connection: &mut PgConnection, address: &Address) -> Result<usize, StoreError> {
    let (number, server, encoding, has_log, has_events): (i32, String, String, bool, bool) =
        sqlx::query_as(SERVER).fetch_one(&mut *connection).await.map_err(|error| address.error(error))?;
    let unsuitable = |reason| StoreError::Unsuitable { store: address.shown.clone(), reason };
    if number < OLDEST_SERVER {
        return Err(unsuitable(format!("it is PostgreSQL {server}, and the log needs 14 or later")));
    }
    if encoding != "UTF8" {
        return Err(unsuitable(format!("its encoding is {encoding}, and the log needs UTF8")));
    }
    if has_log {
        let found: Option<i32> =
            sqlx::query_scalar(VERSION).fetch_one(connection).await.map_err(|error| address.error(error))?;
        return known(found.unwrap_or(0));
    }
    if has_events {
        check_stock(connection, address).await?;
    }
    Ok(0)
}

fn known(found: i32) -> Result<usize, StoreError> {
    match usize::try_from(found) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StoreError::NewerVersion {
            found: u32::try_from(found).unwrap_or(u32::MAX),
            known: MIGRATIONS.len() as u32,
        }),
    }
}

/// Checks that the table `events` is the one of postgres-es, and empty: its events would have no order.
async fn check_stock(connection: &mut PgConnection, address: &Address) -> Result<(), StoreError> {
    let columns: Vec<String> = sqlx::query_scalar(EVENT_COLUMNS)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| address.error(error))?;
    let not_a_log = |reason| Err(StoreError::NotALog { store: address.shown.clone(), reason });
    if columns != STOCK_COLUMNS {
        return not_a_log("its table events belongs to another program");
    }
    match sqlx::query_scalar(HAS_EVENTS).fetch_one(connection).await {
        Ok(false) => Ok(()),
        Ok(true) => not_a_log("its table events holds events without positions"),
        Err(error) => Err(address.error(error)),
    }
}

/// Takes the steps that are missing, in one transaction: another node may be about to take them too.
async fn migrate(connection: &mut PgConnection, address: &Address) -> Result<(), StoreError> {
    sqlx::query(LOCK).execute(&mut *connection).await.map_err(|error| address.error(error))?;
    let mut transaction = connection.begin().await.map_err(|error| address.error(error))?;
    let version = version(&mut transaction, address).await?;
    take_steps(&mut transaction, version).await.map_err(|error| address.error(error))?;
    transaction.commit().await.map_err(|error| address.error(error))?;
    sqlx::query(UNLOCK).execute(connection).await.map(drop).map_err(|error| address.error(error))
}

async fn take_steps(connection: &mut PgConnection, version: usize) -> Result<(), Error> {
    connection.execute(PIN_SCHEMA).await?;
    connection.execute(CREATE_VERSIONS).await?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        connection.execute(*sql).await?;
        sqlx::query(INSERT_VERSION).bind(step as i32 + 1).execute(&mut *connection).await?;
    }
    Ok(())
}
