#![allow(clippy::unwrap_used)]

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{
    actor::{Actor, ActorKind},
    aggregate::{Aggregate, CommandContext},
    ids::RunId,
    money::Usd,
    policy_limits::PolicyLimits,
    spec::{ECHO, OPENCLAW, SCOUT, TASK, by, given, later, name, now, reason, scout, sofie, system, text},
};

fn content(byte: u8) -> ContentHash {
    ContentHash::new([byte; 32])
}

fn ask() -> Ask {
    Ask {
        summary: reason("Send the launch e-mail"),
        risk: Risk::Red,
        justification: text("The campaign is due"),
        rollback_plan: None,
        estimated_cost: Some(Usd::cents(50)),
        payload: Some(Payload::try_from(serde_json::json!({ "tool": "send_email" })).unwrap()),
        action_hash: Some(
            Action::with(ActionType::ToolCall, &serde_json::json!({ "tool": "send_email" }).into()).hash(),
        ),
        request_hash: content(1),
    }
}

const RUN: RunId = RunId::new(uuid::Uuid::from_u128(0x700));

fn resubmit(ask: Ask) -> Command {
    Command::Resubmit { ask, required: Quorum::One }
}

fn resubmitted(ask: Ask) -> Event {
    Event::Resubmitted { ask, required_decisions: Some(Quorum::One), at: now() }
}

fn wanted() -> ToolUse {
    let params = Some(serde_json::json!({}).into());
    ToolUse { agent: SCOUT, task: Some(TASK), tool: "send_email".to_owned(), params }
}

fn make_use(of: ToolUse) -> Command {
    Command::Use { of, run: RUN }
}

fn other_ask() -> Ask {
    Ask { summary: reason("Send it to ten people"), request_hash: content(2), ..ask() }
}

fn subject() -> Subject {
    Subject { project: OPENCLAW, task: Some(TASK), agent: Some(SCOUT), action_type: ActionType::ToolCall }
}

fn request(requestor: Actor) -> Request {
    Request { requestor, subject: subject(), ask: ask(), lifetime: Lifetime::DEFAULT, required: Quorum::One }
}

fn requested_by(requestor: Actor, required: Quorum) -> Event {
    Event::Requested {
        requestor,
        subject: subject(),
        ask: ask(),
        required_decisions: required,
        expires_at: now() + Lifetime::DEFAULT.lasts(),
        at: now(),
    }
}

fn requested() -> Event {
    requested_by(Actor::Agent(SCOUT), Quorum::One)
}

fn escalated() -> Event {
    Event::Escalated { at: now() }
}

fn approved() -> Event {
    Event::Approved { by: sofie().actor, note: None, request_hash: content(1), at: now() }
}

fn denied() -> Event {
    Event::Denied { by: sofie().actor, reason: reason("Not today"), at: now() }
}

fn expired() -> Event {
    Event::Expired { at: now() }
}

fn withdrawn() -> Event {
    Event::Withdrawn { by: Actor::Agent(SCOUT), reason: None, at: now() }
}

fn approve() -> Command {
    Command::Approve { note: None, request_hash: None }
}

fn deny() -> Command {
    Command::Deny { reason: reason("Not today"), request_hash: None }
}

fn revise() -> Command {
    Command::RequestRevision { note: reason("Fewer people"), request_hash: None }
}

fn withdraw() -> Command {
    Command::Withdraw { reason: None }
}

fn jarrett() -> CommandContext {
    CommandContext::new(now(), Actor::Human(name("Jarrett")))
}

/// When nobody has decided in time.
fn too_late(context: &CommandContext) -> CommandContext {
    later(context, Lifetime::DEFAULT.lasts())
}

mod requesting {
    use super::*;

    #[test]
    fn opens_an_approval_that_ends_by_itself() {
        given::<Approval>([]).when(&scout(), Command::Request(request(scout().actor))).then([requested()]);
    }

