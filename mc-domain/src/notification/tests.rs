#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    spec::{ECHO, OPENCLAW, SCOUT, by, given, later, now, reason, scout, sofie, system},
    values::Title,
};

fn notice() -> Notice {
    Notice {
        cause: Uuid::from_u128(1).into(),
        project: Some(OPENCLAW),
        recipient: Recipient::Agent(SCOUT),
        kind: Kind::Mention,
        subject: Title::new("Nova mentioned you").unwrap(),
        text: None,
        task: None,
        through: None,
        at: now(),
    }
}

fn queued() -> Event {
    let Notice { cause, project, recipient, kind, subject, text, task, through, at } = notice();
    let expires_at = at + LASTS;
    Event::Queued { cause, project, recipient, kind, subject, text, task, through, expires_at, at }
}

fn fail() -> Command {
    Command::Fail { error: reason("no answer") }
}

#[test]
fn is_queued_once_and_by_the_system() {
    given::<Notification>([]).when(&system(), Command::Queue(notice())).then([queued()]);
    given::<Notification>([queued()]).when(&system(), Command::Queue(notice())).then_nothing();
    given::<Notification>([]).when(&scout(), Command::Queue(notice())).then_rejected(Rejection::SystemOnly);
}

#[test]
fn is_not_begun_with_when_it_is_too_late() {
    let late = later(&system(), LASTS);
    given::<Notification>([]).when(&late, Command::Queue(notice())).then_nothing();
}

#[test]
fn has_one_identity_per_event_recipient_and_kind() {
    let others = [
        Notice { cause: Uuid::from_u128(2).into(), ..notice() },
        Notice { recipient: Recipient::Agent(ECHO), ..notice() },
        Notice { kind: Kind::Assignment, ..notice() },
    ];
    assert_eq!(notice().id(), Notice { text: None, ..notice() }.id());
    assert!(others.iter().all(|other| other.id() != notice().id()));
}

#[test]
fn an_agent_takes_and_reads_its_own_only() {
    let waiting = given::<Notification>([queued()]);
    waiting.when(&scout(), Command::Deliver).then([Event::Delivered { at: now() }]);
    waiting.when(&scout(), Command::Read).then([Event::Read { at: now() }]);
    waiting.when(&by(ECHO), Command::Deliver).then_rejected(Rejection::NotRecipient);
    waiting.when(&by(ECHO), Command::Read).then_rejected(Rejection::NotRecipient);
    waiting.when(&sofie(), Command::Read).then([Event::Read { at: now() }]);
}

#[test]
fn what_has_arrived_does_not_arrive_again() {
    let delivered = given::<Notification>([queued(), Event::Delivered { at: now() }]);
    delivered.when(&scout(), Command::Deliver).then_nothing();
    delivered.when(&system(), fail()).then_nothing();
    delivered.when(&later(&system(), LASTS), Command::Expire).then_nothing();
    let read = given::<Notification>([queued(), Event::Read { at: now() }]);
    read.when(&scout(), Command::Read).then_nothing();
}

#[test]
fn is_tried_again_with_growing_pauses_and_then_given_up() {
    let (mut history, mut context) = (vec![queued()], system());
    for (attempt, secs) in (1..).zip(RETRY_AFTER_SECS) {
        let retry_at = context.now + TimeDelta::seconds(secs);
        let failed = Event::AttemptFailed { attempt, error: reason("no answer"), retry_at, at: context.now };
        given::<Notification>(history.clone()).when(&context, fail()).then([failed.clone()]);
        history.push(failed);
        given::<Notification>(history.clone())
            .when(&context, fail())
            .then_rejected(Rejection::NotDue { at: retry_at });
        context.now = retry_at;
    }
    let given_up = Event::Failed { attempt: 6, error: reason("no answer"), at: context.now };
    given::<Notification>(history.clone()).when(&context, fail()).then([given_up.clone()]);
    history.push(given_up);
    let over = given::<Notification>(history);
    over.when(&scout(), Command::Deliver).then_rejected(Rejection::Over { status: Status::Failed });
    over.when(&scout(), Command::Read).then([Event::Read { at: now() }]);
}

#[test]
fn expires_when_it_is_too_late() {
    let waiting = given::<Notification>([queued()]);
    waiting.when(&system(), Command::Expire).then_rejected(Rejection::NotDue { at: now() + LASTS });
    let late = later(&system(), LASTS);
    waiting.when(&late, Command::Expire).then([Event::Expired { at: late.now }]);
    waiting.when(&later(&scout(), LASTS), Command::Deliver).then([Event::Expired { at: late.now }]);
    waiting.when(&scout(), Command::Expire).then_rejected(Rejection::SystemOnly);
}

#[test]
fn what_was_never_queued_is_not_found() {
    for command in [Command::Deliver, Command::Read, fail(), Command::Expire] {
        given::<Notification>([]).when(&system(), command).then_rejected(Rejection::NotFound);
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => Just(Command::Queue(notice())),
        1 => Just(Command::Deliver),
        1 => Just(Command::Read),
        4 => Just(fail()),
        1 => Just(Command::Expire),
    ]
}

proptest! {
    #[test]
    fn arrives_at_most_once(steps in proptest::collection::vec((any_command(), 0..900_i64), 0..40)) {
        let (mut notification, mut context, mut arrivals, mut attempts) =
            (Notification::default(), system(), 0, 0);
        for (command, secs) in steps {
            context.now += TimeDelta::seconds(secs);
            for event in notification.decide(command, &context).unwrap_or_default() {
                arrivals += usize::from(matches!(event, Event::Delivered { .. }));
                attempts += usize::from(matches!(event, Event::AttemptFailed { .. } | Event::Failed { .. }));
                notification = notification.evolve(&event);
            }
        }
        prop_assert!(arrivals <= 1);
        prop_assert!(attempts <= RETRY_AFTER_SECS.len() + 1);
    }
}
