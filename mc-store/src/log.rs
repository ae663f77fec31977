//! The port: an append-only log of events in streams, and the words to speak to it.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mc_domain::recorded::{Metadata, StreamId};
use tokio::sync::watch;

use crate::{error::StoreError, subscription::Subscription};

/// The most events one commit may append.
pub const MAX_EVENTS_PER_COMMIT: usize = 10_000;
/// The most streams one commit may guard.
pub const MAX_GUARDS_PER_COMMIT: usize = 10_000;
/// The most bytes the payloads of one commit may have together.
pub const MAX_COMMIT_BYTES: usize = 64 * 1024 * 1024;
/// The most bytes the payload of one event may have.
pub const MAX_PAYLOAD_BYTES: usize = 2 * 1024 * 1024;
/// The most bytes an idempotency key may have.
pub const MAX_KEY_BYTES: usize = 255;
/// The most bytes the answer kept under an idempotency key may have.
pub const MAX_ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// The most events one read returns; a longer answer is read page by page.
pub const MAX_PAGE_EVENTS: usize = 1_000;

/// An event to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The stored name, such as `task.claimed`.
    pub event_type: Cow<'static, str>,
    /// The version of the payload's shape.
    pub event_version: u32,
    /// The payload, JSON text.
    pub payload: String,
    /// The circumstances.
    pub metadata: Metadata,
}

/// An event as the log holds it, not yet decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// The place in the whole log, from 1, without holes.
    pub position: u64,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// The place in its stream, from 1, without holes.
    pub version: u64,
    /// The stored name, such as `task.claimed`.
    pub event_type: Cow<'static, str>,
    /// The version of the payload's shape.
    pub event_version: u32,
    /// The payload, JSON text, as it was appended.
    pub payload: String,
    /// The circumstances.
    pub metadata: Metadata,
}

/// The events of one stream in a commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The stream they are added to.
    pub stream: StreamId,
    /// The version the stream must have, 0 for a stream that must not exist yet.
    pub expected: u64,
    /// The events, at least one.
    pub events: Vec<NewEvent>,
}

/// A stream that was read for a decision, not written: it must still have this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The stream that was read.
    pub stream: StreamId,
    /// The version it must have, 0 for a stream that must not exist.
    pub expected: u64,
}

/// SHA-256 over what a request asks, to tell a repeat from another request under the same key.
pub type Fingerprint = [u8; 32];

/// The key a command came with, what it asked, and the answer that a repeat gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, 1 to [`MAX_KEY_BYTES`] bytes.
    pub key: String,
    /// What was asked.
    pub fingerprint: Fingerprint,
    /// What is answered, as JSON; otherwise opaque to the log.
    pub answer: String,
}

/// Which commits may still be written when little room is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What begins, adds or allows something: not when the reserve would be touched.
    #[default]
    Ordinary,
    /// What stops, ends or lets go of something ([`mc_domain::effect`]): the reserve is kept for it.
    Containment,
}

/// What one command appends: everything or nothing.
///
/// A stream occurs at most once over `appends` and `guards`. A commit without events is allowed with an
/// idempotency key, which it then records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// The events, stream by stream; they get positions in this order.
    pub appends: Vec<Append>,
    /// The streams the decision rests on without adding to them.
    pub guards: Vec<Guard>,
    /// The key the command came with.
    pub idempotency: Option<Idempotency>,
    /// Whether the reserve is for it.
    pub priority: Priority,
}

impl Commit {
    /// Checks what can be checked without the log: limits, and that no stream is named twice.
    ///
    /// # Errors
    /// [`StoreError::Invalid`].
    pub fn validate(&self) -> Result<(), StoreError> {
        self.refusal().map_or(Ok(()), |reason| Err(StoreError::Invalid { reason }))
    }

    /// How many events it appends.
    pub fn event_count(&self) -> usize {
        self.appends.iter().map(|append| append.events.len()).sum()
    }

    /// The streams it names with the version each must have.
    pub fn expectations(&self) -> impl Iterator<Item = (&StreamId, u64)> {
        let appends = self.appends.iter().map(|append| (&append.stream, append.expected));
        appends.chain(self.guards.iter().map(|guard| (&guard.stream, guard.expected)))
    }

    fn refusal(&self) -> Option<String> {
        if self.appends.is_empty() && self.idempotency.is_none() {
            return Some("it has neither events nor an idempotency key".to_owned());
        }
        if self.guards.len() > MAX_GUARDS_PER_COMMIT {
            return Some(format!("more than {MAX_GUARDS_PER_COMMIT} guards"));
        }
        self.events_refusal()
            .or_else(|| self.idempotency.as_ref().and_then(Idempotency::refusal))
            .or_else(|| self.repeated_stream().map(|stream| format!("it names stream {stream} twice")))
    }

    fn events_refusal(&self) -> Option<String> {
        if let Some(append) = self.appends.iter().find(|append| append.events.is_empty()) {
            return Some(format!("it appends no events to stream {}", append.stream));
        }
        if self.event_count() > MAX_EVENTS_PER_COMMIT {
            return Some(format!("more than {MAX_EVENTS_PER_COMMIT} events"));
        }
        let mut bytes = 0;
        for event in self.appends.iter().flat_map(|append| &append.events) {
            if event.payload.len() > MAX_PAYLOAD_BYTES {
                return Some(format!("a payload of more than {MAX_PAYLOAD_BYTES} bytes"));
            }
            bytes += event.payload.len();
        }
        (bytes > MAX_COMMIT_BYTES).then(|| format!("payloads of more than {MAX_COMMIT_BYTES} bytes together"))
    }

