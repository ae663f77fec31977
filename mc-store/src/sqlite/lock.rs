//! One process at a time writes to a log: it holds the operating system's lock on a file beside the database.
//!
//! The lock is not on the database itself, so backups and readers may open that while it is held. The system frees
//! it when the process ends, however it ends; the file stays, because removing it would let two processes hold the
//! lock on two files of one name.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use crate::error::StoreError;

/// The held lock; dropping it frees it.
#[derive(Debug)]
pub(super) struct FileLock(File);

impl Drop for FileLock {
    /// Freed by hand: a process that is being started just now has a copy of the open file until it runs its own
    /// program, and the lock would last as long.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock on the store is freed only when the process ends");
        }
    }
}

impl FileLock {
    pub(super) fn acquire(database: &Path) -> Result<Self, StoreError> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock_path(database))
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Locked { store: database.display().to_string() })
            }
            Err(TryLockError::Error(error)) => Err(StoreError::Unavailable(error.into())),
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}
