//! The lines of a backup document: writing and parsing each kind.

use std::{borrow::Cow, fmt::Write};

use chrono::{DateTime, Utc};
use mc_domain::recorded::{Metadata, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::FORMAT;
use crate::{
    codec::aggregate_type_name,
    log::{Answered, Fingerprint, RecordedKey, StoredEvent},
};

/// Begins the first line; the header follows.
pub(super) const BEGIN: &str = "{\"header\":";
/// The line before the events.
pub(super) const EVENTS: &str = "\"events\":[";
/// The line before the idempotency keys.
pub(super) const KEYS: &str = "\"idempotencyKeys\":[";
/// The line after the events, and after the idempotency keys.
pub(super) const CLOSE: &str = "],";

/// The fields of the header that every version of the format has.
#[derive(Deserialize)]
pub(super) struct Opening<'a> {
    pub(super) format: Cow<'a, str>,
    pub(super) version: u32,
}

/// The header of the current format version.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) created_at: DateTime<Utc>,
    /// The number of events that follow, which is the last position.
    pub(super) head: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventLine<'a> {
    position: u64,
    #[serde(borrow)]
    aggregate_type: Cow<'a, str>,
    #[serde(borrow)]
    aggregate_id: Cow<'a, str>,
    version: u64,
    #[serde(borrow, rename = "type")]
    event_type: Cow<'a, str>,
    event_version: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    /// The payload when it is not JSON on one line. Only another service, or damage, produces one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payload_text: Option<Cow<'a, str>>,
    metadata: Cow<'a, Metadata>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyLine<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    fingerprint: String,
    position: u64,
    #[serde(borrow)]
    answer: Cow<'a, str>,
}

impl Header {
    pub(super) fn new(created_at: DateTime<Utc>, head: u64) -> Self {
        Self { format: FORMAT.to_owned(), version: super::VERSION, created_at, head }
    }
}

/// The last line: the counts, and the hash of all bytes before it.
pub(super) fn end(events: u64, keys: u64, hash: Sha256) -> String {
    let hash = hex(&hash.finalize());
    format!("\"end\":{{\"events\":{events},\"idempotencyKeys\":{keys},\"sha256\":\"{hash}\"}}}}\n")
}

/// Appends the line of an event, without its comma and line break.
pub(crate) fn write_event(line: &mut Vec<u8>, event: &StoredEvent) {
    let payload = raw(&event.payload);
    let document = EventLine {
        position: event.position,
        aggregate_type: Cow::Borrowed(&event.stream.aggregate_type),
        aggregate_id: Cow::Borrowed(&event.stream.aggregate_id),
        version: event.version,
        event_type: Cow::Borrowed(&event.event_type),
        event_version: event.event_version,
        payload,
        payload_text: payload.is_none().then_some(Cow::Borrowed(&event.payload)),
        metadata: Cow::Borrowed(&event.metadata),
    };
    serde_json::to_writer(line, &document).expect("an event has string keys only, so it is always JSON");
}

/// The payload as it is, when it is JSON on one line, without spaces around it, and not `null`.
fn raw(payload: &str) -> Option<&RawValue> {
    let raw: &RawValue = serde_json::from_str(payload).ok()?;
    let fits = raw.get().len() == payload.len() && !payload.contains(['\n', '\r']) && payload != "null";
    fits.then_some(raw)
}

/// Appends the line of an idempotency key, without its comma and line break.
pub(crate) fn write_key(line: &mut Vec<u8>, recorded: &RecordedKey) {
    let Answered { fingerprint, position, answer } = &recorded.answered;
    let document = KeyLine {
        key: Cow::Borrowed(&recorded.key),
        fingerprint: hex(fingerprint),
        position: *position,
        answer: Cow::Borrowed(answer),
    };
    serde_json::to_writer(line, &document).expect("a key has string fields only, so it is always JSON");
}

/// Parses the line of an event, without its comma.
pub(super) fn event(line: &str) -> Result<StoredEvent, String> {
    let line: EventLine<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let payload = match (line.payload, line.payload_text) {
        (Some(raw), None) => raw.get().to_owned(),
        (None, Some(text)) => text.into_owned(),
        _ => return Err("an event has one payload".to_owned()),
    };
    let stream = StreamId {
        aggregate_type: aggregate_type_name(&line.aggregate_type),
        aggregate_id: line.aggregate_id.into_owned(),
    };
    Ok(StoredEvent {
        position: line.position,
        stream,
        version: line.version,
        event_type: Cow::Owned(line.event_type.into_owned()),
        event_version: line.event_version,
        payload,
        metadata: line.metadata.into_owned(),
    })
}

/// Parses the line of an idempotency key, without its comma.
pub(super) fn key(line: &str) -> Result<(String, Answered), String> {
    let line: KeyLine<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let fingerprint = fingerprint(&line.fingerprint).ok_or("a fingerprint has 64 hexadecimal digits")?;
    let answered = Answered { fingerprint, position: line.position, answer: line.answer.into_owned() };
    Ok((line.key.into_owned(), answered))
}

/// The bytes as hexadecimal digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
        text
    })
}

fn fingerprint(text: &str) -> Option<Fingerprint> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
