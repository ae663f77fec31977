//! Appending a group of commits inside one transaction.

use std::iter::zip;

use mc_domain::recorded::StreamId;
use rusqlite::{CachedStatement, Connection};

use super::{
    error::store_error,
    instants,
    queries::{self, Head},
};
use crate::{
    error::StoreError,
    heads::Heads,
    log::{Append, Appended, Commit, Idempotency, NewEvent},
};

/// Only for a stream that does not exist yet: a trigger fails the whole transaction otherwise.
pub(super) const INSERT_STREAM: &str =
    "INSERT INTO streams (stream_key, aggregate_type, aggregate_id) VALUES (?1, ?2, ?3)";
pub(super) const INSERT_EVENT: &str = "\
    INSERT INTO events (position, stream_key, sequence, event_type, event_version, payload, metadata) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(super) const INSERT_KEY: &str =
    "INSERT INTO idempotency_keys (key, fingerprint, position, answer) VALUES (?1, ?2, ?3, ?4)";

/// What the caller of one commit is answered, once its group is on disk.
pub(super) type CommitResult = Result<Appended, StoreError>;

/// The last numbers that the tables use.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableEnds {
    pub(super) position: u64,
    stream_key: u64,
    /// The latest time of any event, in microseconds since 1970.
    latest_recorded_at_micros: i64,
}

impl TableEnds {
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let position = queries::last_position(connection).map_err(store_error)?;
        let stream_key = queries::last_stream_key(connection).map_err(store_error)?;
        let latest_recorded_at_micros = instants::latest_micros(connection, position)?;
        Ok(Self { position, stream_key, latest_recorded_at_micros })
    }
}

/// A group of commits while its transaction is open.
pub(super) struct Group<'c> {
    heads: &'c mut Heads<Head>,
    ends: TableEnds,
    /// The heads of the streams of the commit at hand, its appends first and in their order; nothing for a new stream.
    commit_heads: Vec<Option<Head>>,
    stream_insert: CachedStatement<'c>,
    event_insert: CachedStatement<'c>,
    connection: &'c Connection,
}

impl<'c> Group<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        heads: &'c mut Heads<Head>,
        ends: TableEnds,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            heads,
            ends,
            commit_heads: Vec::new(),
            stream_insert: connection.prepare_cached(INSERT_STREAM)?,
            event_insert: connection.prepare_cached(INSERT_EVENT)?,
            connection,
        })
    }

    /// Where the tables end after the commits so far.
    pub(super) fn ends(&self) -> TableEnds {
        self.ends
    }

    /// Appends a commit, or refuses that one. An outer error fails the whole group.
    pub(super) fn append(&mut self, commit: &Commit, metadata: &[String]) -> rusqlite::Result<CommitResult> {
        if let Some(idempotency) = &commit.idempotency
            && let Some(answered) = queries::answered(self.connection, &idempotency.key)?
        {
            return Ok(idempotency.replay(answered));
        }
        if let Some(conflict) = self.conflict(commit)? {
            return Ok(Err(conflict));
        }
        self.insert_appends(commit, metadata)?;
        let position = self.ends.position;
        if let Some(idempotency) = &commit.idempotency {
            self.insert_key(idempotency, position)?;
        }
        Ok(Ok(Appended::Committed { position }))
    }

    /// The conflict of the first stream that has not the expected version. Without a conflict, `commit_heads` is complete.
    fn conflict(&mut self, commit: &Commit) -> rusqlite::Result<Option<StoreError>> {
        self.commit_heads.clear();
        for (stream, expected) in commit.expectations() {
            let head = self.find(stream)?;
            let actual = head.map_or(0, |head| head.version);
            if actual != expected {
                return Ok(Some(StoreError::Conflict { stream: stream.clone(), expected, actual }));
            }
            self.commit_heads.push(head);
        }
        Ok(None)
    }

    /// The head of `stream`, from memory or from the tables; nothing when it does not exist.
    fn find(&mut self, stream: &StreamId) -> rusqlite::Result<Option<Head>> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(Some(head));
        }
        let found = queries::find_head(self.connection, stream)?;
        if let Some(head) = found {
            self.heads.set(stream, head);
        }
        Ok(found)
    }

    fn insert_appends(&mut self, commit: &Commit, metadata: &[String]) -> rusqlite::Result<()> {
        let mut metadata = metadata.iter();
        for (index, Append { stream, events, .. }) in commit.appends.iter().enumerate() {
            let mut head = match self.commit_heads[index] {
                Some(head) => head,
                None => self.insert_stream(stream)?,
            };
            for (event, metadata) in zip(events, &mut metadata) {
                head.version += 1;
                self.insert_event(head, event, metadata)?;
            }
            self.heads.set(stream, head);
        }
        Ok(())
    }

    /// Begins a stream that [`Group::find`] did not find. Nobody else writes, so it still does not exist.
    fn insert_stream(&mut self, stream: &StreamId) -> rusqlite::Result<Head> {
        let stream_key = self.ends.stream_key + 1;
        self.stream_insert.execute((stream_key, &stream.aggregate_type, &stream.aggregate_id))?;
        self.ends.stream_key = stream_key;
        Ok(Head { stream_key, version: 0 })
    }

    fn insert_event(&mut self, at: Head, event: &NewEvent, metadata: &str) -> rusqlite::Result<()> {
        self.ends.position += 1;
        let position = self.ends.position;
        self.event_insert.execute((
            position,
            at.stream_key,
            at.version,
            &event.event_type,
            event.event_version,
            &event.payload,
            metadata,
        ))?;
        let latest_micros = &mut self.ends.latest_recorded_at_micros;
        instants::index(self.connection, latest_micros, position, event.metadata.recorded_at)
    }

    fn insert_key(&self, idempotency: &Idempotency, position: u64) -> rusqlite::Result<()> {
        let Idempotency { key, fingerprint, answer } = idempotency;
        self.connection.prepare_cached(INSERT_KEY)?.execute((key, fingerprint, position, answer))?;
        Ok(())
    }
}
