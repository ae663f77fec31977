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
    let expected = Project::Present { slug: slug("openclaw"), profile: described() };
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