    #[test]
    fn happens_once() {
        given::<Approval>([requested()])
            .when(&scout(), Command::Request(request(scout().actor)))
            .then_rejected(Rejection::AlreadyExists);
    }

    #[test]
    fn in_the_name_of_another_is_the_systems() {
        for context in [by(ECHO), sofie()] {
            given::<Approval>([])
                .when(&context, Command::Request(request(scout().actor)))
                .then_rejected(Rejection::NotRequestor { requestor: scout().actor });
        }
        given::<Approval>([]).when(&system(), Command::Request(request(scout().actor))).then([requested()]);
    }

    #[test]
    fn comes_before_everything_else() {
        let resubmit = resubmit(ask());
        for command in [approve(), deny(), revise(), withdraw(), resubmit, Command::Escalate, Command::Expire]
        {
            given::<Approval>([]).when(&system(), command).then_rejected(Rejection::NotFound);
        }
    }

    #[test]
    fn takes_a_lifetime_within_its_range() {
        assert_eq!(Lifetime::new(TimeDelta::seconds(59)), Err(InvalidLifetime));
        assert_eq!(Lifetime::new(TimeDelta::days(30) + TimeDelta::seconds(1)), Err(InvalidLifetime));
        assert!(Lifetime::new(Lifetime::MIN).is_ok() && Lifetime::new(Lifetime::MAX).is_ok());
    }

    #[test]
    fn takes_a_payload_that_can_always_be_read_back() {
        let nested = |levels| (0..levels).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        assert!(Payload::try_from(nested(Payload::MAX_DEPTH)).is_ok());
        assert_eq!(Payload::try_from(nested(Payload::MAX_DEPTH + 1)), Err(InvalidRequest::PayloadTooDeep));
        let long = serde_json::json!("x".repeat(Payload::MAX_BYTES));
        assert_eq!(Payload::try_from(long), Err(InvalidRequest::PayloadTooLarge));
    }

    /// Two numbers that are one as 64 bits are two actions, and each is read back as it was sent.
    #[test]
    fn tells_actions_apart_by_every_digit() {
        let hash = |number: &str| {
            let payload = crate::json::Json::parse(&format!("{{\"amount\": {number}}}")).unwrap();
            let hash = Action::with(ActionType::ToolCall, &payload).hash();
            let stored = serde_json::to_string(&Payload::try_from(payload).unwrap()).unwrap();
            assert_eq!(stored, format!("{{\"amount\":{number}}}"));
            assert_eq!(serde_json::from_str::<Payload>(&stored).unwrap().value().to_string(), stored);
            hash
        };
        for (one, other) in [
            ("12345678901234567890123", "12345678901234567890124"),
            ("0.1", "0.10000000000000001"),
            ("1e400", "1e401"),
            ("1", "1.0"),
        ] {
            assert_ne!(hash(one), hash(other));
        }
    }

    #[test]
    fn is_keyed_by_its_task_or_else_its_agent() {
        let key = |task, agent, byte| Subject { task, agent, ..subject() }.key(&content(byte)).to_string();
        assert_eq!(key(Some(TASK), Some(SCOUT), 1), key(Some(TASK), Some(ECHO), 1));
        assert_ne!(key(Some(TASK), None, 1), key(Some(TASK), None, 2));
        assert_ne!(key(None, Some(SCOUT), 1), key(None, Some(ECHO), 1));
    }
}

/// Invariant 1.
mod deciders {
    use super::*;

    #[test]
    fn are_operators_and_policy_rules() {
        for context in [sofie(), system()] {
            given::<Approval>([requested()]).when(&context, approve()).then([Event::Approved {
                by: context.actor.clone(),
                note: None,
                request_hash: content(1),
                at: now(),
            }]);
        }
    }

    #[test]
    fn are_never_agents() {
        for history in [vec![requested()], vec![requested(), approved()]] {
            for command in [approve(), deny(), revise()] {
                for context in [scout(), by(ECHO)] {
                    given::<Approval>(history.clone())
                        .when(&context, command.clone())
                        .then_rejected(Rejection::OperatorOnly);
                }
            }
        }
    }

