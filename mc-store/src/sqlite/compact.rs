//! Giving back the space that a database no longer uses. Every event stays as it is.

use std::{fs, path::Path};

use super::{
    connection,
    error::store_error,
    files::{OPEN_SUFFIXES, with_suffix},
    import,
    lock::StoreLock,
};
use crate::error::StoreError;

/// How many bytes a database took, the files that SQLite keeps beside it included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The bytes before [`compact`], the write-ahead log included.
    pub bytes_before: u64,
    /// The bytes after [`compact`], which has emptied the write-ahead log.
    pub bytes_after: u64,
}

/// Moves the write-ahead log into the database at `path`, and rebuilds the database without gaps. No process may use
/// it meanwhile.
///
/// # Errors
/// - [`StoreError::Locked`] when another process uses it.
/// - [`StoreError::NotALog`] when the file is something else.
/// - [`StoreError::Unavailable`] when it cannot be written. Rebuilding needs as much free room as the database takes.
pub fn compact(path: impl AsRef<Path>) -> Result<Compacted, StoreError> {
    let path = path.as_ref();
    let mut lock = StoreLock::acquire(path)?;
    lock.lock_database()?;
    // A killed restore may have left a file. Nobody works on it while this process holds the lock.
    import::discard_unfinished(path).map_err(store_error)?;
    drop(connection::open_reader(path)?);
    let bytes_before = bytes(path);
    let connection = connection::open_checkpointer(path)?;
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(store_error)?;
    connection.close().map_err(|(_, error)| store_error(error))?;
    Ok(Compacted { bytes_before, bytes_after: bytes(path) })
}

fn bytes(path: &Path) -> u64 {
    let length = |suffix: &str| fs::metadata(with_suffix(path, suffix)).map_or(0, |file| file.len());
    length("") + OPEN_SUFFIXES.map(length).iter().sum::<u64>()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]
mod tests {
    use super::*;
    use crate::sqlite::SqliteLog;

    #[test]
    fn a_log_is_compacted_at_rest_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.db");
        let log = SqliteLog::open(&path).unwrap();
        assert!(matches!(compact(&path), Err(StoreError::Locked { .. })));
        drop(log);
        let compacted = compact(&path).unwrap();
        assert!(compacted.bytes_after <= compacted.bytes_before && compacted.bytes_after > 0);
        drop(SqliteLog::open(&path).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_log_is_in_use_whatever_it_is_called() {
        use crate::sqlite::{Holder, holder};

        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("log.db"), directory.path().join("link.db"));
        let server = Holder { id: uuid::Uuid::from_u128(1), listen: "127.0.0.1:3000".to_owned() };
        let log = SqliteLog::open_for(&path, Some(&server)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(holder(&link), Some(server));
        assert!(matches!(compact(&link), Err(StoreError::Locked { .. })));
        drop(log);
        assert!(compact(&link).is_ok());
    }
}
