//! The log in an SQLite database: the embedded default.
//!
//! One thread writes, in groups of commits, and answers a commit once it is synced to disk. Readers use connections of
//! their own; memory serves those that follow the log closely.

mod checkpoint;
mod compact;
mod connection;
mod copying;
mod disk;
mod error;
mod files;
mod filling;
mod group;
mod identity;
mod import;
mod inspect;
mod instants;
mod lock;
mod outage;
mod queries;
mod readers;
mod schema;
mod wal;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use mc_domain::recorded::StreamId;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use self::copying::SqliteCopy;
pub use self::{
    compact::{Compacted, compact},
    disk::Disk,
    import::{Existing, SqliteImport},
    inspect::SqliteInspection,
    lock::holder,
    wal::LONG_BYTES,
};
use self::{
    error::store_error,
    identity::Identity,
    lock::StoreLock,
    readers::Readers,
    wal::PAGE_BYTES,
    writer::{Message, QueuedCommit, Writer},
};
pub use crate::holder::Holder;
use crate::{
    error::StoreError,
    log::{Answered, Appended, Commit, EventLog, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
    recent::Recent,
};

/// The most commits that wait for the writer; the next caller waits until the queue has room.
const QUEUE_COMMITS: usize = 1_024;

/// A log in an SQLite database.
///
/// Dropping it closes it: it blocks until the writer has appended what is queued.
///
/// ```
/// use mc_store::{log::EventLog, sqlite::SqliteLog};
///
/// let directory = tempfile::tempdir()?;
/// let log = SqliteLog::open(directory.path().join("log.db"))?;
/// assert_eq!(log.head(), 0);
/// assert!(SqliteLog::open(directory.path().join("log.db")).is_err(), "one process at a time");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteLog {
    writing: Mutex<Writing>,
    readers: Readers,
    recent: Arc<Recent>,
    head: watch::Receiver<u64>,
    /// The length of the write-ahead log in pages, 0 when the log is open for reading only.
    wal_pages: Arc<AtomicU32>,
}

/// What the log can do about commits.
#[derive(Debug)]
enum Writing {
    Open(OpenWriter),
    ReadOnly(
        #[expect(dead_code, reason = "kept so that receivers of the head do not see it closed")]
        watch::Sender<u64>,
    ),
    Closed,
}

#[derive(Debug)]
struct OpenWriter {
    queue: mpsc::Sender<Message>,
    thread: JoinHandle<()>,
    lock: StoreLock,
}

