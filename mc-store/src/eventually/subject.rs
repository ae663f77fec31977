//! Which events of a log a store shows, and as what.

use std::str::FromStr;

use mc_domain::{
    aggregate::Aggregate,
    recorded::{AnyEvent, Metadata, StreamId},
};

use crate::{
    codec,
    error::StoreError,
    log::{NewEvent, StoredEvent},
};

/// The name of a stream, and an event of it.
pub type Named<S> = (<S as Subject>::Id, <S as Subject>::Event);

/// The events that a store shows: an aggregate is the subject of its own events, [`Everything`] that of all.
pub trait Subject: Sized + Send + Sync + 'static {
    /// What names a stream.
    type Id: Eq + Clone + Send + Sync + 'static;
    /// What the streams are made of.
    type Event: Clone + Send + Sync + 'static;

    /// The stream with this name.
    fn stream(id: &Self::Id) -> StreamId;

    /// The event as the log takes it.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the event is none of this stream's aggregate type.
    fn encode(id: &Self::Id, event: &Self::Event, metadata: Metadata) -> Result<NewEvent, StoreError>;

    /// The event, and the name of its stream; nothing when it is not one of the subject's.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when the event, or the name of its stream, cannot be read.
    /// - [`StoreError::NewerEvent`] when a newer version of this program has written it.
    fn decode(stored: &StoredEvent) -> Result<Option<Named<Self>>, StoreError>;
}

impl<A: Aggregate> Subject for A
where
    A::Id: Eq + FromStr,
{
    type Id = A::Id;
    type Event = A::Event;

    fn stream(id: &A::Id) -> StreamId {
        StreamId::of::<A>(id)
    }

    fn encode(_: &A::Id, event: &A::Event, metadata: Metadata) -> Result<NewEvent, StoreError> {
        Ok(codec::encode(event, metadata))
    }

    fn decode(stored: &StoredEvent) -> Result<Option<Named<Self>>, StoreError> {
        if stored.stream.aggregate_type != A::TYPE {
            return Ok(None);
        }
        let id = stored.stream.aggregate_id.parse().map_err(|_| StoreError::Corrupt {
            position: stored.position,
            reason: format!("{:?} names no {}", stored.stream.aggregate_id, A::TYPE),
        })?;
        Ok(Some((id, codec::decode::<A::Event>(stored)?)))
    }
}

/// Every event of this domain, for a projection over several aggregates. Its streams go by their names in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Everything {}

impl Subject for Everything {
    type Id = StreamId;
    type Event = AnyEvent;

    fn stream(id: &StreamId) -> StreamId {
        id.clone()
    }

    fn encode(id: &StreamId, event: &AnyEvent, metadata: Metadata) -> Result<NewEvent, StoreError> {
        if id.aggregate_type != event.aggregate_type() {
            let reason = format!("{} does not belong to stream {id}", event.name());
            return Err(StoreError::Invalid { reason });
        }
        Ok(codec::encode_any(event, metadata))
    }

    fn decode(stored: &StoredEvent) -> Result<Option<Named<Self>>, StoreError> {
        let event = codec::decode_event(stored)?;
        Ok(event.map(|event| (stored.stream.clone(), event)))
    }
}
