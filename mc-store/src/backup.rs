//! Backups: writing a log as one JSON document, and making a log from such a document.
//!
//! The document has one event per line, so that everyday tools can show, search and compare it:
//!
//! ```text
//! {"header":{"format":"mission-control-backup","version":1,"createdAt":"2026-02-01T09:00:00.000000Z","head":2},
//! "events":[
//! {"position":1,"aggregateType":"task","aggregateId":"…","version":1,"type":"task.created","eventVersion":1,…},
//! {"position":2,"aggregateType":"task","aggregateId":"…","version":2,"type":"task.claimed","eventVersion":1,…}
//! ],
//! "idempotencyKeys":[
//! {"key":"…","fingerprint":"…","position":2,"answer":"…"}
//! ],
//! "end":{"events":2,"idempotencyKeys":1,"sha256":"…"}}
//! ```
//!
//! The last line has the SHA-256 of all bytes before it, so that reading recognises a document that was cut off or
//! altered. Reading refuses a document that differs in a single byte from what writing produces.
//!
//! ```
//! use mc_store::{backup, log::EventLog, memory::MemoryLog};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let (log, copy) = (MemoryLog::new(), MemoryLog::new());
//! let mut document = Vec::new();
//! let now = chrono::DateTime::UNIX_EPOCH;
//! let written = backup::write(&log, now, &mut document, &mut |_, _| {}).await?;
//!
//! let (read, ()) = backup::read(document.as_slice(), copy.import()?, &mut |_, _| {})?;
//! assert_eq!(read, written);
//! assert_eq!(copy.head(), log.head());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod line;
mod read;
mod write;

use std::io;

use chrono::{DateTime, Utc};

pub use read::{check, read};
pub use write::write;

use crate::{
    error::StoreError,
    log::{Answered, MAX_ANSWER_BYTES, StoredEvent},
};

/// The format that the header of a document names.
pub const FORMAT: &str = "mission-control-backup";
/// The version of the format that [`write()`] produces. A changed format gets the next one; [`read()`] keeps reading the old.
pub const VERSION: u32 = 1;
/// The most bytes of a line: room for the largest answer or payload with every byte escaped, and for the rest.
pub const MAX_LINE_BYTES: usize = 6 * MAX_ANSWER_BYTES + 1024 * 1024;

/// The size and the time of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The time of the backup, as its writer gave it to [`write()`].
    pub created_at: DateTime<Utc>,
    /// The number of events, which is the last position.
    pub events: u64,
    /// The number of idempotency keys, of commits up to the last event.
    pub idempotency_keys: u64,
    /// The length of the document in bytes.
    pub bytes: u64,
}

/// Receives how many events are done, and of how many; called once per page or batch.
pub type Progress<'a> = dyn FnMut(u64, u64) + Send + 'a;

/// An empty store that takes in a backup: all of it or nothing.
///
/// Dropping it unfinished leaves nothing behind.
pub trait Import {
    /// What a finished import tells, such as which files it moved aside.
    type Done;

    /// Takes in the next event as it is. The caller sees to it that positions have no holes.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when it is not the next event of its stream.
    /// - [`StoreError::Unavailable`] when it cannot be written.
    fn event(&mut self, event: StoredEvent) -> Result<(), StoreError>;

    /// Takes in an idempotency key. The caller adds keys after all events.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when the key came before.
    /// - [`StoreError::Unavailable`] when it cannot be written.
    fn key(&mut self, key: String, answered: Answered) -> Result<(), StoreError>;

    /// Makes the store a log that can be opened, synced to disk. Nobody sees any of it before.
    ///
    /// # Errors
    /// - [`StoreError::Occupied`] when its place is taken by now.
    /// - [`StoreError::Unavailable`] when it cannot be written.
    fn finish(self) -> Result<Self::Done, StoreError>;
}

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The document is something else, or of another program.
    #[error("it is not a backup of Mission Control: {reason}")]
    NotABackup {
        /// The first difference from a backup, as a clause.
        reason: String,
    },
    /// A newer version of this program wrote the document.
    #[error("the backup has format version {found}, this program knows up to {VERSION}")]
    NewerVersion {
        /// The format version of the document, above [`VERSION`].
        found: u32,
    },
    /// The document was cut off or altered.
    #[error("the backup is damaged in line {line}: {reason}")]
    Damaged {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with this line, as a clause.
        reason: String,
    },
    /// The document cannot be read or written.
    #[error("the backup cannot be read or written")]
    Document(#[from] io::Error),
    /// The log cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The error for an event that is not the next of its stream.
pub(crate) fn wrong_version(event: &StoredEvent, next: u64) -> StoreError {
    let StoredEvent { position, stream, version, .. } = event;
    let reason = format!("stream {stream} continues with version {version}, not {next}");
    StoreError::Corrupt { position: *position, reason }
}

/// The error for an idempotency key that was recorded before.
pub(crate) fn repeated_key(position: u64) -> StoreError {
    StoreError::Corrupt { position, reason: "an idempotency key occurs twice".to_owned() }
}
