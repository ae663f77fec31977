//! Between typed events and stored text. With `upcast`, the only place that parses stored payloads.

use std::borrow::Cow;

use mc_domain::{
    aggregate::Event,
    recorded::{AnyEvent, Metadata, Recorded},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::StoreError,
    log::{NewEvent, StoredEvent},
    upcast,
};

/// A typed event as text, ready to be appended.
pub fn encode<E: Event>(event: &E, metadata: Metadata) -> NewEvent {
    NewEvent {
        event_type: Cow::Borrowed(event.name()),
        event_version: event.version(),
        payload: to_json(event),
        metadata,
    }
}

/// An event of any aggregate as text, ready to be appended.
pub fn encode_any(event: &AnyEvent, metadata: Metadata) -> NewEvent {
    let mut payload = Vec::with_capacity(256);
    event
        .serialize_payload(&mut serde_json::Serializer::new(&mut payload))
        .expect("an event has string keys only, so it is always JSON");
    NewEvent {
        event_type: Cow::Borrowed(event.name()),
        event_version: event.version(),
        payload: String::from_utf8(payload).expect("serde_json writes UTF-8"),
        metadata,
    }
}

/// The typed event of one aggregate, old shapes brought up to date.
///
/// # Errors
/// [`StoreError::Corrupt`] when the payload is not such an event.
pub fn decode<E: Event>(stored: &StoredEvent) -> Result<E, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    from_json(&payload, stored)
}

/// The event with its place and circumstances; nothing when its aggregate type is not one of this domain (another
/// service may keep its own streams in the same log).
///
/// # Errors
/// [`StoreError::Corrupt`] when the payload is not an event of its aggregate.
pub fn decode_any(stored: &StoredEvent) -> Result<Option<Recorded<AnyEvent>>, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    let mut deserializer = serde_json::Deserializer::from_str(&payload);
    let event = AnyEvent::deserialize_payload(&stored.stream.aggregate_type, &mut deserializer)
        .map_err(|error| corrupt(stored, &error))?;
    Ok(event.map(|event| Recorded {
        position: stored.position,
        stream: stored.stream.clone(),
        version: stored.version,
        event,
        metadata: stored.metadata.clone(),
    }))
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("an event has string keys only, so it is always JSON")
}

fn from_json<T: DeserializeOwned>(payload: &str, stored: &StoredEvent) -> Result<T, StoreError> {
    serde_json::from_str(payload).map_err(|error| corrupt(stored, &error))
}

fn corrupt(stored: &StoredEvent, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt {
        position: stored.position,
        reason: format!("{} v{}: {error}", stored.event_type, stored.event_version),
    }
}
