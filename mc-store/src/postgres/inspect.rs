//! The rows of a database as they are stored, for verification.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::recorded::StreamId;
use serde::de::IgnoredAny;
use sqlx::{Error, Executor, PgConnection, Row as _, postgres::PgRow};

use super::{connection::Address, own_thread::OwnThread, queries, schema};
use crate::{
    error::StoreError,
    log::Fingerprint,
    verify::{Inspection, KeyRow, Row},
};

/// How many rows are in memory at a time, as [`FETCH`] says it.
const PAGE_ROWS: usize = 256;
const FETCH: &str = "FETCH 256 FROM look";

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Around each query: one that fails does not end the transaction.
const BEGIN_LOOK: &str = "SAVEPOINT look";
const UNDO_LOOK: &str = "ROLLBACK TO look";
const INVALID_INDEXES: &str = "\
    SELECT relname::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
    WHERE indrelid IN ('events'::regclass, 'mc_idempotency_keys'::regclass, 'mc_head'::regclass) \
        AND NOT (indisvalid AND indisready)";
/// Where the head row says that the log ends, and where the events end.
const ENDS: &str = "\
    SELECT (SELECT position FROM mc_head), (SELECT coalesce(max(position), 0) FROM events)";
const POSITIONS: &str = "SELECT position FROM events ORDER BY position";
/// The columns that [`queries::event`] reads.
const EVENTS: &str = "\
    SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload::text, metadata::text \
    FROM events ORDER BY aggregate_type, aggregate_id, sequence";
/// PostgreSQL cannot make a text of a NUL character, so such metadata is left out.
const REPEATED_IDS: &str = "\
    SELECT position FROM ( \
        SELECT position, id, lag(id) OVER (ORDER BY id, position) AS before FROM ( \
            SELECT position, CASE WHEN strpos(metadata::text, '\\u0000') = 0 THEN metadata ->> 'eventId' END AS id \
            FROM events) AS named) AS ordered \
    WHERE id = before ORDER BY position";
const KEYS: &str = "SELECT position, fingerprint, answer FROM mc_idempotency_keys";
const TIMES: &str = "\
    SELECT position, latest_at, \
        CASE WHEN strpos(metadata::text, '\\u0000') = 0 THEN metadata ->> 'recordedAt' END \
    FROM events ORDER BY position";
/// The triggers that are there, and those of them that fire.
const TRIGGERS: &str = "\
    SELECT tgname::text, tgenabled IN ('O', 'A') FROM pg_trigger \
    WHERE tgrelid IN ('events'::regclass, 'mc_idempotency_keys'::regclass, 'mc_head'::regclass) AND NOT tgisinternal";
/// The unique constraints on events: of streams and versions, and of positions.
const UNIQUE: &str =
    "SELECT count(*) FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype IN ('p', 'u')";

/// A database as it is at the opening, in one transaction. Servers may go on writing to it; what they append does not show here.
#[derive(Debug)]
pub struct PostgresInspection {
    connection: Mutex<PgConnection>,
    address: Address,
    thread: OwnThread,
}

