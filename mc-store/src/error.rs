//! What can go wrong with the log.

use std::{error::Error, path::PathBuf};

use mc_domain::{recorded::StreamId, rejection::NotLoaded};

/// What can go wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A stream has moved since it was read. The command may be decided again.
    #[error("stream {stream} is at version {actual}, not {expected}")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// The version the commit rested on.
        expected: u64,
        /// The version it has.
        actual: u64,
    },
    /// The idempotency key was used before, for another request.
    #[error("the idempotency key {key:?} was used for another request")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// The commit cannot be recorded by anyone: it breaks a limit or contradicts itself.
    #[error("not a valid commit: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// A transaction must be run again. It passes through [`Repository::execute`](crate::repository::Repository::execute),
    /// which reads what is missing, and reaches nobody else.
    #[error(transparent)]
    NotLoaded(#[from] NotLoaded),
    /// Another process has the store open.
    #[error("the store {store} is in use by another process")]
    Locked {
        /// Which store.
        store: String,
    },
    /// The store was written by a later version of this program.
    #[error("the store has schema version {found}, this program knows up to {known}")]
    NewerVersion {
        /// What the store says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// The file is something else than a log of this program; it was left as it is.
    #[error("{store} is not a Mission Control store: {reason}")]
    NotALog {
        /// Which file.
        store: String,
        /// What it is.
        reason: &'static str,
    },
    /// Something is where an empty store is wanted; it was left as it is.
    #[error("there is something at {store} already")]
    Occupied {
        /// What is there.
        store: String,
    },
    /// The log was opened to be read only.
    #[error("the log was opened to be read only")]
    ReadOnly,
    /// The address names no kind of store that is known here.
    #[error("{url:?} is not a store: expected sqlite:<path> or memory:")]
    UnknownStore {
        /// The address.
        url: String,
    },
    /// What is stored cannot be read back as an event.
    #[error("the log is damaged at position {position}: {reason}")]
    Corrupt {
        /// Where.
        position: u64,
        /// How.
        reason: String,
    },
    /// An event was written by a later version of this program, which alone can tell what it means.
    #[error(
        "event {position}, {event_type} version {event_version}, was written by a newer version of mission-control"
    )]
    NewerEvent {
        /// Where.
        position: u64,
        /// Its stored name.
        event_type: String,
        /// The version of its payload.
        event_version: u32,
    },
    /// The database file itself is damaged.
    #[error("the database is damaged")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// The disk has no room left to record anything. Nothing was appended.
    #[error("there is no room left on the disk of the store")]
    Full,
    /// The file that a writer has open is no longer where it was: what is written to it is lost with it. Nothing is
    /// appended until it is back.
    #[error("the file {} was removed, moved or replaced while it is open", file.display())]
    Displaced {
        /// Which file.
        file: PathBuf,
    },
    /// The file has several names. What is locked, and written ahead, under one of them is not under the others.
    #[error("the store {store} is a file with {links} names (hard links)")]
    Linked {
        /// Which file.
        store: String,
        /// How many names it has.
        links: u64,
    },
    /// The file is being written to under another name, where what was written last is.
    #[error("the store {store} is in use by another process under another name")]
    OpenElsewhere {
        /// Which file.
        store: String,
    },
    /// There was a log in the file, and there is nothing now.
    #[error("there is no log in {store} any more, but {lock} says that there was one")]
    Emptied {
        /// Which file.
        store: String,
        /// What says so.
        lock: String,
    },
    /// The file has a write-ahead log, which cannot be read where nothing can be written beside it.
    #[error(
        "the store {store} has a write-ahead log that cannot be read in a directory that cannot be written"
    )]
    Frozen {
        /// Which file.
        store: String,
    },
    /// The file, or its directory, may only be read.
    #[error("the store {store} cannot be written: it is read-only")]
    Protected {
        /// Which file.
        store: String,
    },
    /// The database does not answer, or the log is shut down. Nothing was appended.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// The answer of a log that was closed.
    pub(crate) fn closed() -> Self {
        Self::Unavailable("the log is closed".into())
    }
}
