//! The port: an append-only log of events in streams, and the types that go in and out of it.

use std::{
    collections::HashSet,
    iter::{repeat_n, zip},
};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mc_domain::recorded::StreamId;
use tokio::sync::watch;

pub use crate::event::{NewEvent, StoredEvent};
use crate::{
    error::StoreError,
    nodes::{Lease, Nodes},
};

/// The most events one commit may append.
pub const MAX_EVENTS_PER_COMMIT: usize = 10_000;
/// The most streams one commit may guard.
pub const MAX_GUARDS_PER_COMMIT: usize = 10_000;
/// The most bytes that all payloads of one commit may have together.
pub const MAX_COMMIT_BYTES: usize = 64 * 1024 * 1024;
/// The most bytes the payload of one event may have.
pub const MAX_PAYLOAD_BYTES: usize = 2 * 1024 * 1024;
/// The most bytes of an idempotency key: 255 of whoever sent it (as the draft of the header field has it), and room for whose
/// key it is.
pub const MAX_KEY_BYTES: usize = 320;
/// The most bytes the answer under an idempotency key may have.
pub const MAX_ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// The most events or keys that one read returns.
pub const MAX_PAGE_EVENTS: usize = 1_000;

/// The events of one stream in a commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The stream that the events are appended to.
    pub stream: StreamId,
    /// The version the stream must have before, 0 for a stream that must not exist yet.
    pub expected: u64,
    /// The events, at least one.
    pub events: Vec<NewEvent>,
}

/// A stream that a decision read without adding to it. The commit fails when the stream has moved since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The stream that the decision read.
    pub stream: StreamId,
    /// The version it must have, 0 for a stream that must not exist.
    pub expected: u64,
}

/// The SHA-256 of a request, to tell a repeat from another request under the same key.
pub type Fingerprint = [u8; 32];

/// The key of a command, and the answer that a repeat of the command gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, 1 to [`MAX_KEY_BYTES`] bytes.
    pub key: String,
    /// The hash of the request, to tell a repeat from another request.
    pub fingerprint: Fingerprint,
    /// The answer as JSON, at most [`MAX_ANSWER_BYTES`]. The log does not look into it.
    pub answer: String,
}

/// Which commits may use the last room on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Begins, adds or allows something; refused when only the reserve is left.
    #[default]
    Ordinary,
    /// Stops, ends or releases something ([`mc_domain::effect`]); may use the reserve.
    Containment,
}

/// Everything that one command appends; the log takes all of it or nothing.
///
/// Each stream occurs at most once in `appends` and `guards` together. A commit with an idempotency key may have no
/// events; it then records only the key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// The events by stream. They get their positions in this order.
    pub appends: Vec<Append>,
    /// The streams that the decision read without adding to them.
    pub guards: Vec<Guard>,
    /// The idempotency key of the command, if it has one.
    pub idempotency: Option<Idempotency>,
    /// Whether it may use the reserve of the disk.
    pub priority: Priority,
    /// The lease under which it is made, for what only the leading node may do; nothing for everything else.
    pub lease: Option<Lease>,
}

impl Commit {
    /// Checks the limits, and that no stream occurs twice. It needs no log.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] with the first rule that the commit breaks.
    pub fn validate(&self) -> Result<(), StoreError> {
        self.refusal().map_or(Ok(()), |reason| Err(StoreError::Invalid { reason }))
    }

    /// How many events it appends to all streams together.
    pub fn event_count(&self) -> usize {
        self.appends.iter().map(|append| append.events.len()).sum()
    }

    /// Every stream of the commit with the version it must have: first appends, then guards, each in their order.
    pub fn expectations(&self) -> impl Iterator<Item = (&StreamId, u64)> {
        let appends = self.appends.iter().map(|append| (&append.stream, append.expected));
        appends.chain(self.guards.iter().map(|guard| (&guard.stream, guard.expected)))
    }

    /// The events of the commit as the log holds them, when the first of them has position `first`.
    pub(crate) fn recorded_from(self, first: u64) -> impl Iterator<Item = StoredEvent> {
        let places = self.appends.into_iter().flat_map(|Append { stream, expected, events }| {
            zip(repeat_n(stream, events.len()), zip(expected + 1.., events))
        });
        zip(first.., places).map(|(position, (stream, (version, event)))| StoredEvent {
            position,
            stream,
            version,
            event_type: event.event_type,
            event_version: event.event_version,
            payload: event.payload,
            metadata: event.metadata,
        })
    }

