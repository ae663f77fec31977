//! Copying a log into another store, of any kind: every event with its position, version, time and payload, and every
//! idempotency key with its answer.
//!
//! A copy goes page by page, so that memory does not grow with the log. One that was killed goes on where it was when it runs
//! again, and nobody can open what it has not completed. A destination that is a log already is continued if everything in it is
//! also in the source; then nobody sees any of it before all of it is there. At the end the whole destination is read back and
//! compared with the source.
//!
//! ```
//! use mc_store::{copy::copy, log::EventLog, memory::MemoryLog, sqlite::SqliteLog};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("copy.db");
//! # let to = format!("sqlite:{}", path.display());
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let source = MemoryLog::new();
//! let copied = copy(&source, &to, &mut |_stage, _done, _of| {}).await?; // to such as sqlite:data/copy.db
//! assert_eq!(copied.events, source.head());
//! assert_eq!(SqliteLog::open(path)?.head(), source.head());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compare;

use std::{fmt, slice};

use self::compare::{Compared, compare};
use crate::{
    Location, Store,
    error::StoreError,
    log::{EventLog, RecordedKey, StoredEvent},
};

/// The most events or keys that a copy has in memory of each side.
const PAGE_ITEMS: usize = 256;

/// What a copy does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Compares what the destination has already with the source.
    Resuming,
    /// Reads from the source and writes to the destination.
    Copying,
    /// Compares all of the destination with the source.
    Verifying,
}

/// Receives what the copy does, how many events are done, and of how many; called once per page.
pub type Progress<'a> = dyn FnMut(Stage, u64, u64) + Send + 'a;

/// What a copy that has ended found in both stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The number of events, which is the last position.
    pub events: u64,
    /// The number of idempotency keys.
    pub idempotency_keys: u64,
    /// How many of the events were in the destination before.
    pub events_before: u64,
    /// The SHA-256 of all events and keys, read back from the destination and the same in the source: of the lines that a backup
    /// has of them, without the commas.
    pub sha256: String,
}

/// Where two logs differ, first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The events at this position differ, or only the destination has one.
    Event(u64),
    /// The keys differ that were recorded as the so many-th, from 1, or only the destination has one.
    Key(u64),
}

