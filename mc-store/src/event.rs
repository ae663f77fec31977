//! An event before and after it is appended.

use std::borrow::Cow;

use mc_domain::recorded::{Metadata, StreamId};

/// An event before it is appended: the log gives it a position and a version.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The stored name, such as `task.claimed`.
    pub event_type: Cow<'static, str>,
    /// The version of the payload's shape, from 1; [`upcast`](crate::upcast) reads old ones.
    pub event_version: u32,
    /// The payload as JSON text, at most [`MAX_PAYLOAD_BYTES`](crate::log::MAX_PAYLOAD_BYTES).
    pub payload: String,
    /// Who caused it, when, and by which command.
    pub metadata: Metadata,
}

/// An event as the log holds it, not yet decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its number in the whole log, from 1 without holes.
    pub position: u64,
    /// The stream it belongs to: one aggregate's.
    pub stream: StreamId,
    /// Its number in its stream, from 1 without holes.
    pub version: u64,
    /// The stored name, such as `task.claimed`.
    pub event_type: Cow<'static, str>,
    /// The version of the payload's shape, from 1; [`upcast`](crate::upcast) reads old ones.
    pub event_version: u32,
    /// The payload as JSON text, byte for byte as it was appended.
    pub payload: String,
    /// Who caused it, when, and by which command.
    pub metadata: Metadata,
}
