//! Empty logs of each adapter, and events to append.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    recorded::{Metadata, StreamId},
    values::Name,
};
use mc_store::{
    backup::{self, BackupError},
    error::StoreError,
    log::{Append, Appended, Commit, EventLog, Idempotency, MAX_PAGE_EVENTS, NewEvent, StoredEvent},
    memory::MemoryLog,
    sqlite::{Existing, SqliteImport, SqliteLog},
};
use tempfile::TempDir;
use uuid::Uuid;

/// An empty log, with the directory that must live as long.
pub struct Fixture {
    pub log: Arc<dyn EventLog>,
    restore: fn(&[u8]) -> Result<Fixture, BackupError>,
    _directory: Option<TempDir>,
}

impl Fixture {
    /// Restores a backup into a new log of the same adapter.
    pub fn restored(&self, document: &[u8]) -> Result<Self, BackupError> {
        (self.restore)(document)
    }
}

impl<'a> From<&'a Fixture> for &'a Arc<dyn EventLog> {
    fn from(fixture: &'a Fixture) -> Self {
        &fixture.log
    }
}

pub fn memory() -> Fixture {
    in_memory(MemoryLog::new())
}

fn in_memory(log: MemoryLog) -> Fixture {
    let restore = |document: &[u8]| {
        let log = MemoryLog::new();
        backup::read(document, log.import()?, &mut |_, _| {})?;
        Ok(in_memory(log))
    };
    Fixture { log: Arc::new(log), restore, _directory: None }
}

pub fn sqlite() -> Fixture {
    in_directory(tempfile::tempdir().unwrap())
}

fn in_directory(directory: TempDir) -> Fixture {
    let restore = |document: &[u8]| {
        let directory = tempfile::tempdir().unwrap();
        let import = SqliteImport::create(directory.path().join("log.db"), Existing::Refuse)?;
        backup::read(document, import, &mut |_, _| {})?;
        Ok(in_directory(directory))
    };
    let log = Arc::new(SqliteLog::open(directory.path().join("log.db")).unwrap());
    Fixture { log, restore, _directory: Some(directory) }
}

/// A backup of the log, with a fixed time.
pub async fn backed_up(log: &dyn EventLog) -> Vec<u8> {
    let mut document = Vec::new();
    backup::write(log, at(0), &mut document, &mut |_, _| {}).await.unwrap();
    document
}

/// A fixed time, which has microseconds, plus `seconds`.
pub fn at(seconds: u64) -> DateTime<Utc> {
    let start = DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap();
    start + TimeDelta::seconds(seconds.try_into().unwrap())
}

/// An event that differs from those of all other numbers.
pub fn event(number: u64) -> NewEvent {
    event_at(number, at(number))
}

pub fn event_at(number: u64, recorded_at: DateTime<Utc>) -> NewEvent {
    NewEvent {
        event_type: "test.happened".into(),
        event_version: 1,
        payload: format!(r#"{{"happened":{{"number":{number}}}}}"#),
        metadata: Metadata {
            event_id: Uuid::from_u128(number.into()).into(),
            recorded_at,
            actor: Actor::Human(Name::new("Sofie").unwrap()),
            project: Some(Uuid::from_u128(7).into()),
            command_id: Uuid::from_u128(1_000_000_000 + u128::from(number)).into(),
            idempotency_key: None,
            // Every other event came by a credential.
            credential: number
                .is_multiple_of(2)
                .then(|| Uuid::from_u128(2_000_000_000 + u128::from(number)).into()),
        },
    }
}

pub fn stream(name: impl ToString) -> StreamId {
    StreamId { aggregate_type: "test".into(), aggregate_id: name.to_string() }
}

/// An append of one event to the stream `name`.
pub fn addition(name: impl ToString, expected: u64, number: u64) -> Append {
    Append { stream: stream(name), expected, events: vec![event(number)] }
}

/// A commit of one event to one stream.
pub fn one(name: impl ToString, expected: u64, number: u64) -> Commit {
    several([addition(name, expected, number)])
}

pub fn several(appends: impl IntoIterator<Item = Append>) -> Commit {
    Commit { appends: appends.into_iter().collect(), ..Commit::default() }
}

/// A commit of `count` events to one stream.
pub fn many(name: impl ToString, expected: u64, count: u64) -> Commit {
    let events = (1..=count).map(event).collect();
    several([Append { stream: stream(name), expected, events }])
}

/// The commit with an idempotency key, as the request `request`.
pub fn keyed(commit: Commit, key: &str, request: u8, answer: &str) -> Commit {
    let idempotency =
        Idempotency { key: key.to_owned(), fingerprint: [request; 32], answer: answer.to_owned() };
    Commit { idempotency: Some(idempotency), ..commit }
}

/// Reads all events of the log, page by page.
pub async fn everything(log: &Arc<dyn EventLog>) -> Vec<StoredEvent> {
    let mut events: Vec<StoredEvent> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.position);
        let page = log.read_all(after, MAX_PAGE_EVENTS).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

pub fn positions(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(|event| event.position).collect()
}

pub fn committed(appended: Result<Appended, StoreError>) -> u64 {
    match appended {
        Ok(Appended::Committed { position }) => position,
        other => panic!("not committed: {other:?}"),
    }
}
