//! Filling a new database from a backup, in a file beside the destination that is renamed once it is complete.

use std::{
    fs::{self, File},
    io, iter,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::{
    connection,
    error::store_error,
    files::{COMPANION_SUFFIXES, resolve, with_suffix},
    filling::{Filling, insert_key},
    inspect::SqliteInspection,
    lock::StoreLock,
};
use crate::{
    backup::Import,
    error::StoreError,
    log::{Answered, StoredEvent},
    verify::verify,
};

/// The most names that are tried for a database that is moved aside.
const MAX_NAMES: u32 = 1_000;
/// Ends the name of the file until it is complete.
const UNFINISHED_SUFFIX: &str = ".restoring";

/// What happens to files at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// They make the import fail, and stay as they are.
    Refuse,
    /// They are renamed once the new database is complete: their names get this suffix, and a number if that is taken.
    MoveAside(String),
}

/// A database while it is filled from a backup. It keeps the destination locked, so that nobody opens a log there.
///
/// The database appears at the destination only when [`verify`] finds nothing wrong with it.
#[derive(Debug)]
pub struct SqliteImport {
    /// Open in one transaction; nothing once that is committed.
    connection: Option<Connection>,
    path: PathBuf,
    /// The path of the file until it is complete.
    unfinished: PathBuf,
    existing: Existing,
    filling: Filling,
    destination: Destination,
}

/// The place where the database will be, locked. Dropping it restores what was there, unless the import completed.
#[derive(Debug)]
pub(super) struct Destination {
    /// Nothing while it is created, and once it is freed.
    pub(super) lock: Option<StoreLock>,
    /// The directories that this import created, the innermost first.
    created_directories: Vec<PathBuf>,
    pub(super) is_complete: bool,
}