    #[test]
    fn are_never_who_asked() {
        for command in [approve(), deny(), revise()] {
            given::<Approval>([requested_by(sofie().actor, Quorum::One)])
                .when(&sofie(), command)
                .then_rejected(Rejection::OwnRequest);
        }
    }
}

/// Invariant 2.
mod decisions {
    use super::*;

    #[test]
    fn that_come_first_stand() {
        let approved = given::<Approval>([requested(), approved()]);
        approved.when(&jarrett(), approve()).then_nothing();
        let already = |status| Rejection::AlreadyDecided { status };
        approved.when(&sofie(), deny()).then_rejected(already(Status::Approved));
        approved.when(&sofie(), revise()).then_rejected(already(Status::Approved));
        let denied = given::<Approval>([requested(), denied()]);
        denied.when(&jarrett(), deny()).then_nothing();
        denied.when(&sofie(), approve()).then_rejected(already(Status::Denied));
    }

    #[test]
    fn come_to_nothing_after_a_withdrawal_or_an_expiry() {
        for command in [approve(), deny(), revise()] {
            given::<Approval>([requested(), withdrawn()])
                .when(&sofie(), command.clone())
                .then_rejected(Rejection::Withdrawn);
            given::<Approval>([requested(), expired()])
                .when(&sofie(), command)
                .then_rejected(Rejection::Expired { at: now() + Lifetime::DEFAULT.lasts() });
        }
    }

    #[test]
    fn may_still_be_taken_when_escalated_or_waiting_for_the_requestor() {
        let revision =
            Event::RevisionRequested { by: sofie().actor, note: reason("Fewer people"), at: now() };
        for event in [escalated(), revision] {
            given::<Approval>([requested(), event]).when(&sofie(), deny()).then([denied()]);
        }
    }

    /// Invariant 3.
    #[test]
    fn that_come_too_late_let_it_expire() {
        for command in [approve(), deny(), revise()] {
            let late = too_late(&sofie());
            given::<Approval>([requested()]).when(&late, command).then([Event::Expired { at: late.now }]);
        }
        for command in [withdraw(), resubmit(other_ask())] {
            let late = too_late(&scout());
            given::<Approval>([requested()]).when(&late, command).then([Event::Expired { at: late.now }]);
        }
    }

    /// Invariant 4.
    #[test]
    fn on_something_else_than_what_is_asked_now_are_refused() {
        let resubmitted = resubmitted(other_ask());
        let read = Some(content(1));
        for command in [
            Command::Approve { note: None, request_hash: read.clone() },
            Command::Deny { reason: reason("Not today"), request_hash: read.clone() },
            Command::RequestRevision { note: reason("Fewer people"), request_hash: read },
        ] {
            given::<Approval>([requested(), resubmitted.clone()])
                .when(&sofie(), command)
                .then_rejected(Rejection::ContentChanged { current: content(2) });
        }
    }

    /// Invariant 4.
    #[test]
    fn permit_exactly_what_was_asked() {
        let approved = given::<Approval>([requested(), approved()]);
        let used = Event::Used { by: SCOUT, run: RUN, at: now() };
        approved.when(&scout(), make_use(wanted())).then([used.clone()]);
        approved
            .when(&scout(), make_use(ToolUse { tool: "Send_Email".to_owned(), params: None, ..wanted() }))
            .then([used]);
        for (difference, other) in [
            (Difference::Agent, ToolUse { agent: ECHO, ..wanted() }),
            (Difference::Task, ToolUse { task: None, ..wanted() }),
            (Difference::Tool, ToolUse { tool: "payment".to_owned(), ..wanted() }),
            (
                Difference::Params,
                ToolUse { params: Some(serde_json::json!({ "to": "all" }).into()), ..wanted() },
            ),
        ] {
            approved.when(&scout(), make_use(other)).then_rejected(Rejection::PermitsElse { difference });
        }
    }

