use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{
    actor::Actor,
    approval::{self, ActionType, Approval, Ask, ContentHash, Lifetime, Quorum, Request, Risk, Subject},
    budget::{self, Budget},
    ids::{ApprovalId, LeaseId},
    money::Usd,
    process::{ApprovalDue, approvals_due},
    project::{self, Project},
    recorded::Streamed,
    reservation::{self, Holder, Key, Reservation},
    spec::{Answer as Answered, later, limits, slug, text},
};

const APPROVAL: ApprovalId = ApprovalId::new(uuid::Uuid::from_u128(0x600));
const OTHER_APPROVAL: ApprovalId = ApprovalId::new(uuid::Uuid::from_u128(0x601));

fn ask(byte: u8) -> Ask {
    Ask {
        summary: reason("Send the launch e-mail"),
        risk: Risk::Red,
        justification: text("The campaign is due"),
        rollback_plan: None,
        estimated_cost: None,
        payload: None,
        action_hash: None,
        request_hash: ContentHash::new([byte; 32]),
    }
}

fn subject(action_type: ActionType) -> Subject {
    Subject { project: OPENCLAW, task: Some(TASK), agent: Some(SCOUT), action_type }
}

fn request() -> Request {
    Request {
        requestor: Actor::Agent(SCOUT),
        subject: subject(ActionType::ToolCall),
        ask: ask(1),
        lifetime: Lifetime::DEFAULT,
        required: Quorum::One,
    }
}

fn requested() -> approval::Event {
    let Request { requestor, subject, ask, lifetime, required } = request();
    let expires_at = now() + lifetime.lasts();
    approval::Event::Requested {
        requestor,
        subject,
        ask,
        required_decisions: required,
        expires_at,
        at: now(),
    }
}

fn openclaw() -> Entity<Project> {
    let profile = project::Profile::new(name("OpenClaw"));
    entity(OPENCLAW, [project::Event::Created { slug: slug("openclaw"), profile, at: now() }])
}

fn key(byte: u8) -> Key {
    subject(ActionType::ToolCall).key(&ContentHash::new([byte; 32]))
}

fn free(byte: u8) -> Entity<Reservation> {
    entity(key(byte), [])
}

fn held_key(byte: u8) -> Entity<Reservation> {
    entity(key(byte), [reservation::Event::Reserved { holder: Holder::Approval(APPROVAL) }])
}

fn unrequested() -> Entity<Approval> {
    entity(APPROVAL, [])
}

fn pending() -> Entity<Approval> {
    entity(APPROVAL, [requested()])
}

fn held(from: Status) -> [task::Event; 2] {
    let (reason, at) = (Some(reason("Send the launch e-mail")), now());
    let awaited = task::Event::ApprovalAwaited { approval: APPROVAL, at };
    [awaited, task::Event::HeldForApproval { from, reason, at }]
}

/// The task of the tests, waiting for the approval since it stood at `from`.
fn waiting(from: Status) -> Entity<Task> {
    task_at(from).after(&held(from))
}

fn key_released() -> reservation::Event {
    reservation::Event::Released { holder: Holder::Approval(APPROVAL) }
}

fn ask_for(task: &Entity<Task>, agent: &Entity<Agent>) -> Answered<ApprovalId> {
    world([&openclaw(), task, agent]).when(&scout(), |tx| request_approval(tx, APPROVAL, request()))
}

mod requesting {
    use super::*;

    #[test]
    fn lets_the_task_wait_and_releases_its_holder_in_one_commit() {
        let (task, agent) = (task_at(Status::InProgress), working());
        assert_eq!(ask_for(&task, &agent).result(), Ok(APPROVAL));
        let reserved = reservation::Event::Reserved { holder: Holder::Approval(APPROVAL) };
        ask_for(&task, &agent).then([
            stream(&free(1), [reserved]),
            stream(&unrequested(), [requested()]),
            stream(&task, held(Status::InProgress)),
            stream(&agent, [released(Ending::HeldForApproval)]),
        ]);
    }

