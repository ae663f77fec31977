//! A log as an `EventStore` and an `EventSubscriber`.

use std::{future, sync::Arc};

use eventually::{
    store::{EventStore, EventStream, Expected, Persisted, Select},
    subscription::{EventStream as Subscribed, EventSubscriber},
};
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, future::BoxFuture, stream};
use mc_domain::recorded::StreamId;

use super::{Error, LogStore, Subject, subscription};
use crate::{
    error::StoreError,
    log::{Append, Commit, EventLog, MAX_PAGE_EVENTS, NewEvent, StoredEvent},
};

/// An event of the subject, as eventually has it.
type Shown<S> = Persisted<<S as Subject>::Id, <S as Subject>::Event>;

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
        let stored = subscription::stored_after(&self.log, self.log.head());
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

/// The events of one stream with a version above `after`.
fn stored_of(
    log: Arc<dyn EventLog>,
    stream: StreamId,
    after: u64,
) -> impl Stream<Item = Result<StoredEvent, StoreError>> + Send {
    let pages = stream::try_unfold(Some((log, stream, after)), |at| async move {
        let Some((log, stream, after)) = at else { return Ok(None) };
        let page = log.read_stream(&stream, after, MAX_PAGE_EVENTS).await?;
        let last = page.last().filter(|_| page.len() == MAX_PAGE_EVENTS).map(|last| last.version);
        Ok(Some((page, last.map(|last| (log, stream, last)))))
    });
    flattened(pages)
}

/// The events with a position above `after` and not above `head`.
fn stored(
    log: Arc<dyn EventLog>,
    after: u64,
    head: u64,
) -> impl Stream<Item = Result<StoredEvent, StoreError>> + Send {
    let pages = stream::try_unfold((log, after), move |(log, after)| async move {
        if after >= head {
            return Ok(None);
        }
        let mut page = log.read_all(after, MAX_PAGE_EVENTS).await?;
        let Some(last) = page.last().map(|last| last.position) else { return Ok(None) };
        page.retain(|stored| stored.position <= head);
        Ok(Some((page, (log, last))))
    });
    flattened(pages)
}

/// The events of all pages.
pub(super) fn flattened(
    pages: impl Stream<Item = Result<Vec<StoredEvent>, StoreError>> + Send,
) -> impl Stream<Item = Result<StoredEvent, StoreError>> + Send {
    pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten()
}

/// The subject's events among them, as eventually has them. Ends after an error.
pub(super) fn persisted<S: Subject>(
    stored: impl Stream<Item = Result<StoredEvent, StoreError>> + Send,
) -> impl Stream<Item = Result<Shown<S>, Error>> + Send {
    stream::try_unfold(Box::pin(stored), |mut stored| async move {
        while let Some(next) = stored.next().await {
            if let Some(event) = decode::<S>(&next?)? {
                return Ok(Some((event, stored)));
            }
        }
        Ok(None)
    })
}

fn decode<S: Subject>(stored: &StoredEvent) -> Result<Option<Shown<S>>, Error> {
    let Some((id, event)) = S::decode(stored)? else { return Ok(None) };
    let version = in_range(stored.version, "version")?;
    let position = in_range(stored.position, "position")?;
    Ok(Some(Persisted::from(id, event).version(version).sequence_number(position)))
}

fn in_range(number: u64, of: &'static str) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::OutOfRange { number, of })
}
