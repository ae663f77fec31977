//! The log in a PostgreSQL database: for several nodes, and for services that share it.
//!
//! One task of each node appends, in groups of commits, and answers a commit once it is synced to disk; the database sees to it
//! that positions have no holes and follow the order of commits, whoever appends. The same task follows what other nodes
//! append. The table of events has the layout of postgres-es.

mod appending;
mod connection;
mod contact;
mod copying;
mod error;
mod exposure;
mod filling;
mod following;
mod import;
mod inspect;
mod lead;
mod messages;
mod observers;
mod outcome;
mod own_thread;
mod plan;
mod queries;
mod queue;
mod readers;
mod reading;
mod schema;
mod session;
mod turns;
mod writer;

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc as blocking},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use mc_domain::recorded::StreamId;
use serde::de::IgnoredAny;
use sqlx::PgPool;
use tokio::{
    runtime::Runtime,
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};
use uuid::Uuid;

pub(crate) use self::copying::PostgresCopy;
use self::{
    connection::Address,
    filling::{BETWEEN_ATTEMPTS, LOCK_PATIENCE},
    queries::ReadError,
    queue::{Message, QueuedCommit},
    readers::Readers,
    session::Session,
    writer::{Shared, Writer},
};
pub use self::{
    exposure::Exposure, import::PostgresImport, inspect::PostgresInspection, reading::PostgresReader,
};
use crate::{
    error::StoreError,
    holder::Holder,
    log::{Answered, Appended, Commit, EventLog, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
    nodes::{Lease, Nodes, Observer, Turn},
};

/// The most commits that wait for the writer; the next caller waits until the queue has room.
const QUEUE_COMMITS: usize = 1_024;
/// The most connections that wait for turns.
const MAX_TURNS: u32 = 4;
/// How long dropping a log waits until what is queued is appended.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// A log in a PostgreSQL database. Any number of nodes, in any number of processes, may have it open.
///
/// It works on threads of its own. Dropping it closes it: it blocks until the writer has appended what is queued, for 5 seconds
/// at most.
pub struct PostgresLog {
    address: Address,
    /// Nothing once the log is closed.
    queue: Mutex<Option<mpsc::Sender<Message>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
    turns: PgPool,
    shared: Arc<Shared>,
    head: watch::Receiver<u64>,
    told: mpsc::Sender<String>,
    heard: broadcast::Sender<Arc<str>>,
    lease: OnceLock<watch::Receiver<Option<Lease>>>,
    /// Nothing while the log is dropped.
    runtime: Option<Runtime>,
}

impl PostgresLog {
    /// Opens the log in the database at `url`, such as `postgres://sofie@db.example.org/missions?sslmode=verify-full`. Makes the
    /// tables if there are none, and migrates an older schema. It blocks.
    ///
    /// What the address leaves out comes from the environment, as with libpq: `PGHOST`, `PGPASSFILE`, `PGSSLMODE` and so on.
    ///
    /// # Errors
    /// - [`StoreError::UnknownStore`] when it is no address of a database.
    /// - [`StoreError::Unprivileged`] when the user may not connect, read or append, or not make tables that are missing.
    /// - [`StoreError::Unsuitable`] when there is no such database, its server is too old, or its encoding is not UTF-8.
    /// - [`StoreError::NotALog`] when it has a table `events` of another program; that stays as it is.
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::Protected`] when the database can only be read, as a standby.
    /// - [`StoreError::Incomplete`] when a copy into it has not ended, [`StoreError::Locked`] while one is under way.
    /// - [`StoreError::Unavailable`] when it does not answer.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_for(url, None)
    }

    /// Like [`PostgresLog::open`]; `holder` tells operators of the database whose connections they see.
    ///
    /// # Errors
    /// As [`PostgresLog::open`].
    pub fn open_for(url: &str, holder: Option<&Holder>) -> Result<Self, StoreError> {
        let name = holder.map_or_else(
            || "mission-control".to_owned(),
            |holder| format!("mission-control {}", holder.listen),
        );
        let address = Address::parse(url, &name)?;
        let runtime = runtime()?;
        let opened = wait_for(&runtime, open(address.clone()));
        match opened {
            Ok(session) => Ok(Self::start(address, session, runtime)),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    fn start(address: Address, session: Session, runtime: Runtime) -> Self {
        let inside = runtime.enter();
        let shared = Arc::new(Shared::default());
        let (writer, head) = Writer::new(address.clone(), session, Arc::clone(&shared));
        let (queue, queued) = mpsc::channel(QUEUE_COMMITS);
        let (told, to_tell) = mpsc::channel(messages::MAX_MESSAGES);
        let heard = broadcast::Sender::new(messages::MAX_MESSAGES);
        let (readers, turns) = (Arc::new(Readers::new(&address)), readers::pool(&address, MAX_TURNS));
        let itself = Uuid::now_v7();
        let writing = runtime.spawn(writer.run(queued));
        runtime.spawn(messages::listen(readers.pool().clone(), itself, Arc::clone(&shared), heard.clone()));
        runtime.spawn(messages::tell(readers.pool().clone(), itself, to_tell));
        drop(inside);
        Self {
            address,
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(writing)),
            readers,
            turns,
            shared,
            head,
            told,
            heard,
            lease: OnceLock::new(),
            runtime: Some(runtime),
        }
    }

    fn queue(&self) -> Result<mpsc::Sender<Message>, StoreError> {
        lock(&self.queue).clone().ok_or_else(StoreError::closed)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the log is dropped")
    }

    /// Runs `work` on the threads of the log.
    async fn on_own_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.runtime().spawn(work).await.map_err(|broken| StoreError::Unavailable(broken.into()))?
    }

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut sqlx::PgConnection) -> BoxFuture<'_, Result<T, ReadError>> + Send + Sync + 'static,
    {
        self.readers.check_open()?;
        let (readers, address) = (Arc::clone(&self.readers), self.address.clone());
        self.on_own_threads(async move { readers.run(&address, read).await }).await
    }

    /// Refuses everything from now on. Returns the writing task, which may still have commits to append.
    fn shut(&self) -> Option<JoinHandle<()>> {
        self.readers.close();
        drop(lock(&self.queue).take());
        lock(&self.writer).take()
    }
}

fn runtime() -> Result<Runtime, StoreError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("mc-store postgres")
        .enable_all()
        .build()
        .map_err(|error| StoreError::Unavailable(error.into()))
}

/// Waits for `work` on the threads of `runtime`; the caller may be on those of another.
fn wait_for<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let (sender, done) = blocking::channel();
    runtime.spawn(async move {
        // Whoever waited may have gone.
        let _ = sender.send(work.await);
    });
    done.recv().map_err(|broken| StoreError::Unavailable(broken.into()))?
}

async fn open(address: Address) -> Result<Session, StoreError> {
    let mut connection = address.connect().await.map_err(|error| address.error(error))?;
    schema::open(&mut connection, &address).await?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match Session::open(&address).await {
            Err(StoreError::Locked { .. }) if Instant::now() < deadline => sleep(BETWEEN_ATTEMPTS).await,
            opened => return opened,
        }
    }
}

/// Checks what PostgreSQL cannot hold, before the commit is in a group with others.
fn check_texts(commit: &Commit) -> Result<(), StoreError> {
    let invalid = |reason: &str| Err(StoreError::Invalid { reason: reason.to_owned() });
    let streams = commit.expectations().map(|(stream, _)| stream);
    let mut names = streams.flat_map(|stream| [&*stream.aggregate_type, &stream.aggregate_id]);
    let texts = commit.idempotency.iter().flat_map(|given| [given.key.as_str(), &given.answer]);
    if names.any(has_nul) || texts.into_iter().any(has_nul) {
        return invalid("a text with a NUL character, which a database of PostgreSQL cannot hold");
    }
    for event in commit.appends.iter().flat_map(|append| &append.events) {
        if serde_json::from_str::<IgnoredAny>(&event.payload).is_err() || has_nul(&event.event_type) {
            return invalid("a payload that is not JSON, which a database of PostgreSQL cannot hold");
        }
    }
    Ok(())
}

fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EventLog for PostgresLog {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        async move {
            commit.validate()?;
            check_texts(&commit)?;
            let (queued, answer) = QueuedCommit::new(commit);
            self.queue()?.send(Message::Commit(queued)).await.map_err(|_| StoreError::closed())?;
            answer.await.map_err(|broken| StoreError::Unavailable(broken.into()))?
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let (sender, answer) = oneshot::channel();
            self.queue()?.send(Message::Probe(sender)).await.map_err(|_| StoreError::closed())?;
            answer.await.map_err(|broken| StoreError::Unavailable(broken.into()))?
        }
        .boxed()
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        let key = key.to_owned();
        self.read(move |connection| {
            let key = key.clone();
            async move { queries::answered(connection, &key).await }.boxed()
        })
        .boxed()
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        let head = self.head();
        self.read(move |connection| queries::keys(connection, after, limit, head).boxed()).boxed()
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        let (stream, address, head) = (stream.clone(), self.address.clone(), self.head());
        self.read(move |connection| {
            let (stream, address) = (stream.clone(), address.clone());
            async move { queries::read_stream(connection, &address, &stream, after, limit, head).await }
                .boxed()
        })
        .boxed()
    }

    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        async move {
            self.readers.check_open()?;
            let head = self.head();
            if after >= head {
                return Ok(Vec::new());
            }
            if let Some(events) = self.shared.recent.read(after, limit.min(MAX_PAGE_EVENTS)) {
                return Ok(events);
            }
            let address = self.address.clone();
            self.read(move |connection| {
                let address = address.clone();
                async move { queries::read_all(connection, &address, after, limit, head).await }.boxed()
            })
            .await
        }
        .boxed()
    }

    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        let head = self.head();
        self.read(move |connection| queries::first_since(connection, at, head).boxed()).boxed()
    }

    fn queued(&self) -> usize {
        self.queue().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            if let Some(writer) = self.shut()
                && let Err(broken) = writer.await
            {
                tracing::error!(%broken, "the log was not closed cleanly");
            }
        }
        .boxed()
    }
}

impl Nodes for PostgresLog {
    fn campaign(&self) -> watch::Receiver<Option<Lease>> {
        let begin = || {
            let (sender, lease) = watch::channel(None);
            self.runtime().spawn(lead::campaign(self.address.clone(), sender));
            lease
        };
        self.lease.get_or_init(begin).clone()
    }

    fn turn(&self, number: i64) -> BoxFuture<'_, Result<Turn, StoreError>> {
        let (pool, address) = (self.turns.clone(), self.address.clone());
        self.on_own_threads(
            async move { turns::take(&pool, number).await.map_err(|error| address.error(error)) },
        )
        .boxed()
    }

    fn tell(&self, message: String) {
        // When the queue is full, the message is lost, as it would be for whoever is out of touch.
        let _ = self.told.try_send(message);
    }

    fn heard(&self) -> broadcast::Receiver<Arc<str>> {
        self.heard.subscribe()
    }

    fn observe(&self, observer: Observer) {
        self.shared.observers.add(observer);
    }

    fn out_of_touch(&self) -> Option<Duration> {
        self.shared.contact.out_of_touch()
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if let Some(writer) = self.shut() {
            let (sender, done) = blocking::channel::<()>();
            runtime.spawn(async move {
                let _ = writer.await;
                drop(sender);
            });
            // It ends without a message when the writer has ended.
            let _ = done.recv_timeout(LAST_PATIENCE);
        }
        runtime.shutdown_background();
    }
}

impl fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLog").field("store", &self.address.shown).finish_non_exhaustive()
    }
}
