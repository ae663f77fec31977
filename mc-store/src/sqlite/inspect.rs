//! The rows of a database as they are stored, for verification.

use std::path::Path;

use mc_domain::recorded::StreamId;
use rusqlite::{Connection, Row as SqlRow, types::ValueRef};
use serde::de::IgnoredAny;

use super::{connection, error::store_error, instants, lock, queries, schema};
use crate::{
    error::StoreError,
    log::Fingerprint,
    verify::{Inspection, KeyRow, Row},
};

const BEGIN: &str = "BEGIN; SELECT count(*) FROM sqlite_schema";
const INTEGRITY: &str = "PRAGMA quick_check";
const POSITIONS: &str = "SELECT position FROM events ORDER BY position";
/// The columns that [`queries::event`] reads, then the number of the stream.
const EVENTS: &str = "\
    SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, stream_key \
    FROM events LEFT JOIN streams USING (stream_key) ORDER BY stream_key, sequence";
const EMPTY_STREAMS: &str = "\
    SELECT aggregate_type, aggregate_id FROM streams \
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.stream_key = streams.stream_key)";
const REPEATED_IDS: &str = "\
    SELECT position FROM ( \
        SELECT position, id, lag(id) OVER (ORDER BY id, position) AS before FROM ( \
            SELECT position, CASE WHEN json_valid(metadata) THEN metadata ->> 'eventId' END AS id FROM events)) \
    WHERE id = before ORDER BY position";
const KEYS: &str = "SELECT position, fingerprint, answer FROM idempotency_keys";

/// A database as it is at the opening. A server may go on writing to it; what it appends does not show here.
#[derive(Debug)]
pub struct SqliteInspection {
    connection: Connection,
    /// The last position that was ever noted, as the lock file has it; nothing when it has none.
    noted_head: Option<u64>,
}

impl SqliteInspection {
    /// Opens the database at `path` for reading.
    ///
    /// # Errors
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::NotALog`] when the file is something else.
    /// - [`StoreError::OpenElsewhere`] when another process writes to the file under another name.
    /// - [`StoreError::Frozen`] when it has a write-ahead log that cannot be read there.
    /// - [`StoreError::Unavailable`] when it cannot be opened, for example because there is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        lock::check_name(path.as_ref())?;
        // The note first: a server that goes on writing may note a position that this transaction does not see.
        let noted_head = lock::noted_head(path.as_ref());
        let connection = connection::open_reader(path.as_ref())?;
        // The transaction begins with the first read and ends with the connection; all reads see the same state. This
        // read does not touch the events: whether they can be read is for the verification to find out.
        connection.execute_batch(BEGIN).map_err(store_error)?;
        Ok(Self { connection, noted_head })
    }

    /// Runs `sql`, and calls `seen` with every row.
    fn each(
        &self,
        sql: &str,
        seen: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.query(sql, seen).map_err(store_error)
    }

    fn query(
        &self,
        sql: &str,
        mut seen: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            seen(row)?;
        }
        Ok(())
    }
}

impl Inspection for SqliteInspection {
    fn integrity(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        self.each(INTEGRITY, |row| {
            let message: String = row.get(0)?;
            if message != "ok" {
                found(message);
            }
            Ok(())
        })
    }

    fn positions(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        self.each(POSITIONS, |row| {
            seen(row.get(0)?);
            Ok(())
        })
    }

    fn events(&self, seen: &mut dyn FnMut(Row)) -> Result<(), StoreError> {
        self.each(EVENTS, |row| {
            seen(read_row(row)?);
            Ok(())
        })
    }

    fn empty_streams(&self, seen: &mut dyn FnMut(StreamId)) -> Result<(), StoreError> {
        self.each(EMPTY_STREAMS, |row| {
            let aggregate_type: String = row.get(0)?;
            seen(StreamId { aggregate_type: aggregate_type.into(), aggregate_id: row.get(1)? });
            Ok(())
        })
    }

    fn repeated_ids(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        self.each(REPEATED_IDS, |row| {
            seen(row.get(0)?);
            Ok(())
        })
    }

    fn keys(&self, seen: &mut dyn FnMut(KeyRow)) -> Result<(), StoreError> {
        self.each(KEYS, |row| {
            seen(KeyRow { position: row.get(0)?, unreadable: unreadable(row)? });
            Ok(())
        })
    }

    fn missing_parts(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        for trigger in schema::missing_triggers(&self.connection).map_err(store_error)? {
            found(format!(
                "the database lacks {}, which keeps others from changing what was recorded",
                trigger.name
            ));
        }
        if !instants::is_complete(&self.connection).map_err(store_error)? {
            found("the index by time is not complete, and searching by time is slow".to_owned());
        }
        let head = queries::last_position(&self.connection).map_err(store_error)?;
        if let Some(noted) = self.noted_head.filter(|noted| *noted > head) {
            found(lock::missing_events(head, noted));
        }
        Ok(())
    }
}

/// Why the fingerprint or the answer of an idempotency key cannot be read.
fn unreadable(row: &SqlRow<'_>) -> rusqlite::Result<Option<&'static str>> {
    let fingerprint =
        matches!(row.get_ref(1)?, ValueRef::Blob(bytes) if bytes.len() == size_of::<Fingerprint>());
    if !fingerprint {
        return Ok(Some("the fingerprint of an idempotency key is damaged"));
    }
    let answer = row.get_ref(2)?.as_str().ok().and_then(|text| serde_json::from_str::<IgnoredAny>(text).ok());
    Ok(answer.is_none().then_some("the answer of an idempotency key is not JSON"))
}

fn read_row(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let event = queries::event(row).map_err(|error| match error {
        StoreError::Corrupt { reason, .. } => reason,
        other => other.to_string(),
    });
    Ok(Row { position: row.get(0)?, stream_key: row.get(8)?, version: row.get(3).ok(), event })
}
