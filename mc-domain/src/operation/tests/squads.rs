use super::*;
use crate::{
    project::{self, Halt, Project},
    reservation::Reservation,
    spec::{OTHER_TASK, slug},
};

fn openclaw() -> Entity<Project> {
    let profile = project::Profile::new(name("OpenClaw"));
    entity(OPENCLAW, [project::Event::Created { slug: slug("openclaw"), profile, at: now() }])
}

fn halted(halt: Halt) -> project::Event {
    project::Event::SquadPaused { halt, number: 1, reason: Some(reason("Costs")), at: now() }
}

fn stopped(halt: Halt) -> Entity<Project> {
    openclaw().after(&[halted(halt)])
}

fn excepted(agent: &Entity<Agent>, halt: u64) -> Entity<Agent> {
    agent.after(&[agent::Event::Excepted { halt, at: now() }])
}

fn squad_pause() -> agent::Event {
    agent::Event::Paused { reason: PauseReason::Squad, note: Some(reason("Costs")) }
}

fn because() -> Option<crate::values::Reason> {
    Some(reason("Costs"))
}

/// Whatever agents do meanwhile, they do not touch the project.
#[test]
fn a_halt_is_one_event_of_the_project() {
    for halt in Halt::ALL.iter().copied() {
        world([&openclaw()])
            .when(&sofie(), |tx| halt_squad(tx, OPENCLAW, halt, because()))
            .then([stream(&openclaw(), [halted(halt)])]);
    }
}

#[test]
fn a_halt_pauses_the_active_agents_of_the_project() {
    let (scout, stranger) = (working(), elsewhere(crate::spec::ECHO, "Echo"));
    let world = world([&scout, &stranger, &quarantined(&idle(NOVA))]);
    for halt in Halt::ALL.iter().copied() {
        for context in [sofie(), system()] {
            let world = world.clone().with(&stopped(halt));
            world
                .when(&context, |tx| follow_halt(tx, OPENCLAW, 1, &[SCOUT, ECHO, NOVA]))
                .then([stream(&scout, [squad_pause()])]);
        }
    }
}

#[test]
fn a_halt_leaves_every_other_stop_as_it_is() {
    let (scout, echo) = (paused(&idle(SCOUT), PauseReason::Operator), draining(&idle(ECHO)));
    world([&stopped(Halt::Pause), &scout, &echo, &quarantined(&idle(NOVA))])
        .when(&sofie(), |tx| follow_halt(tx, OPENCLAW, 1, &[SCOUT, ECHO, NOVA]))
        .then([]);
}

/// Or the next day, or a higher cap, would let it work in a squad that is stopped.
#[test]
fn a_halt_pauses_who_is_paused_for_its_budget_too() {
    let overspent = paused(&idle(SCOUT), PauseReason::Budget);
    world([&stopped(Halt::Pause), &overspent])
        .when(&sofie(), |tx| follow_halt(tx, OPENCLAW, 1, &[overspent.id]))
        .then([stream(&overspent, [squad_pause()])]);
}

#[test]
fn what_follows_from_a_halt_spares_who_was_let_go_on_from_it() {
    let (alone, old) = (excepted(&idle(SCOUT), 1), excepted(&idle(ECHO), 0));
    world([&stopped(Halt::Pause), &alone.clone(), &old.clone()])
        .when(&sofie(), |tx| follow_halt(tx, OPENCLAW, 1, &[alone.id, old.id]))
        .then([stream(&old, [squad_pause()])]);
    world([&stopped(Halt::Emergency), &alone])
        .when(&sofie(), |tx| follow_halt(tx, OPENCLAW, 1, &[alone.id]))
        .then([stream(&alone, [squad_pause()])]);
}

#[test]
fn nothing_follows_from_a_halt_that_is_over() {
    let resumed = stopped(Halt::Emergency).after(&[project::Event::SquadResumed { reason: None, at: now() }]);
    for project in [&openclaw(), &resumed] {
        world([project, &working()]).when(&sofie(), |tx| follow_halt(tx, project.id, 1, &[SCOUT])).then([]);
        world([project, &task_at(Status::InProgress)])
            .when(&sofie(), |tx| block_halted(tx, project.id, 1, &[TASK]))
            .then([]);
    }
    world([&stopped(Halt::Pause), &working()])
        .when(&sofie(), |tx| follow_halt(tx, OPENCLAW, 2, &[SCOUT]))
        .then([]);
}

