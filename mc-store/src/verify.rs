//! Is everything in the log as it has to be?
//!
//! [`verify`] checks every stored row of a log, and continues after a finding:
//!
//! 1. The database reports no damage of its own.
//! 2. Positions have no holes.
//! 3. Versions have no holes in any stream, and every stream has events.
//! 4. The events by stream are as many as the events by position.
//! 5. This program can decode every event, and the event has the name of its row.
//! 6. Every stream folds, and every event may come next in its stream.
//! 7. No two events have the same id.
//! 8. Idempotency keys refer to positions that exist, and their fingerprints and answers can be read.
//!
//! It only warns of parts that a server repairs when it opens the log, and of times far in the future.
//!
//! It cannot find a payload that somebody rewrote so that it still decodes: no event has the hash of the one before it.
//! A backup can, because its hash covers every byte.

mod legal;

use std::{error::Error, fmt, panic};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::recorded::{AnyEvent, AnyState, Recorded, StreamId};
use serde::Serialize;

use crate::{codec, error::StoreError, log::StoredEvent};

/// The most findings, and the most warnings, that a report lists. It counts all of them.
pub const MAX_FINDINGS: usize = 1_000;
/// How many events lie between two calls of [`Progress`].
const PROGRESS_EVENTS: u64 = 8_192;
/// How far after now a time may lie without a warning.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);

/// Receives how many events are checked, and of how many.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// The stored rows of a log, all as of one moment.
pub trait Inspection {
    /// Calls `found` with every damage that the database itself reports.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Damaged`] when the database cannot be read, as for every method here.
    fn integrity(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError>;

    /// Calls `seen` with every position, in ascending order.
    ///
    /// # Errors
    /// As [`Inspection::integrity`].
    fn positions(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError>;

    /// Calls `seen` with every event, stream by stream, in order of their versions.
    ///
    /// # Errors
    /// As [`Inspection::integrity`].
    fn events(&self, seen: &mut dyn FnMut(Row)) -> Result<(), StoreError>;

    /// Calls `seen` with every stream that has no events.
    ///
    /// # Errors
    /// As [`Inspection::integrity`].
    fn empty_streams(&self, seen: &mut dyn FnMut(StreamId)) -> Result<(), StoreError>;

    /// Calls `seen` with the position of every event whose id an earlier event has.
    ///
    /// # Errors
    /// As [`Inspection::integrity`].
    fn repeated_ids(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError>;

    /// Calls `seen` with every idempotency key.
    ///
    /// # Errors
    /// As [`Inspection::integrity`].
    fn keys(&self, seen: &mut dyn FnMut(KeyRow)) -> Result<(), StoreError>;

    /// Calls `found` with a sentence for every missing part: one that guards the events, or that is derived from them.
    ///
    /// # Errors
    /// As [`Inspection::integrity`].
    fn missing_parts(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError>;
}

/// An event of the log as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number in the whole log.
    pub position: u64,
    /// The number of its stream in the tables.
    pub stream_key: u64,
    /// Its number in its stream; nothing when it cannot be read.
    pub version: Option<u64>,
    /// The event, or why it cannot be read.
    pub event: Result<StoredEvent, String>,
}

/// An idempotency key of the log as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The head of the log right after its command; at most the head of today.
    pub position: u64,
    /// Why it cannot be read, as a sentence; nothing when it can.
    pub unreadable: Option<&'static str>,
}

/// The kind of a finding or a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The database reports damage, or cannot be read.
    Database,
    /// A position has no event.
    PositionGap,
    /// A version is missing in a stream.
    VersionGap,
    /// A stream exists without events.
    EmptyStream,
    /// The events by stream are not as many as the events by position.
    IndexMismatch,
    /// An event cannot be read or decoded.
    Unreadable,
    /// The row of an event has another name than the event.
    Unknown,
    /// A newer version of this program wrote the event.
    Newer,
    /// A stream cannot be folded beyond this event.
    Unfoldable,
    /// No decision could have recorded this event after the ones before it.
    Illegal,
    /// An earlier event has the same id.
    RepeatedEvent,
    /// An idempotency key refers to a position beyond the head.
    KeyOutOfRange,
    /// The fingerprint or the answer of an idempotency key cannot be read.
    UnreadableKey,
    /// A part is missing that guards the events or is derived from them.
    Lacking,
    /// An event has a time more than a day in the future.
    AheadOfTime,
}

/// One thing that is wrong, or odd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind; `--json` prints it in snake case.
    pub problem: Problem,
    /// The position of the event, when the finding is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The stream, when the finding is about one that can be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What is wrong, for the operator to read: a clause without a full stop.
    pub detail: String,
}

