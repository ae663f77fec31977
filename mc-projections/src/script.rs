//! A log written by hand, for examples and tests: it needs no store, and its clock ticks once per event.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::Aggregate,
    ids::{AgentId, ProjectId, TaskId},
    project::{self, Project},
    recorded::{AnyEvent, Metadata, Recorded, StreamId},
    task::{self, Task},
    values::Name,
};
use uuid::Uuid;

use crate::{projection::Projection, views::Views};

/// Events one after the other, with positions, versions and metadata filled in.
///
/// The first is recorded at 2026-02-01 09:00 UTC by the operator Sofie, each further one a second later.
///
/// ```
/// use mc_domain::{project, values::{Name, Slug}};
/// use mc_projections::script::Script;
///
/// let mut script = Script::new();
/// let event = |at| project::Event::Created {
///     slug: Slug::new("openclaw").unwrap(),
///     profile: project::Profile::new(Name::new("OpenClaw").unwrap()),
///     at,
/// };
/// let project = script.project(1, event);
/// assert_eq!(script.events().len(), 1);
/// assert_eq!(script.views().projects.named("openclaw"), Some(project));
/// ```
#[derive(Debug, Clone)]
pub struct Script {
    events: Vec<Recorded<AnyEvent>>,
    versions: BTreeMap<StreamId, u64>,
    project: Option<ProjectId>,
    actor: Actor,
    now: DateTime<Utc>,
}

impl Script {
    /// A script without events, at the time of the first.
    pub fn new() -> Self {
        Self {
            events: Vec::new(),
            versions: BTreeMap::new(),
            project: None,
            actor: Actor::Human(Name::new("Sofie").expect("a name of five letters")),
            now: DateTime::from_timestamp_secs(1_769_936_400).expect("2026-02-01 is a date"),
        }
    }

    /// Records the following events as caused by `actor`.
    pub fn by(&mut self, actor: Actor) -> &mut Self {
        self.actor = actor;
        self
    }

    /// Lets time pass before the next event.
    pub fn wait(&mut self, time: TimeDelta) -> &mut Self {
        self.now += time;
        self
    }

    /// The time at which the next event is recorded.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// All events recorded so far, oldest first.
    pub fn events(&self) -> &[Recorded<AnyEvent>] {
        &self.events
    }

    /// Folds all recorded events into one projection.
    pub fn fold<P: Projection>(&self) -> P {
        P::fold(&self.events)
    }

    /// Folds all recorded events into all views.
    pub fn views(&self) -> Views {
        let mut views = Views::default();
        self.events.iter().for_each(|event| views.apply(event));
        views
    }

    /// Records an event of the project number `number`; the following events belong to that project.
    pub fn project(
        &mut self,
        number: u128,
        event: impl FnOnce(DateTime<Utc>) -> project::Event,
    ) -> ProjectId {
        let id = ProjectId::new(Uuid::from_u128(number));
        self.project = Some(id);
        self.record::<Project>(&id, event);
        id
    }

    /// Records an event of the agent number `number`.
    pub fn agent(&mut self, number: u128, event: impl FnOnce(DateTime<Utc>) -> agent::Event) -> AgentId {
        let id = AgentId::new(Uuid::from_u128(number));
        self.record::<Agent>(&id, event);
        id
    }

    /// Records an event of the task number `number`.
    pub fn task(&mut self, number: u128, event: impl FnOnce(DateTime<Utc>) -> task::Event) -> TaskId {
        let id = TaskId::new(Uuid::from_u128(number));
        self.record::<Task>(&id, event);
        id
    }

    /// Records an event of any aggregate; the closure gets the time of the event.
    pub fn record<A: Aggregate>(&mut self, id: &A::Id, event: impl FnOnce(DateTime<Utc>) -> A::Event)
    where
        AnyEvent: From<A::Event>,
    {
        let stream = StreamId::of::<A>(id);
        let version = self.versions.entry(stream.clone()).or_default();
        *version += 1;
        let position = self.events.len() as u64 + 1;
        self.events.push(Recorded {
            position,
            stream,
            version: *version,
            event: event(self.now).into(),
            metadata: Metadata {
                event_id: Uuid::from_u128(u128::from(position)).into(),
                recorded_at: self.now,
                actor: self.actor.clone(),
                project: self.project,
                command_id: Uuid::from_u128(u128::from(position)).into(),
                idempotency_key: None,
                credential: None,
            },
        });
        self.now += TimeDelta::seconds(1);
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}