    #[test]
    fn the_same_while_one_is_open_returns_the_open_one() {
        let again =
            world([&openclaw(), &pending(), &held_key(1), &waiting(Status::InProgress), &idle(SCOUT)])
                .when(&scout(), |tx| request_approval(tx, OTHER_APPROVAL, request()));
        assert_eq!(again.changes(), []);
        assert_eq!(again.result(), Ok(APPROVAL));
    }

    #[test]
    fn something_else_lets_the_task_wait_for_both() {
        let task = waiting(Status::InProgress);
        let request = Request { ask: ask(2), ..request() };
        let other = world([&openclaw(), &task, &idle(SCOUT)])
            .when(&scout(), |tx| request_approval(tx, OTHER_APPROVAL, request));
        let awaited = task::Event::ApprovalAwaited { approval: OTHER_APPROVAL, at: now() };
        assert_eq!(other.changes().last().unwrap().events, [awaited.into()]);
    }

    #[test]
    fn for_a_task_is_its_assignees() {
        let request = Request {
            requestor: Actor::Agent(ECHO),
            subject: Subject { agent: Some(ECHO), ..subject(ActionType::ToolCall) },
            ..request()
        };
        world([&openclaw(), &task_at(Status::InProgress), &working(), &idle(ECHO)])
            .when(&by(ECHO), |tx| request_approval(tx, APPROVAL, request))
            .then_rejected(task::Rejection::NotAssignee);
    }

    #[test]
    fn for_a_task_that_is_over_is_refused() {
        for status in [Status::Failed, Status::Done, Status::Canceled] {
            let refused = ask_for(&task_at(status), &idle(SCOUT)).result();
            assert!(
                matches!(refused, Err(Rejection::Task(task::Rejection::IllegalTransition { .. }))),
                "{status}"
            );
        }
    }

    #[test]
    fn by_a_quarantined_agent_is_refused() {
        let refused = ask_for(&task_at(Status::Assigned), &quarantined(&idle(SCOUT))).result();
        assert!(matches!(refused, Err(Rejection::Agent(agent::Rejection::NotActive { .. }))));
    }

    #[test]
    fn of_more_autonomy_needs_no_task() {
        let subject = Subject { task: None, ..subject(ActionType::Autonomy) };
        let request = Request { subject, ..request() };
        let asked =
            world([&openclaw(), &idle(SCOUT)]).when(&scout(), |tx| request_approval(tx, APPROVAL, request));
        assert_eq!(asked.changes().len(), 2);
    }

    #[test]
    fn names_a_task_of_the_project() {
        let other = entity::<Project>(
            ELSEWHERE,
            [project::Event::Created {
                slug: slug("elsewhere"),
                profile: project::Profile::new(name("Elsewhere")),
                at: now(),
            }],
        );
        let task = task_at(Status::Inbox);
        let elsewhere = Subject { project: ELSEWHERE, agent: None, ..subject(ActionType::ToolCall) };
        let world = world([&other, &idle(SCOUT)]);
        for world in [world.clone().with(&task), world] {
            let request = Request { subject: elsewhere.clone(), ..request() };
            world
                .when(&scout(), |tx| request_approval(tx, APPROVAL, request))
                .then_rejected(Rejection::UnknownTask);
        }
    }
}

mod concluding {
    use super::*;

    /// What is pending, with whatever waits for it.
    fn asked(task: &Entity<Task>, agent: &Entity<Agent>) -> World {
        world([&pending(), &held_key(1), task, agent])
    }

    fn decide(
        task: &Entity<Task>,
        agent: &Entity<Agent>,
        answer: Answer,
        context: &CommandContext,
    ) -> Answered<Outcome> {
        let request = DecideApproval { answer, content: None, lease: NEXT_LEASE };
        asked(task, agent).when(context, |tx| decide_approval(tx, APPROVAL, request))
    }

