//! The log written out as one JSON document, and a log made from such a document.
//!
//! The document has an event a line, so that it can be read, searched and compared with everyday tools:
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
//! The last line has the SHA-256 of all the bytes before it, so a document that was cut off or altered is told from a
//! whole one. Reading is as strict as writing is exact: what differs in a single byte is refused.
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

mod line;
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

/// What the document says it is.
pub const FORMAT: &str = "mission-control-backup";
/// The version of the document's shape. A changed shape gets the next one, and this program goes on reading the old.
pub const VERSION: u32 = 1;
/// The most bytes a line may have: those of the largest answer or payload, every one of them escaped, and some more.
pub const MAX_LINE_BYTES: usize = 6 * MAX_ANSWER_BYTES + 1024 * 1024;

/// What a document holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// How many events; the last one's position.
    pub events: u64,
    /// How many idempotency keys.
    pub idempotency_keys: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Told now and then how many events are done, and of how many.
pub type Progress<'a> = dyn FnMut(u64, u64) + Send + 'a;

/// An empty store that takes in a backup, everything or nothing.
///
/// Dropping it before it is finished leaves nothing behind.
pub trait Import {
    /// What is known once it is finished.
    type Done;

    /// Takes in the next event as it is: positions come without holes.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when it is not the next of its stream.
    /// - [`StoreError::Unavailable`] when it cannot be written.
    fn event(&mut self, event: StoredEvent) -> Result<(), StoreError>;

    /// Takes in an idempotency key, after all events.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when the key came before.
    /// - [`StoreError::Unavailable`] when it cannot be written.
    fn key(&mut self, key: String, answered: Answered) -> Result<(), StoreError>;

    /// Makes what was taken in the log, synced to disk: from here on it is there, and not before.
    ///
    /// # Errors
    /// - [`StoreError::Occupied`] when something else is there by now.
    /// - [`StoreError::Unavailable`] when it cannot be written.
    fn finish(self) -> Result<Self::Done, StoreError>;
}

/// Why a backup was not written, or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The document is something else.
    #[error("it is not a backup of Mission Control: {reason}")]
    NotABackup {
        /// What tells.
        reason: String,
    },
    /// The document was written by a later version of this program.
    #[error("the backup has format version {found}, this program knows up to {VERSION}")]
    NewerVersion {
        /// What the document says.
        found: u32,
    },
    /// The document was cut off or altered.
    #[error("the backup is damaged in line {line}: {reason}")]
    Damaged {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The document cannot be read or written.
    #[error("the backup cannot be read or written")]
    Document(#[from] io::Error),
    /// The log cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event that does not go on where its stream ends.
pub(crate) fn wrong_version(event: &StoredEvent, next: u64) -> StoreError {
    let StoredEvent { position, stream, version, .. } = event;
    let reason = format!("stream {stream} goes on with version {version}, not {next}");
    StoreError::Corrupt { position: *position, reason }
}

/// A key that was recorded before.
pub(crate) fn key_twice(position: u64) -> StoreError {
    StoreError::Corrupt { position, reason: "an idempotency key is there twice".to_owned() }
}