/// What [`verify`] checked and found. It is sound when there are no findings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The last position, 0 in an empty log.
    pub head: u64,
    /// The number of events checked, readable or not.
    pub events: u64,
    /// The number of streams these events are in.
    pub streams: u64,
    /// How many of the events belong to another service, so that they are not decoded.
    pub foreign_events: u64,
    /// The number of idempotency keys checked, readable or not.
    pub idempotency_keys: u64,
    /// The number of all findings, also of those not listed.
    pub findings_total: u64,
    /// The first [`MAX_FINDINGS`] findings, in the order of the checks above.
    pub findings: Vec<Finding>,
    /// The number of all warnings, also of those not listed.
    pub warnings_total: u64,
    /// The first [`MAX_FINDINGS`] warnings, in the order in which they were found.
    pub warnings: Vec<Finding>,
}

impl Report {
    /// Whether there are no findings; warnings do not count.
    pub fn is_sound(&self) -> bool {
        self.findings_total == 0
    }

    /// Refuses a log with findings, naming the first one and how many more there are.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn accept(&self) -> Result<(), StoreError> {
        let Some(first) = self.findings.first() else { return Ok(()) };
        let position = first.position.unwrap_or(self.head);
        let more = match self.findings_total {
            1 => String::new(),
            total => format!(", and {} more", total - 1),
        };
        let place = first.stream.as_ref().map_or(String::new(), |stream| format!("stream {stream}: "));
        Err(StoreError::Corrupt { position, reason: format!("{place}{}{more}", first.detail) })
    }

    /// Adds a finding when a read failed.
    fn note(&mut self, read: Result<(), StoreError>) {
        if let Err(error) = read {
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

    fn warn(&mut self, problem: Problem, position: Option<u64>, detail: String) {
        self.warnings_total += 1;
        if self.warnings.len() < MAX_FINDINGS {
            self.warnings.push(Finding { problem, position, stream: None, detail });
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

/// Checks the whole log as of `now`, and reports what is wrong. It blocks.
pub fn verify(log: &impl Inspection, now: DateTime<Utc>, progress: &mut Progress<'_>) -> Report {
    let mut report = Report::default();
    let read = log.integrity(&mut |detail| report.add(Problem::Database, None, None, detail));
    report.note(read);
    let by_position = positions(log, &mut report);
    events(log, now, &mut report, progress);
    if report.events != by_position {
        let detail = format!("{by_position} events are found by position, but {} by stream", report.events);
        report.add(Problem::IndexMismatch, None, None, detail);
    }
    let read = log.empty_streams(&mut |stream| {
        report.add(Problem::EmptyStream, None, Some(&stream), "the stream has no events".to_owned());
    });
    report.note(read);
    let read = log.repeated_ids(&mut |position| {
        let detail = "an earlier event has the same id".to_owned();
        report.add(Problem::RepeatedEvent, Some(position), None, detail);
    });
    report.note(read);
    keys(log, &mut report);
    let read = log.missing_parts(&mut |detail| report.warn(Problem::Lacking, None, detail));
    report.note(read);
    progress(report.events, by_position);
    report
}

/// Checks the positions, and sets the head. Returns how many events there are by position.
fn positions(log: &impl Inspection, report: &mut Report) -> u64 {
    let mut count = 0;
    let read = log.positions(&mut |position| {
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
    report.note(read);
    count
}

fn events(log: &impl Inspection, now: DateTime<Utc>, report: &mut Report, progress: &mut Progress<'_>) {
    let expected = report.head;
    let latest = now.checked_add_signed(MAX_AHEAD).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut streams = StreamCheck { report, latest, at: None };
    let read = log.events(&mut |row| {
        streams.check(row);
        if streams.report.events.is_multiple_of(PROGRESS_EVENTS) {
            progress(streams.report.events, expected);
        }
    });
    report.note(read);
}

fn keys(log: &impl Inspection, report: &mut Report) {
    let read = log.keys(&mut |KeyRow { position, unreadable }| {
        report.idempotency_keys += 1;
        if let Some(why) = unreadable {
            report.add(Problem::UnreadableKey, Some(position), None, why.to_owned());
        }
        if position > report.head {
            let detail =
                format!("an idempotency key refers to this position, but the log ends at {}", report.head);
            report.add(Problem::KeyOutOfRange, Some(position), None, detail);
        }
    });
    report.note(read);
}

/// Checks events stream by stream; it remembers only the stream of the last row.
struct StreamCheck<'a> {
    report: &'a mut Report,
    /// Events with a later time get a warning.
    latest: DateTime<Utc>,
    /// The stream of the row before; nothing before the first row.
    at: Option<Stream>,
}

/// What is known of a stream after some of its events.
struct Stream {
    key: u64,
    version: u64,
    /// Nothing before the first event, for a stream of another service, and after an event that cannot be folded.
    state: Option<AnyState>,
}

impl StreamCheck<'_> {
    fn check(&mut self, row: Row) {
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
                // Without the missing events, nothing can be said about the following ones.
                at.state = None;
            }
            at.version = version;
        }
        match row.event {
            Ok(event) => self.check_event(&event, &mut at),
            Err(reason) => {
                self.report.add(Problem::Unreadable, Some(row.position), None, reason);
            }
        }
        self.at = Some(at);
    }

    fn check_event(&mut self, event: &StoredEvent, at: &mut Stream) {
        let (position, stream) = (Some(event.position), Some(&event.stream));
        self.check_time(event);
        let recorded = match codec::decode_any(event) {
            Ok(Some(recorded)) => recorded,
            Ok(None) => {
                self.report.foreign_events += 1;
                return;
            }
            Err(error) => {
                let (problem, detail) = decode_problem(error);
                self.report.add(problem, position, stream, detail);
                // Without this event, nothing can be said about the following ones.
                at.state = None;
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
        if let Some(why) = legal::illegal(&state, &recorded.event) {
            let detail = format!("{} cannot come here: {why}", recorded.event.name());
            self.report.add(Problem::Illegal, position, stream, detail);
        }
        at.state = panic::catch_unwind(|| state.evolve(&recorded.event)).ok();
        if at.state.is_none() {
            let detail = "the stream cannot be folded beyond this event".to_owned();
            self.report.add(Problem::Unfoldable, position, stream, detail);
        }
    }

    fn check_time(&mut self, event: &StoredEvent) {
        let at = event.metadata.recorded_at;
        if at > self.latest {
            let detail = format!("its time is far in the future: {}", at.format("%Y-%m-%d %H:%M:%S UTC"));
            self.report.warn(Problem::AheadOfTime, Some(event.position), detail);
        }
    }
}

fn decode_problem(error: StoreError) -> (Problem, String) {
    match error {
        StoreError::Corrupt { reason, .. } => (Problem::Unreadable, reason),
        newer @ StoreError::NewerEvent { .. } => (Problem::Newer, newer.to_string()),
        other => (Problem::Unreadable, other.to_string()),
    }
}

/// Says so when the row of an event has another name than the event.
fn misnamed(stored: &StoredEvent, read: &Recorded<AnyEvent>) -> Option<String> {
    let name = read.event.name();
    (stored.event_type != name).then(|| format!("it is named {} and is {name}", stored.event_type))
}
