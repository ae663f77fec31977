//! Opening connections to a database, each set up for what it does.

use std::{error::Error, fs, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::{error::store_error, files::with_suffix, schema, wal::KEPT_BYTES};
use crate::error::StoreError;

/// How long a connection waits while an operator's shell holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The most memory the writing connection keeps pages in, in KiB.
const WRITER_CACHE_KIB: i32 = 32 * 1024;
/// The most memory each reading connection keeps pages in, in KiB.
const READER_CACHE_KIB: i32 = 2 * 1024;
/// The most memory the connection that fills a new database keeps pages in, in KiB. The index by stream is filled in
/// random order, so all of it should stay in memory.
const IMPORT_CACHE_KIB: i32 = 128 * 1024;
/// The most statements a connection keeps prepared: more than it uses, so none is prepared twice.
const PREPARED_STATEMENTS: usize = 32;

/// Opens the connection that appends, and creates, migrates and repairs the database where needed. It writes ahead,
/// syncs every commit, and checkpoints only when it is told to.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // Before anything is written: another program's file stays as it is.
    let version = schema::identify(&connection, path)?;
    // SQLite opens a file without write permission for reading, and fails only at the first write.
    if connection.is_readonly(MAIN_DB).map_err(store_error)? {
        return Err(StoreError::Protected { store: path.display().to_string() });
    }
    set_up_writer(&connection).map_err(store_error)?;
    schema::migrate(&mut connection, version).map_err(store_error)?;
    schema::repair(&mut connection)?;
    Ok(connection)
}

/// Opens the connection that moves pages from the write-ahead log into the database for the writer.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_up_writer(&connection).map_err(store_error)?;
    Ok(connection)
}

/// Opens the connection that fills a new database in one transaction. It keeps no journal and syncs nothing before the
/// end: after any failure the whole file is thrown away.
pub(super) fn open_import(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    set_up_import(&connection).map_err(store_error)?;
    schema::migrate(&mut connection, 0).map_err(store_error)?;
    Ok(connection)
}

/// Opens the connection that fills a new database in several transactions, or goes on with it. A killed process leaves what it
/// has committed.
pub(super) fn open_copy(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let version = schema::identify(&connection, path)?;
    set_up_copy(&connection).map_err(store_error)?;
    schema::migrate(&mut connection, version).map_err(store_error)?;
    Ok(connection)
}

/// Opens a connection that only reads. Where SQLite cannot write beside the database, as on read-only media, it reads
/// the file as one that nobody changes.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    match set_up_reader(connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, path) {
        Err(StoreError::Unavailable(error)) if cannot_write_beside(&*error) => open_immutable(path),
        opened => opened,
    }
}

/// Whether the file at `path` is a database without tables, or an empty file.
pub(super) fn is_empty(path: &Path) -> Result<bool, StoreError> {
    Ok(schema::identify(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, path)? == 0)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(store_error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(store_error)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(connection)
}

fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update_and_check(None, "journal_size_limit", KEPT_BYTES, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // The writer inserts a stream before its events and deletes neither, so a lookup per event would only cost time.
    connection.pragma_update(None, "foreign_keys", false)
}

fn set_up_import(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -IMPORT_CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", false)
}

fn set_up_copy(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -IMPORT_CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", false)
}

fn set_up_reader(connection: Connection, path: &Path) -> Result<Connection, StoreError> {
    if schema::identify(&connection, path)? == 0 {
        return Err(schema::not_a_log(path, "it is empty"));
    }
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(store_error)?;
    Ok(connection)
}

/// Whether SQLite failed to create or write the files beside a database that readers and writers share.
fn cannot_write_beside(error: &(dyn Error + 'static)) -> bool {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Opens a file that nobody can change. Such a connection ignores the write-ahead log, so there must be none.
fn open_immutable(path: &Path) -> Result<Connection, StoreError> {
    if fs::metadata(with_suffix(path, "-wal")).is_ok_and(|file| file.len() > 0) {
        return Err(StoreError::Frozen { store: path.display().to_string() });
    }
    tracing::debug!(file = %path.display(), "read as a file that nobody changes: nothing can be written beside it");
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    set_up_reader(connect(Path::new(&immutable_uri(path)), access)?, path)
}

/// The URI that tells SQLite that nobody changes the file.
fn immutable_uri(path: &Path) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match is_plain(byte) {
            true => uri.push(char::from(*byte)),
            false => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}