/// Why a copy has not ended.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be read.
    #[error("the source cannot be read")]
    Source(#[source] StoreError),
    /// The destination cannot be opened, read or written.
    #[error("the destination cannot be used")]
    Destination(#[source] StoreError),
    /// The destination has something that the source has not. It stays as it is.
    #[error("the destination holds another log: {0} is not the same in the source")]
    OtherLog(Difference),
    /// The destination cannot hold an event or a key of the source.
    #[error("the destination cannot hold {what}: {reason}")]
    Unsuitable {
        /// The event or the key.
        what: Difference,
        /// What the database says.
        reason: String,
    },
    /// The destination did not keep what was written, or the source has changed.
    #[error("what was copied is not what the source has: {0} differs")]
    Unequal(Difference),
}

/// The destination of a copy.
///
/// Dropped unfinished, it leaves what an earlier log had as it was, and of a new one what another copy can go on with.
pub(crate) trait Target {
    /// The position of the last event it has.
    fn position(&self) -> u64;

    /// As [`EventLog::read_all`].
    async fn read_all(&mut self, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;

    /// As [`EventLog::keys`].
    async fn keys(&mut self, after: u64, limit: usize) -> Result<Vec<RecordedKey>, StoreError>;

    /// Takes in the next events: all of them or none.
    async fn add(&mut self, events: &[StoredEvent]) -> Result<(), StoreError>;

    /// Takes in the next keys: all of them or none.
    async fn add_keys(&mut self, keys: &[RecordedKey]) -> Result<(), StoreError>;

    /// Makes it a log that can be opened, synced to disk.
    async fn finish(self) -> Result<(), StoreError>;
}

/// Copies `source` as it is now to the store at `to`. The source may be written to meanwhile, the destination may not be open.
/// It blocks, so this future belongs on a thread that may block.
///
/// # Errors
/// [`CopyError`]; nobody can open a destination that is not complete.
pub async fn copy(source: &dyn EventLog, to: &str, progress: &mut Progress<'_>) -> Result<Copied, CopyError> {
    match Store::locate(to).map_err(CopyError::Destination)? {
        #[cfg(feature = "sqlite")]
        Location::Sqlite(path) => {
            let target = crate::sqlite::SqliteCopy::open(path).map_err(CopyError::Destination)?;
            copy_into(source, target, progress).await
        }
        #[cfg(feature = "postgres")]
        Location::Postgres(url) => {
            let target = crate::postgres::PostgresCopy::open(url).await.map_err(CopyError::Destination)?;
            copy_into(source, target, progress).await
        }
        // What is in memory alone would be gone with the copy.
        _ => Err(CopyError::Destination(crate::unknown(to))),
    }
}

async fn copy_into(
    source: &dyn EventLog,
    mut target: impl Target,
    progress: &mut Progress<'_>,
) -> Result<Copied, CopyError> {
    let head = source.head();
    let events_before = target.position();
    if events_before > head {
        return Err(CopyError::OtherLog(Difference::Event(head + 1)));
    }
    let before = compare(source, &mut target, (Stage::Resuming, events_before), progress).await?;
    if let Some(difference) = before.difference {
        return Err(CopyError::OtherLog(difference));
    }
    add_events(source, &mut target, head, progress).await?;
    add_keys(source, &mut target, &before).await?;
    let all = compare(source, &mut target, (Stage::Verifying, head), progress).await?;
    if let Some(difference) = all.difference {
        return Err(CopyError::Unequal(difference));
    }
    target.finish().await.map_err(CopyError::Destination)?;
    Ok(Copied { events: head, idempotency_keys: all.keys, events_before, sha256: all.sha256 })
}

async fn add_events(
    source: &dyn EventLog,
    target: &mut impl Target,
    head: u64,
    progress: &mut Progress<'_>,
) -> Result<(), CopyError> {
    while target.position() < head {
        let after = target.position();
        let page = source.read_all(after, page_items(head - after)).await.map_err(CopyError::Source)?;
        if page.is_empty() {
            let reason = "there is no event at this position".to_owned();
            return Err(CopyError::Source(StoreError::Corrupt { position: after + 1, reason }));
        }
        match target.add(&page).await {
            Err(StoreError::Invalid { .. }) => {
                // One by one, to tell which of them it is.
                for event in &page {
                    let added = target.add(slice::from_ref(event)).await;
                    added.map_err(|error| refused(Difference::Event(event.position), error))?;
                }
            }
            added => added.map_err(|error| refused(Difference::Event(after + 1), error))?,
        }
        progress(Stage::Copying, target.position(), head);
    }
    Ok(())
}

async fn add_keys(
    source: &dyn EventLog,
    target: &mut impl Target,
    before: &Compared,
) -> Result<(), CopyError> {
    let (mut done, mut after) = (before.keys, before.last_key);
    loop {
        let page = source.keys(after, PAGE_ITEMS).await.map_err(CopyError::Source)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number;
        match target.add_keys(&page).await {
            Err(StoreError::Invalid { .. }) => {
                for (key, number) in page.iter().zip(done + 1..) {
                    let added = target.add_keys(slice::from_ref(key)).await;
                    added.map_err(|error| refused(Difference::Key(number), error))?;
                }
            }
            added => added.map_err(|error| refused(Difference::Key(done + 1), error))?,
        }
        done += page.len() as u64;
    }
}

/// How many items the next page has when so many are left.
fn page_items(left: u64) -> usize {
    usize::try_from(left).unwrap_or(PAGE_ITEMS).min(PAGE_ITEMS)
}

fn refused(what: Difference, error: StoreError) -> CopyError {
    match error {
        StoreError::Invalid { reason } => CopyError::Unsuitable { what, reason },
        // It came from the source: a version is missing there, or a key is there twice.
        StoreError::Corrupt { .. } => CopyError::Source(error),
        error => CopyError::Destination(error),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(position) => write!(f, "event {position}"),
            Self::Key(number) => write!(f, "idempotency key {number}"),
        }
    }
}
