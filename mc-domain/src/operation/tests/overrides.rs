//! What a raised cap frees: the task that waits for an override goes back, and the override is taken back.

use super::{
    runs::{NEXT_RUN, RUN, agent_day, at_work, too_dear},
    *,
};
use crate::{
    agent::{Caps, Standing},
    approval::{self, Approval},
    money::Usd,
    project::Profile as ProjectProfile,
    spec::OTHER_TASK,
    task,
};

/// The overrides that are open, or were.
fn status(world: &World, approval: ApprovalId) -> approval::Status {
    world.get::<Approval>(&approval).status().unwrap()
}

fn raise_agent(world: &mut World, daily: u32, per_run: u32, overrides: &[ApprovalId]) {
    let agent = world.get::<Agent>(&SCOUT);
    let before = agent.registered().unwrap().profile.clone();
    let caps = Caps { daily: Usd::cents(daily), per_run: Usd::cents(per_run) };
    let profile = Profile { caps, ..before.clone() };
    world.act(&sofie(), |tx| change_profile(tx, SCOUT, None, profile)).unwrap();
    free(world, Allowed::Agent(SCOUT, before.caps), overrides);
}

fn raise_task(world: &mut World, cents: u32, overrides: &[ApprovalId]) {
    let task = world.get::<Task>(&TASK);
    let before = task.present().unwrap().details.clone();
    let details = task::Details { budget: Usd::cents(cents), ..before.clone() };
    world.act(&sofie(), |tx| edit_task(tx, TASK, details, &[SCOUT])).unwrap();
    free(world, Allowed::Task(TASK, before.budget), overrides);
}

fn cap_project(world: &mut World, cents: Option<u32>) {
    let profile =
        ProjectProfile { daily_cap: cents.map(Usd::cents), ..ProjectProfile::new(name("OpenClaw")) };
    world.act(&sofie(), |tx| edit_project(tx, OPENCLAW, profile, &[SCOUT])).unwrap();
}

fn free(world: &mut World, before: Allowed, overrides: &[ApprovalId]) {
    world.act(&sofie(), |tx| withdraw_overrides(tx, before, overrides)).unwrap();
}

/// Scout may spend 20 cents a day, and needs 25 for its task.
fn held_for_the_day() -> (World, ApprovalId) {
    let mut world = at_work();
    raise_agent(&mut world, 20, 20, &[]);
    let (cause, approval) = too_dear(world.start(RUN, Some(TASK), Some(25), &scout()));
    assert_eq!(cause, Cause::RunCap(agent_day()));
    assert_eq!(world.task().status(), Status::NeedsApproval);
    (world, approval)
}

#[test]
fn a_raised_cap_sends_the_task_back_to_work_and_takes_the_request_back() {
    let (mut world, approval) = held_for_the_day();
    raise_agent(&mut world, 100, 25, &[approval]);
    assert_eq!(status(&world, approval), approval::Status::Canceled);
    assert_eq!(world.task().status(), Status::InProgress);
    assert_eq!(world.scout().standing, Standing::Active);
    assert!(world.scout().works_on(TASK));
    assert!(world.task().awaits.is_empty());
    world.start(NEXT_RUN, Some(TASK), Some(25), &scout()).unwrap();
}

#[test]
fn what_does_not_fit_under_the_new_cap_stays_held() {
    for (daily, per_run) in [(24, 24), (100, 24), (24, 100)] {
        let (mut world, approval) = held_for_the_day();
        raise_agent(&mut world, daily, per_run, &[approval]);
        assert_eq!(status(&world, approval), approval::Status::Pending, "{daily} and {per_run}");
        assert_eq!(world.task().status(), Status::NeedsApproval);
    }
}

#[test]
fn a_cap_that_is_not_raised_frees_nothing() {
    let (mut world, approval) = held_for_the_day();
    raise_agent(&mut world, 100, 25, &[]);
    for (daily, per_run) in [(100, 25), (90, 25)] {
        raise_agent(&mut world, daily, per_run, &[approval]);
        assert_eq!(status(&world, approval), approval::Status::Pending);
    }
}

