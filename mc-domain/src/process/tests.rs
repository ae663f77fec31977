use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::Aggregate,
    ids::{CommandId, EventId},
    project::{self, Project},
    recorded::{AnyEvent, Metadata, Recorded, StreamId},
    spec::{OPENCLAW, SCOUT, TASK, name, now, registered, slug, sofie, task_in},
    task::{self, Status, Task},
};

fn recorded<A: Aggregate>(id: &A::Id, event: A::Event, at: DateTime<Utc>) -> Recorded<AnyEvent>
where
    AnyEvent: From<A::Event>,
{
    let event = AnyEvent::from(event);
    let metadata = Metadata {
        event_id: EventId::new(Uuid::from_u128(event.name().len() as u128)),
        recorded_at: at,
        actor: sofie().actor,
        project: Some(OPENCLAW),
        command_id: CommandId::new(Uuid::from_u128(2)),
        idempotency_key: None,
        credential: None,
    };
    Recorded { position: 1, stream: StreamId::of::<A>(id), version: 1, event, metadata }
}

fn squad() -> Vec<Recorded<AnyEvent>> {
    let project = project::Event::Created {
        slug: slug("openclaw"),
        profile: project::Profile::new(name("OpenClaw")),
        at: now(),
    };
    let agents = registered("Scout", agent::Role::Intern);
    let mut events = vec![recorded::<Project>(&OPENCLAW, project, now())];
    events.extend(agents.into_iter().map(|event| recorded::<Agent>(&SCOUT, event, now())));
    events
}

fn history(status: Status) -> Vec<Recorded<AnyEvent>> {
    let tasks = task_in(status).into_iter().map(|event| recorded::<Task>(&TASK, event, now()));
    squad().into_iter().chain(tasks).collect()
}

fn watch(events: &[Recorded<AnyEvent>]) -> Watch {
    events.iter().fold(Watch::default(), |mut watch, event| {
        watch.apply(event);
        watch
    })
}

#[test]
fn what_is_closed_is_named_also_when_it_is_archived() {
    let mut events = history(Status::Done);
    let later = now() + TimeDelta::days(1);
    assert_eq!(watch(&events).just_completed(OPENCLAW, now()).collect::<Vec<_>>(), [TASK]);
    assert_eq!(watch(&events).just_completed(OPENCLAW, later).count(), 0);
    events.push(recorded::<Task>(&TASK, task::Event::Archived { at: later }, later));
    assert!(watch(&events).is_closed(TASK));
    assert_eq!(watch(&events).just_completed(OPENCLAW, now()).count(), 0);
    assert!(!watch(&history(Status::Review)).is_closed(TASK));
}

#[test]
fn what_agents_do_is_a_sign_of_life() {
    let mut events = squad();
    assert_eq!(watch(&events).signs.get(&SCOUT), None);
    let mut did = recorded::<Task>(&TASK, task_in(Status::Assigned).remove(0), now());
    did.metadata.actor = Actor::Agent(SCOUT);
    events.push(did);
    assert_eq!(watch(&events).signs.get(&SCOUT), Some(&now()));
}
