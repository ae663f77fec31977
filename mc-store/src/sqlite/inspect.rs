//! The rows as they are in the database, for whoever verifies them.

use std::path::Path;

use mc_domain::recorded::StreamId;
use rusqlite::{Connection, Row as SqlRow, types::ValueRef};
use serde::de::IgnoredAny;

use super::{lock, reader, schema, unavailable};
use crate::{
    error::StoreError,
    log::Fingerprint,
    verify::{Inspection, KeyRow, Row},
};

const BEGIN: &str = "BEGIN; SELECT count(*) FROM sqlite_schema";
const INTEGRITY: &str = "PRAGMA quick_check";
const POSITIONS: &str = "SELECT position FROM events ORDER BY position";
/// The columns of [`reader`], then the number of the stream.
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

/// The database at one moment; a server may go on writing to it.
#[derive(Debug)]
pub struct SqliteInspection {
    connection: Connection,
    /// Where the log ended when it was last written to, as far as that was noted.
    noted_head: Option<u64>,
}

impl SqliteInspection {
    /// Opens the database at `path`, to read it only.
    ///
    /// # Errors
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::NotALog`] when the file is something else.
    /// - [`StoreError::OpenElsewhere`] when another process writes to the file under another name.
    /// - [`StoreError::Frozen`] when it has a write-ahead log that cannot be read there.
    /// - [`StoreError::Unavailable`] when it cannot be opened, for example because there is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        lock::check_name(path.as_ref())?;
        // First the note: a server that goes on writing is ahead of it.
        let noted_head = lock::noted_head(path.as_ref());
        let connection = schema::open_reader(path.as_ref())?;
        // One transaction is one moment; it begins with the first read and ends with the connection. The events are
        // not touched yet: that they can be read is among the questions.
        connection.execute_batch(BEGIN).map_err(unavailable)?;
        Ok(Self { connection, noted_head })
    }

    fn each(
        &self,
        sql: &str,
        seen: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.query(sql, seen).map_err(unavailable)
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
            let said: String = row.get(0)?;
            if said != "ok" {
                found(said);
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
            seen(inspected(row)?);
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

    fn lacks(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        for (name, _) in schema::missing_triggers(&self.connection).map_err(unavailable)? {
            found(format!("the database lacks {name}, which keeps others from changing what was recorded"));
        }
        if !schema::has_all_instants(&self.connection).map_err(unavailable)? {
            found("the index by time is not complete, and searching by time is slow".to_owned());
        }
        let head = reader::last_position(&self.connection).map_err(unavailable)?;
        if let Some(noted) = self.noted_head.filter(|noted| *noted > head) {
            found(schema::lost(head, noted));
        }
        Ok(())
    }
}

fn unreadable(row: &SqlRow<'_>) -> rusqlite::Result<Option<&'static str>> {
    let fingerprint =
        matches!(row.get_ref(1)?, ValueRef::Blob(bytes) if bytes.len() == size_of::<Fingerprint>());
    if !fingerprint {
        return Ok(Some("the fingerprint is none"));
    }
    let answer = row.get_ref(2)?.as_str().ok().and_then(|text| serde_json::from_str::<IgnoredAny>(text).ok());
    Ok(answer.is_none().then_some("the answer is not JSON"))
}

fn inspected(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let event = reader::event(row).map_err(|error| match error {
        StoreError::Corrupt { reason, .. } => reason,
        other => other.to_string(),
    });
    Ok(Row { position: row.get(0)?, stream_key: row.get(8)?, version: row.get(3).ok(), event })
}