    fn repeated_stream(&self) -> Option<&StreamId> {
        if self.appends.len() + self.guards.len() < 2 {
            return None;
        }
        let mut seen = HashSet::new();
        self.expectations().map(|(stream, _)| stream).find(|stream| !seen.insert(*stream))
    }
}

impl Idempotency {
    fn refusal(&self) -> Option<String> {
        if self.key.is_empty() || self.key.len() > MAX_KEY_BYTES {
            return Some(format!("an idempotency key has 1 to {MAX_KEY_BYTES} bytes"));
        }
        (self.answer.len() > MAX_ANSWER_BYTES)
            .then(|| format!("an answer of more than {MAX_ANSWER_BYTES} bytes"))
    }

    /// What a request gets whose key was `answered` before.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] when that was another request.
    pub(crate) fn repeat(&self, answered: Answered) -> Result<Appended, StoreError> {
        if answered.fingerprint == self.fingerprint {
            Ok(Appended::Replayed(answered))
        } else {
            Err(StoreError::KeyReused { key: self.key.clone() })
        }
    }
}

/// An answer given before, under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What was asked.
    pub fingerprint: Fingerprint,
    /// The position the answer reflected.
    pub position: u64,
    /// What was answered.
    pub answer: String,
}

/// An idempotency key as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedKey {
    /// Its place among the keys, from 1, in the order they were recorded; there may be holes.
    pub number: u64,
    /// The key.
    pub key: String,
    /// What was asked and answered under it.
    pub answered: Answered,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log, synced to disk.
    Committed {
        /// The position of its last event; the head of the log when it had none.
        position: u64,
    },
    /// Its key was used before for the same request: nothing was appended, here is the first answer.
    Replayed(Answered),
}

impl Appended {
    /// The log position the answer reflects.
    pub fn position(&self) -> u64 {
        match self {
            Self::Committed { position } | Self::Replayed(Answered { position, .. }) => *position,
        }
    }
}

/// An append-only log of events in streams.
///
/// Every adapter passes the same conformance suite (`tests/conformance`). The guarantees:
///
/// - A commit is atomic over all its streams, and durable when `append` answers.
/// - Positions are dense and in commit order: a reader that has seen position n has seen all below it.
/// - Versions are dense in each stream; a commit whose expectation fails appends nothing.
/// - A repeat under an idempotency key appends nothing and returns the first answer.
/// - Nothing recorded is ever changed or removed.
///
/// ```
/// use mc_store::{log::EventLog, memory::MemoryLog};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mc_store::error::StoreError> {
/// let log = MemoryLog::new();
/// assert_eq!(log.head(), 0);
/// assert!(log.read_all(0, 100).await?.is_empty());
/// # Ok(())
/// # }
/// ```
pub trait EventLog: Send + Sync + 'static {
    /// Appends a commit.
    ///
    /// # Errors
    /// - [`StoreError::Conflict`] when a stream is not at the expected version.
    /// - [`StoreError::KeyReused`] when the key was used before for another request.
    /// - [`StoreError::Invalid`] when the commit breaks a limit or names a stream twice.
    /// - [`StoreError::Full`] when the disk has no room left for a commit of its priority; nothing was appended.
    /// - [`StoreError::Displaced`] when its file was removed or replaced, so that what is written would be lost.
    /// - [`StoreError::Unavailable`] when the database does not answer; nothing was appended.
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>>;

    /// The answer given under `key`, if it was used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>>;

    /// The idempotency keys with a number above `after`, in the order they were recorded, at most `limit` and
    /// [`MAX_PAGE_EVENTS`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>>;

    /// The events of one stream with a version above `after`, in order, at most `limit` and [`MAX_PAGE_EVENTS`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or [`StoreError::Corrupt`] when a row cannot be read or a version is missing.
    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>>;

    /// All events with a position above `after`, in order, at most `limit` and [`MAX_PAGE_EVENTS`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or [`StoreError::Corrupt`] when a row cannot be read or a position is missing.
    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;

    /// The position of the first event recorded at or after `at`; nothing when all are older.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or [`StoreError::Corrupt`] when a row cannot be read.
    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Whether a commit could be written now: the writer answers, there is room, and where the last commit failed,
    /// something can be written again.
    ///
    /// # Errors
    /// What a commit would meet: [`StoreError::Full`], [`StoreError::Displaced`], [`StoreError::Unavailable`] and the
    /// like.
    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How many commits wait to be written, those being written left out; 0 for a log without a queue.
    fn queued(&self) -> usize {
        0
    }

    /// The bytes that are written ahead and not yet started over; 0 for a log without a write-ahead log.
    fn written_ahead_bytes(&self) -> u64 {
        0
    }

    /// The position of the last committed event, 0 when the log is empty.
    fn head(&self) -> u64;

    /// The head as it moves; ends when the log is closed.
    fn watch_head(&self) -> watch::Receiver<u64>;

    /// Answers what is queued, then shuts the log down: whatever is asked of it later is
    /// [`StoreError::Unavailable`], and subscriptions end with that. Closing again does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}

impl dyn EventLog {
    /// Every event above position `after`, those to come included: first the past, then the present, without a
    /// gap or a repeat.
    pub fn subscribe(self: &Arc<Self>, after: u64) -> Subscription {
        Subscription::new(Arc::clone(self), after)
    }
}
