use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::Aggregate,
    ids::{CommandId, EventId},
    notification::{self, LASTS, Notification},
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
    assert_eq!(watch(&events).closed().into_iter().collect::<Vec<_>>(), [TASK]);
    assert!(watch(&history(Status::Review)).closed().is_empty());
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

fn outbox(events: &[Recorded<AnyEvent>]) -> Outbox {
    events.iter().fold(Outbox::new(BTreeSet::from([name("Sofie")]), now()), |mut outbox, event| {
        outbox.apply(event);
        outbox
    })
}

#[test]
fn what_concerns_somebody_is_to_be_queued_until_it_is() {
    let mut events = history(Status::Assigned);
    let notice = outbox(&events).to_queue(now()).remove(0);
    assert_eq!(notice.recipient, notification::Recipient::Agent(SCOUT));
    assert_eq!(outbox(&events).to_queue(now() + LASTS), []);

    let worker = crate::spec::system();
    let queued = Notification::default().decide(notification::Command::Queue(notice.clone()), &worker);
    let queued = queued.unwrap().remove(0);
    events.push(recorded::<Notification>(&notice.id(), queued, now()));
    let mut full = outbox(&events);
    assert_eq!(full.to_queue(now()), []);
    assert_eq!(full.due(now()).len(), 1);

    let delivered = notification::Event::Delivered { at: now() };
    full.apply(&recorded::<Notification>(&notice.id(), delivered, now()));
    assert_eq!(full.due(now()), []);
}

#[test]
fn whoever_asked_to_is_told_until_they_ask_no_more() {
    let reader = Actor::Human(name("Reader"));
    let unsubscribed = task::Event::Unsubscribed { by: reader.clone(), at: now() };
    let mut events = history(Status::Assigned);
    events.push(recorded::<Task>(&TASK, task::Event::Subscribed { by: reader.clone(), at: now() }, now()));
    let told = |events: &[Recorded<AnyEvent>]| {
        let moved = task_in(Status::InProgress).pop().unwrap();
        let moved = recorded::<Task>(&TASK, moved, now() + TimeDelta::seconds(1));
        let notices = outbox(&[events, &[moved]].concat()).to_queue(now() + TimeDelta::seconds(1));
        notices.into_iter().any(|notice| Some(notice.recipient) == notification::Recipient::of(&reader))
    };
    assert!(told(&events));
    events.push(recorded::<Task>(&TASK, unsubscribed, now()));
    assert!(!told(&events));
}

#[test]
fn what_happened_long_ago_is_told_nobody() {
    let events = history(Status::Assigned);
    let mut late = Outbox::new(BTreeSet::new(), now() + TimeDelta::seconds(1));
    events.iter().for_each(|event| late.apply(event));
    assert_eq!(late.to_queue(now()), []);
}
