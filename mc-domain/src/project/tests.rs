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
    for context in [sofie(), system()] {
        given::<Project>([]).when(&context, create()).then([created()]);
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
    let Project::Present { slug: kept, profile, .. } = Project::fold(&[created(), edited]) else {
        panic!("it was created");
    };
    assert_eq!((kept, profile), (slug("openclaw"), described()));
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
    numbered(halt, 1)
}

fn numbered(halt: Halt, number: u64) -> Event {
    Event::SquadPaused { halt, number, reason: None, at: now() }
}

fn resumed() -> Event {
    Event::SquadResumed { reason: None, at: now() }
}

#[test]
fn operators_and_the_system_stop_a_squad() {
    for context in [sofie(), system()] {
        for halt in Halt::ALL.iter().copied() {
            given::<Project>([created()]).when(&context, pause(halt)).then([paused(halt)]);
            assert_eq!(Project::fold(&[created(), paused(halt)]).squad(), Squad::Stopped(halt));
        }
    }
    given::<Project>([created()]).when(&scout(), pause(Halt::Pause)).then_rejected(Rejection::OperatorOnly);
    given::<Project>([]).when(&sofie(), pause(Halt::Pause)).then_rejected(Rejection::NotFound);
}

#[test]
fn a_pause_does_not_soften_an_emergency_stop() {
    let stopped = given::<Project>([created(), paused(Halt::Emergency)]);
    for halt in [Halt::Pause, Halt::Emergency] {
        stopped.when(&sofie(), pause(halt)).then([numbered(Halt::Emergency, 2)]);
    }
    let halted = given::<Project>([created(), paused(Halt::Pause)]);
    halted.when(&sofie(), pause(Halt::Emergency)).then([numbered(Halt::Emergency, 2)]);
}

/// Invariant 4: or who was let go on alone would go on.
#[test]
fn every_halt_has_a_number_of_its_own() {
    let halted = [created(), paused(Halt::Pause)];
    given::<Project>(halted.clone()).when(&sofie(), pause(Halt::Pause)).then([numbered(Halt::Pause, 2)]);
    let resumed = halted.into_iter().chain([resumed()]);
    given::<Project>(resumed).when(&sofie(), pause(Halt::Pause)).then([numbered(Halt::Pause, 2)]);
}

#[test]
fn a_halt_that_was_recorded_without_a_number_is_no_barrier() {
    let halted = [created(), numbered(Halt::Pause, 0)];
    assert_eq!(
        (Project::fold(&halted).halts(), Project::fold(&halted).squad()),
        (0, Squad::Stopped(Halt::Pause))
    );
    given::<Project>(halted).when(&sofie(), pause(Halt::Pause)).then([numbered(Halt::Pause, 1)]);
}

/// Invariant 3.
#[test]
fn a_stopped_squad_is_resumed_by_an_operator() {
    let stopped = given::<Project>([created(), paused(Halt::Emergency)]);
    stopped.when(&sofie(), Command::ResumeSquad { reason: None }).then([resumed()]);
    for context in [system(), scout()] {
        stopped.when(&context, Command::ResumeSquad { reason: None }).then_rejected(Rejection::OperatorOnly);
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