    /// Invariant 6.
    #[test]
    fn permit_nothing_before_they_are_taken_or_when_they_are_no() {
        for (end, status) in
            [(vec![], Status::Pending), (vec![denied()], Status::Denied), (vec![expired()], Status::Expired)]
        {
            let history = [requested()].into_iter().chain(end);
            let rejection = Rejection::NotApproved { status };
            given::<Approval>(history).when(&scout(), make_use(wanted())).then_rejected(rejection);
        }
    }

    /// Invariant 6.
    #[test]
    fn permit_it_once() {
        let used = Event::Used { by: SCOUT, run: RUN, at: now() };
        given::<Approval>([requested(), approved(), used])
            .when(&scout(), make_use(wanted()))
            .then_rejected(Rejection::Used { run: RUN });
    }

    /// Invariant 6.
    #[test]
    fn without_a_task_permit_it_for_any_task_of_the_agent() {
        let anywhere = match requested() {
            Event::Requested { requestor, ask, required_decisions, expires_at, at, .. } => {
                let subject = Subject { task: None, ..subject() };
                Event::Requested { requestor, subject, ask, required_decisions, expires_at, at }
            }
            other => other,
        };
        given::<Approval>([anywhere, approved()]).when(&scout(), make_use(wanted())).then([Event::Used {
            by: SCOUT,
            run: RUN,
            at: now(),
        }]);
    }
}

/// Invariant 5.
mod two_deciders {
    use super::*;

    fn endorsed() -> Event {
        Event::Endorsed { by: sofie().actor, note: None, request_hash: content(1), at: now() }
    }

    fn requested() -> Event {
        requested_by(scout().actor, Quorum::Two)
    }

    #[test]
    fn approve_together() {
        given::<Approval>([requested()]).when(&sofie(), approve()).then([endorsed()]);
        given::<Approval>([requested(), endorsed()]).when(&jarrett(), approve()).then([Event::Approved {
            by: jarrett().actor,
            note: None,
            request_hash: content(1),
            at: now(),
        }]);
    }

    #[test]
    fn are_different_by_more_than_the_case_of_a_name() {
        for name in ["sofie", "SOFIE"] {
            let context = CommandContext::new(now(), Actor::Human(crate::spec::name(name)));
            given::<Approval>([requested(), endorsed()]).when(&context, approve()).then_nothing();
            given::<Approval>([requested_by(sofie().actor, Quorum::One)])
                .when(&context, approve())
                .then_rejected(Rejection::OwnRequest);
        }
    }

    #[test]
    fn are_as_many_as_what_is_asked_now_takes() {
        let both = Command::Resubmit { ask: other_ask(), required: Quorum::Two };
        let asked = Event::Resubmitted { ask: other_ask(), required_decisions: Some(Quorum::Two), at: now() };
        let history = [super::requested()];
        given::<Approval>(history.clone()).when(&scout(), both).then([asked.clone()]);
        let [requested] = history;
        let endorsed = Event::Endorsed { by: sofie().actor, note: None, request_hash: content(2), at: now() };
        given::<Approval>([requested.clone(), asked]).when(&sofie(), approve()).then([endorsed]);
        let more = Command::Resubmit { ask: ask(), required: Quorum::Two };
        let asked = Event::Resubmitted { ask: ask(), required_decisions: Some(Quorum::Two), at: now() };
        given::<Approval>([requested]).when(&scout(), more).then([asked]);
    }

    #[test]
    fn are_different() {
        given::<Approval>([requested(), endorsed()]).when(&sofie(), approve()).then_nothing();
    }

    #[test]
    fn are_not_needed_to_deny() {
        given::<Approval>([requested(), endorsed()]).when(&sofie(), deny()).then([denied()]);
    }

