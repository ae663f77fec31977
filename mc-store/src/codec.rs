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
/// - [`StoreError::Corrupt`] when the payload is not such an event.
/// - [`StoreError::NewerEvent`] when a newer version of this program has written it.
pub fn decode<E: Event>(stored: &StoredEvent) -> Result<E, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    let event: E = from_json(&payload, stored)?;
    known(stored, event.version()).map(|()| event)
}

/// The event with its place and circumstances; nothing when its aggregate type is not one of this domain (another
/// service may keep its own streams in the same log).
///
/// # Errors
/// - [`StoreError::Corrupt`] when the payload is not an event of its aggregate.
/// - [`StoreError::NewerEvent`] when a newer version of this program has written it.
pub fn decode_any(stored: &StoredEvent) -> Result<Option<Recorded<AnyEvent>>, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    let mut deserializer = serde_json::Deserializer::from_str(&payload);
    let event = AnyEvent::deserialize_payload(&stored.stream.aggregate_type, &mut deserializer)
        .map_err(|error| undecoded(stored, &error))?;
    let Some(event) = event else { return Ok(None) };
    known(stored, event.version())?;
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
    serde_json::from_str(payload).map_err(|error| undecoded(stored, &error))
}

/// A version above the one that is written today is another program's, whatever its payload looks like.
fn known(stored: &StoredEvent, version: u32) -> Result<(), StoreError> {
    if stored.event_version > version { Err(newer(stored)) } else { Ok(()) }
}

/// A payload that cannot be read is damaged, unless it is that of a newer program: of a version that no event has, or of
/// an event that this program has no name for.
fn undecoded(stored: &StoredEvent, error: &serde_json::Error) -> StoreError {
    if stored.event_version > upcast::NEWEST_VERSION || is_unknown(stored, error) {
        return newer(stored);
    }
    StoreError::Corrupt {
        position: stored.position,
        reason: format!("{} v{}: {error}", stored.event_type, stored.event_version),
    }
}

/// Whether the payload is in the form of an event, says the same name as the row it stands in, and only that name is
/// unknown.
fn is_unknown(stored: &StoredEvent, error: &serde_json::Error) -> bool {
    let Some((_, name)) = stored.event_type.split_once('.') else { return false };
    error.is_data() && error.to_string().starts_with(&format!("unknown variant `{name}`"))
}

fn newer(stored: &StoredEvent) -> StoreError {
    StoreError::NewerEvent {
        position: stored.position,
        event_type: stored.event_type.to_string(),
        event_version: stored.event_version,
    }
}
