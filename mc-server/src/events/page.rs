//! A piece of the log as it is sent, rendered once for all readers.

use std::{collections::VecDeque, fmt::Write};

use axum::body::Bytes;
use chrono::SecondsFormat;
use mc_domain::{ids::ProjectId, json::Json, reach::Reach};
use mc_store::{
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS, StoredEvent},
    upcast,
};
use serde_json::json;

/// A page ends with the event that makes it this long: 128 KiB. So it has at least one event, however long that is.
pub(super) const PAGE_BYTES: usize = 128 * 1024;
/// How many events are read of which nothing is known yet.
const FIRST_EVENTS: usize = 8;

/// Consecutive events of the log, at least one.
#[derive(Debug)]
pub(super) struct Page {
    first: u64,
    frames: Vec<Frame>,
    text: Bytes,
}

/// One event of a page, encoded once for all streams.
#[derive(Debug)]
struct Frame {
    /// Where its text ends, in bytes; it begins where that of the one before ends.
    end: usize,
    project: Option<ProjectId>,
}

impl Page {
    /// The events above position `after`, of which there must be one.
    ///
    /// # Errors
    /// What the log says, or [`StoreError::Corrupt`] where the first of them cannot be rendered.
    pub(super) async fn read(log: &dyn EventLog, after: u64) -> Result<Self, StoreError> {
        let (mut text, mut frames, mut wanted) = (String::new(), Vec::new(), FIRST_EVENTS);
        let missing = || StoreError::Corrupt { position: after + 1, reason: "it is not there".to_owned() };
        loop {
            let events = log.read_all(after + frames.len() as u64, wanted).await?;
            for stored in &events {
                match render(stored, &mut text) {
                    Ok(()) => frames.push(Frame { end: text.len(), project: stored.metadata.project }),
                    Err(error) if frames.is_empty() => return Err(error),
                    // Whoever comes to it is told.
                    Err(_) => return Ok(Self::of(after, frames, text)),
                }
                if text.len() >= PAGE_BYTES {
                    return Ok(Self::of(after, frames, text));
                }
            }
            if frames.is_empty() {
                return Err(missing());
            }
            if events.len() < wanted {
                return Ok(Self::of(after, frames, text));
            }
            let average = text.len().div_ceil(frames.len());
            wanted = ((PAGE_BYTES - text.len()) / average).clamp(1, MAX_PAGE_EVENTS);
        }
    }

    fn of(after: u64, frames: Vec<Frame>, text: String) -> Self {
        Self { first: after + 1, frames, text: text.into() }
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn last(&self) -> u64 {
        self.first + self.frames.len() as u64 - 1
    }

    /// The bytes of memory that the page holds.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + size_of_val(self.frames.as_slice())
    }

    /// The events above position `after` that are within a reach, as few pieces of the one text: for
    /// [`Reach::All`] one, without a look at the events.
    pub(super) fn after(&self, after: u64, reach: &Reach) -> VecDeque<Bytes> {
        let skipped = usize::try_from((after + 1).saturating_sub(self.first)).unwrap_or(usize::MAX);
        let last_skipped = skipped.checked_sub(1).map(|last| self.frames.get(last));
        let begin = last_skipped.map_or(0, |frame| frame.map_or(self.text.len(), |frame| frame.end));
        match reach {
            Reach::All => self.piece(begin, self.text.len()).into_iter().collect(),
            Reach::Only(_) => self.pieces(begin, self.frames.get(skipped..).unwrap_or_default(), reach),
        }
    }

    /// Those of the `frames`, of which the first begins at `begin`, that are within a reach.
    fn pieces(&self, mut begin: usize, frames: &[Frame], reach: &Reach) -> VecDeque<Bytes> {
        let mut end = begin;
        let mut pieces = VecDeque::new();
        for frame in frames {
            if !reach.covers(frame.project) {
                pieces.extend(self.piece(begin, end));
                begin = frame.end;
            }
            end = frame.end;
        }
        pieces.extend(self.piece(begin, end));
        pieces
    }

    /// That part of the text; nothing where it is empty.
    fn piece(&self, begin: usize, end: usize) -> Option<Bytes> {
        (begin < end).then(|| self.text.slice(begin..end))
    }
}

/// Appends an event in the form of the standard, or nothing where that is not possible.
fn render(stored: &StoredEvent, text: &mut String) -> Result<(), StoreError> {
    let document = document(stored)?;
    // Writing to a text cannot fail.
    let _ = writeln!(text, "id: {}", stored.position);
    // Another service may have put its events into the log; a line break would end the field.
    if !stored.event_type.contains(['\r', '\n']) {
        let _ = writeln!(text, "event: {}", stored.event_type);
    }
    // JSON has its line breaks escaped.
    let _ = write!(text, "data: {document}\n\n");
    Ok(())
}