#[test]
fn a_used_up_day_is_left_by_more_than_is_spent() {
    for (daily, freed) in [(205, false), (210, false), (211, true)] {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.complete(RUN, crate::run::Outcome::Completed, Some(210), &scout()).unwrap();
        let approval = world.scout().overrun().unwrap().approval;
        raise_agent(&mut world, daily, 25, &[approval]);
        assert_eq!(status(&world, approval) == approval::Status::Canceled, freed, "{daily}");
        assert_eq!(world.task().status() == Status::InProgress, freed, "{daily}");
        assert_eq!(world.scout().standing == Standing::Active, freed, "{daily}");
    }
}

#[test]
fn the_tasks_budget_frees_what_it_held_and_nothing_else() {
    let mut world = at_work();
    raise_task(&mut world, 10, &[]);
    let (cause, approval) = too_dear(world.start(RUN, Some(TASK), Some(25), &scout()));
    assert_eq!(cause, Cause::Budget(budget::Key::Task(TASK)));
    raise_agent(&mut world, 500, 50, &[approval]);
    assert_eq!(status(&world, approval), approval::Status::Pending, "another budget");
    raise_task(&mut world, 24, &[approval]);
    assert_eq!(status(&world, approval), approval::Status::Pending, "too little");
    raise_task(&mut world, 25, &[approval]);
    assert_eq!(status(&world, approval), approval::Status::Canceled);
    assert_eq!(world.task().status(), Status::InProgress);
}

#[test]
fn the_projects_day_frees_what_it_held_when_raised_or_removed() {
    for cap in [Some(25), None] {
        let mut world = at_work();
        cap_project(&mut world, Some(24));
        let (_, approval) = too_dear(world.start(RUN, Some(TASK), Some(25), &scout()));
        cap_project(&mut world, cap);
        free(&mut world, Allowed::Project(OPENCLAW, Some(Usd::cents(24))), &[approval]);
        assert_eq!(status(&world, approval), approval::Status::Canceled, "{cap:?}");
        assert_eq!(world.task().status(), Status::InProgress, "{cap:?}");
    }
}

/// A day later the pause is over by itself; the task waits on, until a person looks at it.
#[test]
fn a_cap_raised_the_next_day_frees_what_the_day_before_held() {
    let (mut world, approval) = held_for_the_day();
    let tomorrow = crate::spec::later(&sofie(), chrono::TimeDelta::hours(20));
    let agent = world.get::<Agent>(&SCOUT);
    let before = agent.registered().unwrap().profile.clone();
    let profile =
        Profile { caps: Caps { daily: Usd::cents(100), per_run: Usd::cents(25) }, ..before.clone() };
    world.act(&tomorrow, |tx| change_profile(tx, SCOUT, None, profile)).unwrap();
    let allowed = Allowed::Agent(SCOUT, before.caps);
    world.act(&tomorrow, |tx| withdraw_overrides(tx, allowed, &[approval])).unwrap();
    assert_eq!(status(&world, approval), approval::Status::Canceled);
    assert_eq!(world.task().status(), Status::InProgress);
    assert_eq!(world.scout().standing, Standing::Active);
}

/// Each goes back on its own account, and their agent takes up one.
#[test]
fn several_held_tasks_go_back_and_one_is_gone_on_with() {
    let (mut world, first) = held_for_the_day();
    let agent = world.get::<Agent>(&SCOUT);
    world.record::<Agent>(&SCOUT, agent.decide(agent::Command::Resume { note: None }, &sofie()).unwrap());
    world.record::<Task>(&OTHER_TASK, task_in(Status::InProgress));
    world.record::<Agent>(&SCOUT, [agent::Event::Engaged { task: OTHER_TASK, lease: LEASE }]);
    let (_, second) = too_dear(world.start(NEXT_RUN, Some(OTHER_TASK), Some(25), &scout()));
    raise_agent(&mut world, 100, 25, &[first, second]);
    assert_eq!(
        (status(&world, first), status(&world, second)),
        (approval::Status::Canceled, approval::Status::Canceled)
    );
    assert_eq!(world.task().status(), Status::InProgress);
    assert_eq!(world.get::<Task>(&OTHER_TASK).status(), Some(Status::Assigned));
}