    fn approve() -> Answer {
        Answer::Approve { note: None }
    }

    fn deny() -> Answer {
        Answer::Deny { reason: reason("Not today") }
    }

    fn approved() -> approval::Event {
        approval::Event::Approved {
            by: sofie().actor,
            note: None,
            request_hash: ask(1).request_hash,
            at: now(),
        }
    }

    fn back_in_progress(lease: LeaseId) -> task::Event {
        let from = Status::NeedsApproval;
        task::Event::Started { from, holder: SCOUT, lease, plan: None, reason: None, at: now() }
    }

    fn back_in_assigned() -> task::Event {
        let assignees = BTreeSet::from([SCOUT]);
        task::Event::Assigned { from: Status::NeedsApproval, assignees, reason: None, at: now() }
    }

    fn task_events(concluded: &Answered<Outcome>) -> Vec<task::Event> {
        concluded.events().filter_map(Task::event).cloned().collect()
    }

    #[test]
    fn with_a_yes_lets_the_holder_go_on_in_one_commit() {
        let (task, agent) = (waiting(Status::InProgress), idle(SCOUT));
        assert_eq!(decide(&task, &agent, approve(), &sofie()).result(), Ok(Outcome::Done));
        decide(&task, &agent, approve(), &sofie()).then([
            stream(&pending(), [approved()]),
            stream(&held_key(1), [key_released()]),
            stream(&task, [back_in_progress(NEXT_LEASE)]),
            stream(&agent, [engaged(NEXT_LEASE)]),
        ]);
    }

    #[test]
    fn with_a_yes_sends_the_task_back_to_where_it_came_from() {
        let at = now();
        let (from, reason) = (Status::NeedsApproval, None);
        for (stood, back) in [
            (Status::Inbox, task::Event::ReturnedToInbox { from, reason: reason.clone(), at }),
            (Status::Assigned, back_in_assigned()),
            (Status::Review, task::Event::ReturnedToReview { from, reason, at }),
        ] {
            let concluded = decide(&waiting(stood), &idle(SCOUT), approve(), &sofie());
            assert_eq!(task_events(&concluded), [back], "{stood}");
        }
    }

    #[test]
    fn with_a_yes_unblocks_nothing() {
        let concluded = decide(&waiting(Status::Blocked), &idle(SCOUT), approve(), &sofie());
        assert_eq!(task_events(&concluded)[0].moves_to(), Some(Status::Blocked));
    }

    #[test]
    fn with_a_yes_waits_in_assigned_for_a_holder_that_is_busy() {
        let other = crate::spec::OTHER_TASK;
        let busy = idle(SCOUT).after(&[agent::Event::Engaged { task: other, lease: LEASE }]);
        let concluded = decide(&waiting(Status::InProgress), &busy, approve(), &sofie());
        assert_eq!(task_events(&concluded), [back_in_assigned()]);
    }

    #[test]
    fn with_a_yes_waits_in_the_inbox_where_nobody_could_take_it_up() {
        let (from, reason, at) = (Status::NeedsApproval, None, now());
        let inbox = task::Event::ReturnedToInbox { from, reason, at };
        for agent in [paused(&idle(SCOUT), PauseReason::Squad), quarantined(&idle(SCOUT))] {
            for stood in [Status::Assigned, Status::InProgress] {
                let concluded = decide(&waiting(stood), &agent, approve(), &sofie());
                assert_eq!(task_events(&concluded), std::slice::from_ref(&inbox), "{stood}");
            }
        }
    }

