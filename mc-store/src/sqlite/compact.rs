//! Gives the space back that a database no longer uses. No event is touched.

use std::{fs, path::Path};

use super::{beside, import, lock::FileLock, schema, unavailable};
use crate::error::StoreError;

/// How many bytes a database and the files beside it took before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Before.
    pub bytes_before: u64,
    /// After.
    pub bytes_after: u64,
}

/// Writes the write-ahead log back into the database at `path` and rebuilds that without its gaps. It must be at rest.
///
/// # Errors
/// - [`StoreError::Locked`] while another process uses it.
/// - [`StoreError::NotALog`] when it is something else.
/// - [`StoreError::Unavailable`] when it cannot be written; rebuilding takes as much room again as it has.
pub fn compact(path: impl AsRef<Path>) -> Result<Compacted, StoreError> {
    let path = path.as_ref();
    let mut lock = FileLock::acquire(path)?;
    lock.hold()?;
    // What a restore that was killed has left: nobody works on it while the lock is held.
    import::discard_unfinished(path).map_err(unavailable)?;
    drop(schema::open_reader(path)?);
    let bytes_before = bytes(path);
    let connection = schema::open_checkpointer(path)?;
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(unavailable)?;
    connection.close().map_err(|(_, error)| unavailable(error))?;
    Ok(Compacted { bytes_before, bytes_after: bytes(path) })
}

fn bytes(path: &Path) -> u64 {
    let length = |ending: &str| fs::metadata(beside(path, ending)).map_or(0, |file| file.len());
    length("") + length("-wal") + length("-shm")
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
