use super::*;
use crate::spec::{given, name, now, scout, slug, sofie, system, text};

fn profile() -> Profile {
    Profile::new(name("OpenClaw"))
}

fn create() -> Command {
    Command::Create { slug: slug("openclaw"), profile: profile() }
}

fn created() -> Event {
    Event::Created { slug: slug("openclaw"), profile: profile(), at: now() }
}

fn described() -> Profile {
    Profile { description: Some(text("The squad.")), daily_cap: Some(Usd::cents(5000)), ..profile() }
}

#[test]
fn operators_and_the_system_create_projects() {
    for moment in [sofie(), system()] {
        given::<Project>([]).when(&moment, create()).then([created()]);
    }
}

#[test]
fn a_project_is_created_once() {
    given::<Project>([created()]).when(&sofie(), create()).then_rejected(Rejection::AlreadyExists);
}

/// Invariant 1.
#[test]
fn an_edit_changes_the_profile_and_leaves_the_slug() {
    let edited = Event::Edited { profile: described() };
    given::<Project>([created()])
        .when(&sofie(), Command::Edit { profile: described() })
        .then([edited.clone()]);
    let expected = Project::Present { slug: slug("openclaw"), profile: described(), squad: Squad::Working };
    assert_eq!(Project::fold(&[created(), edited]), expected);
}

#[test]
fn an_edit_to_what_it_is_changes_nothing() {
    given::<Project>([created()]).when(&sofie(), Command::Edit { profile: profile() }).then_nothing();
}

#[test]
fn an_edit_comes_after_the_creation() {
    given::<Project>([])
        .when(&sofie(), Command::Edit { profile: profile() })
        .then_rejected(Rejection::NotFound);
}

/// Invariant 2.
#[test]
fn agents_neither_create_nor_edit_projects() {
    given::<Project>([]).when(&scout(), create()).then_rejected(Rejection::OperatorOnly);
    given::<Project>([created()])
        .when(&scout(), Command::Edit { profile: described() })
        .then_rejected(Rejection::OperatorOnly);
}

fn pause(halt: Halt) -> Command {
    Command::PauseSquad { halt, reason: None }
}

fn paused(halt: Halt) -> Event {
    Event::SquadPaused { halt, reason: None, at: now() }
}

fn resumed() -> Event {
    Event::SquadResumed { reason: None, at: now() }
}

#[test]
fn operators_and_the_system_stop_a_squad() {
    for moment in [sofie(), system()] {
        for halt in Halt::ALL.iter().copied() {
            given::<Project>([created()]).when(&moment, pause(halt)).then([paused(halt)]);
            assert_eq!(Project::fold(&[created(), paused(halt)]).squad(), Squad::Stopped(halt));
        }
    }
    given::<Project>([created()]).when(&scout(), pause(Halt::Pause)).then_rejected(Rejection::OperatorOnly);
    given::<Project>([]).when(&sofie(), pause(Halt::Pause)).then_rejected(Rejection::NotFound);
}

#[test]
fn a_pause_does_not_soften_an_emergency_stop() {
    let stopped = given::<Project>([created(), paused(Halt::Emergency)]);
    stopped.when(&sofie(), pause(Halt::Pause)).then_nothing();
    stopped.when(&sofie(), pause(Halt::Emergency)).then_nothing();
    let halted = given::<Project>([created(), paused(Halt::Pause)]);
    halted.when(&sofie(), pause(Halt::Pause)).then_nothing();
    halted.when(&sofie(), pause(Halt::Emergency)).then([paused(Halt::Emergency)]);
}

/// Invariant 3.
#[test]
fn a_stopped_squad_is_resumed_by_an_operator() {
    let stopped = given::<Project>([created(), paused(Halt::Emergency)]);
    stopped.when(&sofie(), Command::ResumeSquad { reason: None }).then([resumed()]);
    for moment in [system(), scout()] {
        stopped.when(&moment, Command::ResumeSquad { reason: None }).then_rejected(Rejection::OperatorOnly);
    }
    given::<Project>([created()]).when(&sofie(), Command::ResumeSquad { reason: None }).then_nothing();
    assert_eq!(Project::fold(&[created(), paused(Halt::Pause), resumed()]).squad(), Squad::Working);
}

#[test]
fn an_edit_leaves_a_stopped_squad_stopped() {
    let edited = Event::Edited { profile: described() };
    let project = Project::fold(&[created(), paused(Halt::Pause), edited]);
    assert_eq!(project.squad(), Squad::Stopped(Halt::Pause));
}