    #[test]
    fn with_a_yes_to_spending_more_resumes_who_was_paused_for_it() {
        let override_budget = match requested() {
            approval::Event::Requested { requestor, ask, required_decisions, expires_at, at, .. } => {
                let subject = subject(ActionType::BudgetOverride);
                approval::Event::Requested { requestor, subject, ask, required_decisions, expires_at, at }
            }
            other => other,
        };
        let approval = entity::<Approval>(APPROVAL, [override_budget]);
        let (task, key) = (waiting(Status::InProgress), held_key(1));
        let agent = paused(&idle(SCOUT), PauseReason::Budget);
        let request = DecideApproval { answer: approve(), content: None, lease: NEXT_LEASE };
        let concluded = world([&approval, &key, &task, &agent])
            .when(&sofie(), |tx| decide_approval(tx, APPROVAL, request));
        let resumed = agent::Event::Resumed { from: agent::Status::Paused, note: None, at: Some(now()) };
        let budget = entity::<Budget>(budget::Key::AgentDay(SCOUT, now().date_naive()), []);
        let amount = Usd::cents(100);
        let granted = budget::Event::Granted { approval: APPROVAL, amount, granted_after: amount, at: now() };
        concluded.then([
            stream(&approval, [approved()]),
            stream(&key, [key_released()]),
            stream(&budget, [granted]),
            stream(&agent, [resumed, engaged(NEXT_LEASE)]),
            stream(&task, [back_in_progress(NEXT_LEASE)]),
        ]);
    }

    #[test]
    fn with_a_no_blocks_the_task_with_the_reason() {
        let task = waiting(Status::InProgress);
        let concluded = decide(&task, &idle(SCOUT), deny(), &sofie());
        let (from, reason, at) = (Status::NeedsApproval, reason("Not today"), now());
        concluded.then([
            stream(&pending(), [approval::Event::Denied { by: sofie().actor, reason: reason.clone(), at }]),
            stream(&held_key(1), [key_released()]),
            stream(&task, [task::Event::Blocked { from, reason, at }]),
        ]);
    }

    #[test]
    fn too_late_is_refused_and_recorded() {
        let late = later(&sofie(), Lifetime::DEFAULT.lasts());
        for answer in [approve(), deny()] {
            let concluded = decide(&waiting(Status::InProgress), &idle(SCOUT), answer, &late);
            assert!(concluded.events().any(|event| event.name() == "approval.expired"));
            assert_eq!(task_events(&concluded)[0].moves_to(), Some(Status::Blocked));
            let refusal = approval::Rejection::Expired { at: late.now }.into();
            assert_eq!(concluded.result(), Ok(Outcome::Refused(refusal)));
        }
    }

    #[test]
    fn by_the_sweeper_is_not_a_refusal() {
        let late = later(&system(), Lifetime::DEFAULT.lasts() + TimeDelta::minutes(1));
        let after = asked(&waiting(Status::Review), &idle(SCOUT))
            .when(&late, |tx| expire_approval(tx, APPROVAL))
            .world();
        assert_eq!(after.get::<Approval>(&APPROVAL).status(), Some(approval::Status::Expired));
        assert_eq!(after.get::<Task>(&TASK).status(), Some(Status::Blocked));
    }

    #[test]
    fn by_withdrawal_lets_the_requestor_go_on() {
        let concluded = asked(&waiting(Status::InProgress), &idle(SCOUT))
            .when(&scout(), |tx| withdraw_approval(tx, APPROVAL, None, NEXT_LEASE));
        assert_eq!(task_events(&concluded), [back_in_progress(NEXT_LEASE)]);
    }

    #[test]
    fn leaves_a_task_alone_that_does_not_wait_for_it() {
        let moved = waiting(Status::Review).after(&[task::Event::ReturnedToReview {
            from: Status::NeedsApproval,
            reason: None,
            at: now(),
        }]);
        for answer in [approve(), deny()] {
            let concluded = decide(&moved, &idle(SCOUT), answer, &sofie());
            assert_eq!(task_events(&concluded), []);
        }
    }

