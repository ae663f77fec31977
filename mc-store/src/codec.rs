//! Encoding typed events as stored text, and decoding them. Only this module and `upcast` parse stored payloads.

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

/// Encodes an event of one aggregate for appending.
pub fn encode<E: Event>(event: &E, metadata: Metadata) -> NewEvent {
    NewEvent {
        event_type: Cow::Borrowed(event.name()),
        event_version: event.version(),
        payload: to_json(event),
        metadata,
    }
}

/// Encodes an event of any aggregate for appending.
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

/// Decodes an event of one aggregate, after upcasting it.
///
/// # Errors
/// - [`StoreError::Corrupt`] when the payload is not an event of type `E`.
/// - [`StoreError::NewerEvent`] when a newer version of this program has written it.
pub fn decode<E: Event>(stored: &StoredEvent) -> Result<E, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    let event: E = from_json(&payload, stored)?;
    check_version(stored, event.version()).map(|()| event)
}

/// Decodes the event alone, after upcasting it; nothing when the aggregate type is not one of this domain.
/// Other services may keep streams of their own in the same log.
///
/// # Errors
/// - [`StoreError::Corrupt`] when the payload is not an event of its aggregate.
/// - [`StoreError::NewerEvent`] when a newer version of this program has written it.
pub fn decode_event(stored: &StoredEvent) -> Result<Option<AnyEvent>, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    let mut deserializer = serde_json::Deserializer::from_str(&payload);
    let event = AnyEvent::deserialize_payload(&stored.stream.aggregate_type, &mut deserializer)
        .map_err(|error| decode_error(stored, &error))?;
    let Some(event) = event else { return Ok(None) };
    check_version(stored, event.version())?;
    Ok(Some(event))
}

/// The event with its place and circumstances; nothing for a type that [`decode_event`] does not know.
///
/// # Errors
/// As [`decode_event`].
pub fn decode_any(stored: &StoredEvent) -> Result<Option<Recorded<AnyEvent>>, StoreError> {
    let Some(event) = decode_event(stored)? else { return Ok(None) };
    Ok(Some(Recorded {
        position: stored.position,
        stream: stored.stream.clone(),
        version: stored.version,
        event,
        metadata: stored.metadata.clone(),
    }))
}

/// The name of an aggregate type. Allocates only when this domain has no such type: millions of events are read.
pub(crate) fn aggregate_type_name(name: &str) -> Cow<'static, str> {
    let known = AnyEvent::AGGREGATE_TYPES.iter().find(|known| **known == name);
    known.map_or_else(|| Cow::Owned(name.to_owned()), |known| Cow::Borrowed(*known))
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("an event has string keys only, so it is always JSON")
}

fn from_json<T: DeserializeOwned>(payload: &str, stored: &StoredEvent) -> Result<T, StoreError> {
    serde_json::from_str(payload).map_err(|error| decode_error(stored, &error))
}

/// Refuses a payload version above the one this program writes, even when the payload can be decoded.
fn check_version(stored: &StoredEvent, version: u32) -> Result<(), StoreError> {
    if stored.event_version > version { Err(newer_event(stored)) } else { Ok(()) }
}

/// The error for a payload that cannot be decoded. A newer program wrote it when no event of this one has such a version,
/// or such a name; otherwise the payload is corrupt.
fn decode_error(stored: &StoredEvent, error: &serde_json::Error) -> StoreError {
    if stored.event_version > upcast::NEWEST_VERSION || has_unknown_name(stored, error) {
        return newer_event(stored);
    }
    StoreError::Corrupt {
        position: stored.position,
        reason: format!("{} v{}: {error}", stored.event_type, stored.event_version),
    }
}

/// Whether the payload has the form of an event and the same name as its row, and only this name is unknown here.
fn has_unknown_name(stored: &StoredEvent, error: &serde_json::Error) -> bool {
    let Some((_, name)) = stored.event_type.split_once('.') else { return false };
    error.is_data() && error.to_string().starts_with(&format!("unknown variant `{name}`"))
}

fn newer_event(stored: &StoredEvent) -> StoreError {
    StoreError::NewerEvent {
        position: stored.position,
        event_type: stored.event_type.to_string(),
        event_version: stored.event_version,
    }
}
