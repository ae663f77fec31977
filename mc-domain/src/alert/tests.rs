use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::*;
use crate::{
    actor::Actor,
    values::{Name, Title},
};

const STALE: Kind = Kind::AgentStale;

fn human() -> CommandContext {
    CommandContext::new(DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie").unwrap()))
}

fn system() -> CommandContext {
    CommandContext::new(
        DateTime::UNIX_EPOCH + TimeDelta::minutes(1),
        Actor::System(Name::new("monitor").unwrap()),
    )
}

fn agent() -> CommandContext {
    CommandContext::new(DateTime::UNIX_EPOCH, Actor::Agent(Uuid::from_u128(9).into()))
}

fn episode(n: u128) -> AlertId {
    Uuid::from_u128(n).into()
}

fn raise(n: u128) -> Raise {
    Raise::new(episode(n), STALE, Uuid::from_u128(7).into(), Title::new("Scout is silent").unwrap())
}

fn after(commands: impl IntoIterator<Item = Command>) -> Alert {
    commands.into_iter().fold(Alert::default(), |alert, command| {
        let events = alert.decide(command, &human()).unwrap();
        events.iter().fold(alert, Alert::evolve)
    })
}

fn acknowledge(n: u128) -> Command {
    Command::Acknowledge { id: episode(n), note: None }
}

fn resolve(n: u128) -> Command {
    Command::Resolve { id: episode(n), note: None }
}

fn ignore(n: u128) -> Command {
    Command::Ignore { id: episode(n), note: None }
}

#[test]
fn a_repeat_counts_on_the_open_episode() {
    let open = after([Command::Raise(raise(1)), Command::Raise(raise(2)), acknowledge(1)]);
    let events = open.decide(Command::Raise(raise(3)), &agent()).unwrap();
    assert!(matches!(events[..], [Event::Repeated { id, count: 3, .. }] if id == episode(1)));
}

#[test]
fn what_is_raised_once_stays_quiet_while_it_is_open() {
    assert_eq!(after([Command::Raise(raise(1))]).decide(Command::RaiseOnce(raise(2)), &system()), Ok(vec![]));
    let closed = after([Command::Raise(raise(1)), resolve(1)]);
    let events = closed.decide(Command::RaiseOnce(raise(2)), &system()).unwrap();
    assert!(matches!(events[..], [Event::Raised { id, .. }] if id == episode(2)));
}

#[test]
fn raising_after_the_end_opens_a_new_episode() {
    for end in [resolve(1), ignore(1)] {
        let closed = after([Command::Raise(raise(1)), end]);
        let events = closed.decide(Command::Raise(raise(2)), &system()).unwrap();
        assert!(matches!(events[..], [Event::Raised { id, .. }] if id == episode(2)));
        assert_eq!(closed.evolve(&events[0]).open().map(|open| open.count), Some(1));
    }
}

#[test]
fn only_operators_acknowledge_and_ignore() {
    let open = after([Command::Raise(raise(1))]);
    for context in [agent(), system()] {
        let refused = Err(Rejection::OperatorOnly { what: "acknowledge" });
        assert_eq!(open.decide(acknowledge(1), &context), refused);
        assert_eq!(open.decide(ignore(1), &context), Err(Rejection::OperatorOnly { what: "ignore" }));
    }
}

#[test]
fn a_worker_may_resolve_and_an_agent_may_not() {
    let open = after([Command::Raise(raise(1))]);
    assert!(matches!(open.decide(resolve(1), &system()).unwrap()[..], [Event::Resolved { .. }]));
    assert_eq!(open.decide(resolve(1), &agent()), Err(Rejection::OperatorOnly { what: "resolve" }));
}

#[test]
fn doing_what_is_done_changes_nothing() {
    let acknowledged = after([Command::Raise(raise(1)), acknowledge(1)]);
    assert_eq!(acknowledged.decide(acknowledge(1), &human()), Ok(vec![]));
    let resolved = after([Command::Raise(raise(1)), resolve(1)]);
    assert_eq!(resolved.decide(resolve(1), &human()), Ok(vec![]));
    let ignored = after([Command::Raise(raise(1)), ignore(1)]);
    assert_eq!(ignored.decide(ignore(1), &human()), Ok(vec![]));
}

#[test]
fn the_end_of_an_episode_is_final() {
    let resolved = after([Command::Raise(raise(1)), resolve(1)]);
    let refused = Err(Rejection::Closed { status: Status::Resolved });
    assert_eq!(resolved.decide(acknowledge(1), &human()), refused);
    assert_eq!(resolved.decide(ignore(1), &human()), refused);
    let ignored = after([Command::Raise(raise(1)), ignore(1)]);
    assert_eq!(ignored.decide(resolve(1), &human()), Err(Rejection::Closed { status: Status::Ignored }));
}

#[test]
fn an_episode_that_has_been_replaced_is_not_found() {
    let second = after([Command::Raise(raise(1)), resolve(1), Command::Raise(raise(2))]);
    assert_eq!(second.decide(resolve(1), &human()), Err(Rejection::NotFound));
    assert_eq!(Alert::default().decide(resolve(1), &human()), Err(Rejection::NotFound));
}

#[test]
fn every_key_reads_back_from_its_text() {
    let id = Uuid::from_u128(5);
    let subjects = [
        Subject::Project(id.into()),
        Subject::Agent(id.into()),
        Subject::Task(id.into()),
        Subject::Run(id.into()),
        Subject::Approval(id.into()),
        Subject::Notification(id.into()),
        Subject::Log,
    ];
    for kind in Kind::ALL {
        for subject in subjects {
            let key = Key::new(*kind, subject);
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
    assert_eq!("agent_stale/agent".parse::<Key>(), Err(InvalidKey));
    assert_eq!("agent_stale".parse::<Key>(), Err(InvalidKey));
    assert_eq!("nothing/log".parse::<Key>(), Err(InvalidKey));
}