/// From the barrier on, before anything else is recorded.
#[test]
fn who_is_halted_claims_starts_and_moves_nothing() {
    for halt in Halt::ALL.iter().copied() {
        world([&stopped(halt), &idle(SCOUT), &task_at(Status::Inbox)])
            .when(&scout(), |tx| claim_task(tx, TASK, SCOUT))
            .then_rejected(Rejection::SquadStopped);
        let go = |status, to, context: &CommandContext| {
            let request = MoveTask { to: equipped(to), assignees: None, lease: NEXT_LEASE };
            let scout = if to == Status::InProgress { idle(SCOUT) } else { working() };
            world([&stopped(halt), &scout, &task_at(status)]).when(context, |tx| move_task(tx, TASK, request))
        };
        for (status, to) in [(Status::Assigned, Status::InProgress), (Status::InProgress, Status::Review)] {
            go(status, to, &scout()).then_rejected(Rejection::SquadStopped);
        }
        assert!(go(Status::Assigned, Status::InProgress, &sofie()).is_ok(), "the operator decides");
    }
}

#[test]
fn who_is_excepted_gives_no_work_to_who_is_not() {
    let alone = excepted(&idle(NOVA), 1);
    let world = world([&stopped(Halt::Pause), &alone, &idle(SCOUT), &task_at(Status::Review)]);
    let request = MoveTask { to: equipped(Status::InProgress), assignees: None, lease: NEXT_LEASE };
    let send_back = |context: &CommandContext| world.when(context, |tx| move_task(tx, TASK, request.clone()));
    send_back(&by(NOVA)).then_rejected(Rejection::SquadStopped);
    assert!(send_back(&sofie()).is_ok(), "the operator decides");
}

#[test]
fn who_drains_is_halted_too() {
    let request = MoveTask { to: equipped(Status::Review), assignees: None, lease: NEXT_LEASE };
    world([&stopped(Halt::Pause), &draining(&working()), &task_at(Status::InProgress)])
        .when(&scout(), |tx| move_task(tx, TASK, request))
        .then_rejected(Rejection::SquadStopped);
}

#[test]
fn who_is_excepted_from_a_pause_works_until_the_next_halt() {
    let alone = excepted(&idle(SCOUT), 1);
    let claim = |project: Entity<Project>| {
        world([&project, &alone, &task_at(Status::Inbox)]).when(&scout(), |tx| claim_task(tx, TASK, SCOUT))
    };
    assert!(claim(stopped(Halt::Pause)).is_ok());
    let again = project::Event::SquadPaused { halt: Halt::Pause, number: 2, reason: None, at: now() };
    claim(stopped(Halt::Pause).after(&[again])).then_rejected(Rejection::SquadStopped);
    claim(stopped(Halt::Emergency)).then_rejected(Rejection::SquadStopped);
}

/// A log of before halts were numbered has the agents' pauses in the same commit.
#[test]
fn a_halt_without_a_number_stops_nobody_by_itself() {
    let old = project::Event::SquadPaused { halt: Halt::Pause, number: 0, reason: None, at: now() };
    let (project, agent) = (openclaw().after(&[old]), idle(SCOUT));
    assert!(!is_halted(&project, agent.registered().unwrap()));
}

#[test]
fn who_an_operator_lets_work_in_a_paused_squad_is_excepted_from_that() {
    let stopped_with = |agent: &Entity<Agent>| world([&stopped(Halt::Pause), agent]);
    let agent = paused(&idle(SCOUT), PauseReason::Squad);
    let resumed = agent::Event::Resumed { from: agent::Status::Paused, note: None, at: Some(now()) };
    let alone = agent::Event::Excepted { halt: 1, at: now() };
    stopped_with(&agent)
        .when(&sofie(), |tx| resume_agent(tx, SCOUT, None))
        .then([stream(&agent, [resumed.clone(), alone.clone()])]);
    let not_yet = idle(SCOUT);
    stopped_with(&not_yet)
        .when(&sofie(), |tx| resume_agent(tx, SCOUT, None))
        .then([stream(&not_yet, [alone.clone()])]);
    let restarted = agent::Event::Restarted { note: None, at: Some(now()) };
    stopped_with(&agent)
        .when(&sofie(), |tx| restart_agent(tx, SCOUT, None))
        .then([stream(&agent, [restarted, alone.clone()])]);
    let active = crate::agent::Corrections { status: Some(agent::Status::Active), ..Default::default() };
    let request = CorrectAgent { corrections: active, clear_task: false };
    let answer = stopped_with(&agent).when(&sofie(), |tx| correct_agent(tx, SCOUT, request));
    assert_eq!(answer.after::<Agent>(&SCOUT).registered().unwrap().excepted_from, 1);
    for project in [openclaw(), stopped(Halt::Emergency)] {
        world([&agent, &project])
            .when(&sofie(), |tx| resume_agent(tx, agent.id, None))
            .then([stream(&agent, [resumed.clone()])]);
    }
    let over_budget = paused(&idle(SCOUT), PauseReason::Budget);
    stopped_with(&over_budget)
        .when(&system(), |tx| resume_agent(tx, SCOUT, None))
        .then([stream(&over_budget, [resumed])]);
}