fn document(stored: &StoredEvent) -> Result<Json, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    let data = Json::parse(&payload)
        .map_err(|error| StoreError::Corrupt { position: stored.position, reason: error.to_string() })?;
    let metadata = &stored.metadata;
    let mut document = Json::from(json!({
        "position": stored.position,
        "eventId": metadata.event_id,
        "at": metadata.recorded_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "actor": metadata.actor,
        "type": stored.event_type,
        "eventVersion": stored.event_version,
        "entity": { "kind": stored.stream.aggregate_type, "id": stored.stream.aggregate_id },
        "version": stored.version,
        "projectId": metadata.project,
        "credentialId": metadata.credential,
    }));
    if let Json::Object(members) = &mut document {
        members.insert("data".to_owned(), data);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use mc_domain::{
        actor::Actor,
        ids::{CommandId, EventId},
        recorded::{Metadata, StreamId},
        values::Name,
    };
    use mc_store::{
        log::{Append, Commit, NewEvent},
        memory::MemoryLog,
    };
    use uuid::Uuid;

    use super::*;

    /// A log of events with payloads of so many bytes, of projects 0, 1, 2, 0, 1, 2 and so on.
    async fn log(count: u128, payload_bytes: usize) -> MemoryLog {
        let log = MemoryLog::new();
        let events = (0..count).map(|n| NewEvent {
            event_type: "task.claimed".into(),
            event_version: 1,
            payload: format!("{{\"claimed\":{{\"by\":\"{}\"}}}}", "x".repeat(payload_bytes)),
            metadata: Metadata {
                event_id: EventId::new(Uuid::from_u128(n)),
                recorded_at: DateTime::UNIX_EPOCH,
                actor: Actor::Human(Name::new("Sofie").unwrap()),
                project: Some(project(n % 3)),
                command_id: CommandId::new(Uuid::nil()),
                idempotency_key: None,
                credential: None,
            },
        });
        let stream = StreamId { aggregate_type: "task".into(), aggregate_id: "t-1".to_owned() };
        let appends = vec![Append { stream, expected: 0, events: events.collect() }];
        log.append(Commit { appends, ..Commit::default() }).await.unwrap();
        log
    }

    fn project(n: u128) -> ProjectId {
        ProjectId::new(Uuid::from_u128(n))
    }

    fn ids(pieces: VecDeque<Bytes>) -> Vec<u64> {
        let text: Vec<u8> = pieces.into_iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_page_ends_by_its_bytes() {
        let log = log(100, 10_000).await;
        let page = Page::read(&log, 0).await.unwrap();
        assert!((PAGE_BYTES..PAGE_BYTES + 11_000).contains(&page.text.len()), "{}", page.text.len());
        let next = Page::read(&log, page.last()).await.unwrap();
        assert_eq!(next.first(), page.last() + 1);
    }

    #[tokio::test]
    async fn a_long_event_is_a_page_of_its_own() {
        let log = log(3, 2 * PAGE_BYTES).await;
        let page = Page::read(&log, 1).await.unwrap();
        assert_eq!((page.first(), page.last()), (2, 2));
    }

    #[tokio::test]
    async fn the_events_of_a_project_are_pieces_of_the_page() {
        let log = log(9, 10).await;
        let page = Page::read(&log, 0).await.unwrap();
        assert_eq!(ids(page.after(0, &Reach::All)), (1..=9).collect::<Vec<_>>());
        assert_eq!(page.after(0, &Reach::All).len(), 1);
        assert_eq!(ids(page.after(4, &Reach::All)), [5, 6, 7, 8, 9]);
        assert_eq!(ids(page.after(9, &Reach::All)), [] as [u64; 0]);
        assert_eq!(ids(page.after(0, &Reach::of(project(0)))), [1, 4, 7]);
        assert_eq!(ids(page.after(1, &Reach::of(project(2)))), [3, 6, 9]);
        assert_eq!(ids(page.after(0, &Reach::of(project(9)))), [] as [u64; 0]);
        assert_eq!(ids(page.after(20, &Reach::All)), [] as [u64; 0]);
    }

    #[tokio::test]
    async fn the_events_of_two_projects_are_those_of_either_in_order() {
        let log = log(9, 10).await;
        let page = Page::read(&log, 0).await.unwrap();
        let two = Reach::Only([project(0), project(2)].into());
        assert_eq!(ids(page.after(0, &two)), [1, 3, 4, 6, 7, 9]);
        assert_eq!(ids(page.after(3, &two)), [4, 6, 7, 9]);
        assert_eq!(page.after(0, &two).len(), 4);
        assert_eq!(ids(page.after(0, &Reach::Only([].into()))), [] as [u64; 0]);
    }
}
