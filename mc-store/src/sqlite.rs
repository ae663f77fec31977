//! The log in an SQLite database: the embedded default.
//!
//! One thread writes, in groups; an answer means synced to disk. Readers have connections of their own, and whoever
//! follows the log closely is served from memory.

mod checkpoint;
mod compact;
mod disk;
mod heads;
mod identity;
mod import;
mod inspect;
mod lock;
mod reader;
mod recent;
mod schema;
mod writer;

use std::{
    any::Any,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use mc_domain::recorded::StreamId;
use rusqlite::ErrorCode;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::{
    checkpoint::LONG_BYTES,
    compact::{Compacted, compact},
    disk::Disk,
    import::{Existing, SqliteImport},
    inspect::SqliteInspection,
    lock::{Holder, holder},
};
use self::{
    checkpoint::PAGE_BYTES,
    identity::Identity,
    lock::FileLock,
    reader::Readers,
    recent::Recent,
    writer::{Asked, Request, Writer},
};
use crate::{
    error::StoreError,
    log::{Answered, Appended, Commit, EventLog, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
};

/// The most commits that wait for the writer; the next caller waits for a place.
const QUEUE_COMMITS: usize = 1_024;
/// How many links that lead to a file that is not there yet are followed.
const MAX_LINKS: u32 = 40;
/// What SQLite keeps beside a database that is open.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// A log in an SQLite database.
///
/// Dropping it closes it, which writes what is queued and blocks until that is done.
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
    /// How many pages were written ahead.
    wal_pages: Arc<AtomicU32>,
}

#[derive(Debug)]
enum Writing {
    Open(OpenWriter),
    ReadOnly(
        #[expect(dead_code, reason = "held so that the head does not count as closed")] watch::Sender<u64>,
    ),
    Closed,
}

#[derive(Debug)]
struct OpenWriter {
    queue: mpsc::Sender<Asked>,
    thread: JoinHandle<()>,
    lock: FileLock,
}

impl SqliteLog {
    /// Opens the log at `path`, for this process alone; creates it and its directory if they do not exist, and
    /// brings an older schema up to date.
    ///
    /// # Errors
    /// - [`StoreError::Locked`] when another process, or another log of this one, has it open.
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::NotALog`] when the file is something else; it is left as it is.
    /// - [`StoreError::Protected`] when it may only be read.
    /// - [`StoreError::Linked`] when the file has several names.
    /// - [`StoreError::Emptied`] when there was a log, and there is nothing now.
    /// - [`StoreError::Damaged`] or [`StoreError::Corrupt`] when it cannot be read.
    /// - [`StoreError::Unavailable`] when it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_for(path, None)
    }

    /// The same, and [`holder`] tells others who has it open.
    ///
    /// # Errors
    /// As [`SqliteLog::open`].
    pub fn open_for(path: impl AsRef<Path>, holder: Option<&Holder>) -> Result<Self, StoreError> {
        Self::open_on(path, holder, Disk::default())
    }

    /// The same, on a disk that is asked for its room as `disk` does.
    ///
    /// # Errors
    /// As [`SqliteLog::open`].
    pub fn open_on(path: impl AsRef<Path>, holder: Option<&Holder>, disk: Disk) -> Result<Self, StoreError> {
        let path = resolve(path.as_ref()).map_err(unavailable)?;
        let mut lock = FileLock::acquire(&path)?;
        lock.hold_or_make()?;
        if lock.had_log() && schema::holds_nothing(&path)? {
            return Err(lock.emptied());
        }
        if let Some(holder) = holder {
            lock.note(holder);
        }
        let recent = Arc::new(Recent::default());
        let (writer, head) = Writer::open(&path, disk, Arc::clone(lock.notes()), Arc::clone(&recent))?;
        if lock.identity() != Identity::at(&path) {
            return Err(StoreError::Displaced { file: path });
        }
        let wal_pages = Arc::clone(writer.wal_pages());
        let (queue, queued) = mpsc::channel(QUEUE_COMMITS);
        let thread = std::thread::Builder::new()
            .name("mc-store writer".to_owned())
            .spawn(move || writer.run(queued))
            .map_err(unavailable)?;
        let writing = Mutex::new(Writing::Open(OpenWriter { queue, thread, lock }));
        Ok(Self { writing, readers: Readers::new(&path), recent, head, wal_pages })
    }

    /// Opens the log at `path` as it is now, to read it only; another process may have it open and go on writing.
    ///
    /// What that appends later is not part of it: the head stays where it is at the opening. Where nothing can be written
    /// beside it, as on read-only media, it is read as a file that nobody changes meanwhile.
    ///
    /// # Errors
    /// - [`StoreError::OpenElsewhere`] when another process writes to the file under another name.
    /// - [`StoreError::Frozen`] when it has a write-ahead log that cannot be read there.
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::NotALog`] when the file is something else.
    /// - [`StoreError::Unavailable`] when it cannot be opened, for example because there is none.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        lock::check_name(path.as_ref())?;
        let connection = schema::open_reader(path.as_ref())?;
        let (sender, head) = watch::channel(reader::last_position(&connection).map_err(unavailable)?);
        let writing = Mutex::new(Writing::ReadOnly(sender));
        let (readers, recent) = (Readers::new(path.as_ref()), Arc::default());
        Ok(Self { writing, readers, recent, head, wal_pages: Arc::default() })
    }

    fn queue(&self) -> Result<mpsc::Sender<Asked>, StoreError> {
        match &*self.writing() {
            Writing::Open(writer) => Ok(writer.queue.clone()),
            Writing::ReadOnly(_) => Err(StoreError::ReadOnly),
            Writing::Closed => Err(StoreError::closed()),
        }
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().expect("nothing panics while it holds the writer")
    }

    /// Lets nobody in any more; returns what is left to wait for.
    fn shut(&self) -> Option<OpenWriter> {
        self.readers.close();
        match std::mem::replace(&mut *self.writing(), Writing::Closed) {
            Writing::Open(writer) => Some(writer),
            Writing::ReadOnly(_) | Writing::Closed => None,
        }
    }
}

