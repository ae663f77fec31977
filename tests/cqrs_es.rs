//! A service built on cqrs-es can embed our aggregates: its stock framework runs one, on our logs.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use chrono::DateTime;
use cqrs_es::{
    AggregateError, CqrsFramework, EventEnvelope, EventStore, Query,
    mem_store::MemStore,
    persist::{PersistedEventStore, QueryReplay},
    test::TestFramework,
};
use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    project::{Command, Event, Profile, Project, Rejection},
    recorded::StreamId,
    values::{Name, Slug},
};
use mc_store::{
    codec,
    log::EventLog,
    sourced::{LogRepository, Sourced, SourcedCommand, SourcedEvent, command_metadata},
    testing::Place,
};
use uuid::Uuid;

type Projects<S> = CqrsFramework<Sourced<Project>, S>;
type LogStore = PersistedEventStore<LogRepository, Sourced<Project>>;

const ID: &str = "00000000-0000-0000-0000-000000000001";

fn sofie() -> CommandContext {
    CommandContext::new(DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie").unwrap()))
}

fn profile(name: &str) -> Profile {
    Profile::new(Name::new(name).unwrap())
}

fn create() -> SourcedCommand<Command> {
    let command = Command::Create { slug: Slug::new("openclaw").unwrap(), profile: profile("OpenClaw") };
    SourcedCommand { command, context: sofie() }
}

fn edit(name: &str) -> SourcedCommand<Command> {
    SourcedCommand { command: Command::Edit { profile: profile(name) }, context: sofie() }
}

fn created() -> Event {
    let slug = Slug::new("openclaw").unwrap();
    Event::Created { slug, profile: profile("OpenClaw"), at: sofie().now }
}

fn edited(name: &str) -> Event {
    Event::Edited { profile: profile(name) }
}

fn log() -> (Place, Arc<dyn EventLog>) {
    let place = Place::lasting();
    let log = place.open();
    (place, log)
}

fn on(log: &Arc<dyn EventLog>, queries: Vec<Box<dyn Query<Sourced<Project>>>>) -> Projects<LogStore> {
    let store = PersistedEventStore::new_event_store(LogRepository::new(Arc::clone(log)));
    CqrsFramework::new(store, queries, ())
}

async fn execute(
    projects: &Projects<LogStore>,
    command: SourcedCommand<Command>,
) -> Result<(), AggregateError<Rejection>> {
    let metadata = command_metadata(&command.context, Uuid::now_v7().into(), None);
    projects.execute_with_metadata(ID, command, metadata).await
}

/// A query of cqrs-es that keeps the events it gets, with their sequence numbers.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(usize, Event)>>>);

#[async_trait::async_trait]
impl Query<Sourced<Project>> for Seen {
    async fn dispatch(&self, _: &str, events: &[EventEnvelope<Sourced<Project>>]) {
        let events = events.iter().map(|event| (event.sequence, event.payload.0.clone()));
        self.0.lock().unwrap().extend(events);
    }
}

#[test]
fn their_test_framework_decides_by_our_rules() {
    let framework = || TestFramework::<Sourced<Project>>::with(());
    framework().given_no_previous_events().when(create()).then_expect_events(vec![SourcedEvent(created())]);
    framework()
        .given(vec![SourcedEvent(created())])
        .when(edit("Claw"))
        .then_expect_events(vec![SourcedEvent(edited("Claw"))]);
    framework().given_no_previous_events().when(edit("Claw")).then_expect_error(Rejection::NotFound);
}

#[tokio::test]
async fn a_stock_framework_runs_an_aggregate_on_its_own_store() {
    let store = MemStore::<Sourced<Project>>::default();
    let projects: Projects<_> = CqrsFramework::new(store.clone(), vec![], ());
    projects.execute(ID, create()).await.unwrap();
    projects.execute(ID, edit("Claw")).await.unwrap();
    let events = store.load_events(ID).await.unwrap();
    let events: Vec<_> = events.into_iter().map(|event| event.payload.0).collect();
    assert_eq!(events, [created(), edited("Claw")]);
}

#[tokio::test]
async fn a_stock_framework_runs_an_aggregate_on_our_log() {
    let (_place, log) = log();
    let seen = Seen::default();
    let projects = on(&log, vec![Box::new(seen.clone())]);
    execute(&projects, create()).await.unwrap();
    execute(&projects, edit("Claw")).await.unwrap();
    execute(&projects, edit("Claw")).await.unwrap();
    let refused = execute(&projects, create()).await.unwrap_err();
    assert!(matches!(refused, AggregateError::UserError(Rejection::AlreadyExists)), "{refused:?}");

    let stream = StreamId::of::<Project>(&ID.parse().unwrap());
    let stored = log.read_stream(&stream, 0, 10).await.unwrap();
    let events: Vec<Event> = stored.iter().map(|stored| codec::decode(stored).unwrap()).collect();
    assert_eq!(events, [created(), edited("Claw")]);
    assert_eq!(stored[0].event_type, "project.created");
    assert_eq!(stored[0].metadata.actor, sofie().actor);
    assert_ne!(stored[0].metadata.event_id, stored[1].metadata.event_id);
    assert_eq!(*seen.0.lock().unwrap(), [(1, created()), (2, edited("Claw"))]);
}

#[tokio::test]
async fn a_race_is_their_aggregate_conflict() {
    let (_place, log) = log();
    let projects = on(&log, vec![]);
    execute(&projects, create()).await.unwrap();
    let store = LogStore::new_event_store(LogRepository::new(Arc::clone(&log)));
    let context = store.load_aggregate(ID).await.unwrap();
    execute(&projects, edit("Claw")).await.unwrap();
    let metadata = command_metadata(&sofie(), Uuid::now_v7().into(), None);
    let refused = store.commit(vec![SourcedEvent(edited("Late"))], context, metadata).await.unwrap_err();
    assert!(matches!(refused, AggregateError::AggregateConflict), "{refused:?}");
    assert_eq!(log.head(), 2);
}

#[tokio::test]
async fn their_replay_reads_our_log() {
    let (_place, log) = log();
    let projects = on(&log, vec![]);
    execute(&projects, create()).await.unwrap();
    execute(&projects, edit("Claw")).await.unwrap();
    for whole in [true, false] {
        let seen = Seen::default();
        let replay = QueryReplay::new(LogRepository::new(Arc::clone(&log)), seen.clone());
        if whole {
            replay.replay_all().await.unwrap()
        } else {
            replay.replay(ID).await.unwrap()
        }
        assert_eq!(*seen.0.lock().unwrap(), [(1, created()), (2, edited("Claw"))]);
    }
}

#[tokio::test]
async fn the_credential_of_a_command_is_recorded_and_read_back() {
    let (_place, log) = log();
    let credential = Uuid::from_u128(9);
    let mut metadata = command_metadata(&sofie(), Uuid::now_v7().into(), None);
    metadata.insert("credential".to_owned(), credential.to_string());
    on(&log, vec![]).execute_with_metadata(ID, create(), metadata).await.unwrap();

    let stream = StreamId::of::<Project>(&ID.parse().unwrap());
    let stored = log.read_stream(&stream, 0, 10).await.unwrap();
    assert_eq!(stored[0].metadata.credential, Some(credential.into()));
    let store = LogStore::new_event_store(LogRepository::new(log));
    let events = store.load_events(ID).await.unwrap();
    assert_eq!(events[0].metadata["credential"], credential.to_string());
}

#[tokio::test]
async fn a_command_without_metadata_is_not_recorded() {
    let (_place, log) = log();
    let refused = on(&log, vec![]).execute(ID, create()).await.unwrap_err();
    assert!(matches!(refused, AggregateError::DeserializationError(_)), "{refused:?}");
    assert_eq!(log.head(), 0);
}
