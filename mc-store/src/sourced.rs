//! For services built on cqrs-es: adapts every aggregate of this domain to its traits, and any log to its repository.
//!
//! This is the only file that uses cqrs-es.
//!
//! ```
//! use std::sync::Arc;
//!
//! use cqrs_es::{CqrsFramework, persist::PersistedEventStore};
//! use mc_domain::{actor::Actor, aggregate::CommandContext, project::{Command, Profile, Project}, values::{Name, Slug}};
//! use mc_store::{log::EventLog, memory::MemoryLog, sourced::{LogRepository, Sourced, SourcedCommand, command_metadata}};
//! use uuid::Uuid;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
//! let store = PersistedEventStore::new_event_store(LogRepository::new(Arc::clone(&log)));
//! let projects = CqrsFramework::<Sourced<Project>, _>::new(store, vec![], ());
//!
//! let context = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
//! let metadata = command_metadata(&context, Uuid::now_v7().into(), None);
//! let command = Command::Create { slug: Slug::new("openclaw")?, profile: Profile::new(Name::new("OpenClaw")?) };
//! let id = Uuid::now_v7().to_string();
//! projects.execute_with_metadata(&id, SourcedCommand { command, context }, metadata).await?;
//! assert_eq!(log.head(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use cqrs_es::{
    DomainEvent,
    event_sink::EventSink,
    persist::{
        PersistedEventRepository, PersistenceError, ReplayFeed, ReplayStream, SerializedEvent,
        SerializedSnapshot,
    },
};
use mc_domain::{
    aggregate::{Aggregate, CommandContext, Event},
    ids::{CommandId, ProjectId},
    recorded::{Metadata, StreamId},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    error::StoreError,
    log::{Append, Commit, EventLog, MAX_PAGE_EVENTS, NewEvent, StoredEvent},
    metadata::{flat, unflat},
    upcast,
};

/// The most events that a replay reads before its consumer takes them.
const REPLAY_EVENTS_AHEAD: usize = 256;

/// An aggregate of this domain as an aggregate of cqrs-es: it handles a command by deciding, and applies an event by
/// evolving.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sourced<A>(pub A);

/// A command as cqrs-es handles it: together with the context that deciding needs.
#[derive(Debug, Clone, PartialEq)]
pub struct SourcedCommand<C> {
    /// The command of the aggregate.
    pub command: C,
    /// Who gives the command, when, and under which limits.
    pub context: CommandContext,
}

/// An event of this domain as an event of cqrs-es.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound(deserialize = "E: DeserializeOwned"))]
pub struct SourcedEvent<E>(pub E);

impl<A: Aggregate> cqrs_es::Aggregate for Sourced<A> {
    const TYPE: &'static str = A::TYPE;
    type Command = SourcedCommand<A::Command>;
    type Event = SourcedEvent<A::Event>;
    type Error = A::Rejection;
    type Services = ();

    async fn handle(
        &mut self,
        SourcedCommand { command, context }: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        for event in self.0.decide(command, &context)? {
            sink.write(SourcedEvent(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, SourcedEvent(event): Self::Event) {
        self.0 = std::mem::take(&mut self.0).evolve(&event);
    }
}

impl<E: Event> DomainEvent for SourcedEvent<E> {
    fn event_type(&self) -> String {
        self.0.name().to_owned()
    }

    fn event_version(&self) -> String {
        self.0.version().to_string()
    }
}

/// The metadata that the log records with the events of a command. Pass it to `execute_with_metadata`.
///
/// A command that came by a credential names it in a further entry, `credential`.
pub fn command_metadata(
    context: &CommandContext,
    command_id: CommandId,
    project: Option<ProjectId>,
) -> HashMap<String, String> {
    flat(&Metadata {
        event_id: Uuid::nil().into(),
        recorded_at: context.now,
        actor: context.actor.clone(),
        project,
        command_id,
        idempotency_key: None,
        credential: None,
    })
}

/// A log as a repository of cqrs-es, for `PersistedEventStore::new_event_store`.
///
/// It refuses events without the metadata of [`command_metadata`]. It also refuses snapshots: folding a stream is cheap,
/// and snapshots would need a place beside the log.
#[derive(Clone)]
pub struct LogRepository(Arc<dyn EventLog>);

impl LogRepository {
    /// A repository that reads and appends the streams of `log`.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self(log)
    }
}

impl PersistedEventRepository for LogRepository {
    async fn get_events<A: cqrs_es::Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.get_last_events::<A>(aggregate_id, 0).await
    }

    async fn get_last_events<A: cqrs_es::Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let stream = stream::<A>(aggregate_id);
        let mut events = Vec::new();
        loop {
            let after = (last_sequence + events.len()) as u64;
            let page =
                self.0.read_stream(&stream, after, MAX_PAGE_EVENTS).await.map_err(persistence_error)?;
            for stored in &page {
                events.push(serialized(stored)?);
            }
            if page.len() < MAX_PAGE_EVENTS {
                return Ok(events);
            }
        }
    }

