//! Opening connections, and the tables behind them.

use std::{collections::BTreeSet, error::Error, fs, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, TransactionBehavior};

use super::{
    beside,
    checkpoint::KEPT_BYTES,
    reader, unavailable,
    writer::{INSTANT_EVERY_POSITIONS, note_instant},
};
use crate::{error::StoreError, log::MAX_PAGE_EVENTS};

/// Marks the file as a log of Mission Control: "MCTL" (pragma `application_id`).
const APPLICATION_ID: i32 = 0x4D43_544C;
/// One step per schema version, from 1. A step that was released is never edited.
const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_log.sql"), include_str!("migrations/0002_no_replacement.sql")];

/// How long a connection waits while an operator's shell holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The most memory the writing connection keeps pages in, in KiB.
const WRITER_CACHE_KIB: i32 = 32 * 1024;
/// The most memory each reading connection keeps pages in, in KiB.
const READER_CACHE_KIB: i32 = 2 * 1024;
/// The most memory the connection that fills a new database keeps pages in, in KiB: the index by stream is filled in
/// no order, so it has to stay there.
const IMPORT_CACHE_KIB: i32 = 128 * 1024;
/// The statements each connection keeps prepared: all it has.
const PREPARED_STATEMENTS: usize = 32;

const COUNT_TABLES: &str = "SELECT count(*) FROM sqlite_schema";
const TRIGGERS: &str = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
/// What every trigger of the migrations begins with.
const CREATE_TRIGGER: &str = "CREATE TRIGGER ";
/// How many instants there are at the positions where one belongs, and how many belong there.
const COUNT_INSTANTS: &str = "\
    SELECT (SELECT count(DISTINCT position) FROM instants WHERE position % ?1 = 0 \
                AND position <= (SELECT max(position) FROM events)), \
           (SELECT coalesce(max(position), 0) / ?1 FROM events)";

/// A connection that writes: WAL, synced at every commit, no checkpoint of its own accord.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // Before anything is written: a file of another program is left as it is.
    let version = identify(&connection, path)?;
    // SQLite opens what it may not write to read it only, and says so at the first write.
    if connection.is_readonly(MAIN_DB).map_err(unavailable)? {
        return Err(StoreError::Protected { store: path.display().to_string() });
    }
    set_up_writer(&connection).map_err(unavailable)?;
    migrate(&mut connection, version).map_err(unavailable)?;
    mend(&mut connection)?;
    Ok(connection)
}

/// Puts back what guards the events or is derived from them, where it is gone.
fn mend(connection: &mut Connection) -> Result<(), StoreError> {
    let missing = missing_triggers(connection).map_err(unavailable)?;
    let is_indexed = has_all_instants(connection).map_err(unavailable)?;
    if missing.is_empty() && is_indexed {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    for (trigger, sql) in missing {
        tracing::warn!(trigger, "the database lacked one of its guards, which is put back");
        transaction.execute_batch(sql).map_err(unavailable)?;
    }
    if !is_indexed {
        tracing::warn!("the index by time was not complete, and is made anew");
        index_by_time(&transaction)?;
    }
    transaction.commit().map_err(unavailable)
}

/// Every trigger there has to be, with what creates it.
fn triggers() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = MIGRATIONS.iter().flat_map(|sql| sql.match_indices(CREATE_TRIGGER).map(|(at, _)| &sql[at..]));
    all.filter_map(|sql| {
        let end = sql.find("END;")? + "END;".len();
        Some((sql[CREATE_TRIGGER.len()..].split_whitespace().next()?, &sql[..end]))
    })
}

/// The triggers that are gone: their names, and what creates them.
pub(super) fn missing_triggers(
    connection: &Connection,
) -> rusqlite::Result<Vec<(&'static str, &'static str)>> {
    let mut statement = connection.prepare(TRIGGERS)?;
    let there: BTreeSet<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(triggers().filter(|(name, _)| !there.contains(*name)).collect())
}

/// Whether there is an instant everywhere where one belongs.
pub(super) fn has_all_instants(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_one(COUNT_INSTANTS, [INSTANT_EVERY_POSITIONS], |row| {
        Ok(row.get::<_, u64>(0)? == row.get::<_, u64>(1)?)
    })
}

