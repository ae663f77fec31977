//! The events of a log, as eventually has them.

use std::sync::Arc;

use eventually::store::Persisted;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use mc_domain::recorded::StreamId;

use super::{Error, Subject};
use crate::{
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS, StoredEvent},
};

/// An event of the subject, as eventually has it.
type Shown<S> = Persisted<<S as Subject>::Id, <S as Subject>::Event>;

/// The events of one stream with a version above `after`.
pub(super) fn stored_of(
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
pub(super) fn stored(
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

/// The events with a position above `after`, future ones included, until the log is closed.
pub(super) fn stored_after(
    log: &Arc<dyn EventLog>,
    after: u64,
) -> impl Stream<Item = Result<StoredEvent, StoreError>> + Send + use<> {
    let head = log.watch_head();
    let pages = stream::try_unfold((log.subscribe(after), head), |(mut events, head)| async move {
        match events.next().await {
            Ok(page) => Ok(Some((page, (events, head)))),
            Err(StoreError::Unavailable(_)) if head.has_changed().is_err() => Ok(None),
            Err(error) => Err(error),
        }
    });
    flattened(pages)
}

/// The events of all pages.
fn flattened(
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

pub(super) fn in_range(number: u64, of: &'static str) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::OutOfRange { number, of })
}
