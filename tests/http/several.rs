//! A log that several nodes have open, in memory: what one appends reaches another when the test lets it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use mc_domain::recorded::StreamId;
use mc_store::{
    error::StoreError,
    log::{Answered, Appended, Commit, EventLog, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
    memory::MemoryLog,
    nodes::{Lease, MAX_MESSAGE_BYTES, Nodes, Observer, Turn},
};
use tokio::sync::{Mutex as AsyncMutex, broadcast, watch};

/// What all nodes share.
#[derive(Default)]
pub struct Database {
    log: MemoryLog,
    shared: Mutex<Shared>,
    turns: Mutex<HashMap<i64, Arc<AsyncMutex<()>>>>,
}

#[derive(Default)]
struct Shared {
    nodes: Vec<Arc<Node>>,
    /// Which node appended each event, by position.
    origins: Vec<usize>,
    lease: Option<Lease>,
    conflicts: usize,
}

/// The log as one node has it.
pub struct Node {
    number: usize,
    database: Arc<Database>,
    head: watch::Sender<u64>,
    lease: watch::Sender<Option<Lease>>,
    heard: broadcast::Sender<Arc<str>>,
    observers: Mutex<Vec<Observer>>,
    /// Whether what others append does not reach it.
    is_late: AtomicBool,
    /// Since when it cannot reach the database.
    cut_since: Mutex<Option<Instant>>,
}

impl Database {
    /// A database with so many nodes.
    pub fn with_nodes<const N: usize>() -> (Arc<Self>, [Arc<Node>; N]) {
        let database = Arc::new(Self::default());
        let nodes = std::array::from_fn(|number| {
            Arc::new(Node {
                number,
                database: Arc::clone(&database),
                head: watch::Sender::new(0),
                lease: watch::Sender::default(),
                heard: broadcast::Sender::new(1_000),
                observers: Mutex::default(),
                is_late: AtomicBool::new(false),
                cut_since: Mutex::default(),
            })
        });
        database.shared().nodes = nodes.to_vec();
        (database, nodes)
    }

    /// Lets one node lead from now on, and no other any more. Only the new leader learns of it where `quietly`.
    pub fn lead(&self, node: &Node, quietly: bool) -> Lease {
        let mut shared = self.shared();
        let lease = Lease(shared.lease.map_or(1, |before| before.0 + 1));
        shared.lease = Some(lease);
        for other in shared.nodes.iter().filter(|other| other.number != node.number && !quietly) {
            other.lease.send_replace(None);
        }
        node.lease.send_replace(Some(lease));
        lease
    }

    /// How many commits were refused because a stream had moved.
    pub fn conflicts(&self) -> usize {
        self.shared().conflicts
    }

    /// Every event of that name, by the number of the node that appended it.
    pub fn origins(&self, event_type: &str) -> Vec<usize> {
        let events = self.log.read_all(0, MAX_PAGE_EVENTS).now_or_never().unwrap().unwrap();
        let shared = self.shared();
        let such = events.iter().filter(|event| event.event_type == event_type);
        such.map(|event| shared.origins[usize::try_from(event.position).unwrap() - 1]).collect()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    fn append(&self, node: &Node, commit: Commit) -> Result<Appended, StoreError> {
        let mut shared = self.shared();
        if commit.lease.is_some_and(|lease| Some(lease) < shared.lease) {
            return Err(StoreError::Deposed);
        }
        let appended = self.log.append(commit).now_or_never().unwrap();
        shared.conflicts += usize::from(matches!(appended, Err(StoreError::Conflict { .. })));
        let appended = appended?;
        let head = self.log.head();
        shared.origins.resize(usize::try_from(head).unwrap(), node.number);
        let reached = shared.nodes.iter().filter(|other| other.number == node.number || other.is_reached());
        reached.for_each(|node| node.take_in(&shared.origins, head));
        Ok(appended)
    }
}

impl Node {
    /// Keeps what others append from this node, or lets it arrive.
    pub fn is_late(&self, is_late: bool) {
        let shared = self.database.shared();
        self.is_late.store(is_late, SeqCst);
        self.catch_up(&shared);
    }

    /// Cuts the node off from the database, as if that had been so many seconds ago.
    pub fn cut_off(&self, secs_ago: u64) {
        *self.cut_since.lock().unwrap() = Instant::now().checked_sub(Duration::from_secs(secs_ago));
    }

    /// Connects it again.
    pub fn connect(&self) {
        let shared = self.database.shared();
        *self.cut_since.lock().unwrap() = None;
        self.catch_up(&shared);
    }

    fn is_reached(&self) -> bool {
        !self.is_late.load(SeqCst) && self.cut_since.lock().unwrap().is_none()
    }

    fn catch_up(&self, shared: &Shared) {
        if self.is_reached() {
            self.take_in(&shared.origins, self.database.log.head());
        }
    }

    /// Shows the observers what others appended, then moves the head.
    fn take_in(&self, origins: &[usize], head: u64) {
        let before = *self.head.borrow();
        let news = self.database.log.read_all(before, MAX_PAGE_EVENTS).now_or_never().unwrap().unwrap();
        assert_eq!(before + news.len() as u64, head, "a test appends less than a page at once");
        let is_foreign =
            |event: &StoredEvent| origins[usize::try_from(event.position).unwrap() - 1] != self.number;
        let foreign: Vec<_> = news.into_iter().filter(is_foreign).collect();
        self.observers.lock().unwrap().iter().for_each(|observer| observer(&foreign));
        self.head.send_replace(head);
    }

    fn connected(&self) -> Result<&MemoryLog, StoreError> {
        match *self.cut_since.lock().unwrap() {
            Some(_) => Err(StoreError::Unavailable("the node is cut off".into())),
            None => Ok(&self.database.log),
        }
    }
}

impl EventLog for Node {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        async move {
            self.connected()?;
            self.database.append(self, commit)
        }
        .boxed()
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        async move { self.connected()?.answered(key).await }.boxed()
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        async move { self.connected()?.keys(after, limit).await }.boxed()
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        async move { self.connected()?.read_stream(stream, after, limit).await }.boxed()
    }

    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        async move { self.connected()?.read_all(after, limit).await }.boxed()
    }

    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        async move { self.connected()?.first_since(at).await }.boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.connected().map(drop) }.boxed()
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

impl Nodes for Node {
    fn campaign(&self) -> watch::Receiver<Option<Lease>> {
        self.lease.subscribe()
    }

    fn turn(&self, number: i64) -> BoxFuture<'_, Result<Turn, StoreError>> {
        async move {
            self.connected()?;
            let turn = Arc::clone(self.database.turns.lock().unwrap().entry(number).or_default());
            let held = turn.lock_owned().await;
            Ok(Turn::new(self.database.log.head(), held))
        }
        .boxed()
    }

    fn tell(&self, message: String) {
        assert!(message.len() <= MAX_MESSAGE_BYTES);
        for other in self.database.shared().nodes.iter().filter(|other| other.number != self.number) {
            let _ = other.heard.send(message.as_str().into());
        }
    }

    fn heard(&self) -> broadcast::Receiver<Arc<str>> {
        self.heard.subscribe()
    }

    fn observe(&self, observer: Observer) {
        self.observers.lock().unwrap().push(observer);
    }

    fn out_of_touch(&self) -> Option<Duration> {
        self.cut_since.lock().unwrap().map(|since| since.elapsed())
    }
}

/// Waits for a condition. The clock of the test has to be paused, so that it passes as soon as nothing else is to be done.
pub async fn until(condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it has not come to that");
}