impl OpenWriter {
    /// Waits until everything queued is answered, then lets another process in.
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
            let (request, answer) = Request::new(commit);
            self.queue()?.send(Asked::Commit(request)).await.map_err(|_| StoreError::closed())?;
            answer.await.map_err(unavailable)?
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let (question, answer) = oneshot::channel();
            self.queue()?.send(Asked::Probe(question)).await.map_err(|_| StoreError::closed())?;
            answer.await.map_err(unavailable)?
        }
        .boxed()
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        let key = key.to_owned();
        self.readers.ask(move |connection| reader::answered(connection, &key).map_err(unavailable)).boxed()
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        let head = self.head();
        self.readers
            .ask(move |connection| reader::keys(connection, after, limit, head).map_err(unavailable))
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
            .ask(move |connection| reader::read_stream(connection, &stream, after, limit, head))
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
            self.readers.ask(move |connection| reader::read_all(connection, after, limit, head)).await
        }
        .boxed()
    }

    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        let head = self.head();
        self.readers.ask(move |connection| reader::first_since(connection, at, head)).boxed()
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

/// One path for one file, however it is named, so that its lock is one file too. Creates the directory.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if path.exists() {
            return path.canonicalize();
        }
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let named = directory.canonicalize()?.join(name);
        match fs::read_link(&named) {
            // A link to a database that is yet to be made.
            Ok(target) => path = directory.join(target),
            Err(_) => return Ok(named),
        }
    }
    Err(io::ErrorKind::InvalidFilename.into())
}

/// The file of that name with an ending more.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// What an error of the database or of the system means for whoever asks the log.
fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    let known: &dyn Any = &error;
    let code = known.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    let kind = known.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    match (code, kind) {
        (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), _) => {
            StoreError::Damaged(Box::new(error))
        }
        (Some(ErrorCode::DiskFull), _) | (_, Some(std::io::ErrorKind::StorageFull)) => StoreError::Full,
        _ => StoreError::Unavailable(Box::new(error)),
    }
}
