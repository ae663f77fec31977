//! The destination of a copy in an SQLite database: a file beside it that is filled in several transactions and renamed once it
//! is complete, or a log that the copy continues in one transaction.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    connection,
    error::store_error,
    files::with_suffix,
    filling::{Filling, insert_key},
    import::{Destination, existing_files, sync_directory},
    queries,
};
use crate::{
    copy::Target,
    error::StoreError,
    log::{RecordedKey, StoredEvent},
};

/// Ends the name of the file until it is complete.
const UNFINISHED_SUFFIX: &str = ".copying";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// A database while a copy fills it. It keeps the destination locked, so that nobody opens a log there.
#[derive(Debug)]
pub(crate) struct SqliteCopy {
    /// Nothing once it is complete.
    connection: Option<Connection>,
    path: PathBuf,
    /// The path of the file until it is complete; nothing for a log that is continued.
    unfinished: Option<PathBuf>,
    filling: Filling,
    destination: Destination,
}

impl SqliteCopy {
    /// Opens the log at `path` to continue it, or begins one, or goes on with one that a copy has begun.
    ///
    /// # Errors
    /// - [`StoreError::Locked`] when a process has the log at `path` open.
    /// - [`StoreError::NotALog`] and [`StoreError::NewerVersion`] when there is something that cannot be continued.
    /// - [`StoreError::Occupied`] when there is no log but a file that belongs to one.
    /// - [`StoreError::Unavailable`] when the file cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let (mut destination, path) = Destination::lock(path)?;
        let (connection, unfinished) = if path.exists() {
            if let Some(lock) = &mut destination.lock {
                lock.lock_or_create_database()?;
            }
            let connection = connection::open_writer(&path)?;
            connection.execute_batch("BEGIN IMMEDIATE").map_err(store_error)?;
            (connection, None)
        } else if let Some(occupied) = existing_files(&path).next() {
            return Err(StoreError::Occupied { store: occupied.display().to_string() });
        } else {
            let unfinished = with_suffix(&path, UNFINISHED_SUFFIX);
            (connection::open_copy(&unfinished)?, Some(unfinished))
        };
        let filling = Filling::load(&connection)?;
        Ok(Self { connection: Some(connection), path, unfinished, filling, destination })
    }

    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or_else(StoreError::closed)
    }

    /// Does `work` in a transaction of its own, or in the one of the whole copy.
    fn in_transaction(
        &mut self,
        work: impl FnOnce(&Connection, &mut Filling) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let connection = self.connection.as_ref().ok_or_else(StoreError::closed)?;
        if self.unfinished.is_none() {
            return work(connection, &mut self.filling);
        }
        let transaction = connection.unchecked_transaction().map_err(store_error)?;
        work(connection, &mut self.filling)?;
        transaction.commit().map_err(store_error)
    }

    /// Gives the complete file its name.
    fn put_in_place(&self, unfinished: &Path) -> Result<(), StoreError> {
        File::open(unfinished).and_then(|file| file.sync_all()).map_err(store_error)?;
        if let Some(occupied) = existing_files(&self.path).next() {
            return Err(StoreError::Occupied { store: occupied.display().to_string() });
        }
        fs::rename(unfinished, &self.path).map_err(store_error)?;
        sync_directory(&self.path).map_err(store_error)
    }
}

impl Target for SqliteCopy {
    fn position(&self) -> u64 {
        self.filling.position
    }

    async fn read_all(&mut self, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        queries::read_all(self.connection()?, after, limit, self.filling.position)
    }

    async fn keys(&mut self, after: u64, limit: usize) -> Result<Vec<RecordedKey>, StoreError> {
        queries::keys(self.connection()?, after, limit, self.filling.position).map_err(store_error)
    }

    async fn add(&mut self, events: &[StoredEvent]) -> Result<(), StoreError> {
        self.in_transaction(|connection, filling| {
            events.iter().try_for_each(|event| filling.event(connection, event))
        })
    }

    async fn add_keys(&mut self, keys: &[RecordedKey]) -> Result<(), StoreError> {
        self.in_transaction(|connection, _| {
            keys.iter().try_for_each(|recorded| insert_key(connection, &recorded.key, &recorded.answered))
        })
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        if let Some(connection) = self.connection.take() {
            if self.unfinished.is_none() {
                connection.execute_batch("COMMIT").map_err(store_error)?;
            }
            connection.query_one(CHECKPOINT, [], |_| Ok(())).map_err(store_error)?;
            connection.close().map_err(|(_, error)| store_error(error))?;
        }
        if let Some(unfinished) = &self.unfinished {
            self.put_in_place(unfinished)?;
        }
        self.destination.is_complete = true;
        if let Some(lock) = &self.destination.lock {
            lock.lock_file().note_head(self.filling.position);
        }
        Ok(())
    }
}