    async fn get_snapshot<A: cqrs_es::Aggregate>(
        &self,
        _: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    async fn persist<A: cqrs_es::Aggregate>(
        &self,
        events: &[SerializedEvent],
        snapshot: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        if snapshot.is_some() {
            return Err(PersistenceError::UnknownError("the log keeps no snapshots".into()));
        }
        let Some(first) = events.first() else { return Ok(()) };
        let append = Append {
            stream: stream::<A>(&first.aggregate_id),
            expected: first.sequence.saturating_sub(1) as u64,
            events: events.iter().map(new_event).collect::<Result<_, _>>()?,
        };
        let commit = Commit { appends: vec![append], ..Commit::default() };
        self.0.append(commit).await.map(|_| ()).map_err(persistence_error)
    }

    async fn stream_events<A: cqrs_es::Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<ReplayStream, PersistenceError> {
        let events = self.get_events::<A>(aggregate_id).await?;
        let (mut feed, replay) = ReplayStream::new(events.len().max(1));
        for event in events {
            feed.push(Ok(event)).await?;
        }
        Ok(replay)
    }

    async fn stream_all_events<A: cqrs_es::Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        let (mut feed, replay) = ReplayStream::new(REPLAY_EVENTS_AHEAD);
        let log = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Err(error) = feed_all(&*log, A::TYPE, &mut feed).await {
                // If the consumer has gone, nobody needs the error.
                let _ = feed.push(Err(error)).await;
            }
        });
        Ok(replay)
    }
}

/// Feeds every event of one aggregate type that the log has now.
async fn feed_all(
    log: &dyn EventLog,
    aggregate_type: &str,
    feed: &mut ReplayFeed,
) -> Result<(), PersistenceError> {
    let mut after = 0;
    loop {
        let page = log.read_all(after, MAX_PAGE_EVENTS).await.map_err(persistence_error)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.position;
        for stored in page.iter().filter(|stored| stored.stream.aggregate_type == aggregate_type) {
            feed.push(Ok(serialized(stored)?)).await?;
        }
    }
}

fn stream<A: cqrs_es::Aggregate>(aggregate_id: &str) -> StreamId {
    StreamId { aggregate_type: Cow::Borrowed(A::TYPE), aggregate_id: aggregate_id.to_owned() }
}

fn serialized(stored: &StoredEvent) -> Result<SerializedEvent, PersistenceError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    Ok(SerializedEvent {
        aggregate_id: stored.stream.aggregate_id.clone(),
        sequence: usize::try_from(stored.version)
            .map_err(|error| PersistenceError::UnknownError(error.into()))?,
        aggregate_type: stored.stream.aggregate_type.clone().into_owned(),
        event_type: stored.event_type.clone().into_owned(),
        event_version: stored.event_version.to_string(),
        payload: serde_json::from_str(&payload)?,
        metadata: serde_json::to_value(flat(&stored.metadata))?,
    })
}

fn new_event(event: &SerializedEvent) -> Result<NewEvent, PersistenceError> {
    let event_version = event.event_version.parse();
    Ok(NewEvent {
        event_type: Cow::Owned(event.event_type.clone()),
        event_version: event_version.map_err(|error| PersistenceError::UnknownError(Box::new(error)))?,
        payload: event.payload.to_string(),
        metadata: metadata(&event.metadata)?,
    })
}

/// The metadata of a new event, with a new event id: cqrs-es has one metadata for all events of a command.
fn metadata(flat: &Value) -> Result<Metadata, PersistenceError> {
    let mut fields = flat.as_object().cloned().unwrap_or_default();
    fields.insert("eventId".to_owned(), Value::String(Uuid::now_v7().to_string()));
    Ok(unflat(fields)?)
}

/// The error of cqrs-es that says the most of `error`.
fn persistence_error(error: StoreError) -> PersistenceError {
    match error {
        StoreError::Conflict { .. } => PersistenceError::OptimisticLockError,
        StoreError::Unavailable(_) | StoreError::Locked { .. } | StoreError::Full => {
            PersistenceError::ConnectionError(error.into())
        }
        StoreError::Corrupt { .. } => PersistenceError::DeserializationError(error.into()),
        _ => PersistenceError::UnknownError(error.into()),
    }
}
