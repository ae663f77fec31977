//! A small pool of connections that only read: readers and the writer never wait for each other.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{connection, identity::Identity};
use crate::error::StoreError;

/// The most reads that run at once; the next one waits for its turn.
const MAX_READERS: usize = 4;

/// The connections of one log. They are opened as they are needed, up to [`MAX_READERS`].
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// The identity of the file when the log was opened. A file that takes its place later is not read.
    identity: Option<Identity>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        let idle = Arc::new(Mutex::new(Vec::new()));
        let (path, identity) = (path.to_owned(), Identity::at(path));
        Self { path, identity, idle, permits: Arc::new(Semaphore::new(MAX_READERS)) }
    }

    /// Runs `read` with a connection, on a thread that may block.
    pub(super) async fn run<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::closed())?;
        let (path, identity, idle) = (self.path.clone(), self.identity, Arc::clone(&self.idle));
        let task = tokio::task::spawn_blocking(move || {
            let connection = match lock(&idle).pop() {
                Some(connection) => connection,
                None => open(path, identity)?,
            };
            let result = read(&connection);
            if !permit.semaphore().is_closed() {
                lock(&idle).push(connection);
            }
            result
        });
        task.await.map_err(|panicked| StoreError::Unavailable(panicked.into()))?
    }

    /// # Errors
    /// [`StoreError::Unavailable`] once [`Readers::close`] was called.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        if self.permits.is_closed() { Err(StoreError::closed()) } else { Ok(()) }
    }

    /// Refuses every read that has not begun yet.
    pub(super) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }
}

/// Opens the file with that identity, never one that has taken its place.
fn open(file: PathBuf, identity: Option<Identity>) -> Result<Connection, StoreError> {
    if Identity::at(&file) == identity {
        let connection = connection::open_reader(&file)?;
        if Identity::at(&file) == identity {
            return Ok(connection);
        }
    }
    Err(StoreError::Displaced { file })
}

fn lock(idle: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    idle.lock().expect("nothing panics while it holds the idle connections")
}