    #[test]
    fn the_first_of_two_keeps_the_task_waiting_for_the_other() {
        let task = waiting(Status::InProgress)
            .after(&[task::Event::ApprovalAwaited { approval: OTHER_APPROVAL, at: now() }]);
        let concluded = decide(&task, &idle(SCOUT), approve(), &sofie());
        let settled = task::Event::ApprovalSettled { approval: APPROVAL, at: now() };
        assert_eq!(task_events(&concluded), [settled]);
    }

    #[test]
    fn is_not_a_wish_for_a_revision() {
        let answer = Answer::RequestRevision { note: reason("Fewer people") };
        let concluded = decide(&waiting(Status::InProgress), &idle(SCOUT), answer, &sofie());
        assert_eq!(task_events(&concluded), []);
        let approval = concluded.after::<Approval>(&APPROVAL);
        assert_eq!(approval.status(), Some(approval::Status::Pending));
    }

    #[test]
    fn the_same_way_twice_changes_nothing() {
        let approval = pending().after(&[approved()]);
        let request = DecideApproval { answer: approve(), content: None, lease: NEXT_LEASE };
        let again = world([&approval, &working(), &task_at(Status::InProgress)])
            .when(&sofie(), |tx| decide_approval(tx, APPROVAL, request));
        assert_eq!(again.changes(), []);
        assert_eq!(again.result(), Ok(Outcome::Done));
    }
}

mod resubmission {
    use super::*;

    /// A pending approval whose task waits in review.
    fn asked() -> World {
        world([&pending(), &held_key(1), &waiting(Status::Review), &idle(SCOUT)])
    }

    #[test]
    fn takes_the_name_of_what_is_asked_now() {
        let required_decisions = Some(Quorum::One);
        let resubmitted = approval::Event::Resubmitted { ask: ask(2), required_decisions, at: now() };
        let reserved = reservation::Event::Reserved { holder: Holder::Approval(APPROVAL) };
        asked().when(&scout(), |tx| resubmit_approval(tx, APPROVAL, (ask(2), Quorum::One))).then([
            stream(&pending(), [resubmitted]),
            stream(&free(2), [reserved]),
            stream(&held_key(1), [key_released()]),
        ]);
    }

    #[test]
    fn of_what_another_approval_is_open_for_is_refused() {
        let by = Holder::Approval(OTHER_APPROVAL);
        let taken = entity::<Reservation>(key(2), [reservation::Event::Reserved { holder: by }]);
        asked()
            .with(&taken)
            .when(&scout(), |tx| resubmit_approval(tx, APPROVAL, (ask(2), Quorum::One)))
            .then_rejected(reservation::Rejection::Taken { by });
    }
}

#[test]
fn escalation_is_recorded_once() {
    let due = later(&system(), PolicyLimits::default().escalates_after());
    let approval = pending();
    let escalated = approval::Event::Escalated { at: due.now };
    world([&approval])
        .when(&due, |tx| escalate_approval(tx, approval.id))
        .then([stream(&approval, [escalated.clone()])]);
    world([&approval.after(&[escalated])]).when(&due, |tx| escalate_approval(tx, approval.id)).then_nothing();
}

#[test]
fn the_sweeper_escalates_and_expires_what_is_due_and_nothing_twice() {
    let due_after = |approval: &Entity<Approval>, minutes| {
        let now = later(&system(), TimeDelta::minutes(minutes)).now;
        approvals_due(std::slice::from_ref(approval), now, |_| PolicyLimits::default())
            .first()
            .map(|(_, due)| *due)
    };
    assert_eq!(due_after(&pending(), 29), None);
    assert_eq!(due_after(&pending(), 30), Some(ApprovalDue::Escalation));
    assert_eq!(due_after(&pending(), 24 * 60), Some(ApprovalDue::Expiry));
    let escalated = pending().after(&[approval::Event::Escalated { at: now() }]);
    assert_eq!(due_after(&escalated, 31), None);
    assert_eq!(due_after(&escalated, 24 * 60), Some(ApprovalDue::Expiry));
    let expired = escalated.after(&[approval::Event::Expired { at: now() }]);
    assert_eq!(due_after(&expired, 48 * 60), None);
}

