#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    actor::Actor,
    reach::Reach,
    spec::{OPENCLAW, SCOUT, given, name, now, reason, scout, sofie, system},
};

fn grant(bearer: Bearer) -> Grant {
    Grant { name: name("Ada"), bearer, reach: Reach::of(OPENCLAW), expires_at: None }
}

fn secret() -> SecretHash {
    SecretHash::of("secret")
}

fn session(n: usize) -> SecretHash {
    SecretHash::of(&format!("session {n}"))
}

fn issued() -> Event {
    Event::Issued { grant: grant(Bearer::Operator), secret_hash: secret(), at: now() }
}

fn revoked() -> Event {
    Event::Revoked { reason: None, at: now() }
}

fn opened(n: usize, at: DateTime<Utc>) -> Event {
    Event::SessionOpened { session_hash: session(n), at }
}

fn ada() -> CommandContext {
    sofie().by(Actor::Human(name("Ada")))
}

#[test]
fn is_issued_by_operators_and_on_a_first_start() {
    let issue = || Command::Issue { grant: grant(Bearer::Operator), secret: secret() };
    given::<Credential>([]).when(&sofie(), issue()).then([issued()]);
    given::<Credential>([]).when(&system(), issue()).then([issued()]);
    given::<Credential>([]).when(&scout(), issue()).then_rejected(Rejection::OperatorOnly);
    given::<Credential>([issued()]).when(&sofie(), issue()).then_rejected(Rejection::AlreadyExists);
}

#[test]
fn is_never_expired_from_the_beginning() {
    let grant = Grant { expires_at: Some(now()), ..grant(Bearer::Auditor) };
    let issue = Command::Issue { grant, secret: secret() };
    given::<Credential>([]).when(&sofie(), issue).then_rejected(Rejection::ExpiresTooSoon);
}

#[test]
fn is_good_until_it_expires_or_is_revoked() {
    let end = now() + TimeDelta::minutes(1);
    let grant = Grant { expires_at: Some(end), ..grant(Bearer::Operator) };
    let issued = Event::Issued { grant: grant.clone(), secret_hash: secret(), at: now() };
    let credential = Credential::fold([&issued]);
    assert_eq!(credential.check(now()), Ok(&grant));
    assert_eq!(credential.check(end), Err(Rejection::Expired { at: end }));
    assert_eq!(Credential::fold([&issued, &revoked()]).check(now()), Err(Rejection::Revoked));
    assert_eq!(Credential::default().check(now()), Err(Rejection::NotFound));
}

#[test]
fn governs_as_an_operator_of_all_projects_alone() {
    let governs = |bearer, reach| Grant { reach, ..grant(bearer) }.governs();
    assert!(governs(Bearer::Operator, Reach::All));
    assert!(!governs(Bearer::Operator, Reach::of(OPENCLAW)));
    for bearer in [Bearer::Agent(SCOUT), Bearer::Auditor, Bearer::Monitor] {
        assert!(!governs(bearer, Reach::All), "{bearer:?}");
    }
}

#[test]
fn is_renamed_and_revoked_by_operators_once() {
    let rename = |to| Command::Rename { name: name(to) };
    let revoke = || Command::Revoke { reason: Some(reason("leaked")) };
    let renamed = Event::Renamed { name: name("Grace") };
    given::<Credential>([issued()]).when(&sofie(), rename("Grace")).then([renamed]);
    given::<Credential>([issued()]).when(&sofie(), rename("Ada")).then_nothing();
    given::<Credential>([issued()]).when(&scout(), rename("Grace")).then_rejected(Rejection::OperatorOnly);
    given::<Credential>([issued(), revoked()])
        .when(&sofie(), rename("Grace"))
        .then_rejected(Rejection::Revoked);
    given::<Credential>([issued()]).when(&ada(), rename("Grace")).then_rejected(Rejection::OwnName);
    let ended = Event::Revoked { reason: Some(reason("leaked")), at: now() };
    given::<Credential>([issued()]).when(&sofie(), revoke()).then([ended]);
    given::<Credential>([issued()]).when(&system(), revoke()).then_rejected(Rejection::OperatorOnly);
    given::<Credential>([issued(), revoked()]).when(&sofie(), revoke()).then_nothing();
    given::<Credential>([]).when(&sofie(), revoke()).then_rejected(Rejection::NotFound);
}

#[test]
fn a_use_is_recorded_once_an_hour() {
    let used = |minutes| now() + TimeDelta::minutes(minutes);
    let note = |minutes| Command::NoteUse { at: used(minutes) };
    given::<Credential>([issued()]).when(&system(), note(1)).then([Event::Used { at: used(1) }]);
    let history = [issued(), Event::Used { at: used(1) }];
    given::<Credential>(history.clone()).when(&system(), note(60)).then_nothing();
    given::<Credential>(history.clone()).when(&system(), note(0)).then_nothing();
    given::<Credential>(history.clone()).when(&system(), note(61)).then([Event::Used { at: used(61) }]);
    given::<Credential>(history).when(&sofie(), note(61)).then_rejected(Rejection::SystemOnly);
    given::<Credential>([issued(), revoked()]).when(&system(), note(1)).then_nothing();
}

