//! What a run cost that others had ended: its agent tells once, and it is charged.

use chrono::TimeDelta;

use super::{
    runs::{NEXT_RUN, RUN, about_scout, about_the_task, at_work},
    *,
};
use crate::{
    agent::Standing,
    alert::{Kind, Subject},
    budget::{Budget, Key},
    money::Usd,
    run::{Outcome as Ended, Status as RunStatus},
    spec::later,
    task,
};

/// Scout has a run for the task, which an operator calls off.
fn canceled() -> World {
    let mut world = at_work();
    world.start(RUN, Some(TASK), None, &scout()).unwrap();
    move_to(&mut world, Status::Canceled);
    assert_eq!(world.run_status(RUN), Some(RunStatus::Aborted));
    world
}

fn move_to(world: &mut World, to: Status) {
    let request = MoveTask {
        to: Move { crew: task::Crew::default(), ..equipped(to) },
        assignees: None,
        lease: NEXT_LEASE,
    };
    world.act(&sofie(), |tx| move_task(tx, TASK, request)).unwrap();
}

#[test]
fn is_charged_once_where_the_run_was_to_be_charged() {
    let mut world = canceled();
    world.complete(RUN, Ended::Completed, Some(20), &scout()).unwrap();
    assert_eq!(world.run_status(RUN), Some(RunStatus::Aborted), "the end stays");
    assert_eq!(world.task().status(), Status::Canceled);
    assert_eq!(world.agent_day().spent, Usd::cents(20));
    assert_eq!(world.task().cost, Usd::cents(20));
    assert_eq!(world.get::<Budget>(&Key::Task(TASK)).spent, Usd::cents(20));
    world.nothing_is_under_way();
    let refused = run::Rejection::AlreadyEnded { status: RunStatus::Aborted, charged: Usd::cents(20) };
    assert_eq!(world.complete(RUN, Ended::Completed, Some(20), &scout()), Err(refused.into()));
}

#[test]
fn that_nobody_knows_charges_what_had_been_set_aside() {
    let mut world = canceled();
    world.complete(RUN, Ended::Failed, None, &scout()).unwrap();
    assert_eq!(world.agent_day().spent, Usd::cents(25));
    assert_eq!(world.task().cost, Usd::cents(25));
}

#[test]
fn is_the_agents_to_tell() {
    let mut world = canceled();
    for other in [sofie(), system()] {
        let refused = run::Rejection::Unbilled { status: RunStatus::Aborted };
        assert_eq!(world.complete(RUN, Ended::Aborted, Some(1), &other), Err(refused.into()));
    }
    assert_eq!(
        world.complete(RUN, Ended::Completed, Some(1), &by(ECHO)),
        Err(run::Rejection::OtherAgent.into())
    );
}

/// Whatever ended the run, and whatever its agent and its task have become by it.
#[test]
fn is_charged_whoever_ended_the_run() {
    type Stop = fn(&mut World);
    let ways: [(&str, Stop); 4] = [
        ("blocked", |world| move_to(world, Status::Blocked)),
        ("quarantined", |world| {
            world.act(&sofie(), |tx| quarantine_agent(tx, SCOUT, None)).unwrap();
        }),
        ("restarted", |world| {
            world.act(&sofie(), |tx| restart_agent(tx, SCOUT, None)).unwrap();
        }),
        ("timed out", |world| {
            let due = later(&system(), PolicyLimits::default().run_lasts());
            world.act(&due, |tx| time_out_run(tx, RUN)).unwrap();
        }),
    ];
    for (how, stop) in ways {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        stop(&mut world);
        let (standing, status, ended) =
            (world.scout().standing, world.task().status(), world.run_status(RUN));
        world.complete(RUN, Ended::Completed, Some(20), &scout()).unwrap();
        assert_eq!(world.agent_day().spent, Usd::cents(20), "{how}");
        assert_eq!(world.task().cost, Usd::cents(20), "{how}");
        let after = (world.scout().standing, world.task().status(), world.run_status(RUN));
        assert_eq!(after, (standing, status, ended), "{how}");
    }
}

#[test]
fn on_another_day_is_charged_to_the_day_the_run_began_and_stops_nobody() {
    let mut world = canceled();
    let tomorrow = later(&scout(), TimeDelta::days(1));
    world.complete(RUN, Ended::Completed, Some(210), &tomorrow).unwrap();
    assert_eq!(world.agent_day().spent, Usd::cents(210));
    assert_eq!(world.scout().standing, Standing::Active);
}

#[test]
fn beyond_the_budget_is_contained() {
    let mut world = canceled();
    world.complete(RUN, Ended::Completed, Some(210), &scout()).unwrap();
    assert_eq!(world.scout().standing, Standing::Paused(PauseReason::Budget));
    assert_eq!(world.alert(Kind::BudgetExceeded, about_scout()), Some(1));
    assert!(world.scout().overrun().is_some());
    assert_eq!(world.task().status(), Status::Canceled, "what is over waits for nothing");
}

/// Echo has the task by then: it is not stopped for what Scout spends, unless the task itself has nothing left.
#[test]
fn stops_the_task_of_another_only_where_the_task_is_used_up() {
    let waits = Standing::Paused(PauseReason::Budget);
    for (budget, cents, status) in [(500, 210, Status::InProgress), (150, 190, Status::NeedsApproval)] {
        let mut world = at_work();
        let echo = idle(ECHO);
        world.record::<Agent>(&ECHO, registered("Echo", Role::Intern));
        let details = task::Details { budget: Usd::cents(budget), ..world.task().details };
        world.record::<Task>(&TASK, [task::Event::Edited { details }]);
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        let request = ReassignTask { assignees: BTreeSet::from([echo.id]), reason: None };
        world.act(&sofie(), |tx| reassign_task(tx, TASK, request)).unwrap();
        let to = Move { reason: None, deliverable: None, checklist: None, ..equipped(Status::InProgress) };
        let request = MoveTask { to, assignees: None, lease: NEXT_LEASE };
        world.act(&by(ECHO), |tx| move_task(tx, TASK, request)).unwrap();
        world.complete(RUN, Ended::Completed, Some(cents), &scout()).unwrap();
        assert_eq!(world.scout().standing, waits);
        assert_eq!(world.task().status(), status, "a budget of {budget}");
    }
}

/// The run is dear, and no budget is used up by it.
#[test]
fn above_the_cap_per_run_is_told_of() {
    let mut world = at_work();
    world.start(RUN, Some(TASK), Some(10), &scout()).unwrap();
    world.complete(RUN, Ended::Completed, Some(30), &scout()).unwrap();
    assert_eq!(world.alert(Kind::BudgetExceeded, Subject::Run(RUN)), Some(1));
    assert_eq!(world.scout().standing, Standing::Active);
    assert_eq!(world.task().status(), Status::InProgress);
    world.start(NEXT_RUN, Some(TASK), Some(10), &scout()).unwrap();
    world.complete(NEXT_RUN, Ended::Completed, Some(25), &scout()).unwrap();
    assert_eq!(world.alert(Kind::BudgetExceeded, Subject::Run(NEXT_RUN)), None, "the cap is not exceeded");

    let mut world = canceled();
    world.complete(RUN, Ended::Completed, Some(26), &scout()).unwrap();
    assert_eq!(world.alert(Kind::BudgetExceeded, Subject::Run(RUN)), Some(1));
    assert_eq!(world.alert(Kind::BudgetExceeded, about_the_task()), None);
}