/// Notes the instants anew, from the events.
fn index_by_time(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM instants", []).map_err(unavailable)?;
    let head = reader::last_position(connection).map_err(unavailable)?;
    let (mut latest, mut after) = (i64::MIN, 0);
    loop {
        let page = reader::read_all(connection, after, MAX_PAGE_EVENTS, head)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.position;
        for event in &page {
            let recorded_at = event.metadata.recorded_at;
            note_instant(connection, &mut latest, event.position, recorded_at).map_err(unavailable)?;
        }
    }
}

/// Writes a page, to see whether that is possible: the version that is there already.
pub(super) fn touch(connection: &Connection) -> Result<(), StoreError> {
    let version: u32 = pragma(connection, "user_version")?;
    connection.pragma_update(None, "user_version", version).map_err(unavailable)
}

/// A connection that fills a new database at one go: whatever goes wrong, the file is thrown away, so nothing is kept
/// to undo it with, and nothing is synced before the end.
pub(super) fn open_import(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    set_up_import(&connection).map_err(unavailable)?;
    migrate(&mut connection, 0).map_err(unavailable)?;
    Ok(connection)
}

fn set_up_import(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -IMPORT_CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", false)
}

/// A connection that checkpoints for the writer.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_up_writer(&connection).map_err(unavailable)?;
    Ok(connection)
}

/// Whether there is a database without anything in it.
pub(super) fn holds_nothing(path: &Path) -> Result<bool, StoreError> {
    Ok(identify(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, path)? == 0)
}

/// What is said of a log that ends at `head`, but ended at `noted` when it was last written to.
pub(super) fn lost(head: u64, noted: u64) -> String {
    format!(
        "the log ends at position {head}, but ended at {noted} when it was last written to: events that were recorded are \
         missing, because the write-ahead log is missing or damaged, or because an older copy was put here"
    )
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    match read(connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, path) {
        Err(StoreError::Unavailable(error)) if cannot_write_beside(&*error) => open_unchanging(path),
        opened => opened,
    }
}

/// Whether SQLite could not make, or not write, what it keeps beside a database to read it together with others.
fn cannot_write_beside(error: &(dyn Error + 'static)) -> bool {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// A connection to a file that nobody changes, because nobody can write beside it. It reads no write-ahead log, so there
/// may be none.
fn open_unchanging(path: &Path) -> Result<Connection, StoreError> {
    if fs::metadata(beside(path, "-wal")).is_ok_and(|file| file.len() > 0) {
        return Err(StoreError::Frozen { store: path.display().to_string() });
    }
    tracing::debug!(file = %path.display(), "read as a file that nobody changes: nothing can be written beside it");
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    read(connect(Path::new(&unchanging(path)), access)?, path)
}

/// The address by which SQLite takes a file for one that nobody changes.
fn unchanging(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match plain(byte) {
            true => address.push(char::from(*byte)),
            false => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address + "?immutable=1"
}

fn read(connection: Connection, path: &Path) -> Result<Connection, StoreError> {
    if identify(&connection, path)? == 0 {
        return Err(foreign(path, "it is empty"));
    }
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(unavailable)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(unavailable)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(unavailable)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(connection)
}

fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update_and_check(None, "journal_size_limit", KEPT_BYTES, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // Streams are written before their events and never deleted; a lookup per event would only cost.
    connection.pragma_update(None, "foreign_keys", false)
}

/// The schema version of the database, 0 for an empty one.
fn identify(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let tables: i64 =
        connection.query_one(COUNT_TABLES, [], |row| row.get(0)).map_err(|error| {
            match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => foreign(path, "it is not an SQLite database"),
                _ => unavailable(error),
            }
        })?;
    let application: i32 = pragma(connection, "application_id")?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(foreign(path, "the SQLite database belongs to another program"));
    }
    let version: u32 = pragma(connection, "user_version")?;
    match usize::try_from(version) {
        Ok(known) if known <= MIGRATIONS.len() => Ok(known),
        _ => Err(StoreError::NewerVersion { found: version, known: MIGRATIONS.len() as u32 }),
    }
}

fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", step as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<T, StoreError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(unavailable)
}

fn foreign(path: &Path, reason: &'static str) -> StoreError {
    StoreError::NotALog { store: path.display().to_string(), reason }
}
