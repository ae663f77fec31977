//! The connection that appends, and what it knows of the log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use mc_domain::{ids::EventId, recorded::StreamId};
use sqlx::{Error, Executor, PgConnection, Row};

use super::{
    connection::{Address, in_time},
    plan::{Certain, End, Plan},
    queries::{self, ReadError, signed},
    queue::QueuedCommit,
    schema,
};
use crate::{
    error::StoreError,
    heads::Heads,
    log::{MAX_PAGE_EVENTS, StoredEvent},
    nodes::Lease,
};

/// Held by every node as long as it has the log open: so that nobody fills the log from elsewhere meanwhile, and so that other
/// nodes notify this one of what they append.
const HOLD: &str = "\
    SELECT held FROM pg_try_advisory_lock_shared(3, mc_lock_number()) AS held, pg_advisory_lock_shared(5, mc_lock_number())";
const FENCE: &str = "SELECT position, generation, latest_at FROM mc_fence()";
const EVENT_ID_AT: &str = "SELECT metadata ->> 'eventId' FROM events WHERE position = $1";
const POSITION: &str = "SELECT position FROM mc_head";
pub(super) const APPEND: &str =
    "SELECT mc_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
/// One round trip for three statements.
const BEGIN_IN_ORDER: &str =
    "BEGIN; SELECT mc_order(); SELECT position, generation, latest_at, lease FROM mc_head";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
/// Whether the database takes writes, without making one.
const WRITABLE: &str = "SELECT current_setting('transaction_read_only') = 'off'";

/// What the database says to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The group is in the log.
    Appended,
    /// Something differs from what this node took for granted; nothing was appended.
    Otherwise,
}

/// The connection that appends.
#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
    /// Where the log ends, as far as this session has read or written it.
    pub(super) end: End,
}

/// A page of what other nodes appended.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// The events in order; those after the first unreadable one are left out.
    pub(super) events: Vec<StoredEvent>,
    /// The stream and the version of each event, readable or not.
    pub(super) versions: Vec<(StreamId, u64)>,
    /// What is wrong with the first unreadable one.
    pub(super) unreadable: Option<StoreError>,
    /// The position of the last event.
    pub(super) last: u64,
}

impl Session {
    /// Opens the session of a node. Whatever an earlier session of it may have sent is void from now on.
    ///
    /// # Errors
    /// - [`StoreError::Incomplete`] when a copy into the log has not ended.
    /// - [`StoreError::Locked`] when a copy or a restore is under way.
    /// - What the database says.
    pub(super) async fn open(address: &Address) -> Result<Self, StoreError> {
        let mut connection = address.connect().await.map_err(|error| address.error(error))?;
        let held: bool = in_time(sqlx::query_scalar(HOLD).fetch_one(&mut connection))
            .await
            .map_err(|error| address.error(error))?;
        let store = || address.shown.clone();
        if in_time(schema::is_unfinished(&mut connection)).await.map_err(|error| address.error(error))? {
            return Err(StoreError::Incomplete { store: store() });
        }
        if !held {
            return Err(StoreError::Locked { store: store() });
        }
        let head = in_time(sqlx::query(FENCE).fetch_one(&mut connection)).await;
        let end = head.and_then(|row| end(&row)).map_err(|error| address.error(error))?;
        Ok(Self { connection, end })
    }

    /// The position of the last event, as the database has it now.
    pub(super) async fn position(&mut self) -> Result<u64, Error> {
        let position: i64 = in_time(sqlx::query_scalar(POSITION).fetch_one(&mut self.connection)).await?;
        Ok(position.cast_unsigned())
    }

    /// The id of the event at a position.
    pub(super) async fn event_id_at(&mut self, position: u64) -> Result<Option<EventId>, Error> {
        let query = sqlx::query_scalar(EVENT_ID_AT).bind(signed(position));
        let id: Option<String> = in_time(query.fetch_optional(&mut self.connection)).await?;
        Ok(id.and_then(|id| id.parse().ok()))
    }

    /// Whether the database takes writes; `really` makes one to find out.
    pub(super) async fn is_writable(&mut self, really: bool) -> Result<bool, Error> {
        if really {
            let row = in_time(sqlx::query(FENCE).fetch_one(&mut self.connection)).await?;
            self.end.generation = end(&row)?.generation;
        }
        in_time(sqlx::query_scalar(WRITABLE).fetch_one(&mut self.connection)).await
    }