#[test]
fn resuming_lifts_only_pauses_by_an_operator_or_of_the_squad() {
    let stopped = openclaw().after(&[halted(Halt::Pause)]);
    let resumed = agent::Event::Resumed { from: agent::Status::Paused, note: because(), at: Some(now()) };
    for pause in PauseReason::ALL.iter().copied() {
        let agent = paused(&idle(SCOUT), pause);
        let working = project::Event::SquadResumed { reason: because(), at: now() };
        let lifted = matches!(pause, PauseReason::Operator | PauseReason::Squad);
        let expected = [stream(&stopped, [working])]
            .into_iter()
            .chain(lifted.then(|| stream(&agent, [resumed.clone()])));
        world([&stopped, &agent, &quarantined(&idle(ECHO)), &draining(&idle(NOVA))])
            .when(&sofie(), |tx| resume_squad(tx, OPENCLAW, &[SCOUT, ECHO, NOVA], because()))
            .then(expected);
    }
}

#[test]
fn whoever_comes_into_a_stopped_squad_or_back_to_it_is_stopped_with_it() {
    let stopped = stopped(Halt::Pause);
    let key = crate::reservation::Key::agent(OPENCLAW, &name("Scout"));
    let gone = idle(SCOUT).after(&[agent::Event::SignedOff { note: None }]);
    let holder = crate::reservation::Holder::Agent(SCOUT);
    let held: Entity<Reservation> = entity(key, [crate::reservation::Event::Reserved { holder }]);
    let request = RegisterAgent {
        profile: Profile::new(name("Scout"), Role::Intern),
        parent: None,
        purpose: None,
        squad: 0,
    };
    let register = |tx: &mut Transaction<'_>| {
        let names = names(tx, "Scout")?;
        register_agent(tx, OPENCLAW, &names, SCOUT, request.clone())
    };
    let beat = |tx: &mut Transaction<'_>| heartbeat(tx, SCOUT, crate::agent::Heartbeat::default());
    for answer in [
        world([&stopped]).when(&sofie(), register),
        world([&stopped, &gone, &held]).when(&scout(), register),
        world([&stopped, &gone]).when(&scout(), beat),
    ] {
        let standing = answer.after::<Agent>(&SCOUT).registered().unwrap().standing;
        assert_eq!(standing, crate::agent::Standing::Paused(PauseReason::Squad));
    }
    let alone = world([&stopped, &idle(SCOUT)]).when(&scout(), beat);
    assert_eq!(alone.after::<Agent>(&SCOUT).status(), Some(agent::Status::Active), "let go on alone");
}

#[test]
fn resuming_is_the_operators() {
    let stopped = openclaw().after(&[halted(Halt::Pause)]);
    for context in [system(), scout()] {
        world([&stopped])
            .when(&context, |tx| resume_squad(tx, stopped.id, &[], because()))
            .then_rejected(project::Rejection::OperatorOnly);
    }
}

#[test]
fn an_emergency_stop_blocks_what_is_in_progress_and_releases_its_holders() {
    let (scout, task) = (working(), task_at(Status::InProgress));
    let waiting: Entity<Task> = entity(OTHER_TASK, task_in(Status::Assigned));
    let answer = world([&stopped(Halt::Emergency), &scout, &task, &waiting])
        .when(&sofie(), |tx| block_halted(tx, OPENCLAW, 1, &[TASK, OTHER_TASK]));
    let (from, reason, at) = (Status::InProgress, reason("Emergency stop: Costs"), now());
    answer.then([
        stream(&task, [task::Event::Blocked { from, reason, at }]),
        stream(&scout, [released(Ending::Blocked)]),
    ]);
}

#[test]
fn a_pause_blocks_nothing() {
    world([&stopped(Halt::Pause), &working(), &task_at(Status::InProgress)])
        .when(&sofie(), |tx| block_halted(tx, OPENCLAW, 1, &[TASK]))
        .then([]);
}

#[test]
fn an_emergency_stop_lets_a_draining_holder_have_drained() {
    let (agent, task) = (draining(&working()), task_at(Status::InProgress));
    let answer = world([&stopped(Halt::Emergency), &agent, &task])
        .when(&sofie(), |tx| block_halted(tx, OPENCLAW, 1, &[TASK]));
    let change = answer.changes().iter().find(|change| change.stream.aggregate_type == "agent");
    let drained = agent::Event::Paused { reason: PauseReason::Operator, note: None };
    assert_eq!(change.unwrap().events, [released(Ending::Blocked).into(), drained.into()]);
}

#[test]
fn agents_do_not_stop_a_squad() {
    for halt in Halt::ALL.iter().copied() {
        world([&openclaw()])
            .when(&scout(), |tx| halt_squad(tx, OPENCLAW, halt, None))
            .then_rejected(project::Rejection::OperatorOnly);
        world([])
            .when(&sofie(), |tx| halt_squad(tx, OPENCLAW, halt, None))
            .then_rejected(project::Rejection::NotFound);
    }
}
