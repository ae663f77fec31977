//! Is everything in the log as it has to be?
//!
//! [`verify`] looks at every row of a log as it is stored, believes nothing, and goes on after what it finds:
//!
//! 1. The database itself is sound, as far as it can tell.
//! 2. Positions have no holes.
//! 3. Versions have no holes in any stream, and every stream has events.
//! 4. What is found by stream is what is found by position.
//! 5. Every event is one that this program reads, old shapes brought up to date, and named what it is.
//! 6. Every stream folds, and every event is one that may come next in its stream.
//! 7. No event is there twice.
//! 8. Idempotency keys reflect positions that exist, and their fingerprints and answers can be read.
//!
//! What it warns of is no damage: what is derived from the log and made anew when a server opens it, and times that can
//! hardly be right.
//!
//! What it cannot find is a text that somebody rewrote and left readable: no event is chained to the one before it.
//! Compare with a backup, whose hash covers all of it, where that matters.

mod legal;

use std::{error::Error, fmt, panic};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::recorded::{AnyEvent, AnyState, Recorded, StreamId};
use serde::Serialize;

use crate::{codec, error::StoreError, log::StoredEvent};

/// The most findings a report lists; those beyond are only counted.
pub const MAX_FINDINGS: usize = 1_000;
/// After how many events progress is told.
const PROGRESS_EVENTS: u64 = 8_192;
/// How far ahead of now a time may be until it is warned of.
const AHEAD: TimeDelta = TimeDelta::days(1);

/// Told now and then how many events were looked at, and of how many.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// The rows of a log as they are stored, of one context.
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

    /// The position of every event whose id an earlier one has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn repeated_ids(&self, seen: &mut dyn FnMut(u64)) -> Result<(), StoreError>;

    /// Every idempotency key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn keys(&self, seen: &mut dyn FnMut(KeyRow)) -> Result<(), StoreError>;

    /// What is derived from the events, or guards them, and is not there: a sentence each.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn lacks(&self, found: &mut dyn FnMut(String)) -> Result<(), StoreError>;
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

/// An idempotency key of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The position its answer reflects.
    pub position: u64,
    /// What cannot be read of it, if something cannot.
    pub unreadable: Option<&'static str>,
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
    /// An event is not the one it is named.
    Unknown,
    /// An event was written by a newer version of this program.
    Newer,
    /// A stream cannot be folded.
    Unfoldable,
    /// An event cannot come where it is in its stream.
    Illegal,
    /// An event is there twice.
    RepeatedEvent,
    /// An idempotency key reflects a position that is not in the log.
    KeyOutOfRange,
    /// What an idempotency key is for cannot be read.
    UnreadableKey,
    /// What is derived from the events, or guards them, is not there.
    Lacking,
    /// A time is far in the future.
    AheadOfTime,
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
    /// How many things are odd, and no damage.
    pub warnings_total: u64,
    /// What they are, the first [`MAX_FINDINGS`].
    pub warnings: Vec<Finding>,
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

/// Looks at everything, and says what is wrong as of `now`. It blocks.
pub fn verify(log: &impl Inspection, now: DateTime<Utc>, progress: &mut Progress<'_>) -> Report {
    let mut report = Report::default();
    let checked = log.integrity(&mut |detail| report.add(Problem::Database, None, None, detail));
    report.note(checked);
    let by_position = positions(log, &mut report);
    events(log, now, &mut report, progress);
    if report.events != by_position {
        let detail = format!("{by_position} events are found by position, but {} by stream", report.events);
        report.add(Problem::IndexMismatch, None, None, detail);
    }
    let looked = log.empty_streams(&mut |stream| {
        report.add(Problem::EmptyStream, None, Some(&stream), "the stream has no events".to_owned());
    });
    report.note(looked);
    let looked = log.repeated_ids(&mut |position| {
        let detail = "an earlier event has the same id".to_owned();
        report.add(Problem::RepeatedEvent, Some(position), None, detail);
    });
    report.note(looked);
    keys(log, &mut report);
    let looked = log.lacks(&mut |what| report.warn(Problem::Lacking, None, what));
    report.note(looked);
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

fn events(log: &impl Inspection, now: DateTime<Utc>, report: &mut Report, progress: &mut Progress<'_>) {
    let expected = report.head;
    let latest = now.checked_add_signed(AHEAD).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut streams = Streams { report, latest, at: None };
    let looked = log.events(&mut |row| {
        streams.look_at(row);
        if streams.report.events.is_multiple_of(PROGRESS_EVENTS) {
            progress(streams.report.events, expected);
        }
    });
    report.note(looked);
}

fn keys(log: &impl Inspection, report: &mut Report) {
    let looked = log.keys(&mut |KeyRow { position, unreadable }| {
        report.idempotency_keys += 1;
        if let Some(why) = unreadable {
            report.add(Problem::UnreadableKey, Some(position), None, format!("of an idempotency key {why}"));
        }
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
    /// The latest time that an event may have.
    latest: DateTime<Utc>,
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
                // What would be said about those that follow rests on those that are missing.
                at.state = None;
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
        self.look_at_time(event);
        let recorded = match codec::decode_any(event) {
            Ok(Some(recorded)) => recorded,
            Ok(None) => {
                self.report.foreign_events += 1;
                return;
            }
            Err(error) => {
                let (problem, detail) = undecoded(error);
                self.report.add(problem, position, stream, detail);
                // What would be said about those that follow rests on this one.
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

    fn look_at_time(&mut self, event: &StoredEvent) {
        let at = event.metadata.recorded_at;
        if at > self.latest {
            let detail = format!("its time is far in the future: {}", at.format("%Y-%m-%d %H:%M:%S UTC"));
            self.report.warn(Problem::AheadOfTime, Some(event.position), detail);
        }
    }
}

fn undecoded(error: StoreError) -> (Problem, String) {
    match error {
        StoreError::Corrupt { reason, .. } => (Problem::Unreadable, reason),
        newer @ StoreError::NewerEvent { .. } => (Problem::Newer, newer.to_string()),
        other => (Problem::Unreadable, other.to_string()),
    }
}

/// How the event is stored, where that is not what it is.
fn misnamed(stored: &StoredEvent, read: &Recorded<AnyEvent>) -> Option<String> {
    let name = read.event.name();
    (stored.event_type != name).then(|| format!("it is named {} and is {name}", stored.event_type))
}
