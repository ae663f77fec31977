use super::*;
use crate::{
    project::{self, Halt, Project},
    spec::{OTHER_TASK, slug},
};

fn openclaw() -> Entity<Project> {
    let profile = project::Profile::new(name("OpenClaw"));
    entity(OPENCLAW, [project::Event::Created { slug: slug("openclaw"), profile, at: now() }])
}

fn halted(halt: Halt) -> project::Event {
    project::Event::SquadPaused { halt, reason: Some(reason("Costs")), at: now() }
}

fn squad_pause() -> agent::Event {
    agent::Event::Paused { reason: PauseReason::Squad, note: Some(reason("Costs")) }
}

fn because() -> Option<crate::values::Reason> {
    Some(reason("Costs"))
}

#[test]
fn a_pause_stops_the_active_agents_of_the_project_in_one_commit() {
    let (scout, stranger) = (working(), elsewhere(crate::spec::ECHO, "Echo"));
    let lazy = quarantined(&idle(NOVA));
    let decision = pause_squad(&openclaw(), &[scout.clone(), stranger, lazy], because(), &sofie());
    operation(decision).then([stream(&openclaw(), [halted(Halt::Pause)]), stream(&scout, [squad_pause()])]);
}

/// Pitfall 6.
#[test]
fn a_pause_leaves_every_other_stop_as_it_is() {
    let others =
        [paused(&idle(SCOUT), PauseReason::Operator), draining(&idle(ECHO)), quarantined(&idle(NOVA))];
    operation(pause_squad(&openclaw(), &others, because(), &sofie()))
        .then([stream(&openclaw(), [halted(Halt::Pause)])]);
}

/// Or the next day, or a higher cap, would let it work in a squad that is stopped.
#[test]
fn a_pause_stops_who_is_paused_for_its_budget_too() {
    let overspent = paused(&idle(SCOUT), PauseReason::Budget);
    operation(pause_squad(&openclaw(), std::slice::from_ref(&overspent), because(), &sofie()))
        .then([stream(&openclaw(), [halted(Halt::Pause)]), stream(&overspent, [squad_pause()])]);
}

#[test]
fn a_second_pause_stops_only_who_came_since() {
    let stopped = openclaw().after(&[halted(Halt::Pause)]);
    let (old, new) = (paused(&idle(SCOUT), PauseReason::Squad), idle(ECHO));
    operation(pause_squad(&stopped, &[old, new.clone()], because(), &sofie()))
        .then([stream(&new, [squad_pause()])]);
}

/// Pitfall 6.
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
        let agents = [agent.clone(), quarantined(&idle(ECHO)), draining(&idle(NOVA))];
        operation(resume_squad(&stopped, &agents, because(), &sofie())).then(expected);
    }
}

#[test]
fn whoever_comes_into_a_stopped_squad_or_back_to_it_is_stopped_with_it() {
    let stopped = openclaw().after(&[halted(Halt::Pause)]);
    let (key, gone) = (
        crate::reservation::Key::agent(OPENCLAW, &name("Scout")),
        idle(SCOUT).after(&[agent::Event::SignedOff { note: None }]),
    );
    let holder = crate::reservation::Holder::Agent(SCOUT);
    let held = entity(key.clone(), [crate::reservation::Event::Reserved { holder }]);
    let wish =
        RegisterAgent { profile: Profile::new(name("Scout"), Role::Intern), parent: None, purpose: None };
    let new = Entity::new(SCOUT);
    let cast = nobody_else().with(stopped.clone());
    let beat =
        |agent: &Entity<Agent>| heartbeat(agent, None, crate::agent::Heartbeat::default(), &cast, &scout());
    for (agent, decision) in [
        (&new, register_agent(&stopped, &Entity::new(key.clone()), &new, wish.clone(), &sofie())),
        (&gone, register_agent(&stopped, &held, &gone, wish, &scout())),
        (&gone, beat(&gone)),
    ] {
        let standing = agent.after_decision(&decision.unwrap()).registered().unwrap().standing;
        assert_eq!(standing, crate::agent::Standing::Paused(PauseReason::Squad));
    }
    let alone = idle(SCOUT);
    let decision = beat(&alone).unwrap();
    assert_eq!(alone.after_decision(&decision).status(), Some(agent::Status::Active), "let go on alone");
}

#[test]
fn resuming_is_the_operators() {
    let stopped = openclaw().after(&[halted(Halt::Pause)]);
    for moment in [system(), scout()] {
        operation(resume_squad(&stopped, &[], because(), &moment))
            .then_rejected(project::Rejection::OperatorOnly);
    }
}

#[test]
fn an_emergency_stop_blocks_what_is_in_progress_and_releases_its_holders() {
    let (scout, task) = (working(), task_at(Status::InProgress));
    let waiting = entity(OTHER_TASK, task_in(Status::Assigned));
    let decision = emergency_stop(
        &openclaw(),
        std::slice::from_ref(&scout),
        &[task.clone(), waiting],
        because(),
        &nobody_else(),
        &sofie(),
    );
    let (from, reason, at) = (Status::InProgress, reason("Emergency stop: Costs"), now());
    operation(decision).then([
        stream(&openclaw(), [halted(Halt::Emergency)]),
        stream(&scout, [squad_pause(), released(Ending::Blocked)]),
        stream(&task, [task::Event::Blocked { from, reason, at }]),
    ]);
}

#[test]
fn in_an_emergency_no_agent_claims_or_moves_anything() {
    let stopped = openclaw().after(&[halted(Halt::Emergency)]);
    let (agent, cast) = (idle(SCOUT), nobody_else().with(stopped).with(idle(SCOUT)));
    operation(claim_task(&task_at(Status::Inbox), &agent, &cast, &scout()))
        .then_rejected(Rejection::SquadStopped);
    let go = |status, to, moment: &Moment| {
        let wish = MoveTask { to: equipped(to), assignees: None, lease: NEXT_LEASE };
        move_task(&task_at(status), wish, &cast, moment)
    };
    for (status, to) in [(Status::Assigned, Status::InProgress), (Status::InProgress, Status::Review)] {
        operation(go(status, to, &scout())).then_rejected(Rejection::SquadStopped);
    }
    assert!(go(Status::Assigned, Status::InProgress, &sofie()).is_ok(), "the operator decides");
}

#[test]
fn an_emergency_stop_lets_a_draining_holder_have_drained() {
    let (agent, task) = (draining(&working()), task_at(Status::InProgress));
    let decision =
        emergency_stop(&openclaw(), std::slice::from_ref(&agent), &[task], None, &nobody_else(), &sofie())
            .unwrap();
    let change = decision.into_changes().into_iter().find(|change| change.stream.aggregate_type == "agent");
    let drained = agent::Event::Paused { reason: PauseReason::Operator, note: None };
    assert_eq!(change.unwrap().events, [released(Ending::Blocked).into(), drained.into()]);
}

#[test]
fn agents_do_not_stop_a_squad() {
    let agents = [working()];
    operation(pause_squad(&openclaw(), &agents, None, &scout()))
        .then_rejected(project::Rejection::OperatorOnly);
    operation(emergency_stop(&openclaw(), &agents, &[], None, &nobody_else(), &scout()))
        .then_rejected(project::Rejection::OperatorOnly);
    operation(pause_squad(&entity(OPENCLAW, []), &agents, None, &sofie()))
        .then_rejected(project::Rejection::NotFound);
}
