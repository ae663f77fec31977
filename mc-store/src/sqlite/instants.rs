//! The index by time: at every 1 024th position, the latest time that any event up to there was recorded at.
//!
//! Times of events need not ascend. The latest time so far does, so the first event since a given time can be searched
//! for. The index holds nothing that the events do not, and can be built again from them.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};

use super::{
    error::store_error,
    queries::{last_position, read_all},
};
use crate::{error::StoreError, log::MAX_PAGE_EVENTS};

/// The index has an entry at every position that this divides.
const POSITIONS_PER_ENTRY: u64 = 1_024;

const INSERT: &str = "INSERT INTO instants (latest_recorded_at_micros, position) VALUES (?1, ?2)";
const DELETE_ALL: &str = "DELETE FROM instants";
const LAST: &str = "\
    SELECT latest_recorded_at_micros, position FROM instants \
    ORDER BY latest_recorded_at_micros DESC, position DESC LIMIT 1";
const LAST_BEFORE: &str = "\
    SELECT position FROM instants WHERE latest_recorded_at_micros < ?1 \
    ORDER BY latest_recorded_at_micros DESC, position DESC LIMIT 1";
/// How many entries the index has, and how many it should have.
const COUNT: &str = "\
    SELECT (SELECT count(DISTINCT position) FROM instants WHERE position % ?1 = 0 \
                AND position <= (SELECT max(position) FROM events)), \
           (SELECT coalesce(max(position), 0) / ?1 FROM events)";

/// Takes the event at `position` into account; adds an entry where one is due. `latest_micros` is the latest time up to
/// the position before, in microseconds since 1970, and the latest time up to this one afterwards.
pub(super) fn index(
    connection: &Connection,
    latest_micros: &mut i64,
    position: u64,
    recorded_at: DateTime<Utc>,
) -> rusqlite::Result<()> {
    *latest_micros = (*latest_micros).max(recorded_at.timestamp_micros());
    if position.is_multiple_of(POSITIONS_PER_ENTRY) {
        connection.prepare_cached(INSERT)?.execute((*latest_micros, position))?;
    }
    Ok(())
}

/// The latest time of all events up to `head`, in microseconds since 1970; the lowest number when there are none.
pub(super) fn latest_micros(connection: &Connection, head: u64) -> Result<i64, StoreError> {
    let entry = connection.query_one(LAST, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (mut latest, mut after) = entry.optional().map_err(store_error)?.unwrap_or((i64::MIN, 0));
    loop {
        let page = read_all(connection, after, MAX_PAGE_EVENTS, head)?;
        let Some(last) = page.last() else { return Ok(latest) };
        after = last.position;
        for event in &page {
            latest = latest.max(event.metadata.recorded_at.timestamp_micros());
        }
    }
}

/// The first position up to `head` that was recorded at or after `at`. Searches the index, then reads the events after
/// the last entry that is too old: mostly fewer than [`POSITIONS_PER_ENTRY`].
pub(super) fn first_since(
    connection: &Connection,
    at: DateTime<Utc>,
    head: u64,
) -> Result<Option<u64>, StoreError> {
    let older: Option<u64> = connection
        .prepare_cached(LAST_BEFORE)
        .and_then(|mut search| search.query_one([at.timestamp_micros()], |row| row.get(0)).optional())
        .map_err(store_error)?;
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

/// Whether the index has every entry that it should have.
pub(super) fn is_complete(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .query_one(COUNT, [POSITIONS_PER_ENTRY], |row| Ok(row.get::<_, u64>(0)? == row.get::<_, u64>(1)?))
}

/// Builds the index again from the events.
pub(super) fn rebuild(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(DELETE_ALL, []).map_err(store_error)?;
    let head = last_position(connection).map_err(store_error)?;
    let (mut latest, mut after) = (i64::MIN, 0);
    loop {
        let page = read_all(connection, after, MAX_PAGE_EVENTS, head)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.position;
        for event in &page {
            index(connection, &mut latest, event.position, event.metadata.recorded_at)
                .map_err(store_error)?;
        }
    }
}
