use super::*;
use crate::spec::{ECHO, ELSEWHERE, OPENCLAW, SCOUT, given, name, slug, sofie};

const FIRST: Holder = Holder::Agent(SCOUT);
const SECOND: Holder = Holder::Agent(ECHO);

fn reserved() -> Event {
    Event::Reserved { holder: FIRST }
}

fn released() -> Event {
    Event::Released { holder: FIRST }
}

#[test]
fn a_free_name_is_taken() {
    given::<Reservation>([]).when(&sofie(), Command::Reserve(FIRST)).then([reserved()]);
}

#[test]
fn taking_again_what_one_holds_changes_nothing() {
    given::<Reservation>([reserved()]).when(&sofie(), Command::Reserve(FIRST)).then_nothing();
}

/// Invariant 1.
#[test]
fn a_held_name_is_not_taken_by_another() {
    given::<Reservation>([reserved()])
        .when(&sofie(), Command::Reserve(SECOND))
        .then_rejected(Rejection::Taken { by: FIRST });
}

#[test]
fn a_name_given_back_is_free_for_another() {
    given::<Reservation>([reserved()]).when(&sofie(), Command::Release(FIRST)).then([released()]);
    given::<Reservation>([reserved(), released()])
        .when(&sofie(), Command::Reserve(SECOND))
        .then([Event::Reserved { holder: SECOND }]);
}

/// Invariant 2.
#[test]
fn only_its_holder_gives_a_name_back() {
    given::<Reservation>([reserved()])
        .when(&sofie(), Command::Release(SECOND))
        .then_rejected(Rejection::NotHolder);
}

#[test]
fn giving_back_a_free_name_changes_nothing() {
    given::<Reservation>([]).when(&sofie(), Command::Release(FIRST)).then_nothing();
}

#[test]
fn agent_names_are_unique_per_project_whatever_their_case() {
    assert_eq!(Key::agent(OPENCLAW, &name("Scout")), Key::agent(OPENCLAW, &name("sCOUT")));
    assert_ne!(Key::agent(OPENCLAW, &name("Scout")), Key::agent(ELSEWHERE, &name("Scout")));
}

#[test]
fn agent_names_are_the_same_however_they_are_composed() {
    let composed = Key::agent(OPENCLAW, &name("Zo\u{eb}"));
    assert_eq!(composed, Key::agent(OPENCLAW, &name("ZOE\u{308}")));
    assert_ne!(composed, Key::agent(OPENCLAW, &name("Zoe")));
}

#[test]
fn agent_names_that_are_taken_for_each_other_meet() {
    let keys = |text| Key::of_agent(OPENCLAW, &name(text));
    for (one, other) in [("Coco", "Сосо"), ("SOFIE", "SOFlE"), ("Modern", "Modem"), ("Agent 1", "Agent l")]
    {
        assert!(keys(one).iter().any(|key| keys(other).contains(key)), "{one} {other}");
    }
}

/// Most names have kept the key that they had before look-alikes were looked for.
#[test]
fn the_key_of_before_is_told_where_it_is_another() {
    for text in ["Scout", "Nova", "Pixel", "QA Engineer", "nova-2"] {
        assert_eq!(Key::of_agent_before(OPENCLAW, &name(text)), None, "{text}");
    }
    let before = Key::of_agent_before(OPENCLAW, &name("Hermes")).unwrap();
    assert_eq!(before.to_string(), format!("agent/{OPENCLAW}/hermes"));
}

#[test]
fn a_slug_is_no_agent_name() {
    assert_ne!(Key::project(&slug("scout")), Key::agent(OPENCLAW, &name("scout")));
}
