//! Reading the tables, and turning their rows into events and keys.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::recorded::StreamId;
use serde_json::{Map, Value};
use sqlx::{Error, PgConnection, Row, postgres::PgRow};

use super::{connection::Address, error::store_error};
use crate::{
    codec::aggregate_type_name,
    error::StoreError,
    log::{Answered, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
    metadata::unflat,
};

/// Begins every query that [`event`] reads.
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload::text, \
             metadata::text FROM events ",
            $rest
        )
    };
}

const READ_ALL: &str = select_events!("WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3");
const READ_STREAM: &str = select_events!(
    "WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence > $3 AND position <= $4 ORDER BY sequence LIMIT $5"
);
const ANSWERED: &str = "SELECT fingerprint, position, answer FROM mc_idempotency_keys WHERE key = $1";
const ANSWERED_ANY: &str =
    "SELECT key, fingerprint, position, answer FROM mc_idempotency_keys WHERE key = ANY ($1)";
/// Numbers ascend in the order in which keys are recorded, as the ordering lock is held meanwhile.
const KEYS: &str = "\
    SELECT number, key, fingerprint, position, answer FROM mc_idempotency_keys \
    WHERE number > $1 AND position <= $2 ORDER BY number LIMIT $3";
const VERSIONS: &str = "\
    SELECT coalesce((SELECT max(sequence) FROM events WHERE aggregate_type = wanted.type AND aggregate_id = wanted.id), 0) \
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (type, id, number) ORDER BY number";
/// Halves the range (low, high] until it holds one position. `latest_at` never steps back along the positions.
const FIRST_SINCE: &str = "\
    WITH RECURSIVE search (low, high) AS ( \
        SELECT 0::bigint, $2::bigint + 1 \
        UNION ALL \
        SELECT CASE WHEN latest_at >= $1 THEN low ELSE middle END, CASE WHEN latest_at >= $1 THEN middle ELSE high END \
        FROM (SELECT low, high, (low + high) / 2 AS middle FROM search WHERE high - low > 1) AS range \
            JOIN events ON position = middle) \
    SELECT high FROM search ORDER BY high - low LIMIT 1";

/// The events above position `after`, up to the committed position `head`. A missing position is an error.
pub(super) async fn read_all(
    connection: &mut PgConnection,
    address: &Address,
    after: u64,
    limit: usize,
    head: u64,
) -> Result<Vec<StoredEvent>, ReadError> {
    let limit = limit.min(MAX_PAGE_EVENTS);
    let events = read(rows_after(connection, after, limit, head).await?, address)?;
    let mut last = after;
    for event in &events {
        if event.position != last + 1 {
            return Err(missing(last + 1).into());
        }
        last = event.position;
    }
    if events.len() < limit && last < head { Err(missing(last + 1).into()) } else { Ok(events) }
}

/// The rows of the events above position `after`, up to position `head`, for [`place`] and [`event`].
pub(super) async fn rows_after(
    connection: &mut PgConnection,
    after: u64,
    limit: usize,
    head: u64,
) -> Result<Vec<PgRow>, Error> {
    let query = sqlx::query(READ_ALL).bind(signed(after)).bind(signed(head)).bind(limit as i64);
    query.fetch_all(connection).await
}

/// The events of `stream` above version `after`, up to position `head`. A missing version is an error.
pub(super) async fn read_stream(
    connection: &mut PgConnection,
    address: &Address,
    stream: &StreamId,
    after: u64,
    limit: usize,
    head: u64,
) -> Result<Vec<StoredEvent>, ReadError> {
    let query = sqlx::query(READ_STREAM)
        .bind(&*stream.aggregate_type)
        .bind(&stream.aggregate_id)
        .bind(signed(after))
        .bind(signed(head))
        .bind(limit.min(MAX_PAGE_EVENTS) as i64);
    let events = read(query.fetch_all(connection).await?, address)?;
    for (event, version) in events.iter().zip(after.saturating_add(1)..) {
        if event.version != version {
            let reason = format!("version {version} of stream {stream} is missing before it");
            return Err(StoreError::Corrupt { position: event.position, reason }.into());
        }
    }
    Ok(events)
}

/// The answer recorded under the idempotency key `key`.
pub(super) async fn answered(
    connection: &mut PgConnection,
    key: &str,
) -> Result<Option<Answered>, ReadError> {
    let row = sqlx::query(ANSWERED).bind(key).fetch_optional(connection).await?;
    Ok(row.map(|row| answer(&row, 0)).transpose()?)
}

/// The answers recorded under any of the idempotency keys `keys`.
pub(super) async fn answered_any(
    connection: &mut PgConnection,
    keys: &[&str],
) -> Result<Vec<(String, Answered)>, Error> {
    let rows = sqlx::query(ANSWERED_ANY).bind(keys).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, answer(row, 1)?))).collect()
}

