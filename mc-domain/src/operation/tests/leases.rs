//! Silence: what it ends, and what it only tells of.

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::{
    alert::{Alert, Key, Kind, Subject},
    spec::{heard, later, limits},
};

fn heard_working() -> Entity<Agent> {
    idle(SCOUT).after(&[heard(0), engaged(LEASE)])
}

#[test]
fn a_lease_ends_two_hours_after_the_last_sign_of_life() {
    let (agent, task) = (heard_working(), task_at(Status::InProgress));
    let world = world([&agent, &task]);
    let early = later(&system(), PolicyLimits::default().lease_lasts() - TimeDelta::seconds(1));
    world.when(&early, |tx| end_lease(tx, SCOUT, LEASE, now())).then_nothing();

    let late = later(&system(), PolicyLimits::default().lease_lasts());
    let why = reason("Scout gave no sign of life until its lease was over");
    world.when(&late, |tx| end_lease(tx, SCOUT, LEASE, now())).then([
        stream(&task, [task::Event::Blocked { from: Status::InProgress, reason: why, at: late.now }]),
        stream(&agent, [released(Ending::Blocked)]),
    ]);
    let did_something = now() + TimeDelta::hours(1);
    world.when(&late, |tx| end_lease(tx, SCOUT, LEASE, did_something)).then_nothing();
}

#[test]
fn a_lease_that_was_passed_on_is_left_alone() {
    let agent = heard_working();
    let late = later(&system(), PolicyLimits::default().lease_lasts());
    world([&agent]).when(&late, |tx| end_lease(tx, agent.id, NEXT_LEASE, now())).then_nothing();
}

/// Or whoever claims a task and dies would hold it forever, and nobody would be told.
#[test]
fn who_never_sent_a_heartbeat_is_waited_for_since_it_came_into_service() {
    let limits = PolicyLimits::default();
    let long_ago = DateTime::UNIX_EPOCH;
    assert_eq!(lease_ends_at(&working(), long_ago, &limits), Some((LEASE, now() + limits.lease_lasts())));
    let gone = idle(SCOUT).after(&[agent::Event::SignedOff { note: None }]);
    let tomorrow = now() + TimeDelta::days(1);
    let back = gone.after(&[agent::Event::SignedOn { at: tomorrow }]);
    for (agent, since) in [(idle(SCOUT), now()), (back, tomorrow)] {
        let stale =
            |minutes| agent.registered().unwrap().is_stale(since + TimeDelta::minutes(minutes), &limits);
        assert_eq!([5, 6].map(stale), [false, true]);
    }
}

#[test]
fn silence_is_told_of_once_and_taken_back_when_it_is_over() {
    let agent = idle(SCOUT).after(&[heard(0)]);
    let key = Key::new(Kind::AgentStale, Subject::Agent(SCOUT));
    let late = later(&system(), TimeDelta::minutes(6));
    let told = world([&agent]).when(&late, |tx| mark_stale(tx, SCOUT)).world();
    assert!(told.get::<Alert>(&key).open().is_some());
    assert!(told.when(&late, |tx| mark_stale(tx, SCOUT)).changes().is_empty());
    assert!(told.when(&late, |tx| mark_heard(tx, SCOUT)).changes().is_empty());

    let stopped = told.with(&paused(&agent, PauseReason::Operator));
    let taken_back = stopped.when(&late, |tx| mark_heard(tx, SCOUT));
    assert!(taken_back.after::<Alert>(&key).open().is_none());
}

#[test]
fn silence_and_leases_last_as_long_as_the_policy_says() {
    let agent = heard_working();
    let patient = limits(|limits| {
        limits.timeouts.stale_after_secs = 3 * 60 * 60;
        limits.timeouts.lease_secs = 4 * 60 * 60;
    });
    let late = later(&system(), TimeDelta::hours(2)).under(patient);
    assert!(agent.registered().unwrap().is_stale(late.now, &PolicyLimits::default()));
    world([&agent]).when(&late, |tx| mark_stale(tx, agent.id)).then_nothing();
    world([&agent]).when(&late, |tx| end_lease(tx, agent.id, LEASE, now())).then_nothing();
}
