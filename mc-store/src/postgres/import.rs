//! Filling an empty database from a backup, in one transaction.

use chrono::{DateTime, Utc};

use super::{filling::Filling, inspect::PostgresInspection, own_thread::OwnThread, queries};
use crate::{
    backup::{self, Import},
    error::StoreError,
    heads::Heads,
    log::{Answered, StoredEvent},
    verify::verify,
};

/// The most events or keys that are sent together.
const BATCH_ITEMS: usize = 512;
/// The bytes of payloads or answers that complete a batch, however few items it has.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

const BEGIN: &str = "BEGIN";
const COMMIT: &str = "COMMIT";

/// A database while it is filled from a backup. Nobody else can have the log open meanwhile.
///
/// The events appear only when [`verify`] finds nothing wrong with them; dropping it before leaves an empty log.
#[derive(Debug)]
pub struct PostgresImport {
    thread: OwnThread,
    filling: Filling,
    heads: Heads<u64>,
    events: Vec<StoredEvent>,
    keys: Vec<(String, Answered)>,
    /// The bytes of what waits in `events` and `keys`.
    bytes: usize,
}

impl PostgresImport {
    /// Begins to fill the database at `url`; makes the tables if there are none. It blocks.
    ///
    /// # Errors
    /// - [`StoreError::Locked`] when a server, a copy or another restore has the log open.
    /// - [`StoreError::Occupied`] when the log has events.
    /// - [`StoreError::Incomplete`] when a copy into it has not ended.
    /// - Those of [`PostgresLog::open`](super::PostgresLog::open).
    pub fn create(url: &str) -> Result<Self, StoreError> {
        let thread = OwnThread::new()?;
        let filling = thread.wait(async {
            let mut filling = Filling::open(url, "mission-control restore").await?;
            let store = || filling.address.shown.clone();
            if filling.is_unfinished {
                return Err(StoreError::Incomplete { store: store() });
            }
            if !filling.is_empty() {
                return Err(StoreError::Occupied { store: store() });
            }
            filling.execute(BEGIN).await.map(|()| filling)
        })?;
        Ok(Self { thread, filling, heads: Heads::default(), events: vec![], keys: vec![], bytes: 0 })
    }

    /// The version of a stream, also of one that memory does not have.
    fn version(&mut self, event: &StoredEvent) -> Result<u64, StoreError> {
        if let Some(version) = self.heads.get(&event.stream) {
            return Ok(version);
        }
        // A stream that begins twice breaks a constraint of the table.
        if event.version == 1 {
            return Ok(0);
        }
        // Not of an event that still waits: memory has those.
        let Self { thread, filling: Filling { connection, address, .. }, .. } = self;
        let versions = thread.wait(queries::versions(connection, &[&event.stream]));
        Ok(versions.map_err(|error| address.error(error))?.first().copied().unwrap_or(0))
    }

    /// Notes that something waits, and sends a full batch.
    fn grown(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.bytes += bytes;
        let is_full = self.events.len() + self.keys.len() >= BATCH_ITEMS || self.bytes >= BATCH_BYTES;
        if is_full { self.send() } else { Ok(()) }
    }

    /// Sends what waits.
    fn send(&mut self) -> Result<(), StoreError> {
        if self.events.is_empty() && self.keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = self.keys.iter().map(|(key, answered)| (key.as_str(), answered)).collect();
        let sent = self.thread.wait(self.filling.add(&self.events, &keys));
        let first = self.events.first().map_or(self.filling.end.position, |event| event.position);
        sent.map_err(|error| self.explained(error, first))?;
        self.events.clear();
        self.keys.clear();
        self.bytes = 0;
        Ok(())
    }

    fn explained(&self, error: StoreError, first: u64) -> StoreError {
        match error {
            StoreError::Invalid { reason } => StoreError::Unsuitable {
                store: self.filling.address.shown.clone(),
                reason: format!("at position {first} or soon after there is {reason}"),
            },
            error => error,
        }
    }
}

impl Import for PostgresImport {
    type Done = ();

    fn event(&mut self, event: StoredEvent) -> Result<(), StoreError> {
        let next = self.version(&event)? + 1;
        if event.version != next {
            return Err(backup::wrong_version(&event, next));
        }
        self.heads.set(&event.stream, next);
        let bytes = event.payload.len();
        self.events.push(event);
        self.grown(bytes)
    }

    fn key(&mut self, key: String, answered: Answered) -> Result<(), StoreError> {
        if self.keys.iter().any(|(waiting, _)| *waiting == key) {
            return Err(backup::repeated_key(answered.position));
        }
        let bytes = key.len() + answered.answer.len();
        self.keys.push((key, answered));
        self.grown(bytes)
    }

    fn finish(mut self) -> Result<(), StoreError> {
        self.send()?;
        let Self { thread, filling, .. } = self;
        let inspection = PostgresInspection::inside(thread, filling.connection, filling.address);
        // Warnings do not matter here, so any time serves as now.
        verify(&inspection, DateTime::<Utc>::MAX_UTC, &mut |_, _| {}).accept()?;
        inspection.execute(COMMIT)
    }
}
