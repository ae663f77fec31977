//! Empty logs of each adapter, and events to append.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    recorded::{Metadata, StreamId},
    values::Name,
};
use mc_store::{
    Store,
    backup::{self, BackupError},
    error::StoreError,
    log::{Append, Appended, Commit, EventLog, Idempotency, MAX_PAGE_EVENTS, NewEvent, StoredEvent},
    memory::MemoryLog,
    postgres::{PostgresImport, PostgresInspection, PostgresReader},
    sqlite::{Existing, SqliteImport, SqliteInspection, SqliteLog},
    testing::{Database, Postgres},
    verify::{Report, verify},
};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

/// An empty log, with what must live as long.
pub struct Fixture {
    pub log: Arc<dyn EventLog>,
    place: Place,
}

/// Where a log is.
enum Place {
    Memory,
    File(TempDir),
    Database(Database),
}

impl Fixture {
    /// Restores a backup into a new log of the same adapter.
    pub fn restored(&self, document: &[u8]) -> Result<Self, BackupError> {
        let place = self.place.another();
        match &place {
            Place::Memory => {
                let log = MemoryLog::new();
                backup::read(document, log.import()?, &mut |_, _| {})?;
                return Ok(in_memory(log));
            }
            Place::File(directory) => {
                let import = SqliteImport::create(file(directory), Existing::Refuse)?;
                backup::read(document, import, &mut |_, _| {}).map(drop)?;
            }
            Place::Database(database) => {
                backup::read(document, PostgresImport::create(database.url())?, &mut |_, _| {}).map(drop)?;
            }
        }
        Ok(place.opened())
    }

    /// An empty log of the same adapter.
    pub fn another(&self) -> Self {
        self.place.another().opened()
    }

    /// Whether payloads can be stored that are no JSON. In PostgreSQL their column has the type `json`, as that of
    /// postgres-es has.
    pub fn stores_any_text(&self) -> bool {
        !matches!(self.place, Place::Database(_))
    }

    /// The address at which the log can be opened again.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// Closes the log, and opens it again.
    pub async fn reopened(&self) -> Arc<dyn EventLog> {
        self.log.close().await;
        Store::open(&self.url()).unwrap()
    }

    /// The log as it is now, for reading only: also when it is damaged.
    pub fn reader(&self) -> Arc<dyn EventLog> {
        match &self.place {
            Place::Memory => Arc::clone(&self.log),
            Place::File(directory) => Arc::new(SqliteLog::open_read_only(file(directory)).unwrap()),
            Place::Database(database) => Arc::new(PostgresReader::open(database.url()).unwrap()),
        }
    }

    /// Closes the log, and executes statements that its database would refuse if its triggers were not turned off.
    pub async fn damage(&self, statements: &str) {
        self.log.close().await;
        match &self.place {
            Place::Memory => panic!("a log in memory has no database"),
            Place::File(directory) => {
                let vandal = Connection::open(file(directory)).unwrap();
                vandal.execute_batch(&format!("{UNGUARDED_FILE}{statements}")).unwrap();
            }
            Place::Database(database) => database.execute(&format!("{UNGUARDED_DATABASE}{statements}")),
        }
    }

    /// The table of the idempotency keys in the database.
    pub fn table_of_keys(&self) -> &'static str {
        match self.place {
            Place::Database(_) => "mc_idempotency_keys",
            _ => "idempotency_keys",
        }
    }

    /// What verification finds in the log, at the time `now`.
    pub fn verified(&self, now: DateTime<Utc>) -> Report {
        match &self.place {
            Place::Memory => panic!("a log in memory has no database"),
            Place::File(directory) => {
                verify(&SqliteInspection::open(file(directory)).unwrap(), now, &mut |_, _| {})
            }
            Place::Database(database) => {
                verify(&PostgresInspection::open(database.url()).unwrap(), now, &mut |_, _| {})
            }
        }
    }
}

/// Turns off what guards the events of an SQLite file.
const UNGUARDED_FILE: &str = "DROP TRIGGER events_are_not_updated; DROP TRIGGER events_are_not_deleted; \
    DROP TRIGGER streams_are_not_deleted; DROP TRIGGER idempotency_keys_are_not_updated; PRAGMA foreign_keys = OFF; ";
/// Turns off what guards the events of a PostgreSQL database.
const UNGUARDED_DATABASE: &str = "ALTER TABLE events DISABLE TRIGGER USER; \
    ALTER TABLE mc_idempotency_keys DISABLE TRIGGER USER; ALTER TABLE mc_head DISABLE TRIGGER USER; ";

impl Place {
    /// An empty one of the same kind.
    fn another(&self) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::File(_) => Self::File(tempfile::tempdir().unwrap()),
            Self::Database(_) => Self::Database(Postgres::shared().unwrap().database()),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Memory => "memory:".to_owned(),
            Self::File(directory) => format!("sqlite:{}", file(directory).display()),
            Self::Database(database) => database.url().to_owned(),
        }
    }

    fn opened(self) -> Fixture {
        Fixture { log: Store::open(&self.url()).unwrap(), place: self }
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("log.db")
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
    Fixture { log: Arc::new(log), place: Place::Memory }
}

pub fn sqlite() -> Fixture {
    Place::File(tempfile::tempdir().unwrap()).opened()
}

/// Nothing where PostgreSQL is not installed, which is told once.
pub fn postgres() -> Option<Fixture> {
    Postgres::shared().map(|server| Place::Database(server.database()).opened())
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
