//! Reading the tables, and turning their rows into events, streams and keys.

use std::borrow::Cow;

use mc_domain::recorded::StreamId;
use rusqlite::{Connection, OptionalExtension, Params, Row, types::Type};

use super::error::store_error;
use crate::{
    codec::aggregate_type_name,
    error::StoreError,
    log::{Answered, Fingerprint, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
};

const READ_ALL: &str = "\
    SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata \
    FROM events CROSS JOIN streams USING (stream_key) \
    WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3";
const READ_STREAM: &str = "\
    SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata \
    FROM streams CROSS JOIN events USING (stream_key) \
    WHERE aggregate_type = ?1 AND aggregate_id = ?2 AND sequence > ?3 AND position <= ?4 \
    ORDER BY sequence LIMIT ?5";
const ANSWERED: &str = "SELECT fingerprint, position, answer FROM idempotency_keys WHERE key = ?1";
/// Row numbers ascend in the order in which keys are recorded. Leaves out keys of commits that readers cannot see yet.
const KEYS: &str = "\
    SELECT rowid, key, fingerprint, position, answer FROM idempotency_keys \
    WHERE rowid > ?1 AND position <= ?2 ORDER BY rowid LIMIT ?3";
const LAST_POSITION: &str = "SELECT coalesce(max(position), 0) FROM events";
const LAST_STREAM_KEY: &str = "SELECT coalesce(max(stream_key), 0) FROM streams";
const FIND_STREAM: &str = "SELECT stream_key FROM streams WHERE aggregate_type = ?1 AND aggregate_id = ?2";
const FIND_VERSION: &str = "SELECT coalesce(max(sequence), 0) FROM events WHERE stream_key = ?1";

/// Where a stream ends: what the next event needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The number of the stream in the tables, from 1 in order of creation.
    pub(super) stream_key: u64,
    /// The version of its last event, 0 before the first.
    pub(super) version: u64,
}

/// The events above position `after`, up to the committed position `head`. A missing position is an error.
pub(super) fn read_all(
    connection: &Connection,
    after: u64,
    limit: usize,
    head: u64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let limit = limit.min(MAX_PAGE_EVENTS);
    let events = query(connection, READ_ALL, (bounded(after), head, limit))?;
    let mut last = after;
    for event in &events {
        if event.position != last + 1 {
            return Err(missing(last + 1));
        }
        last = event.position;
    }
    if events.len() < limit && last < head { Err(missing(last + 1)) } else { Ok(events) }
}

/// The events of `stream` above version `after`, up to position `head`. A missing version is an error.
pub(super) fn read_stream(
    connection: &Connection,
    stream: &StreamId,
    after: u64,
    limit: usize,
    head: u64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let limit = limit.min(MAX_PAGE_EVENTS);
    let parameters = (&stream.aggregate_type, &stream.aggregate_id, bounded(after), head, limit);
    let events = query(connection, READ_STREAM, parameters)?;
    for (event, version) in events.iter().zip(after.saturating_add(1)..) {
        if event.version != version {
            let reason = format!("version {version} of stream {stream} is missing before it");
            return Err(StoreError::Corrupt { position: event.position, reason });
        }
    }
    Ok(events)
}

/// The answer recorded under the idempotency key `key`.
pub(super) fn answered(connection: &Connection, key: &str) -> rusqlite::Result<Option<Answered>> {
    connection.prepare_cached(ANSWERED)?.query_one([key], answer).optional()
}

/// The idempotency keys after number `after`, of commits up to position `head`.
pub(super) fn keys(
    connection: &Connection,
    after: u64,
    limit: usize,
    head: u64,
) -> rusqlite::Result<Vec<RecordedKey>> {
    let mut statement = connection.prepare_cached(KEYS)?;
    let parameters = (bounded(after), head, limit.min(MAX_PAGE_EVENTS));
    let keys = statement.query_map(parameters, |row| {
        let answered = Answered { fingerprint: row.get(2)?, position: row.get(3)?, answer: row.get(4)? };
        Ok(RecordedKey { number: row.get(0)?, key: row.get(1)?, answered })
    })?;
    keys.collect()
}

/// The position of the last event, 0 in an empty log.
pub(super) fn last_position(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached(LAST_POSITION)?.query_one([], |row| row.get(0))
}

/// The highest number of any stream, 0 when there are no streams.
pub(super) fn last_stream_key(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_one(LAST_STREAM_KEY, [], |row| row.get(0))
}

/// The number and the last version of `stream`; nothing when it does not exist.
pub(super) fn find_head(connection: &Connection, stream: &StreamId) -> rusqlite::Result<Option<Head>> {
    let names = (&stream.aggregate_type, &stream.aggregate_id);
    let found = connection.prepare_cached(FIND_STREAM)?.query_one(names, |row| row.get(0)).optional()?;
    let Some(stream_key) = found else { return Ok(None) };
    let version = connection.prepare_cached(FIND_VERSION)?.query_one([stream_key], |row| row.get(0))?;
    Ok(Some(Head { stream_key, version }))
}

fn query(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let mut rows = statement.query(parameters).map_err(store_error)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(store_error)? {
        events.push(event(row)?);
    }
    Ok(events)
}

/// The event in a row that begins with the columns of [`READ_ALL`].
pub(super) fn event(row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    let position = row.get(0).map_err(store_error)?;
    columns(row, position).map_err(|error| StoreError::Corrupt { position, reason: error.to_string() })
}

fn columns(row: &Row<'_>, position: u64) -> rusqlite::Result<StoredEvent> {
    let metadata = serde_json::from_str(row.get_ref(7)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(7, Type::Text, error.into()))?;
    Ok(StoredEvent {
        position,
        stream: StreamId {
            aggregate_type: aggregate_type_name(row.get_ref(1)?.as_str()?),
            aggregate_id: row.get(2)?,
        },
        version: row.get(3)?,
        event_type: Cow::Owned(row.get(4)?),
        event_version: row.get(5)?,
        payload: row.get(6)?,
        metadata,
    })
}

fn answer(row: &Row<'_>) -> rusqlite::Result<Answered> {
    let fingerprint: Fingerprint = row.get(0)?;
    Ok(Answered { fingerprint, position: row.get(1)?, answer: row.get(2)? })
}

/// Limits `after` to the highest number that SQLite can hold; no row lies beyond it.
fn bounded(after: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX)
}

fn missing(position: u64) -> StoreError {
    StoreError::Corrupt { position, reason: "there is no event at this position".to_owned() }
}