impl PostgresInspection {
    /// Opens the database at `url` for reading. It blocks.
    ///
    /// # Errors
    /// - [`StoreError::NotALog`] when there is no log in the database.
    /// - [`StoreError::Incomplete`] when a copy into it has not ended.
    /// - [`StoreError::NewerVersion`] when a later version of this program has written it.
    /// - [`StoreError::Unprivileged`] when the user may not connect or read.
    /// - [`StoreError::Unavailable`] when it does not answer.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let thread = OwnThread::new()?;
        let address = Address::parse(url, "mission-control verify-db")?
            .with_setting("idle_in_transaction_session_timeout", "0");
        let connection = thread.wait(schema::open_to_read(&address))?;
        let inspection = Self::inside(thread, connection, address);
        inspection.execute(BEGIN)?;
        Ok(inspection)
    }

    /// Looks at what the transaction of a connection sees.
    pub(super) fn inside(thread: OwnThread, connection: PgConnection, address: Address) -> Self {
        Self { connection: Mutex::new(connection), address, thread }
    }

    /// Executes a statement without parameters.
    pub(super) fn execute(&self, statement: &str) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.thread.wait(connection.execute(statement));
        done.map(drop).map_err(|error| self.address.error(error))
    }

    /// The next rows of the cursor.
    fn fetch(&self) -> Result<Vec<PgRow>, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // Not prepared: the columns are those of the cursor.
        let rows = self.thread.wait(sqlx::query(FETCH).persistent(false).fetch_all(&mut *connection));
        rows.map_err(|error| self.address.error(error))
    }

    /// Runs `query`, and calls `seen` with every row.
    fn each(&self, query: &str, mut seen: impl FnMut(&PgRow) -> Result<(), Error>) -> Result<(), StoreError> {
        self.execute(BEGIN_LOOK)?;
        let read = self.through_cursor(query, &mut seen);
        // It also closes the cursor.
        self.execute(UNDO_LOOK)?;
        read
    }

    fn through_cursor(
        &self,
        query: &str,
        seen: &mut impl FnMut(&PgRow) -> Result<(), Error>,
    ) -> Result<(), StoreError> {
        self.execute(&format!("DECLARE look NO SCROLL CURSOR FOR {query}"))?;
        loop {
            let page = self.fetch()?;
            page.iter().try_for_each(&mut *seen).map_err(|error| self.address.error(error))?;
            if page.len() < PAGE_ROWS {
                return Ok(());
            }
        }
    }

    /// Calls `found` with a sentence for every trigger that is missing or disabled.
    pub(super) fn guards(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        let mut firing: Vec<String> = Vec::new();
        self.each(TRIGGERS, |row| {
            if row.try_get(1)? {
                firing.push(row.try_get(0)?);
            }
            Ok(())
        })?;
        for trigger in schema::triggers().filter(|trigger| firing.iter().all(|name| name != trigger)) {
            found(format!(
                "the database lacks {trigger}, or it is disabled: it keeps others from changing what was recorded"
            ));
        }
        Ok(())
    }

    /// Checks the times by which the log is searched: each is the latest one up to its position.
    fn times(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        let (mut latest, mut wrong) = (None::<DateTime<Utc>>, None);
        self.each(TIMES, |row| {
            let (position, latest_at): (i64, DateTime<Utc>) = (row.try_get(0)?, row.try_get(1)?);
            let recorded_at = row.try_get::<Option<String>, _>(2)?.and_then(|text| text.parse().ok());
            let expected = latest.max(recorded_at);
            // The database rounds to a microsecond. A foreign time that only it can read is as it says.
            let is_right = match (expected, recorded_at) {
                (Some(expected), Some(_)) => (latest_at - expected).abs() <= TimeDelta::microseconds(1),
                (Some(expected), None) => latest_at >= expected,
                (None, _) => true,
            };
            if !is_right {
                wrong = wrong.or(Some(position));
            }
            latest = latest.max(Some(latest_at));
            Ok(())
        })?;
        if let Some(position) = wrong {
            found(format!(
                "searching by time goes wrong from position {position} on: latest_at is not right"
            ));
        }
        Ok(())
    }
}

impl Inspection for PostgresInspection {
    fn integrity(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        self.each(INVALID_INDEXES, |row| {
            found(format!("the index {} is not valid: REINDEX it", row.try_get::<&str, _>(0)?));
            Ok(())
        })?;
        self.each(ENDS, |row| {
            let (head, last): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
            match head {
                None => found("the row of mc_head is missing, so nothing can be appended".to_owned()),
                Some(head) if head != last => {
                    found(format!("the log ends at {head} by mc_head, but at {last} by its events"));
                }
                Some(_) => {}
            }
            Ok(())
        })
    }

    fn positions(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        self.each(POSITIONS, |row| {
            seen(row.try_get::<i64, _>(0)?.cast_unsigned());
            Ok(())
        })
    }

    fn events(&self, seen: &mut dyn FnMut(Row)) -> Result<(), StoreError> {
        // The rows of a stream come together, so a number for each will do.
        let mut stream: Option<StreamId> = None;
        let mut stream_key = 0;
        self.each(EVENTS, |row| {
            let (position, of, version) = queries::place(row)?;
            if stream.as_ref() != Some(&of) {
                stream_key += 1;
                stream = Some(of);
            }
            let event = queries::event(row, &self.address).map_err(|error| match error {
                StoreError::Corrupt { reason, .. } => reason,
                other => other.to_string(),
            });
            seen(Row { position, stream_key, version: Some(version), event });
            Ok(())
        })
    }

    /// There are none: a stream is there with its first event.
    fn empty_streams(&self, _: &mut dyn FnMut(StreamId)) -> Result<(), StoreError> {
        Ok(())
    }

    fn repeated_ids(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        self.each(REPEATED_IDS, |row| {
            seen(row.try_get::<i64, _>(0)?.cast_unsigned());
            Ok(())
        })
    }

    fn keys(&self, seen: &mut dyn FnMut(KeyRow)) -> Result<(), StoreError> {
        self.each(KEYS, |row| {
            let position: i64 = row.try_get(0)?;
            seen(KeyRow { position: position.cast_unsigned(), unreadable: unreadable(row)? });
            Ok(())
        })
    }

    fn missing_parts(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        self.guards(found)?;
        self.each(UNIQUE, |row| {
            if row.try_get::<i64, _>(0)? < 2 {
                found(
                    "the table of events lacks a unique constraint: of versions, or of positions".to_owned(),
                );
            }
            Ok(())
        })?;
        self.times(found)
    }
}

/// Why the fingerprint or the answer of an idempotency key cannot be read.
fn unreadable(row: &PgRow) -> Result<Option<&'static str>, Error> {
    if row.try_get::<&[u8], _>(1)?.len() != size_of::<Fingerprint>() {
        return Ok(Some("the fingerprint of an idempotency key is damaged"));
    }
    let is_json = serde_json::from_str::<IgnoredAny>(row.try_get(2)?).is_ok();
    Ok((!is_json).then_some("the answer of an idempotency key is not JSON"))
}
