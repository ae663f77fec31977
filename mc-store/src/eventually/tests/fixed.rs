//! A log that has the events it is made with, at whatever places they name.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt, ready};
use mc_domain::{aggregate::Event as _, project::Project, recorded::StreamId};
use tokio::sync::watch;

use super::{circumstances, created, project};
use crate::{
    codec,
    error::StoreError,
    log::{Answered, Appended, Commit, EventLog, RecordedKey, StoredEvent},
};

/// It cannot be written.
pub struct FixedLog {
    events: Vec<StoredEvent>,
    head: watch::Sender<u64>,
}

impl FixedLog {
    /// A log with one event, of project 1.
    pub fn with_event_at(position: u64, version: u64) -> Arc<dyn EventLog> {
        let event = created("one");
        let new = codec::encode(&event, circumstances().metadata());
        let stored = StoredEvent {
            position,
            stream: StreamId::of::<Project>(&project(1)),
            version,
            event_type: event.name().into(),
            event_version: event.version(),
            payload: new.payload,
            metadata: new.metadata,
        };
        Arc::new(Self { events: vec![stored], head: watch::Sender::new(position) })
    }

    fn above(&self, after: u64, place: impl Fn(&StoredEvent) -> u64) -> Vec<StoredEvent> {
        self.events.iter().filter(|event| place(event) > after).cloned().collect()
    }
}

impl EventLog for FixedLog {
    fn append(&self, _: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        ready(Err(StoreError::ReadOnly)).boxed()
    }

    fn answered<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        ready(Ok(None)).boxed()
    }

    fn keys(&self, _: u64, _: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        ready(Ok(vec![])).boxed()
    }

    fn read_stream<'a>(
        &'a self,
        _: &'a StreamId,
        after: u64,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        ready(Ok(self.above(after, |event| event.version))).boxed()
    }

    fn read_all(&self, after: u64, _: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        ready(Ok(self.above(after, |event| event.position))).boxed()
    }

    fn first_since(&self, _: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        ready(Ok(None)).boxed()
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}