/// The idempotency keys after number `after`, of commits up to position `head`.
pub(super) async fn keys(
    connection: &mut PgConnection,
    after: u64,
    limit: usize,
    head: u64,
) -> Result<Vec<RecordedKey>, ReadError> {
    let query =
        sqlx::query(KEYS).bind(signed(after)).bind(signed(head)).bind(limit.min(MAX_PAGE_EVENTS) as i64);
    let rows = query.fetch_all(connection).await?;
    let keys = rows.iter().map(|row| {
        let number = row.try_get::<i64, _>(0)?;
        Ok(RecordedKey { number: number.cast_unsigned(), key: row.try_get(1)?, answered: answer(row, 2)? })
    });
    Ok(keys.collect::<Result<_, Error>>()?)
}

/// The last version of each of `streams`, 0 for one that does not exist.
pub(super) async fn versions(
    connection: &mut PgConnection,
    streams: &[&StreamId],
) -> Result<Vec<u64>, Error> {
    let types: Vec<&str> = streams.iter().map(|stream| &*stream.aggregate_type).collect();
    let ids: Vec<&str> = streams.iter().map(|stream| stream.aggregate_id.as_str()).collect();
    let versions: Vec<i64> = sqlx::query_scalar(VERSIONS).bind(types).bind(ids).fetch_all(connection).await?;
    Ok(versions.into_iter().map(i64::cast_unsigned).collect())
}

/// The first position up to `head` that was recorded at or after `at`.
pub(super) async fn first_since(
    connection: &mut PgConnection,
    at: DateTime<Utc>,
    head: u64,
) -> Result<Option<u64>, ReadError> {
    // The database keeps microseconds, and would round down.
    let at = match at.timestamp_subsec_nanos() % 1_000 {
        0 => at,
        above => at + TimeDelta::nanoseconds(i64::from(1_000 - above)),
    };
    let found: i64 =
        sqlx::query_scalar(FIRST_SINCE).bind(at).bind(signed(head)).fetch_one(connection).await?;
    Ok(Some(found.cast_unsigned()).filter(|position| *position <= head))
}

/// Why a read failed: the database, which may be asked again, or what it holds.
#[derive(Debug)]
pub(super) enum ReadError {
    Database(Error),
    Store(StoreError),
}

impl ReadError {
    pub(super) fn for_caller(self, store: &str) -> StoreError {
        match self {
            Self::Database(error) => store_error(error, store),
            Self::Store(error) => error,
        }
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn read(rows: Vec<PgRow>, address: &Address) -> Result<Vec<StoredEvent>, StoreError> {
    rows.iter().map(|row| event(row, address)).collect()
}

/// The position, the stream and the version of the event in a row of [`READ_ALL`], whether or not the rest can be read.
pub(super) fn place(row: &PgRow) -> Result<(u64, StreamId, u64), Error> {
    let (position, sequence): (i64, i64) = (row.try_get(0)?, row.try_get(3)?);
    let stream =
        StreamId { aggregate_type: aggregate_type_name(row.try_get(1)?), aggregate_id: row.try_get(2)? };
    Ok((position.cast_unsigned(), stream, sequence.cast_unsigned()))
}

/// The event in a row of [`READ_ALL`].
pub(super) fn event(row: &PgRow, address: &Address) -> Result<StoredEvent, StoreError> {
    let position: i64 = row.try_get(0).map_err(|error| address.error(error))?;
    let position = position.cast_unsigned();
    columns(row, position).map_err(|reason| StoreError::Corrupt { position, reason })
}

fn columns(row: &PgRow, position: u64) -> Result<StoredEvent, String> {
    fn text(row: &PgRow, column: usize) -> Result<&str, String> {
        row.try_get(column).map_err(|error| error.to_string())
    }
    let sequence: i64 = row.try_get(3).map_err(|error| error.to_string())?;
    let event_version = text(row, 5)?;
    let fields: Map<String, Value> =
        serde_json::from_str(text(row, 7)?).map_err(|error| format!("its metadata: {error}"))?;
    Ok(StoredEvent {
        position,
        stream: StreamId {
            aggregate_type: aggregate_type_name(text(row, 1)?),
            aggregate_id: text(row, 2)?.to_owned(),
        },
        version: sequence.cast_unsigned(),
        event_type: Cow::Owned(text(row, 4)?.to_owned()),
        event_version: whole(event_version)
            .ok_or_else(|| format!("its event version is {event_version:?}, not a number"))?,
        payload: text(row, 6)?.to_owned(),
        metadata: unflat(fields).map_err(|error| format!("its metadata: {error}"))?,
    })
}

/// The version of an event; of one such as 1.2, as services on cqrs-es have it, the whole number.
fn whole(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// The answer in three columns from `first` on.
fn answer(row: &PgRow, first: usize) -> Result<Answered, Error> {
    let fingerprint: &[u8] = row.try_get(first)?;
    let fingerprint = fingerprint.try_into().map_err(|error| Error::Decode(Box::new(error)))?;
    let position: i64 = row.try_get(first + 1)?;
    Ok(Answered { fingerprint, position: position.cast_unsigned(), answer: row.try_get(first + 2)? })
}

/// Limits a number to the highest one that the database can hold; no row lies beyond it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn missing(position: u64) -> StoreError {
    StoreError::Corrupt { position, reason: "there is no event at this position".to_owned() }
}
