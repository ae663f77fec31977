//! The log in a PostgreSQL database: for several nodes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mc_domain::recorded::StreamId;
use tokio::sync::{broadcast, watch};

use crate::{
    error::StoreError,
    holder::Holder,
    log::{Answered, Appended, Commit, EventLog, RecordedKey, StoredEvent},
    nodes::{Lease, Nodes, Observer, Turn},
};

/// A log in a PostgreSQL database. Any number of nodes may have it open.
#[derive(Debug)]
pub struct PostgresLog {}

impl PostgresLog {
    /// Opens the log in the database at `url`.
    ///
    /// # Errors
    /// As the adapter says.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_for(url, None)
    }

    /// Like [`PostgresLog::open`].
    ///
    /// # Errors
    /// As [`PostgresLog::open`].
    pub fn open_for(_url: &str, _holder: Option<&Holder>) -> Result<Self, StoreError> {
        Err(StoreError::closed())
    }
}

impl EventLog for PostgresLog {
    fn append(&self, _commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        unimplemented!()
    }

    fn answered<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        unimplemented!()
    }

    fn keys(&self, _after: u64, _limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        unimplemented!()
    }

    fn read_stream<'a>(
        &'a self,
        _stream: &'a StreamId,
        _after: u64,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        unimplemented!()
    }

    fn read_all(&self, _after: u64, _limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        unimplemented!()
    }

    fn first_since(&self, _at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        unimplemented!()
    }

    fn head(&self) -> u64 {
        unimplemented!()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        unimplemented!()
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        unimplemented!()
    }
}

impl Nodes for PostgresLog {
    fn campaign(&self) -> watch::Receiver<Option<Lease>> {
        unimplemented!()
    }

    fn turn(&self, _number: i64) -> BoxFuture<'_, Result<Turn, StoreError>> {
        unimplemented!()
    }

    fn tell(&self, _message: String) {
        unimplemented!()
    }

    fn heard(&self) -> broadcast::Receiver<Arc<str>> {
        unimplemented!()
    }

    fn observe(&self, _observer: Observer) {
        unimplemented!()
    }

    fn out_of_touch(&self) -> Option<std::time::Duration> {
        unimplemented!()
    }
}