    /// Invariant 4.
    #[test]
    fn begin_again_when_something_else_is_asked() {
        let resubmitted = Event::Resubmitted { ask: other_ask(), required_decisions: None, at: now() };
        given::<Approval>([requested(), endorsed(), resubmitted])
            .when(&jarrett(), approve())
            .then([Event::Endorsed { by: jarrett().actor, note: None, request_hash: content(2), at: now() }]);
    }
}

mod revisions {
    use super::*;

    fn wanted() -> Event {
        Event::RevisionRequested { by: sofie().actor, note: reason("Fewer people"), at: now() }
    }

    #[test]
    fn are_asked_for_while_it_stays_open() {
        given::<Approval>([requested()]).when(&sofie(), revise()).then([wanted()]);
        assert_eq!(Approval::fold(&[requested(), wanted()]).status(), Some(Status::Pending));
    }

    #[test]
    fn are_the_requestors() {
        let resubmitted = resubmitted(other_ask());
        let approval = given::<Approval>([requested(), wanted()]);
        approval.when(&scout(), resubmit(other_ask())).then([resubmitted]);
        for context in [by(ECHO), sofie(), system()] {
            approval
                .when(&context, resubmit(other_ask()))
                .then_rejected(Rejection::NotRequestor { requestor: scout().actor });
        }
    }

    #[test]
    fn that_change_nothing_answer_only_a_wish_for_one() {
        given::<Approval>([requested()]).when(&scout(), resubmit(ask())).then_nothing();
        given::<Approval>([requested(), wanted()]).when(&scout(), resubmit(ask())).then([resubmitted(ask())]);
    }

    #[test]
    fn do_not_come_after_the_end() {
        given::<Approval>([requested(), denied()])
            .when(&scout(), resubmit(other_ask()))
            .then_rejected(Rejection::AlreadyDecided { status: Status::Denied });
    }
}

mod withdrawal {
    use super::*;

    #[test]
    fn is_the_requestors_or_the_systems() {
        for context in [scout(), system()] {
            let by = context.actor.clone();
            given::<Approval>([requested()]).when(&context, withdraw()).then([Event::Withdrawn {
                by,
                reason: None,
                at: now(),
            }]);
        }
        for context in [by(ECHO), sofie()] {
            given::<Approval>([requested()])
                .when(&context, withdraw())
                .then_rejected(Rejection::NotRequestor { requestor: scout().actor });
        }
    }

    #[test]
    fn twice_changes_nothing() {
        given::<Approval>([requested(), withdrawn()]).when(&scout(), withdraw()).then_nothing();
    }

    #[test]
    fn does_not_come_after_a_decision() {
        given::<Approval>([requested(), approved()])
            .when(&scout(), withdraw())
            .then_rejected(Rejection::AlreadyDecided { status: Status::Approved });
    }
}

mod workers {
    use super::*;

    #[test]
    fn escalate_after_half_an_hour_and_once() {
        let due = later(&system(), PolicyLimits::default().escalates_after());
        let early = later(&system(), PolicyLimits::default().escalates_after() - TimeDelta::seconds(1));
        let pending = given::<Approval>([requested()]);
        pending.when(&early, Command::Escalate).then_rejected(Rejection::NotDue { at: due.now });
        pending.when(&due, Command::Escalate).then([Event::Escalated { at: due.now }]);
        given::<Approval>([requested(), escalated()]).when(&due, Command::Escalate).then_nothing();
        assert_eq!(Approval::fold(&[requested(), escalated()]).status(), Some(Status::Escalated));
    }

    #[test]
    fn escalate_only_what_waits_for_a_decider() {
        let wanted = Event::RevisionRequested { by: sofie().actor, note: reason("Fewer people"), at: now() };
        let resubmitted = Event::Resubmitted {
            ask: other_ask(),
            required_decisions: None,
            at: later(&scout(), PolicyLimits::default().escalates_after()).now,
        };
        let due = later(&system(), PolicyLimits::default().escalates_after());
        given::<Approval>([requested(), wanted.clone()]).when(&due, Command::Escalate).then_nothing();
        given::<Approval>([requested(), wanted, resubmitted]).when(&due, Command::Escalate).then_rejected(
            Rejection::NotDue { at: later(&due, PolicyLimits::default().escalates_after()).now },
        );
    }

