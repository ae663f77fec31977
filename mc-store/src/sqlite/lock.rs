//! One process at a time writes to a log: it holds the operating system's lock on a file beside the database.
//!
//! The lock is not on the database itself, so backups and readers may open that while it is held. The system frees
//! it when the process ends, however it ends; the file stays, because removing it would let two processes hold the
//! lock on two files of one name.

//!
//! While it is held, the file says by whom, so that a command that finds the store in use can ask that server.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;

/// How often a lock file may vanish under whoever wants to lock it.
const MAX_ATTEMPTS: u32 = 16;
/// The most bytes that are read of what a lock file says.
const MAX_NOTE_BYTES: u64 = 4_096;

/// Who has a store open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// An id of this one opening, which the holder tells whoever asks it.
    pub id: Uuid,
    /// Where it listens.
    pub listen: String,
}

/// The held lock; dropping it frees it.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
    path: PathBuf,
    /// Whether there was no such file before.
    pub(super) is_new: bool,
}

impl Drop for FileLock {
    /// Freed by hand: a process that is being started just now has a copy of the open file until it runs its own
    /// program, and the lock would last as long.
    fn drop(&mut self) {
        // Nobody holds it any more; what a note that cannot be emptied says is believed only while it is locked.
        let _ = self.file.set_len(0);
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock on the store is freed only when the process ends");
        }
    }
}

impl FileLock {
    pub(super) fn acquire(database: &Path) -> Result<Self, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let lock = Self::attempt(database)?;
            // One that made the file and had no use for it removes it again: that lock would be nobody else's.
            if is_at(&lock.file, &lock.path) {
                return Ok(lock);
            }
        }
        Err(StoreError::Locked { store: database.display().to_string() })
    }

    fn attempt(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let is_new = !path.exists();
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path, is_new }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Locked { store: database.display().to_string() })
            }
            Err(TryLockError::Error(error)) => Err(StoreError::Unavailable(error.into())),
        }
    }

    /// Says in the file who holds it.
    pub(super) fn note(&mut self, holder: &Holder) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(serde_json::to_string(holder)?.as_bytes())
    }

    /// Removes the file, by whoever has made it and leaves nothing behind.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Who has the log at `database` open, where that is a server that says so; nobody when it is not in use.
pub fn holder(database: &Path) -> Option<Holder> {
    let file = File::open(lock_path(database)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) | Err(TryLockError::Error(_)) => return None,
    }
    serde_json::from_reader(io::Read::take(file, MAX_NOTE_BYTES)).ok()
}

/// Whether the open file is the one that has this name now.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let identity = |file: fs::Metadata| (file.dev(), file.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

/// Nobody can remove an open file here.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// One lock for one file, however that is named.
fn lock_path(database: &Path) -> PathBuf {
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let mut path = database.into_os_string();
    path.push(".lock");
    path.into()
}
