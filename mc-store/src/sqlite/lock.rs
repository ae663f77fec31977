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
pub(super) struct FileLock(#[expect(dead_code, reason = "it is held, not used")] File);

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