    #[test]
    fn expire_when_it_is_time_and_once() {
        let due = too_late(&system());
        let early = later(&due, TimeDelta::seconds(-1));
        let pending = given::<Approval>([requested()]);
        pending.when(&early, Command::Expire).then_rejected(Rejection::NotDue { at: due.now });
        pending.when(&due, Command::Expire).then([Event::Expired { at: due.now }]);
        for end in [approved(), denied(), expired(), withdrawn()] {
            given::<Approval>([requested(), end.clone()]).when(&due, Command::Expire).then_nothing();
            given::<Approval>([requested(), end]).when(&due, Command::Escalate).then_nothing();
        }
    }

    #[test]
    fn do_what_nobody_else_does() {
        for context in [too_late(&sofie()), too_late(&scout())] {
            for command in [Command::Escalate, Command::Expire] {
                given::<Approval>([requested()]).when(&context, command).then_rejected(Rejection::SystemOnly);
            }
        }
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(approve()),
        Just(deny()),
        Just(revise()),
        Just(withdraw()),
        Just(resubmit(ask())),
        Just(resubmit(other_ask())),
        Just(Command::Escalate),
        Just(Command::Expire),
    ]
}

fn any_moment() -> impl Strategy<Value = CommandContext> {
    let actor = prop_oneof![Just(sofie()), Just(jarrett()), Just(system()), Just(scout()), Just(by(ECHO))];
    (actor, 0..26 * 60i64).prop_map(|(context, minutes)| later(&context, TimeDelta::minutes(minutes)))
}

proptest! {
    /// Invariants 1, 2, 3 and 5, over any history.
    #[test]
    fn an_approval_ends_at_most_once_and_is_given_only_by_enough_others_in_time(
        two in any::<bool>(),
        commands in proptest::collection::vec((any_command(), any_moment()), 1..20),
    ) {
        let required = if two { Quorum::Two } else { Quorum::One };
        let mut history = vec![requested_by(scout().actor, required)];
        for (command, context) in commands {
            let command = match command {
                Command::Resubmit { ask, .. } => Command::Resubmit { ask, required },
                other => other,
            };
            let was_open = Approval::fold(&history).status().unwrap().is_open();
            let events = Approval::fold(&history).decide(command, &context).unwrap_or_default();
            prop_assert!(was_open || events.is_empty());
            if let [Event::Approved { by, at, .. }] = &events[..] {
                prop_assert!(by.kind() != ActorKind::Agent && *at < now() + Lifetime::DEFAULT.lasts());
                let since = history.iter().rposition(|event| matches!(event, Event::Resubmitted { .. }));
                let others = history[since.unwrap_or(0)..].iter().filter(|event| {
                    matches!(event, Event::Endorsed { by: other, .. } if other != by)
                });
                prop_assert_eq!(others.count(), usize::from(two));
            }
            history.extend(events);
        }
    }

    #[test]
    fn the_action_hash_does_not_depend_on_the_order_of_fields(mut fields in any::<Vec<(String, i64)>>()) {
        fields.sort();
        fields.dedup_by(|a, b| a.0 == b.0);
        let object = |fields: &[(String, i64)]| {
            let fields = fields.iter().map(|(key, value)| (key.clone(), (*value).into())).collect();
            crate::json::Json::from(serde_json::Value::Object(fields))
        };
        let sorted = Action::with(ActionType::Spawn, &object(&fields)).hash();
        fields.reverse();
        let reversed = Action::with(ActionType::Spawn, &object(&fields)).hash();
        prop_assert_eq!(sorted, reversed);
    }
}