impl Destination {
    /// Locks the place, and returns the one path that all its names resolve to.
    pub(super) fn lock(path: &Path) -> Result<(Self, PathBuf), StoreError> {
        let created_directories = missing_directories(path);
        let resolved = resolve(path).map_err(store_error)?;
        let mut destination = Self { lock: None, created_directories, is_complete: false };
        destination.lock = Some(StoreLock::acquire(&resolved)?);
        Ok((destination, resolved))
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        if self.is_complete || !lock.is_new {
            return;
        }
        // If this fails, an empty lock file or directory stays, which hinders nobody.
        let _ = lock.remove();
        for directory in &self.created_directories {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// The directories above `path` that do not exist yet, the innermost first.
fn missing_directories(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty());
    above.take_while(|directory| !directory.exists()).map(Path::to_owned).collect()
}

impl SqliteImport {
    /// Begins a database for `path`; creates the directory if there is none.
    ///
    /// # Errors
    /// - [`StoreError::Locked`] when a process has the log at `path` open.
    /// - [`StoreError::Occupied`] when there is a file already and `existing` refuses it.
    /// - [`StoreError::Unavailable`] when the file cannot be written.
    pub fn create(path: impl AsRef<Path>, existing: Existing) -> Result<Self, StoreError> {
        let (destination, path) = Destination::lock(path.as_ref())?;
        if existing == Existing::Refuse
            && let Some(occupied) = existing_files(&path).next()
        {
            return Err(StoreError::Occupied { store: occupied.display().to_string() });
        }
        let unfinished = with_suffix(&path, UNFINISHED_SUFFIX);
        // A killed import may have left one. Nobody works on it while this process holds the lock.
        discard(&unfinished).map_err(store_error)?;
        let connection = connection::open_import(&unfinished)?;
        connection.execute_batch("BEGIN").map_err(store_error)?;
        Ok(Self {
            connection: Some(connection),
            path,
            unfinished,
            existing,
            filling: Filling::new(),
            destination,
        })
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is there until the import ends")
    }

    /// Commits the transaction and syncs the file to disk.
    fn commit_and_sync(&mut self) -> Result<(), StoreError> {
        if let Some(connection) = self.connection.take() {
            connection.execute_batch("COMMIT").map_err(store_error)?;
            connection.close().map_err(|(_, error)| store_error(error))?;
        }
        File::open(&self.unfinished).and_then(|file| file.sync_all()).map_err(store_error)
    }

    /// Verifies the finished file, and refuses it when there are findings.
    fn check(&self) -> Result<(), StoreError> {
        let inspection = SqliteInspection::open(&self.unfinished)?;
        // Warnings do not matter here, so any time serves as now.
        verify(&inspection, DateTime::<Utc>::MAX_UTC, &mut |_, _| {}).accept()
    }

    /// Renames the finished file to its destination. Returns the new paths of the files that were moved aside.
    fn put_in_place(&self) -> Result<Vec<PathBuf>, StoreError> {
        let moved = match &self.existing {
            Existing::Refuse => match existing_files(&self.path).next() {
                Some(occupied) => {
                    return Err(StoreError::Occupied { store: occupied.display().to_string() });
                }
                None => Vec::new(),
            },
            Existing::MoveAside(suffix) => move_aside(&self.path, suffix).map_err(store_error)?,
        };
        fs::rename(&self.unfinished, &self.path).map_err(store_error)?;
        sync_directory(&self.path).map_err(store_error)?;
        Ok(moved)
    }
}

impl Import for SqliteImport {
    /// The new paths of the files that were moved aside.
    type Done = Vec<PathBuf>;

    fn event(&mut self, event: StoredEvent) -> Result<(), StoreError> {
        let connection = self.connection.as_ref().expect("it is there until the import ends");
        self.filling.event(connection, &event)
    }

    fn key(&mut self, key: String, answered: Answered) -> Result<(), StoreError> {
        insert_key(self.connection(), &key, &answered)
    }

    fn finish(mut self) -> Result<Vec<PathBuf>, StoreError> {
        self.commit_and_sync()?;
        self.check()?;
        let moved = self.put_in_place()?;
        self.destination.is_complete = true;
        if let Some(lock) = &self.destination.lock {
            lock.lock_file().note_head(self.filling.position);
        }
        Ok(moved)
    }
}

impl Drop for SqliteImport {
    /// Removes the unfinished file; after a complete import there is none.
    fn drop(&mut self) {
        drop(self.connection.take());
        if let Err(error) = discard(&self.unfinished) {
            tracing::warn!(%error, file = %self.unfinished.display(), "an unfinished restore could not be removed");
        }
    }
}

/// The database at `path` and its companions, those that exist.
pub(super) fn existing_files(path: &Path) -> impl Iterator<Item = PathBuf> {
    let companions = COMPANION_SUFFIXES.map(|suffix| with_suffix(path, suffix));
    let files = iter::once(path.to_owned()).chain(companions);
    // Includes a symbolic link that points nowhere.
    files.filter(|file| file.symlink_metadata().is_ok())
}

/// Renames the database and its companions, the database first: left without its write-ahead log, it would still open,
/// but lack the newest commits. Returns the new paths.
fn move_aside(path: &Path, suffix: &str) -> io::Result<Vec<PathBuf>> {
    let aside = free_name(path, suffix)?;
    let mut moved = Vec::new();
    for ending in iter::once("").chain(COMPANION_SUFFIXES) {
        let (from, to) = (with_suffix(path, ending), with_suffix(&aside, ending));
        match fs::rename(&from, &to) {
            Ok(()) => moved.push(to),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(moved)
}

/// A name that no file has: `path` with `suffix`, and a number if that is taken.
fn free_name(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let numbered = (2..=MAX_NAMES).map(|number| format!("{suffix}-{number}"));
    let mut names = iter::once(suffix.to_owned()).chain(numbered).map(|suffix| with_suffix(path, &suffix));
    names.find(|name| existing_files(name).next().is_none()).ok_or_else(|| {
        let taken = format!("{} is there already", with_suffix(path, suffix).display());
        io::Error::new(io::ErrorKind::AlreadyExists, taken)
    })
}

/// Removes the unfinished file that a killed import into `path` left.
pub(super) fn discard_unfinished(path: &Path) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    discard(&with_suffix(&path, UNFINISHED_SUFFIX))
}

/// Removes an unfinished database and its companions.
fn discard(unfinished: &Path) -> io::Result<()> {
    for ending in iter::once("").chain(COMPANION_SUFFIXES) {
        match fs::remove_file(with_suffix(unfinished, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Syncs the directory of `path`: only then does a rename survive a crash.
#[cfg(unix)]
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all())
}

/// Does nothing: this system cannot sync directories.
#[cfg(not(unix))]
pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