    /// Sends a group, to be appended in one round trip.
    pub(super) async fn append(&mut self, base: End, plan: &Plan<'_>) -> Result<Said, Error> {
        let rows = &plan.rows;
        let assumed = |part: fn(&StreamId) -> &str| -> Vec<&str> {
            plan.assumed.iter().map(|(stream, _)| part(stream)).collect()
        };
        let query = sqlx::query_scalar(APPEND)
            .bind(signed(base.position))
            .bind(base.generation)
            .bind(plan.lease.map(|Lease(number)| signed(number)))
            .bind(&rows.types)
            .bind(&rows.ids)
            .bind(&rows.sequences)
            .bind(&rows.event_types)
            .bind(&rows.event_versions)
            .bind(&rows.payloads)
            .bind(&rows.metadata)
            .bind(&rows.latest_at)
            .bind(assumed(|stream| &stream.aggregate_type))
            .bind(assumed(|stream| &stream.aggregate_id))
            .bind(plan.assumed.iter().map(|(_, version)| signed(*version)).collect::<Vec<_>>())
            .bind(plan.keys.iter().map(|key| key.idempotency.key.as_str()).collect::<Vec<_>>())
            .bind(plan.keys.iter().map(|key| key.fingerprint().as_slice()).collect::<Vec<_>>())
            .bind(plan.keys.iter().map(|key| signed(key.position)).collect::<Vec<_>>())
            .bind(plan.keys.iter().map(|key| key.idempotency.answer.as_str()).collect::<Vec<_>>());
        let said: String = in_time(query.fetch_one(&mut self.connection)).await?;
        Ok(if said == "appended" { Said::Appended } else { Said::Otherwise })
    }

    /// Begins a transaction that holds the ordering lock: where the log ends, and the lease that was given last.
    pub(super) async fn begin_in_order(&mut self) -> Result<(End, Lease), Error> {
        let rows = in_time(self.connection.fetch_all(BEGIN_IN_ORDER)).await?;
        let head = rows.last().ok_or(Error::RowNotFound)?;
        let lease: i64 = head.try_get(3)?;
        Ok((end(head)?, Lease(lease.cast_unsigned())))
    }

    /// Appends a group inside that transaction, and ends it.
    pub(super) async fn append_and_commit(&mut self, base: End, plan: &Plan<'_>) -> Result<(), Error> {
        match self.append(base, plan).await? {
            Said::Appended => in_time(self.connection.execute(COMMIT)).await.map(drop),
            Said::Otherwise => Err(Error::Protocol("the log moved although it was locked".to_owned())),
        }
    }

    pub(super) async fn roll_back(&mut self) -> Result<(), Error> {
        in_time(self.connection.execute(ROLLBACK)).await.map(drop)
    }

    /// Reads what is to be known of a group while the ordering lock is held.
    pub(super) async fn make_certain(
        &mut self,
        group: &[QueuedCommit],
        cache: &Heads<u64>,
        lease: Lease,
    ) -> Result<Certain, Error> {
        let streams = group.iter().flat_map(|queued| queued.commit.expectations().map(|(stream, _)| stream));
        let mut unknown: Vec<&StreamId> = streams.filter(|stream| cache.get(stream).is_none()).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let mut certain = Certain { lease, ..Certain::default() };
        if !unknown.is_empty() {
            let versions = in_time(queries::versions(&mut self.connection, &unknown)).await?;
            certain.versions = unknown.into_iter().cloned().zip(versions).collect();
        }
        let keys = group.iter().filter_map(|queued| queued.commit.idempotency.as_ref());
        let keys: Vec<&str> = keys.map(|idempotency| idempotency.key.as_str()).collect();
        if !keys.is_empty() {
            let answered = in_time(queries::answered_any(&mut self.connection, &keys)).await?;
            certain.keys = HashMap::from_iter(answered);
        }
        Ok(certain)
    }

    /// Reads the next page of events up to position `head`, which other nodes have appended.
    pub(super) async fn foreign(&mut self, address: &Address, head: u64) -> Result<Foreign, ReadError> {
        let after = self.end.position;
        let rows = in_time(queries::rows_after(&mut self.connection, after, MAX_PAGE_EVENTS, head)).await?;
        let mut page = Foreign { last: after, ..Foreign::default() };
        for row in &rows {
            let (position, stream, version) = queries::place(row)?;
            if position != page.last + 1 {
                return Err(queries::missing(page.last + 1).into());
            }
            page.last = position;
            page.versions.push((stream, version));
            match queries::event(row, address) {
                Ok(event) if page.unreadable.is_none() => page.events.push(event),
                Err(unreadable) => page.unreadable = page.unreadable.or(Some(unreadable)),
                Ok(_) => {}
            }
        }
        if page.last < head && rows.len() < MAX_PAGE_EVENTS {
            return Err(queries::missing(page.last + 1).into());
        }
        self.end.position = page.last;
        Ok(page)
    }
}

pub(super) fn end(row: &sqlx::postgres::PgRow) -> Result<End, Error> {
    let position: i64 = row.try_get(0)?;
    let latest_at: DateTime<Utc> = row.try_get(2)?;
    Ok(End { position: position.cast_unsigned(), generation: row.try_get(1)?, latest_at })
}
