//! Is everything in the log as it has to be?
//!
//! [`verify`] looks at every row of a log as it is stored, believes nothing, and goes on after what it finds:
//!
//! 1. The database itself is sound, as far as it can tell.
//! 2. Positions have no holes.
//! 3. Versions have no holes in any stream, and every stream has events.
//! 4. What is found by stream is what is found by position.
//! 5. Every event is one that this program reads, old shapes brought up to date, and named what it is.
//! 6. Every stream folds.
//! 7. Idempotency keys reflect positions that exist.

use std::{error::Error, fmt, panic};

use mc_domain::recorded::{AnyEvent, AnyState, Recorded, StreamId};
use serde::Serialize;

use crate::{codec, error::StoreError, log::StoredEvent};

/// The most findings a report lists; those beyond are only counted.
pub const MAX_FINDINGS: usize = 1_000;
/// After how many events progress is told.
const PROGRESS_EVENTS: u64 = 8_192;

/// Told now and then how many events were looked at, and of how many.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// The rows of a log as they are stored, of one moment.
pub trait Inspection {
    /// What the database says is wrong with it, a sentence each.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn integrity(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError>;

    /// Every position, ascending.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn positions(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError>;

    /// Every event, stream by stream, each in order of its versions.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn events(&self, seen: &mut dyn FnMut(Row)) -> Result<(), StoreError>;

    /// Every stream without events.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn empty_streams(&self, seen: &mut dyn FnMut(StreamId)) -> Result<(), StoreError>;

    /// The position that each idempotency key reflects.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn keys(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError>;
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it is.
    pub position: u64,
    /// Which number its stream has.
    pub stream_key: u64,
    /// Which version of its stream it says it is, as far as that can be read.
    pub version: Option<u64>,
    /// The event, or why it cannot be read.
    pub event: Result<StoredEvent, String>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The database itself is damaged.
    Database,
    /// Events are missing from the log.
    PositionGap,
    /// Events are missing from a stream.
    VersionGap,
    /// A stream has no events.
    EmptyStream,
    /// The log by stream has not the events that the log by position has.
    IndexMismatch,
    /// An event cannot be read.
    Unreadable,
    /// An event is none that this program knows, or not the one it is named.
    Unknown,
    /// A stream cannot be folded.
    Unfoldable,
    /// An idempotency key reflects a position that is not in the log.
    KeyOutOfRange,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub problem: Problem,
    /// Where in the log, when it is in one place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// In which stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// How, in words.
    pub detail: String,
}

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The last position.
    pub head: u64,
    /// How many events were looked at.
    pub events: u64,
    /// How many streams they are in.
    pub streams: u64,
    /// How many events are of another service, and are not looked into.
    pub foreign_events: u64,
    /// How many idempotency keys there are.
    pub idempotency_keys: u64,
    /// How many things are wrong.
    pub findings_total: u64,
    /// What they are, the first [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings_total == 0
    }

    /// A look that the database did not let come to its end is a finding too.
    fn note(&mut self, looked: Result<(), StoreError>) {
        if let Err(error) = looked {
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            let detail = format!("the database cannot be read any further: {cause}");
            self.add(Problem::Database, None, None, detail);
        }
    }

    fn add(&mut self, problem: Problem, position: Option<u64>, stream: Option<&StreamId>, detail: String) {
        self.findings_total += 1;
        if self.findings.len() < MAX_FINDINGS {
            let stream = stream.map(ToString::to_string);
            self.findings.push(Finding { problem, position, stream, detail });
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.position, &self.stream) {
            (Some(position), Some(stream)) => write!(f, "position {position} ({stream}): ")?,
            (Some(position), None) => write!(f, "position {position}: ")?,
            (None, Some(stream)) => write!(f, "{stream}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.detail)
    }
}

/// Looks at everything, and says what is wrong. It blocks.
pub fn verify(log: &impl Inspection, progress: &mut Progress<'_>) -> Report {
    let mut report = Report::default();
    let checked = log.integrity(&mut |detail| report.add(Problem::Database, None, None, detail));
    report.note(checked);
    let by_position = positions(log, &mut report);
    events(log, &mut report, progress);
    if report.events != by_position {
        let detail = format!("{by_position} events are found by position, but {} by stream", report.events);
        report.add(Problem::IndexMismatch, None, None, detail);
    }
    let looked = log.empty_streams(&mut |stream| {
        report.add(Problem::EmptyStream, None, Some(&stream), "the stream has no events".to_owned());
    });
    report.note(looked);
    keys(log, &mut report);
    progress(report.events, by_position);
    report
}

fn positions(log: &impl Inspection, report: &mut Report) -> u64 {
    let mut count = 0;
    let looked = log.positions(&mut |position| {
        count += 1;
        if position != report.head + 1 {
            let (first, last) = (report.head + 1, position.saturating_sub(1));
            let detail = match first >= last {
                true => "there is no event at this position".to_owned(),
                false => format!("there are no events from this position to {last}"),
            };
            report.add(Problem::PositionGap, Some(first), None, detail);
        }
        report.head = position;
    });
    report.note(looked);
    count
}

fn events(log: &impl Inspection, report: &mut Report, progress: &mut Progress<'_>) {
    let expected = report.head;
    let mut streams = Streams { report, at: None };
    let looked = log.events(&mut |row| {
        streams.look_at(row);
        if streams.report.events.is_multiple_of(PROGRESS_EVENTS) {
            progress(streams.report.events, expected);
        }
    });
    report.note(looked);
}

fn keys(log: &impl Inspection, report: &mut Report) {
    let looked = log.keys(&mut |position| {
        report.idempotency_keys += 1;
        if position > report.head {
            let detail =
                format!("an idempotency key reflects this position, but the log ends at {}", report.head);
            report.add(Problem::KeyOutOfRange, Some(position), None, detail);
        }
    });
    report.note(looked);
}

/// The streams as they go by, one after the other.
struct Streams<'a> {
    report: &'a mut Report,
    at: Option<Stream>,
}

