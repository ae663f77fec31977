#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    agent::{self, Status},
    operation::{pause_agent, quarantine_agent},
    reservation::Reservation,
    spec::{ECHO, OPENCLAW, SCOUT, entity, reason, registered, scout, sofie},
};

fn squad() -> InMemory {
    let mut states = InMemory::default();
    for (id, name) in [(SCOUT, "Scout"), (ECHO, "Echo")] {
        states.put(&entity::<Agent>(id, registered(name, agent::Role::Intern)));
    }
    states
}

/// A source that has nothing in memory yet.
struct Unread(Vec<StreamId>);

impl Source for Unread {
    fn load(&mut self, stream: &StreamId, _: fn() -> Loaded) -> Option<Loaded> {
        self.0.push(stream.clone());
        None
    }
}

#[test]
fn every_answer_shows_what_was_decided_before_it() {
    let mut states = squad();
    let mut tx = Transaction::new(&mut states, sofie());
    let before = tx.get::<Agent>(&SCOUT).unwrap();
    pause_agent(&mut tx, SCOUT, None).unwrap();
    let after = tx.get::<Agent>(&SCOUT).unwrap();
    assert_eq!((after.version, after.status()), (before.version + 1, Some(Status::Paused)));
    let again =
        tx.execute(&before, agent::Command::Pause { reason: agent::PauseReason::Operator, note: None });
    assert_eq!(again.unwrap().version, after.version, "an entity of before is decided on as it is now");
}

#[test]
fn a_transaction_ends_with_its_changes_and_with_what_they_rest_on() {
    let mut states = squad();
    let mut tx = Transaction::new(&mut states, sofie());
    let read = tx.get::<Agent>(&ECHO).unwrap();
    pause_agent(&mut tx, SCOUT, None).unwrap();
    let Finished { changes, read: only_read } = tx.finish();
    let (change, after) = &changes[0];
    assert_eq!((changes.len(), change.after, change.project), (1, 1, Some(OPENCLAW)));
    assert_eq!(after.version(), change.after + change.events.len() as u64);
    assert_eq!(only_read, [(StreamId::of::<Agent>(&ECHO), read.version)]);
}

#[test]
fn what_follows_by_a_rule_is_the_systems_until_the_guard_is_dropped() {
    let mut states = squad();
    let mut tx = Transaction::new(&mut states, scout());
    assert!(quarantine_agent(&mut tx, ECHO, None).is_err(), "an agent quarantines nobody");
    {
        let tx = &mut tx.as_system();
        assert!(matches!(tx.actor(), Actor::System(rules) if rules.as_str() == "rules"));
        quarantine_agent(tx, ECHO, Some(reason("enough"))).unwrap();
    }
    assert_eq!(tx.actor().agent(), Some(SCOUT));
}

#[test]
fn an_attempt_that_refuses_takes_back_what_it_decided_and_no_more() {
    let mut states = squad();
    let mut tx = Transaction::new(&mut states, sofie());
    pause_agent(&mut tx, SCOUT, None).unwrap();
    let paused = tx.get::<Agent>(&SCOUT).unwrap();
    let attempt = tx.attempt(|tx| {
        quarantine_agent(tx, SCOUT, None)?;
        pause_agent(tx, ECHO, None)?;
        tx.attempt(|tx| pause_agent(tx, ECHO, None))?;
        Err::<(), _>(Rejection::SquadStopped)
    });
    assert_eq!(attempt, Err(Rejection::SquadStopped));
    assert_eq!(tx.get::<Agent>(&SCOUT).unwrap(), paused);
    assert_eq!(tx.get::<Agent>(&ECHO).unwrap().status(), Some(Status::Active));
    let changed: Vec<_> = tx.changes().iter().map(|change| (&change.stream, change.events.len())).collect();
    assert_eq!(changed, [(&StreamId::of::<Agent>(&SCOUT), 1)]);
    assert_eq!(tx.attempt(|tx| pause_agent(tx, ECHO, None)), Ok(()), "the next attempt counts");
    assert_eq!(tx.changes().len(), 2);
}

#[test]
fn what_is_missing_ends_the_run_and_what_was_just_drawn_is_never_read() {
    let mut source = Unread(vec![]);
    let mut tx = Transaction::new(&mut source, sofie());
    assert_eq!(tx.create::<Agent>(SCOUT).version, 0);
    assert_eq!(tx.agent(SCOUT), Err(Rejection::UnknownAgent(SCOUT)));
    assert!(matches!(tx.agent(ECHO), Err(Rejection::NotLoaded(_))));
    assert!(
        tx.get::<Reservation>(&crate::reservation::Key::agent(OPENCLAW, &crate::spec::name("Scout")))
            .is_err()
    );
    drop(tx);
    assert_eq!(source.0.len(), 2);
}
