//! Reading, on connections of their own: readers and the writer never wait for each other.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use mc_domain::recorded::{AnyEvent, StreamId};
use rusqlite::{Connection, OptionalExtension, Params, Row, types::Type};
use tokio::sync::Semaphore;

use super::{identity::Identity, schema, unavailable};
use crate::{
    error::StoreError,
    log::{Answered, Fingerprint, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
};

/// The most reads at once; the next one waits for its turn.
const MAX_READERS: usize = 4;

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
/// Keys get row numbers as they are recorded. Those of commits that the head does not show yet are left out.
const KEYS: &str = "\
    SELECT rowid, key, fingerprint, position, answer FROM idempotency_keys \
    WHERE rowid > ?1 AND position <= ?2 ORDER BY rowid LIMIT ?3";
const LAST_POSITION: &str = "SELECT coalesce(max(position), 0) FROM events";
const LAST_INSTANT_BEFORE: &str = "\
    SELECT position FROM instants WHERE latest_recorded_at_micros < ?1 \
    ORDER BY latest_recorded_at_micros DESC, position DESC LIMIT 1";

/// A small pool of connections that only read.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// What the file is that has this path: another one in its place is not read.
    identity: Option<Identity>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        let idle = Arc::new(Mutex::new(Vec::new()));
        let (path, identity) = (path.to_owned(), Identity::at(path));
        Self { path, identity, idle, permits: Arc::new(Semaphore::new(MAX_READERS)) }
    }

    /// Asks on a connection, away from the threads that must not block.
    pub(super) async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::closed())?;
        let (path, identity, idle) = (self.path.clone(), self.identity, Arc::clone(&self.idle));
        let asked = tokio::task::spawn_blocking(move || {
            let connection = match lock(&idle).pop() {
                Some(connection) => connection,
                None => open(path, identity)?,
            };
            let answer = question(&connection);
            if !permit.semaphore().is_closed() {
                lock(&idle).push(connection);
            }
            answer
        });
        asked.await.map_err(|panicked| StoreError::Unavailable(panicked.into()))?
    }

    /// # Errors
    /// That of a closed log, if it is closed.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        if self.permits.is_closed() { Err(StoreError::closed()) } else { Ok(()) }
    }

    /// Reads asked from now on, or waiting for their turn, are refused.
    pub(super) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }
}

/// A connection to that file, and to none that has taken its place.
fn open(file: PathBuf, identity: Option<Identity>) -> Result<Connection, StoreError> {
    if Identity::at(&file) == identity {
        let connection = schema::open_reader(&file)?;
        if Identity::at(&file) == identity {
            return Ok(connection);
        }
    }
    Err(StoreError::Displaced { file })
}

fn lock(idle: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    idle.lock().expect("nothing panics while it holds the idle connections")
}

/// The events above position `after` up to `head`, which is known to be committed.
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

pub(super) fn answered(connection: &Connection, key: &str) -> rusqlite::Result<Option<Answered>> {
    connection.prepare_cached(ANSWERED)?.query_one([key], answer).optional()
}

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

pub(super) fn last_position(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached(LAST_POSITION)?.query_one([], |row| row.get(0))
}

/// The first position recorded at or after `at`. Searches the instants, then reads the events after the last one that
/// is too old: few, because the writer notes an instant every so many positions.
pub(super) fn first_since(
    connection: &Connection,
    at: DateTime<Utc>,
    head: u64,
) -> Result<Option<u64>, StoreError> {
    let older: Option<u64> = connection
        .prepare_cached(LAST_INSTANT_BEFORE)
        .and_then(|mut search| search.query_one([at.timestamp_micros()], |row| row.get(0)).optional())
        .map_err(unavailable)?;
    let mut after = older.unwrap_or(0);
    loop {
        let page = read_all(connection, after, MAX_PAGE_EVENTS, head)?;
        if let Some(found) = page.iter().find(|event| event.metadata.recorded_at >= at) {
            return Ok(Some(found.position));
        }
        match page.last() {
            Some(last) => after = last.position,
            None => return Ok(None),
        }
    }
}

fn query(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query(parameters).map_err(unavailable)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        events.push(event(row)?);
    }
    Ok(events)
}

pub(super) fn event(row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    let position = row.get(0).map_err(unavailable)?;
    columns(row, position).map_err(|error| StoreError::Corrupt { position, reason: error.to_string() })
}

fn columns(row: &Row<'_>, position: u64) -> rusqlite::Result<StoredEvent> {
    let metadata = serde_json::from_str(row.get_ref(7)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(7, Type::Text, error.into()))?;
    Ok(StoredEvent {
        position,
        stream: StreamId { aggregate_type: known(row.get_ref(1)?.as_str()?), aggregate_id: row.get(2)? },
        version: row.get(3)?,
        event_type: Cow::Owned(row.get(4)?),
        event_version: row.get(5)?,
        payload: row.get(6)?,
        metadata,
    })
}

/// The types of this domain are constants, so reading millions of events does not allocate their names.
fn known(aggregate_type: &str) -> Cow<'static, str> {
    let known = AnyEvent::AGGREGATE_TYPES.iter().find(|known| **known == aggregate_type);
    known.map_or_else(|| Cow::Owned(aggregate_type.to_owned()), |known| Cow::Borrowed(*known))
}

fn answer(row: &Row<'_>) -> rusqlite::Result<Answered> {
    let fingerprint: Fingerprint = row.get(0)?;
    Ok(Answered { fingerprint, position: row.get(1)?, answer: row.get(2)? })
}

/// The highest number SQLite can hold, for whoever asks beyond it: nothing is there.
fn bounded(after: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX)
}

fn missing(position: u64) -> StoreError {
    StoreError::Corrupt { position, reason: "there is no event at this position".to_owned() }
}
