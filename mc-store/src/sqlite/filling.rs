//! Filling the tables with events and keys that have their places already, as backups and copies have them.

use mc_domain::recorded::StreamId;
use rusqlite::{Connection, ErrorCode};

use super::{
    error::store_error,
    group::{INSERT_EVENT, INSERT_KEY, INSERT_STREAM},
    instants,
    queries::{self, Head},
};
use crate::{
    backup,
    error::StoreError,
    heads::Heads,
    log::{Answered, StoredEvent},
};

/// Where the tables end while they are filled.
#[derive(Debug)]
pub(super) struct Filling {
    pub(super) heads: Heads<Head>,
    pub(super) position: u64,
    stream_key: u64,
    /// The latest time of any event so far, in microseconds since 1970.
    latest_recorded_at_micros: i64,
}

impl Filling {
    /// The end of empty tables.
    pub(super) fn new() -> Self {
        Self { heads: Heads::default(), position: 0, stream_key: 0, latest_recorded_at_micros: i64::MIN }
    }

    /// The end of tables that hold something already.
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let position = queries::last_position(connection).map_err(store_error)?;
        let stream_key = queries::last_stream_key(connection).map_err(store_error)?;
        let latest_recorded_at_micros = instants::latest_micros(connection, position)?;
        Ok(Self { heads: Heads::default(), position, stream_key, latest_recorded_at_micros })
    }

    /// Adds the next event. The caller sees to it that positions have no holes.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when it is not the next event of its stream.
    /// - [`StoreError::Unavailable`] when it cannot be written.
    pub(super) fn event(&mut self, connection: &Connection, event: &StoredEvent) -> Result<(), StoreError> {
        let head = self.head(connection, &event.stream).map_err(store_error)?;
        let next = Head { version: head.version + 1, ..head };
        if event.version != next.version {
            return Err(backup::wrong_version(event, next.version));
        }
        self.insert(connection, next, event).map_err(store_error)?;
        self.heads.set(&event.stream, next);
        Ok(())
    }

    /// The head of `stream`, from memory or from the tables. Begins a stream that neither has.
    fn head(&mut self, connection: &Connection, stream: &StreamId) -> rusqlite::Result<Head> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(head);
        }
        if let Some(head) = queries::find_head(connection, stream)? {
            return Ok(head);
        }
        let created = (self.stream_key + 1, &stream.aggregate_type, &stream.aggregate_id);
        connection.prepare_cached(INSERT_STREAM)?.execute(created)?;
        self.stream_key += 1;
        Ok(Head { stream_key: self.stream_key, version: 0 })
    }

    fn insert(&mut self, connection: &Connection, at: Head, event: &StoredEvent) -> rusqlite::Result<()> {
        let metadata = serde_json::to_string(&event.metadata)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        connection.prepare_cached(INSERT_EVENT)?.execute((
            event.position,
            at.stream_key,
            at.version,
            &event.event_type,
            event.event_version,
            &event.payload,
            metadata,
        ))?;
        self.position = event.position;
        let latest_micros = &mut self.latest_recorded_at_micros;
        instants::index(connection, latest_micros, event.position, event.metadata.recorded_at)
    }
}

/// Adds an idempotency key.
///
/// # Errors
/// - [`StoreError::Corrupt`] when the key is there already.
/// - [`StoreError::Unavailable`] when it cannot be written.
pub(super) fn insert_key(connection: &Connection, key: &str, answered: &Answered) -> Result<(), StoreError> {
    let Answered { fingerprint, position, answer } = answered;
    let inserted = connection
        .prepare_cached(INSERT_KEY)
        .and_then(|mut insert| insert.execute((key, fingerprint, position, answer)));
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(backup::repeated_key(*position))
        }
        Err(error) => Err(store_error(error)),
    }
}