impl SqliteLog {
    /// Opens the log at `path`, for this process alone. Creates it and its directory if they do not exist, and migrates
    /// an older schema.
    ///
    /// # Errors
    /// - [`StoreError::Locked`] when another process, or another log of this one, has it open.
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::NotALog`] when the file is something else; it stays as it is.
    /// - [`StoreError::Protected`] when this user may only read the file.
    /// - [`StoreError::Linked`] when the file has several names.
    /// - [`StoreError::Emptied`] when the file held a log and is empty now.
    /// - [`StoreError::Displaced`] when another file takes its place during the opening.
    /// - [`StoreError::Damaged`] or [`StoreError::Corrupt`] when it cannot be read.
    /// - [`StoreError::Unavailable`] when it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_for(path, None)
    }

    /// Like [`SqliteLog::open`]; [`holder`] then tells other processes who has the log open.
    ///
    /// # Errors
    /// As [`SqliteLog::open`].
    pub fn open_for(path: impl AsRef<Path>, holder: Option<&Holder>) -> Result<Self, StoreError> {
        Self::open_on(path, holder, Disk::default())
    }

    /// Like [`SqliteLog::open_for`], on a disk whose room `disk` tells.
    ///
    /// # Errors
    /// As [`SqliteLog::open`].
    pub fn open_on(path: impl AsRef<Path>, holder: Option<&Holder>, disk: Disk) -> Result<Self, StoreError> {
        let path = files::resolve(path.as_ref()).map_err(store_error)?;
        let mut lock = StoreLock::acquire(&path)?;
        lock.lock_or_create_database()?;
        if lock.had_log() && connection::is_empty(&path)? {
            return Err(lock.emptied());
        }
        if let Some(holder) = holder {
            lock.note_holder(holder);
        }
        let recent = Arc::new(Recent::default());
        let (writer, head) = Writer::open(&path, disk, Arc::clone(lock.lock_file()), Arc::clone(&recent))?;
        if lock.identity() != Identity::at(&path) {
            return Err(StoreError::Displaced { file: path });
        }
        let wal_pages = Arc::clone(writer.wal_pages());
        let (queue, queued) = mpsc::channel(QUEUE_COMMITS);
        let thread = std::thread::Builder::new()
            .name("mc-store writer".to_owned())
            .spawn(move || writer.run(queued))
            .map_err(store_error)?;
        let writing = Mutex::new(Writing::Open(OpenWriter { queue, thread, lock }));
        Ok(Self { writing, readers: Readers::new(&path), recent, head, wal_pages })
    }

    /// Opens the log at `path` for reading, as it is now. Another process may have it open and go on writing.
    ///
    /// The head stays where it is at the opening, so later events of that process do not show. When SQLite cannot write
    /// beside the file, as on read-only media, it takes the file as one that nobody changes.
    ///
    /// # Errors
    /// - [`StoreError::OpenElsewhere`] when another process writes to the file under another name.
    /// - [`StoreError::Frozen`] when it has a write-ahead log in a directory that cannot be written.
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::NotALog`] when the file is something else.
    /// - [`StoreError::Unavailable`] when it cannot be opened, for example because there is none.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        lock::check_name(path.as_ref())?;
        let connection = connection::open_reader(path.as_ref())?;
        let (sender, head) = watch::channel(queries::last_position(&connection).map_err(store_error)?);
        let writing = Mutex::new(Writing::ReadOnly(sender));
        let (readers, recent) = (Readers::new(path.as_ref()), Arc::default());
        Ok(Self { writing, readers, recent, head, wal_pages: Arc::default() })
    }

    fn queue(&self) -> Result<mpsc::Sender<Message>, StoreError> {
        match &*self.writing() {
            Writing::Open(writer) => Ok(writer.queue.clone()),
            Writing::ReadOnly(_) => Err(StoreError::ReadOnly),
            Writing::Closed => Err(StoreError::closed()),
        }
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().expect("nothing panics while it holds the writer")
    }

    /// Refuses everything from now on. Returns the writer, which may still have commits to append.
    fn shut(&self) -> Option<OpenWriter> {
        self.readers.close();
        match std::mem::replace(&mut *self.writing(), Writing::Closed) {
            Writing::Open(writer) => Some(writer),
            Writing::ReadOnly(_) | Writing::Closed => None,
        }
    }
}

impl OpenWriter {
    /// Waits until the writer has answered everything that is queued, then frees the lock.
    fn finish(self) {
        let Self { queue, thread, lock } = self;
        drop(queue);
        if thread.join().is_err() {
            tracing::error!("the writer thread panicked");
        }
        drop(lock);
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        if let Some(writer) = self.shut() {
            writer.finish();
        }
    }
}

impl EventLog for SqliteLog {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        async move {
            commit.validate()?;
            let (queued, answer) = QueuedCommit::new(commit);
            self.queue()?.send(Message::Commit(queued)).await.map_err(|_| StoreError::closed())?;
            answer.await.map_err(store_error)?
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let (sender, answer) = oneshot::channel();
            self.queue()?.send(Message::Probe(sender)).await.map_err(|_| StoreError::closed())?;
            answer.await.map_err(store_error)?
        }
        .boxed()
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        let key = key.to_owned();
        self.readers.run(move |connection| queries::answered(connection, &key).map_err(store_error)).boxed()
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        let head = self.head();
        self.readers
            .run(move |connection| queries::keys(connection, after, limit, head).map_err(store_error))
            .boxed()
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        let (stream, head) = (stream.clone(), self.head());
        self.readers
            .run(move |connection| queries::read_stream(connection, &stream, after, limit, head))
            .boxed()
    }

    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        async move {
            self.readers.check_open()?;
            let head = self.head();
            if after >= head {
                return Ok(Vec::new());
            }
            if let Some(events) = self.recent.read(after, limit.min(MAX_PAGE_EVENTS)) {
                return Ok(events);
            }
            self.readers.run(move |connection| queries::read_all(connection, after, limit, head)).await
        }
        .boxed()
    }

    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        let head = self.head();
        self.readers.run(move |connection| instants::first_since(connection, at, head)).boxed()
    }

    fn queued(&self) -> usize {
        self.queue().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    fn written_ahead_bytes(&self) -> u64 {
        u64::from(self.wal_pages.load(Ordering::Relaxed)) * PAGE_BYTES
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            if let Some(writer) = self.shut()
                && let Err(panicked) = tokio::task::spawn_blocking(|| writer.finish()).await
            {
                tracing::error!(%panicked, "the log was not closed cleanly");
            }
        }
        .boxed()
    }
}