#[test]
fn sessions_are_opened_and_ended_by_the_bearer() {
    let (open, end) =
        (Command::OpenSession { session: session(1) }, Command::EndSession { session: session(1) });
    given::<Credential>([issued()]).when(&ada(), open.clone()).then([opened(1, now())]);
    given::<Credential>([issued()]).when(&sofie(), open.clone()).then_rejected(Rejection::BearerOnly);
    given::<Credential>([issued(), revoked()]).when(&ada(), open.clone()).then_rejected(Rejection::Revoked);
    let history = [issued(), opened(1, now())];
    given::<Credential>(history.clone()).when(&ada(), open).then_nothing();
    given::<Credential>(history.clone()).when(&sofie(), end.clone()).then_rejected(Rejection::BearerOnly);
    let ended = Event::SessionEnded { session_hash: session(1), at: now() };
    given::<Credential>(history).when(&ada(), end.clone()).then([ended]);
    given::<Credential>([issued()]).when(&ada(), end).then_nothing();
}

#[test]
fn sessions_last_while_they_are_used_and_end_with_the_credential() {
    let opened = opened(1, now());
    let used = Event::SessionUsed { session_hash: session(1), at: now() + TimeDelta::hours(11) };
    let has = |events: &[Event], hours| {
        let credential = Credential::fold(events);
        credential.issued().unwrap().has_session(&session(1), now() + TimeDelta::hours(hours))
    };
    assert!(has(&[issued(), opened.clone()], 11) && !has(&[issued(), opened.clone()], 12));
    assert!(has(&[issued(), opened.clone(), used.clone()], 22));
    assert!(!has(&[issued(), opened, used, revoked()], 0));
}

#[test]
fn the_use_of_a_session_is_recorded_once_an_hour_while_it_is_open() {
    let history = [issued(), opened(1, now())];
    let note =
        |minutes| Command::NoteSession { session: session(1), at: now() + TimeDelta::minutes(minutes) };
    let used =
        |minutes| Event::SessionUsed { session_hash: session(1), at: now() + TimeDelta::minutes(minutes) };
    given::<Credential>(history.clone()).when(&system(), note(59)).then_nothing();
    given::<Credential>(history.clone()).when(&system(), note(60)).then([used(60)]);
    given::<Credential>(history.clone()).when(&system(), note(12 * 60)).then_nothing();
    given::<Credential>(history).when(&ada(), note(60)).then_rejected(Rejection::SystemOnly);
}

#[test]
fn one_session_too_many_ends_the_oldest() {
    let full = (0..MAX_SESSIONS).map(|n| opened(n, now() + TimeDelta::seconds(n.try_into().unwrap())));
    let history: Vec<_> = std::iter::once(issued()).chain(full).collect();
    let context = CommandContext { now: now() + TimeDelta::minutes(10), ..ada() };
    let ended = Event::SessionEnded { session_hash: session(0), at: context.now };
    given::<Credential>(history)
        .when(&context, Command::OpenSession { session: session(MAX_SESSIONS) })
        .then([ended, opened(MAX_SESSIONS, context.now)]);
}

#[test]
fn the_actor_is_the_agent_or_a_human_of_that_name() {
    assert_eq!(grant(Bearer::Agent(SCOUT)).actor(), Actor::Agent(SCOUT));
    assert_eq!(grant(Bearer::Operator).actor(), Actor::Human(name("Ada")));
}

#[test]
fn a_hash_is_read_as_it_is_written_and_in_no_other_way() {
    let text = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assert_eq!(SecretHash::of("secret").to_string(), text);
    assert_eq!(text.parse(), Ok(SecretHash::of("secret")));
    for other in ["", &text[1..], &text.to_uppercase(), &format!("{text}0"), &text.replace('2', "g")] {
        assert_eq!(other.parse::<SecretHash>(), Err(InvalidSecretHash), "{other:?}");
    }
}

proptest! {
    #[test]
    fn nothing_revives_what_is_revoked(minutes in 0_i64..2_000, which in 0_usize..6) {
        let commands = [
            Command::Rename { name: name("Grace") },
            Command::Revoke { reason: None },
            Command::NoteUse { at: now() },
            Command::OpenSession { session: session(1) },
            Command::NoteSession { session: session(1), at: now() },
            Command::EndSession { session: session(1) },
        ];
        let history = [issued(), opened(1, now()), revoked()];
        let credential = Credential::fold(&history);
        for actor in [sofie(), ada(), scout(), system()] {
            let context = CommandContext { now: now() + TimeDelta::minutes(minutes), ..actor };
            if let Ok(events) = credential.decide(commands[which].clone(), &context) {
                let after = events.iter().fold(credential.clone(), Credential::evolve);
                prop_assert!(after.check(context.now).is_err());
                prop_assert!(!after.issued().unwrap().has_session(&session(1), context.now));
            }
        }
    }
}
