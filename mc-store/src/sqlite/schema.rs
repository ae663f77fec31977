//! The tables of a log, the triggers that guard them, and the versions of both.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, types::FromSql};

use super::{error::store_error, instants};
use crate::error::StoreError;

/// Marks the file as a log of Mission Control: "MCTL" (pragma `application_id`).
const APPLICATION_ID: i32 = 0x4D43_544C;
/// The step to each schema version, from 1. A released step is never edited.
const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_log.sql"), include_str!("migrations/0002_no_replacement.sql")];

const COUNT_TABLES: &str = "SELECT count(*) FROM sqlite_schema";
const TRIGGERS: &str = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
/// Begins every trigger in the migrations.
const CREATE_TRIGGER: &str = "CREATE TRIGGER ";
/// Ends every trigger in the migrations.
const END_TRIGGER: &str = "END;";

/// A trigger that a log must have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trigger {
    pub(super) name: &'static str,
    /// The statement that creates it.
    sql: &'static str,
}

/// The schema version of the database, 0 for an empty one. Only reads.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let tables: i64 =
        connection.query_one(COUNT_TABLES, [], |row| row.get(0)).map_err(|error| {
            match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => not_a_log(path, "it is not an SQLite database"),
                _ => store_error(error),
            }
        })?;
    let application: i32 = pragma(connection, "application_id")?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(not_a_log(path, "the SQLite database belongs to another program"));
    }
    let version: u32 = pragma(connection, "user_version")?;
    match usize::try_from(version) {
        Ok(known) if known <= MIGRATIONS.len() => Ok(known),
        _ => Err(StoreError::NewerVersion { found: version, known: MIGRATIONS.len() as u32 }),
    }
}

/// Brings a database at schema version `version` to the latest version, one transaction per step.
pub(super) fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", step as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Creates missing triggers again, and rebuilds the index by time when it is incomplete.
pub(super) fn repair(connection: &mut Connection) -> Result<(), StoreError> {
    let missing = missing_triggers(connection).map_err(store_error)?;
    let is_indexed = instants::is_complete(connection).map_err(store_error)?;
    if missing.is_empty() && is_indexed {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
    for Trigger { name: trigger, sql } in missing {
        tracing::warn!(trigger, "the database lacked one of its guards, which is put back");
        transaction.execute_batch(sql).map_err(store_error)?;
    }
    if !is_indexed {
        tracing::warn!("the index by time was not complete, and is made anew");
        instants::rebuild(&transaction)?;
    }
    transaction.commit().map_err(store_error)
}

/// The triggers that the database must have and has not.
pub(super) fn missing_triggers(connection: &Connection) -> rusqlite::Result<Vec<Trigger>> {
    let mut statement = connection.prepare(TRIGGERS)?;
    let present: BTreeSet<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(triggers().filter(|trigger| !present.contains(trigger.name)).collect())
}

/// Every trigger in the migrations.
fn triggers() -> impl Iterator<Item = Trigger> {
    let all = MIGRATIONS.iter().flat_map(|sql| sql.match_indices(CREATE_TRIGGER).map(|(at, _)| &sql[at..]));
    all.filter_map(|sql| {
        let end = sql.find(END_TRIGGER)? + END_TRIGGER.len();
        Some(Trigger { name: sql[CREATE_TRIGGER.len()..].split_whitespace().next()?, sql: &sql[..end] })
    })
}

/// Tests whether the database can be written, by writing the schema version that it has.
pub(super) fn touch(connection: &Connection) -> Result<(), StoreError> {
    let version: u32 = pragma(connection, "user_version")?;
    connection.pragma_update(None, "user_version", version).map_err(store_error)
}

/// The refusal of the file at `path`.
pub(super) fn not_a_log(path: &Path, reason: &'static str) -> StoreError {
    StoreError::NotALog { store: path.display().to_string(), reason }
}

fn pragma<T: FromSql>(connection: &Connection, name: &str) -> Result<T, StoreError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(store_error)
}