/// The stream at hand.
struct Stream {
    key: u64,
    version: u64,
    /// Nothing before the first event that can be read, when it is another service's, and once it could not be folded.
    state: Option<AnyState>,
}

impl Streams<'_> {
    fn look_at(&mut self, row: Row) {
        self.report.events += 1;
        let mut at = match self.at.take() {
            Some(at) if at.key == row.stream_key => at,
            _ => {
                self.report.streams += 1;
                Stream { key: row.stream_key, version: 0, state: None }
            }
        };
        let stream = row.event.as_ref().ok().map(|event| &event.stream);
        if let Some(version) = row.version {
            if version != at.version + 1 {
                let detail = format!("version {version} of the stream comes after version {}", at.version);
                self.report.add(Problem::VersionGap, Some(row.position), stream, detail);
            }
            at.version = version;
        }
        match row.event {
            Ok(event) => self.decode(&event, &mut at),
            Err(reason) => {
                self.report.add(Problem::Unreadable, Some(row.position), None, reason);
            }
        }
        self.at = Some(at);
    }

    fn decode(&mut self, event: &StoredEvent, at: &mut Stream) {
        let (position, stream) = (Some(event.position), Some(&event.stream));
        let recorded = match codec::decode_any(event) {
            Ok(Some(recorded)) => recorded,
            Ok(None) => {
                self.report.foreign_events += 1;
                return;
            }
            Err(StoreError::Corrupt { reason, .. }) => {
                self.report.add(Problem::Unreadable, position, stream, reason);
                return;
            }
            Err(other) => {
                self.report.add(Problem::Unreadable, position, stream, other.to_string());
                return;
            }
        };
        if let Some(detail) = misnamed(event, &recorded) {
            self.report.add(Problem::Unknown, position, stream, detail);
        }
        if event.version == 1 {
            at.state = AnyState::new(&event.stream.aggregate_type);
        }
        let Some(state) = at.state.take() else { return };
        at.state = panic::catch_unwind(|| state.evolve(&recorded.event)).ok();
        if at.state.is_none() {
            let detail = "the stream cannot be folded beyond this event".to_owned();
            self.report.add(Problem::Unfoldable, position, stream, detail);
        }
    }
}

fn misnamed(stored: &StoredEvent, read: &Recorded<AnyEvent>) -> Option<String> {
    let (name, version) = (read.event.name(), read.event.version());
    if stored.event_type != name {
        return Some(format!("it is named {} and is {name}", stored.event_type));
    }
    (stored.event_version > version)
        .then(|| format!("{name} has version {}, this program knows up to {version}", stored.event_version))
}
