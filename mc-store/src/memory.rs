//! The log in memory, for tests and trials.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use mc_domain::recorded::StreamId;
use tokio::sync::watch;

use crate::{
    backup::{self, Import},
    error::StoreError,
    log::{Answered, Appended, Commit, EventLog, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
};

/// A log that lasts as long as its process.
///
/// ```
/// use mc_store::{log::EventLog, memory::MemoryLog};
///
/// assert_eq!(MemoryLog::new().head(), 0);
/// ```
#[derive(Debug)]
pub struct MemoryLog {
    /// Nothing once [`EventLog::close`] was called.
    contents: Mutex<Option<Contents>>,
    head: watch::Receiver<u64>,
}

#[derive(Debug, Default)]
struct Contents {
    events: Vec<StoredEvent>,
    /// The indices in `events` of each stream's events, in order of version.
    streams: HashMap<StreamId, Vec<usize>>,
    keys: HashMap<String, Answered>,
    /// The keys in the order of recording.
    recorded_keys: Vec<String>,
    head: watch::Sender<u64>,
}

impl MemoryLog {
    /// An empty log, whose first event gets position 1.
    pub fn new() -> Self {
        let (sender, head) = watch::channel(0);
        let contents = Contents { head: sender, ..Contents::default() };
        Self { contents: Mutex::new(Some(contents)), head }
    }

    /// Runs `ask` with the contents; an error when the log is closed.
    fn with<T>(&self, ask: impl FnOnce(&mut Contents) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.lock().as_mut().map_or_else(|| Err(StoreError::closed()), ask)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Contents>> {
        self.contents.lock().expect("nothing panics while it holds the contents")
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl EventLog for MemoryLog {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        async move { commit.validate().and_then(|()| self.with(|contents| contents.append(commit))) }.boxed()
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        async move { self.with(|contents| Ok(contents.keys.get(key).cloned())) }.boxed()
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        async move { self.with(|contents| Ok(contents.recorded_keys(after, limit))) }.boxed()
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        async move { self.with(|contents| Ok(contents.read_stream(stream, after, limit))) }.boxed()
    }

    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        async move { self.with(|contents| Ok(page(contents.events.iter(), after, limit).cloned().collect())) }
            .boxed()
    }

    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        async move { self.with(|contents| Ok(contents.first_since(at))) }.boxed()
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move { drop(self.lock().take()) }.boxed()
    }
}

impl Contents {
    fn append(&mut self, mut commit: Commit) -> Result<Appended, StoreError> {
        if let Some(idempotency) = &commit.idempotency
            && let Some(answered) = self.keys.get(&idempotency.key)
        {
            return idempotency.replay(answered.clone());
        }
        self.check(&commit)?;
        let idempotency = commit.idempotency.take();
        commit.recorded_from(self.events.len() as u64 + 1).for_each(|event| self.record(event));
        let position = self.events.len() as u64;
        if let Some(idempotency) = idempotency {
            let (fingerprint, answer) = (idempotency.fingerprint, idempotency.answer);
            self.remember(idempotency.key, Answered { fingerprint, position, answer });
        }
        self.head.send_replace(position);
        Ok(Appended::Committed { position })
    }

    fn check(&self, commit: &Commit) -> Result<(), StoreError> {
        for (stream, expected) in commit.expectations() {
            let actual = self.streams.get(stream).map_or(0, Vec::len) as u64;
            if actual != expected {
                return Err(StoreError::Conflict { stream: stream.clone(), expected, actual });
            }
        }
        Ok(())
    }

    fn record(&mut self, event: StoredEvent) {
        self.streams.entry(event.stream.clone()).or_default().push(self.events.len());
        self.events.push(event);
    }

    /// Records a key. Returns false, and records nothing, when the key is there already.
    fn remember(&mut self, key: String, answered: Answered) -> bool {
        match self.keys.entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                self.recorded_keys.push(place.key().clone());
                place.insert(answered);
                true
            }
        }
    }

    fn recorded_keys(&self, after: u64, limit: usize) -> Vec<RecordedKey> {
        let numbered = (1..).zip(&self.recorded_keys);
        let wanted = numbered.skip_while(|(number, _)| *number <= after).take(limit.min(MAX_PAGE_EVENTS));
        let recorded = wanted.filter_map(|(number, key)| {
            let answered = self.keys.get(key)?.clone();
            Some(RecordedKey { number, key: key.clone(), answered })
        });
        recorded.collect()
    }

    fn read_stream(&self, stream: &StreamId, after: u64, limit: usize) -> Vec<StoredEvent> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        page(places.iter(), after, limit).map(|place| self.events[*place].clone()).collect()
    }

    fn first_since(&self, at: DateTime<Utc>) -> Option<u64> {
        let first = self.events.iter().find(|event| event.metadata.recorded_at >= at);
        first.map(|event| event.position)
    }
}

/// Fills an empty log in memory from a backup. The events appear in the log all at once, when the import finishes.
#[derive(Debug)]
pub struct MemoryImport<'a> {
    log: &'a MemoryLog,
    contents: Contents,
}

impl MemoryLog {
    /// Fills this log, which must be empty, from a backup.
    ///
    /// # Errors
    /// - [`StoreError::Occupied`] when it is not empty.
    /// - [`StoreError::Unavailable`] when it is closed.
    pub fn import(&self) -> Result<MemoryImport<'_>, StoreError> {
        self.with(Contents::check_empty)?;
        Ok(MemoryImport { log: self, contents: Contents::default() })
    }
}

impl Import for MemoryImport<'_> {
    type Done = ();

    fn event(&mut self, event: StoredEvent) -> Result<(), StoreError> {
        let places = self.contents.streams.entry(event.stream.clone()).or_default();
        let next = places.len() as u64 + 1;
        if event.version != next {
            return Err(backup::wrong_version(&event, next));
        }
        places.push(self.contents.events.len());
        self.contents.events.push(event);
        Ok(())
    }

    fn key(&mut self, key: String, answered: Answered) -> Result<(), StoreError> {
        let position = answered.position;
        match self.contents.remember(key, answered) {
            true => Ok(()),
            false => Err(backup::repeated_key(position)),
        }
    }

    fn finish(self) -> Result<(), StoreError> {
        let Self { log, contents: imported } = self;
        log.with(|contents| {
            contents.check_empty()?;
            let head = contents.head.clone();
            *contents = Contents { head, ..imported };
            contents.head.send_replace(contents.events.len() as u64);
            Ok(())
        })
    }
}

impl Contents {
    fn check_empty(&mut self) -> Result<(), StoreError> {
        match self.events.is_empty() && self.recorded_keys.is_empty() {
            true => Ok(()),
            false => Err(StoreError::Occupied { store: "memory:".to_owned() }),
        }
    }
}

/// The items after the first `after` ones, at most `limit` and [`MAX_PAGE_EVENTS`].
fn page<I: ExactSizeIterator>(items: I, after: u64, limit: usize) -> impl Iterator<Item = I::Item> {
    let skipped = usize::try_from(after).unwrap_or(usize::MAX);
    items.skip(skipped).take(limit.min(MAX_PAGE_EVENTS))
}