#[test]
fn escalation_is_due_when_the_policy_says_so() {
    let hasty = limits(|limits| limits.escalates_after_secs = 60);
    let due = later(&system(), TimeDelta::minutes(1)).under(hasty);
    let found = approvals_due(&[pending()], due.now, |_| hasty);
    assert_eq!(found.first().map(|(_, due)| *due), Some(ApprovalDue::Escalation));
    assert_eq!(world([&pending()]).when(&due, |tx| escalate_approval(tx, APPROVAL)).changes().len(), 1);
}

/// A task with everything that approvals for it touch, as a store keeps it.
struct Desk {
    world: World,
    minutes: i64,
}

impl Desk {
    fn new() -> Self {
        let world = world([&openclaw(), &task_at(Status::InProgress), &working()]);
        Self { world, minutes: 0 }
    }

    fn approval(nth: u8) -> ApprovalId {
        ApprovalId::new(uuid::Uuid::from_u128(0x600 + u128::from(nth)))
    }

    /// One command of somebody: which approval it is about, what it is, and how many minutes later it comes.
    fn step(&mut self, (nth, what, minutes): (u8, u8, i64)) {
        self.minutes += minutes;
        let who = match what {
            0 | 1 | 5 => scout(),
            6 | 7 => system(),
            _ => sofie(),
        };
        let context = later(&who, TimeDelta::minutes(self.minutes));
        // What is refused changes nothing.
        let _ = self.world.act(&context, |tx| {
            let approval = Self::approval(nth);
            let decide = |tx: &mut Transaction<'_>, answer| {
                let request = DecideApproval { answer, content: None, lease: NEXT_LEASE };
                decide_approval(tx, approval, request).map(drop)
            };
            let go = |tx: &mut Transaction<'_>, to| {
                move_task(tx, TASK, MoveTask { to: equipped(to), assignees: None, lease: NEXT_LEASE })
            };
            match what {
                0 | 1 => request_approval(tx, approval, Request { ask: ask(nth), ..request() }).map(drop),
                2 => decide(tx, Answer::Approve { note: None }),
                3 => decide(tx, Answer::Deny { reason: reason("Not today") }),
                4 => decide(tx, Answer::RequestRevision { note: reason("Fewer people") }),
                5 => withdraw_approval(tx, approval, None, NEXT_LEASE).map(drop),
                6 => expire_approval(tx, approval).map(drop),
                7 => escalate_approval(tx, approval),
                8 => go(tx, Status::InProgress),
                9 => go(tx, Status::Review),
                _ => go(tx, Status::Blocked),
            }
        });
    }
}

proptest! {
    /// Whatever people, agents and workers do: what is asked for is held by the open approval and by no other, the task
    /// waits for all open ones and for no others, and its holder and it agree.
    #[test]
    fn a_task_waits_for_open_approvals_only(
        steps in proptest::collection::vec((0..3u8, 0..11u8, 0..90i64), 1..60),
    ) {
        let mut desk = Desk::new();
        for step in steps {
            desk.step(step);
            let task = desk.world.get::<Task>(&TASK);
            let task = task.present().unwrap();
            for nth in 0..3 {
                let approval = desk.world.get::<Approval>(&Desk::approval(nth));
                let open = approval.status().is_some_and(approval::Status::is_open);
                let held = desk.world.get::<Reservation>(&key(nth)).approval();
                prop_assert_eq!(held, open.then_some(approval.id));
                prop_assert_eq!(task.awaits.contains(&approval.id), open);
            }
            prop_assert!(task.awaits.is_empty() || task.status() == Status::NeedsApproval);
            let work = desk.world.get::<Agent>(&SCOUT).registered().unwrap().work;
            prop_assert_eq!(work.map(|work| work.lease), task.hold().map(|hold| hold.lease));
        }
    }
}
