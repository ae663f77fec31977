//! Errors of the log, for every adapter.

use std::{error::Error, path::PathBuf};

use mc_domain::{recorded::StreamId, rejection::NotLoaded};

/// Why the log refuses or fails. Nothing was appended, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A stream has moved since the decision read it. The command can be decided again.
    #[error("stream {stream} is at version {actual}, not {expected}")]
    Conflict {
        /// The first stream of the commit that has moved.
        stream: StreamId,
        /// The version that the commit expects, 0 for a stream that must not exist.
        expected: u64,
        /// The version that the stream has, 0 when it does not exist.
        actual: u64,
    },
    /// The idempotency key came before, with another request.
    #[error("the idempotency key {key:?} was used for another request")]
    KeyReused {
        /// The key as the caller gave it.
        key: String,
    },
    /// The commit breaks a limit or names a stream twice. It fails on every log.
    #[error("not a valid commit: {reason}")]
    Invalid {
        /// The rule it breaks, as a clause.
        reason: String,
    },
    /// A transaction must be run again. It passes through [`Repository::execute`](crate::repository::Repository::execute),
    /// which reads what is missing, and reaches nobody else.
    #[error(transparent)]
    NotLoaded(#[from] NotLoaded),
    /// Another process, or another log of this one, has the store open.
    #[error("the store {store} is in use by another process")]
    Locked {
        /// The path of the database.
        store: String,
    },
    /// The store was written by a later version of this program.
    #[error("the store has schema version {found}, this program knows up to {known}")]
    NewerVersion {
        /// The schema version of the store, above the known ones.
        found: u32,
        /// The newest schema version that this program knows.
        known: u32,
    },
    /// The file is no log of this program. It stays as it is.
    #[error("{store} is not a Mission Control store: {reason}")]
    NotALog {
        /// The path of the file.
        store: String,
        /// What it is instead, as a clause.
        reason: &'static str,
    },
    /// There is a file, or a log with contents, where an empty store is wanted. It stays as it is.
    #[error("there is something at {store} already")]
    Occupied {
        /// The path of the file, or `memory:`.
        store: String,
    },
    /// The log is open for reading only.
    #[error("the log is open for reading only")]
    ReadOnly,
    /// The address is none of `sqlite:<path>`, `postgres://…` and `memory:`, or of an adapter that this program is built without.
    #[error("{url:?} is not a store: expected sqlite:<path>, postgres://<user>@<host>/<database> or memory:")]
    UnknownStore {
        /// The address as it was given, without its password.
        url: String,
    },
    /// The database user lacks a right.
    #[error("the database user lacks a right: {reason}")]
    Unprivileged {
        /// What the database says.
        reason: String,
    },
    /// The database cannot hold a log of this program.
    #[error("the database {store} cannot be used: {reason}")]
    Unsuitable {
        /// The address of the database, without its password.
        store: String,
        /// Why, as a clause.
        reason: String,
    },
    /// A copy or a restore into the store has not ended.
    #[error("the store {store} is not complete: a copy into it has not ended")]
    Incomplete {
        /// The address of the store, without its password.
        store: String,
    },
    /// Another node has taken over the lead, so that this one may not do what only the leader does.
    #[error("another node leads now")]
    Deposed,
    /// The connection to the database broke while it committed. The commit may have been appended, wholly or not at all; a
    /// repeat under the same idempotency key tells.
    #[error("the connection broke during the commit, and whether it was appended is not known")]
    Undecided,
    /// A stored event cannot be read, or is missing.
    #[error("the log is damaged at position {position}: {reason}")]
    Corrupt {
        /// The position of the event.
        position: u64,
        /// What is wrong with it, as a clause.
        reason: String,
    },
    /// A newer version of this program wrote the event; this one cannot read it.
    #[error(
        "event {position}, {event_type} version {event_version}, was written by a newer version of mission-control"
    )]
    NewerEvent {
        /// The position of the event.
        position: u64,
        /// Its stored name, such as `task.claimed`.
        event_type: String,
        /// The version of its payload's shape, perhaps above the known ones.
        event_version: u32,
    },
    /// SQLite finds the database file damaged. A backup has to be restored.
    #[error("the database is damaged")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// The disk has no room for a commit of this priority.
    #[error("there is no room left on the disk of the store")]
    Full,
    /// The open file was moved, removed or replaced, so that new events would be lost with it. The log refuses commits until
    /// the file is back.
    #[error("the file {} was removed, moved or replaced while it is open", file.display())]
    Displaced {
        /// The path where the file was.
        file: PathBuf,
    },
    /// The file has several names (hard links). The lock file and the write-ahead log belong to one name only.
    #[error("the store {store} is a file with {links} names (hard links)")]
    Linked {
        /// The path of the file.
        store: String,
        /// The number of its names, at least 2.
        links: u64,
    },
    /// Another process writes to the file under another name. The newest events are in the write-ahead log of that name.
    #[error("the store {store} is in use by another process under another name")]
    OpenElsewhere {
        /// The path of the file.
        store: String,
    },
    /// The file held a log, and is empty now.
    #[error("there is no log in {store} any more, but {lock} says that there was one")]
    Emptied {
        /// The path of the file.
        store: String,
        /// The path of the lock file, whose note says so.
        lock: String,
    },
    /// The file has a write-ahead log in a directory that cannot be written. SQLite cannot read it there.
    #[error(
        "the store {store} has a write-ahead log that cannot be read in a directory that cannot be written"
    )]
    Frozen {
        /// The path of the file.
        store: String,
    },
    /// This user may only read the file.
    #[error("the store {store} cannot be written: it is read-only")]
    Protected {
        /// The path of the file.
        store: String,
    },
    /// The database does not answer, or the log is closed.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// The error of every call to a closed log.
    pub(crate) fn closed() -> Self {
        Self::Unavailable("the log is closed".into())
    }
}
