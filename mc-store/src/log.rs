//! The port: an append-only log of events in streams, and the words to speak to it.

use std::{borrow::Cow, sync::Arc};

use futures_util::future::BoxFuture;
use mc_domain::recorded::{Metadata, StreamId};
use tokio::sync::watch;

use crate::{error::StoreError, subscription::Subscription};

/// The most events one commit may append.
pub const MAX_EVENTS_PER_COMMIT: usize = 10_000;
/// The most bytes the payload of one event may have.
pub const MAX_PAYLOAD_BYTES: usize = 2 * 1024 * 1024;
/// The most bytes an idempotency key may have.
pub const MAX_KEY_BYTES: usize = 255;
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
    /// What is answered; opaque to the log.
    pub answer: String,
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
pub trait EventLog: Send + Sync + 'static {
    /// Appends a commit.
    ///
    /// # Errors
    /// - [`StoreError::Conflict`] when a stream is not at the expected version.
    /// - [`StoreError::KeyReused`] when the key was used before for another request.
    /// - [`StoreError::Invalid`] when the commit breaks a limit or names a stream twice.
    /// - [`StoreError::Unavailable`] when the database does not answer; nothing was appended.
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>>;

    /// The answer given under `key`, if it was used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>>;

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

    /// The position of the last committed event, 0 when the log is empty.
    fn head(&self) -> u64;

    /// The head as it moves.
    fn watch_head(&self) -> watch::Receiver<u64>;
}

impl dyn EventLog {
    /// Every event above position `after`, those to come included: first the past, then the present, without a
    /// gap or a repeat.
    pub fn subscribe(self: &Arc<Self>, after: u64) -> Subscription {
        Subscription::new(Arc::clone(self), after)
    }
}