    /// The first rule that the commit breaks.
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

    /// Answers a request whose key was recorded before: a repeat gets the first answer.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] when the key came with another request then.
    pub(crate) fn replay(&self, answered: Answered) -> Result<Appended, StoreError> {
        if answered.fingerprint == self.fingerprint {
            Ok(Appended::Replayed(answered))
        } else {
            Err(StoreError::KeyReused { key: self.key.clone() })
        }
    }
}

/// An answer that was recorded under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The hash of the request, to tell a repeat from another request.
    pub fingerprint: Fingerprint,
    /// The head of the log right after the command; the answer reflects the log up to here.
    pub position: u64,
    /// The answer as JSON, as the first request got it.
    pub answer: String,
}

/// An idempotency key as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedKey {
    /// Its number among the keys, from 1 in the order of recording, perhaps with holes.
    pub number: u64,
    /// The key, 1 to [`MAX_KEY_BYTES`] bytes.
    pub key: String,
    /// The request and the answer under it.
    pub answered: Answered,
}

/// The outcome of a commit that the log took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The commit is in the log, synced to disk.
    Committed {
        /// The position of its last event; without events, the head of the log.
        position: u64,
    },
    /// The same request came before under the same key. Nothing was appended; this is the first answer.
    Replayed(Answered),
}

impl Appended {
    /// The position that the answer reflects.
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
/// - A commit is atomic over all its streams, and durable once `append` answers.
/// - Positions have no holes and follow the order of commits: a reader that has seen position n has seen all below it.
/// - Versions have no holes in any stream. A commit whose expectation fails appends nothing.
/// - A repeat under an idempotency key appends nothing and returns the first answer.
/// - Nothing that was recorded changes or disappears.
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
    /// - [`StoreError::Full`] when the disk has no room for a commit of its priority; nothing was appended.
    /// - [`StoreError::Displaced`] when the file of the log was removed or replaced, so that the events would be lost.
    /// - [`StoreError::ReadOnly`] when the log is open for reading only.
    /// - [`StoreError::Deposed`] when another node has a later lease than the one of the commit.
    /// - [`StoreError::Unavailable`] when the database does not answer; nothing was appended.
    /// - [`StoreError::Undecided`] when the connection broke during the commit. It may have been appended, wholly or not at all.
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>>;

    /// The answer recorded under the idempotency key `key`; nothing when no commit had it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>>;

    /// The idempotency keys with a number above `after`, in the order of recording, at most `limit` and
    /// [`MAX_PAGE_EVENTS`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>>;

    /// The events of one stream with a version above `after`, in order, at most `limit` and [`MAX_PAGE_EVENTS`].
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when the database does not answer.
    /// - [`StoreError::Corrupt`] when a row cannot be read or a version is missing.
    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>>;

    /// All events with a position above `after`, in order, at most `limit` and [`MAX_PAGE_EVENTS`].
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when the database does not answer.
    /// - [`StoreError::Corrupt`] when a row cannot be read or a position is missing.
    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;

    /// The position of the first event that was recorded at or after `at`; nothing when all are older.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when the database does not answer.
    /// - [`StoreError::Corrupt`] when a row cannot be read.
    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Checks whether the log would take an ordinary commit now: the writer answers, and the disk has room. If the last
    /// commit failed, the writer tries a write.
    ///
    /// # Errors
    /// As [`EventLog::append`]: [`StoreError::Full`], [`StoreError::Displaced`], [`StoreError::ReadOnly`] or
    /// [`StoreError::Unavailable`].
    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How many commits wait for the writer, without those it is writing; 0 for a log without a queue.
    fn queued(&self) -> usize {
        0
    }

    /// The length of the write-ahead log in bytes; 0 for a log without one.
    fn written_ahead_bytes(&self) -> u64 {
        0
    }

    /// The position of the last committed event, 0 when the log is empty.
    fn head(&self) -> u64;

    /// A receiver of the head that sees every move; it ends when the log is closed.
    fn watch_head(&self) -> watch::Receiver<u64>;

    /// What several nodes on this log need; nothing for a log that one process alone has open.
    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }

    /// Appends what is queued, then closes the log. Every later call answers [`StoreError::Unavailable`], and
    /// subscriptions end with it. Closing again does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}
