//! A log as an `EventStore` and an `EventSubscriber`.

use std::{future, sync::Arc};

use eventually::{
    store::{EventStore, EventStream, Expected, Select},
    subscription::{EventStream as Subscribed, EventSubscriber},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use mc_domain::recorded::StreamId;

use super::{
    Error, LogStore, Subject,
    events::{in_range, persisted, stored, stored_after, stored_of},
};
use crate::{
    error::StoreError,
    log::{Append, Commit, EventLog, NewEvent},
};

/// How often an append without an expected version is tried while other appends to its stream are faster.
const MAX_ATTEMPTS: usize = 256;

/// An append of no events is [`StoreError::Invalid`], and so is one of more than the log takes at once. An append
/// without an expected version ends with [`StoreError::Conflict`] when 256 others to its stream were faster.
impl<S: Subject> EventStore for LogStore<S> {
    type SourceId = S::Id;
    type Event = S::Event;
    type Error = Error;

    fn append(
        &mut self,
        source_id: S::Id,
        version: Expected,
        events: Vec<S::Event>,
    ) -> BoxFuture<'_, Result<u32, Error>> {
        async move {
            let circumstances = (self.circumstances)();
            let encoded = events.iter().map(|event| S::encode(&source_id, event, circumstances.metadata()));
            let events = encoded.collect::<Result<Vec<_>, _>>()?;
            let stream = S::stream(&source_id);
            match version {
                Expected::Exact(expected) => {
                    append(&*self.log, Append { stream, expected: expected.into(), events }).await
                }
                Expected::Any => append_to_any(&*self.log, stream, events).await,
            }
        }
        .boxed()
    }

    fn stream(
        &self,
        source_id: S::Id,
        select: Select,
    ) -> BoxFuture<'_, Result<EventStream<'_, Self>, Error>> {
        let stored = stored_of(Arc::clone(&self.log), S::stream(&source_id), before(select));
        future::ready(Ok(persisted::<S>(stored).boxed())).boxed()
    }

    /// Ends with the last event that the log has when it is called.
    fn stream_all(&self, select: Select) -> BoxFuture<'_, Result<EventStream<'_, Self>, Error>> {
        let stored = stored(Arc::clone(&self.log), before(select), self.log.head());
        future::ready(Ok(persisted::<S>(stored).boxed())).boxed()
    }

    /// Refuses: nothing that was recorded disappears.
    fn remove(&mut self, source_id: S::Id) -> BoxFuture<'_, Result<(), Error>> {
        future::ready(Err(Error::Permanent { stream: S::stream(&source_id) })).boxed()
    }
}

/// A subscription sees every event that is appended after the call, also by others. It ends when the log is closed, and
/// after an error.
impl<S: Subject> EventSubscriber for LogStore<S> {
    type SourceId = S::Id;
    type Event = S::Event;
    type Error = Error;

    fn subscribe_all(&self) -> BoxFuture<'_, Result<Subscribed<'_, Self>, Error>> {
        let stored = stored_after(&self.log, self.log.head());
        future::ready(Ok(persisted::<S>(stored).boxed())).boxed()
    }
}

/// Appends, and returns the version that the stream has then.
async fn append(log: &dyn EventLog, append: Append) -> Result<u32, Error> {
    let count = append.events.len() as u64;
    let version = in_range(append.expected.saturating_add(count), "version")?;
    in_range(log.head().saturating_add(count), "position")?;
    log.append(Commit { appends: vec![append], ..Commit::default() }).await?;
    Ok(version)
}

/// Appends at whatever version the stream has, which the refusal of another one tells.
async fn append_to_any(log: &dyn EventLog, stream: StreamId, events: Vec<NewEvent>) -> Result<u32, Error> {
    let mut expected = 0;
    let mut attempts = 1;
    loop {
        let append = append(log, Append { stream: stream.clone(), expected, events: events.clone() });
        match append.await {
            Err(Error::Store(StoreError::Conflict { actual, .. })) if attempts < MAX_ATTEMPTS => {
                expected = actual;
                attempts += 1;
            }
            answer => return answer,
        }
    }
}

/// The place before the first that is selected.
fn before(select: Select) -> u64 {
    match select {
        Select::All => 0,
        Select::From(first) => u64::from(first).saturating_sub(1),
    }
}
