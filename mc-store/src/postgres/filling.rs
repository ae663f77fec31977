//! Filling the tables with events and keys that have their places already, as backups and copies have them.

use std::time::Duration;

use serde::de::IgnoredAny;
use sqlx::{Error, Executor, PgConnection};
use tokio::time::{Instant, sleep};

use super::{
    connection::{Address, in_time},
    has_nul,
    plan::End,
    queries::signed,
    queue::metadata_json,
    schema,
    session::{self, APPEND},
};
use crate::{
    error::StoreError,
    log::{Answered, StoredEvent},
};

/// How long the session of a node or of a copy that was killed may go on holding the log.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(2);
pub(super) const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// Nobody else has it while this session lasts: every node holds it shared.
const HOLD_ALONE: &str = "SELECT pg_try_advisory_lock(3, mc_lock_number())";
const END: &str = "SELECT position, generation, latest_at FROM mc_head";
const HAS_KEYS: &str = "SELECT EXISTS (SELECT FROM mc_idempotency_keys)";

/// The session that fills a database, and where the log ends in it. No server opens the log meanwhile.
#[derive(Debug)]
pub(super) struct Filling {
    pub(super) connection: PgConnection,
    pub(super) address: Address,
    pub(super) end: End,
    /// Whether a copy into the log has begun and not ended.
    pub(super) is_unfinished: bool,
    pub(super) has_keys: bool,
}

impl Filling {
    /// Opens the log in the database at `url` for itself alone. Makes the tables if there are none.
    ///
    /// # Errors
    /// - [`StoreError::Locked`] when a server, a copy or a restore has it open.
    /// - Those of [`PostgresLog::open`](super::PostgresLog::open), but for [`StoreError::Incomplete`].
    pub(super) async fn open(url: &str, name: &str) -> Result<Self, StoreError> {
        // The transaction stands still while the other side is read.
        let address = Address::parse(url, name)?.with_setting("idle_in_transaction_session_timeout", "0");
        let mut connection = address.connect().await.map_err(|error| address.error(error))?;
        schema::open(&mut connection, &address).await?;
        if !hold(&mut connection).await.map_err(|error| address.error(error))? {
            return Err(StoreError::Locked { store: address.shown.clone() });
        }
        let found = look(&mut connection).await.map_err(|error| address.error(error))?;
        let (end, is_unfinished, has_keys) = found;
        Ok(Self { connection, address, end, is_unfinished, has_keys })
    }

    /// Whether the log has neither events nor keys, and no copy has begun to fill it.
    pub(super) fn is_empty(&self) -> bool {
        self.end.position == 0 && !self.has_keys && !self.is_unfinished
    }

    /// Adds the next events, then keys: all of it or nothing. The caller sees to it that positions and versions have no holes.
    ///
    /// # Errors
    /// - [`StoreError::Invalid`] when the database cannot hold some of it.
    /// - [`StoreError::Locked`] when a foreign writer has appended meanwhile.
    /// - [`StoreError::Corrupt`] when a key was there before.
    /// - What the database says.
    pub(super) async fn add(
        &mut self,
        events: &[StoredEvent],
        keys: &[(&str, &Answered)],
    ) -> Result<(), StoreError> {
        events.iter().try_for_each(check_event)?;
        keys.iter().try_for_each(|(key, answered)| check_key(key, answered))?;
        let mut end = self.end;
        let mut times = Vec::with_capacity(events.len());
        for event in events {
            end.position = event.position;
            end.latest_at = end.latest_at.max(event.metadata.recorded_at);
            times.push(end.latest_at);
        }
        let said = self.send(events, keys, &times).await.map_err(|error| self.address.error(error))?;
        match (said.as_str(), keys.first()) {
            ("appended", _) => {
                self.end = end;
                Ok(())
            }
            ("unexpected", Some((_, answered))) => Err(crate::backup::repeated_key(answered.position)),
            _ => Err(StoreError::Locked { store: self.address.shown.clone() }),
        }
    }

    async fn send(
        &mut self,
        events: &[StoredEvent],
        keys: &[(&str, &Answered)],
        times: &[chrono::DateTime<chrono::Utc>],
    ) -> Result<String, Error> {
        fn texts<'e>(events: &'e [StoredEvent], text: fn(&'e StoredEvent) -> &'e str) -> Vec<&'e str> {
            events.iter().map(text).collect()
        }
        let nothing: &[&str] = &[];
        let query = sqlx::query_scalar(APPEND)
            .bind(signed(self.end.position))
            .bind(self.end.generation)
            .bind(None::<i64>)
            .bind(texts(events, |event| &event.stream.aggregate_type))
            .bind(texts(events, |event| &event.stream.aggregate_id))
            .bind(events.iter().map(|event| signed(event.version)).collect::<Vec<_>>())
            .bind(texts(events, |event| &event.event_type))
            .bind(events.iter().map(|event| event.event_version.to_string()).collect::<Vec<_>>())
            .bind(texts(events, |event| &event.payload))
            .bind(events.iter().map(|event| metadata_json(&event.metadata)).collect::<Vec<_>>())
            .bind(times)
            .bind(nothing)
            .bind(nothing)
            .bind(&[] as &[i64])
            .bind(keys.iter().map(|(key, _)| *key).collect::<Vec<_>>())
            .bind(keys.iter().map(|(_, answered)| answered.fingerprint.as_slice()).collect::<Vec<_>>())
            .bind(keys.iter().map(|(_, answered)| signed(answered.position)).collect::<Vec<_>>())
            .bind(keys.iter().map(|(_, answered)| answered.answer.as_str()).collect::<Vec<_>>());
        query.fetch_one(&mut self.connection).await
    }

    /// Executes a statement without parameters.
    pub(super) async fn execute(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let done = self.connection.execute(statement).await;
        done.map(drop).map_err(|error| self.address.error(error))
    }
}

async fn hold(connection: &mut PgConnection) -> Result<bool, Error> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        let held: bool = in_time(sqlx::query_scalar(HOLD_ALONE).fetch_one(&mut *connection)).await?;
        if held || Instant::now() >= deadline {
            return Ok(held);
        }
        sleep(BETWEEN_ATTEMPTS).await;
    }
}

async fn look(connection: &mut PgConnection) -> Result<(End, bool, bool), Error> {
    let row = sqlx::query(END).fetch_one(&mut *connection).await?;
    let is_unfinished = schema::is_unfinished(connection).await?;
    let has_keys = sqlx::query_scalar(HAS_KEYS).fetch_one(connection).await?;
    Ok((session::end(&row)?, is_unfinished, has_keys))
}

/// Checks what PostgreSQL cannot hold, as [`PostgresLog`](super::PostgresLog) does for commits.
fn check_event(event: &StoredEvent) -> Result<(), StoreError> {
    let names = [&*event.stream.aggregate_type, &event.stream.aggregate_id, &event.event_type];
    if names.into_iter().any(has_nul) {
        return Err(invalid("a name with a NUL character, which a database of PostgreSQL cannot hold"));
    }
    match serde_json::from_str::<IgnoredAny>(&event.payload) {
        Ok(_) => Ok(()),
        Err(_) => Err(invalid("a payload that is not JSON, which a database of PostgreSQL cannot hold")),
    }
}

fn check_key(key: &str, answered: &Answered) -> Result<(), StoreError> {
    match has_nul(key) || has_nul(&answered.answer) {
        true => Err(invalid("a text with a NUL character, which a database of PostgreSQL cannot hold")),
        false => Ok(()),
    }
}

fn invalid(reason: &str) -> StoreError {
    StoreError::Invalid { reason: reason.to_owned() }
}
