use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{
    actor::Actor,
    approval::{
        self, ActionType, Approval, Ask, ContentHash, Lifetime, Quorum, Request, Risk, Ruling, Subject,
    },
    budget::{self, Budget},
    ids::{ApprovalId, LeaseId},
    money::Usd,
    process::{ApprovalDue, approvals_due},
    project::{self, Project},
    reservation::{self, Holder, Key, Reservation},
    spec::{later, limits, slug, text},
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

fn ask_for(
    task: &Entity<Task>,
    key: &Entity<Reservation>,
    agent: &Entity<Agent>,
) -> Result<Asked, Rejection> {
    request_approval(&openclaw(), &unrequested(), key, Some(task), request(), &cast([agent]), &scout())
}

mod requesting {
    use super::*;

    #[test]
    fn lets_the_task_wait_and_releases_its_holder_in_one_commit() {
        let (task, agent) = (task_at(Status::InProgress), working());
        let asked = ask_for(&task, &free(1), &agent).unwrap();
        assert_eq!(asked.approval, APPROVAL);
        let reserved = reservation::Event::Reserved { holder: Holder::Approval(APPROVAL) };
        operation(Ok(asked.decision)).then([
            stream(&free(1), [reserved]),
            stream(&unrequested(), [requested()]),
            stream(&task, held(Status::InProgress)),
            stream(&agent, [released(Ending::HeldForApproval)]),
        ]);
    }

    #[test]
    fn the_same_while_one_is_open_returns_the_open_one() {
        let again = world([&openclaw(), &entity(OTHER_APPROVAL, []), &held_key(1), &waiting(Status::InProgress), &idle(SCOUT)]).when(&scout(), |tx| request_approval(tx, OTHER_APPROVAL, request()));
        assert_eq!(again, Ok(Asked { approval: APPROVAL, decision: Decision::default() }));
    }

    #[test]
    fn something_else_lets_the_task_wait_for_both() {
        let task = waiting(Status::InProgress);
        let other = world([&openclaw(), &entity(OTHER_APPROVAL, []), &free(2), &task, &idle(SCOUT)]).when(&scout(), |tx| request_approval(tx, OTHER_APPROVAL, Request { ask: ask(2), ..request() }));
        let awaited = task::Event::ApprovalAwaited { approval: OTHER_APPROVAL, at: now() };
        let events = other.unwrap().decision.into_changes().pop().unwrap().events;
        assert_eq!(events, [awaited.into()]);
    }

    #[test]
    fn for_a_task_is_its_assignees() {
        let request = Request {
            requestor: Actor::Agent(ECHO),
            subject: Subject { agent: Some(ECHO), ..subject(ActionType::ToolCall) },
            ..request()
        };
        let refused = request_approval(
            &openclaw(),
            &unrequested(),
            &free(1),
            Some(&task_at(Status::InProgress)),
            request,
            &cast([&working(), &idle(ECHO)]),
            &by(ECHO),
        );
        assert_eq!(refused, Err(task::Rejection::NotAssignee.into()));
    }

    #[test]
    fn for_a_task_that_is_over_is_refused() {
        for status in [Status::Failed, Status::Done, Status::Canceled] {
            let refused = ask_for(&task_at(status), &free(1), &idle(SCOUT));
            assert!(
                matches!(refused, Err(Rejection::Task(task::Rejection::IllegalTransition { .. }))),
                "{status}"
            );
        }
    }

    #[test]
    fn by_a_quarantined_agent_is_refused() {
        let refused = ask_for(&task_at(Status::Assigned), &free(1), &quarantined(&idle(SCOUT)));
        assert!(matches!(refused, Err(Rejection::Agent(agent::Rejection::NotActive { .. }))));
    }

    #[test]
    fn of_more_autonomy_needs_no_task() {
        let subject = Subject { task: None, ..subject(ActionType::Autonomy) };
        let key = entity::<Reservation>(subject.key(&ask(1).request_hash), []);
        let request = Request { subject, ..request() };
        let asked = request_approval(
            &openclaw(),
            &unrequested(),
            &key,
            None,
            request,
            &cast([&idle(SCOUT)]),
            &scout(),
        );
        assert_eq!(asked.unwrap().decision.changes().len(), 2);
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
        for task in [Some(&task), None] {
            let request = || Request { subject: elsewhere.clone(), ..request() };
            let refused = request_approval(
                &other,
                &unrequested(),
                &free(1),
                task,
                request(),
                &cast([&idle(SCOUT)]),
                &scout(),
            );
            assert_eq!(refused, Err(Rejection::UnknownTask));
        }
    }
}

/// Pitfalls 11 to 13.
mod concluding {
    use super::*;

    fn decide(
        task: &Entity<Task>,
        agent: &Entity<Agent>,
        answer: crate::operation::Answer,
        context: &CommandContext,
    ) -> Result<Concluded, Rejection> {
        let (approval, key, cast) = (pending(), held_key(1), cast([agent]));
        let scope = ApprovalScope { approval: &approval, key: &key, task: Some(task), cast: &cast };
        decide_approval(scope, DecideApproval { answer, content: None, lease: NEXT_LEASE }, context)
    }

    fn approve() -> crate::operation::Answer {
        crate::operation::Answer::Approve { note: None }
    }

    fn deny() -> crate::operation::Answer {
        crate::operation::Answer::Deny { reason: reason("Not today") }
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

    fn task_events(concluded: &Concluded) -> Vec<task::Event> {
        let of_task = |event: &AnyEvent| match event {
            AnyEvent::Task(event) => Some(event.clone()),
            _ => None,
        };
        concluded.outcome.decision.events().filter_map(of_task).collect()
    }

    #[test]
    fn with_a_yes_lets_the_holder_go_on_in_one_commit() {
        let (task, agent) = (waiting(Status::InProgress), idle(SCOUT));
        let concluded = decide(&task, &agent, approve(), &sofie()).unwrap();
        assert!(matches!(concluded.verdict.unwrap().ruling(), Ruling::Granted { .. }));
        assert_eq!(concluded.outcome.refusal, None);
        operation(Ok(concluded.outcome.decision)).then([
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
            let concluded = decide(&waiting(stood), &idle(SCOUT), approve(), &sofie()).unwrap();
            assert_eq!(task_events(&concluded), [back], "{stood}");
        }
    }

    #[test]
    fn with_a_yes_unblocks_nothing() {
        let concluded = decide(&waiting(Status::Blocked), &idle(SCOUT), approve(), &sofie()).unwrap();
        assert_eq!(task_events(&concluded)[0].moves_to(), Some(Status::Blocked));
    }

    #[test]
    fn with_a_yes_waits_in_assigned_for_a_holder_that_is_busy() {
        let other = crate::spec::OTHER_TASK;
        let busy = idle(SCOUT).after(&[agent::Event::Engaged { task: other, lease: LEASE }]);
        let concluded = decide(&waiting(Status::InProgress), &busy, approve(), &sofie()).unwrap();
        assert_eq!(task_events(&concluded), [back_in_assigned()]);
    }

    #[test]
    fn with_a_yes_waits_in_the_inbox_where_nobody_could_take_it_up() {
        let (from, reason, at) = (Status::NeedsApproval, None, now());
        let inbox = task::Event::ReturnedToInbox { from, reason, at };
        for agent in [paused(&idle(SCOUT), PauseReason::Squad), quarantined(&idle(SCOUT))] {
            for stood in [Status::Assigned, Status::InProgress] {
                let concluded = decide(&waiting(stood), &agent, approve(), &sofie()).unwrap();
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
        let agents = cast([&agent]);
        let scope = ApprovalScope { approval: &approval, key: &key, task: Some(&task), cast: &agents };
        let wish = DecideApproval { answer: approve(), content: None, lease: NEXT_LEASE };
        let concluded = decide_approval(scope, wish, &sofie()).unwrap();
        let resumed = agent::Event::Resumed { from: agent::Status::Paused, note: None, at: Some(now()) };
        let budget = entity::<Budget>(budget::Key::AgentDay(SCOUT, now().date_naive()), []);
        let amount = Usd::cents(100);
        let granted = budget::Event::Granted { approval: APPROVAL, amount, granted_after: amount, at: now() };
        operation(Ok(concluded.outcome.decision)).then([
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
        let concluded = decide(&task, &idle(SCOUT), deny(), &sofie()).unwrap();
        let (from, reason, at) = (Status::NeedsApproval, reason("Not today"), now());
        operation(Ok(concluded.outcome.decision)).then([
            stream(&pending(), [approval::Event::Denied { by: sofie().actor, reason: reason.clone(), at }]),
            stream(&held_key(1), [key_released()]),
            stream(&task, [task::Event::Blocked { from, reason, at }]),
        ]);
    }

    #[test]
    fn too_late_is_refused_and_recorded() {
        let late = later(&sofie(), Lifetime::DEFAULT.lasts());
        for answer in [approve(), deny()] {
            let concluded = decide(&waiting(Status::InProgress), &idle(SCOUT), answer, &late).unwrap();
            assert_eq!(concluded.outcome.refusal, Some(approval::Rejection::Expired { at: late.now }.into()));
            assert!(concluded.outcome.decision.events().any(|event| event.name() == "approval.expired"));
            assert_eq!(task_events(&concluded)[0].moves_to(), Some(Status::Blocked));
        }
    }

    #[test]
    fn by_the_sweeper_is_not_a_refusal() {
        let (approval, key, agents) = (pending(), held_key(1), cast([&idle(SCOUT)]));
        let task = waiting(Status::Review);
        let scope = ApprovalScope { approval: &approval, key: &key, task: Some(&task), cast: &agents };
        let late = later(&system(), Lifetime::DEFAULT.lasts() + TimeDelta::minutes(1));
        let concluded = expire_approval(scope, &late).unwrap();
        assert_eq!(concluded.outcome.refusal, None);
        assert_eq!(concluded.verdict.as_ref().unwrap().ruling(), &Ruling::Expired);
        assert_eq!(task_events(&concluded)[0].moves_to(), Some(Status::Blocked));
    }

    #[test]
    fn by_withdrawal_lets_the_requestor_go_on() {
        let (approval, key, agents) = (pending(), held_key(1), cast([&idle(SCOUT)]));
        let task = waiting(Status::InProgress);
        let scope = ApprovalScope { approval: &approval, key: &key, task: Some(&task), cast: &agents };
        let concluded = withdraw_approval(scope, None, NEXT_LEASE, &scout()).unwrap();
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
            let concluded = decide(&moved, &idle(SCOUT), answer, &sofie()).unwrap();
            assert_eq!(task_events(&concluded), []);
        }
    }

    #[test]
    fn the_first_of_two_keeps_the_task_waiting_for_the_other() {
        let task = waiting(Status::InProgress)
            .after(&[task::Event::ApprovalAwaited { approval: OTHER_APPROVAL, at: now() }]);
        let concluded = decide(&task, &idle(SCOUT), approve(), &sofie()).unwrap();
        let settled = task::Event::ApprovalSettled { approval: APPROVAL, at: now() };
        assert_eq!(task_events(&concluded), [settled]);
    }

    #[test]
    fn is_not_a_wish_for_a_revision() {
        let answer = crate::operation::Answer::RequestRevision { note: reason("Fewer people") };
        let concluded = decide(&waiting(Status::InProgress), &idle(SCOUT), answer, &sofie()).unwrap();
        assert_eq!((task_events(&concluded), concluded.verdict), (vec![], None));
    }

    #[test]
    fn without_its_task_or_its_key_at_hand_is_refused() {
        let (approval, agents) = (pending(), cast([&idle(SCOUT)]));
        let (right, wrong, task) = (held_key(1), free(2), waiting(Status::Review));
        let wish = || DecideApproval { answer: approve(), content: None, lease: NEXT_LEASE };
        let scope = ApprovalScope { approval: &approval, key: &right, task: None, cast: &agents };
        assert_eq!(decide_approval(scope, wish(), &sofie()), Err(Rejection::UnknownTask));
        let scope = ApprovalScope { key: &wrong, task: Some(&task), ..scope };
        assert_eq!(decide_approval(scope, wish(), &sofie()), Err(reservation::Rejection::NotHolder.into()));
    }

    #[test]
    fn the_same_way_twice_changes_nothing() {
        let approval = pending().after(&[approved()]);
        let (key, agents, task) = (free(1), cast([&working()]), task_at(Status::InProgress));
        let scope = ApprovalScope { approval: &approval, key: &key, task: Some(&task), cast: &agents };
        let wish = DecideApproval { answer: approve(), content: None, lease: NEXT_LEASE };
        assert_eq!(decide_approval(scope, wish, &sofie()), Ok(Concluded::default()));
    }
}

mod resubmission {
    use super::*;

    #[test]
    fn takes_the_name_of_what_is_asked_now() {
        let task = waiting(Status::Review);
        let (approval, old, new, agents) = (pending(), held_key(1), free(2), cast([&idle(SCOUT)]));
        let scope = ApprovalScope { approval: &approval, key: &old, task: Some(&task), cast: &agents };
        let required_decisions = Some(Quorum::One);
        let resubmitted = approval::Event::Resubmitted { ask: ask(2), required_decisions, at: now() };
        let concluded = resubmit_approval(scope, &new, (ask(2), Quorum::One), &scout()).unwrap();
        let reserved = reservation::Event::Reserved { holder: Holder::Approval(APPROVAL) };
        operation(Ok(concluded.outcome.decision)).then([
            stream(&approval, [resubmitted]),
            stream(&new, [reserved]),
            stream(&old, [key_released()]),
        ]);
    }

    #[test]
    fn of_what_another_approval_is_open_for_is_refused() {
        let task = waiting(Status::Review);
        let (approval, old, agents) = (pending(), held_key(1), cast([&idle(SCOUT)]));
        let by = Holder::Approval(OTHER_APPROVAL);
        let taken = entity::<Reservation>(key(2), [reservation::Event::Reserved { holder: by }]);
        let scope = ApprovalScope { approval: &approval, key: &old, task: Some(&task), cast: &agents };
        let refused = resubmit_approval(scope, &taken, (ask(2), Quorum::One), &scout());
        assert_eq!(refused, Err(reservation::Rejection::Taken { by }.into()));
    }
}

#[test]
fn escalation_is_recorded_once() {
    let due = later(&system(), PolicyLimits::default().escalates_after());
    let approval = pending();
    let escalated = approval::Event::Escalated { at: due.now };
    world([&approval]).when(&due, |tx| escalate_approval(tx, approval.id)).then([stream(&approval, [escalated.clone()])]);
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
    assert_eq!(world([&pending()]).when(&due, |tx| escalate_approval(tx, APPROVAL)).unwrap().changes().len(), 1);
}

/// A task with everything that approvals for it touch, as a store keeps it.
struct Desk {
    task: Entity<Task>,
    agents: Cast,
    approvals: BTreeMap<u8, Entity<Approval>>,
    keys: BTreeMap<u8, Entity<Reservation>>,
    minutes: i64,
}

impl Desk {
    fn new() -> Self {
        let id = |nth: u8| ApprovalId::new(uuid::Uuid::from_u128(0x600 + u128::from(nth)));
        Self {
            task: task_at(Status::InProgress),
            agents: cast([&working()]),
            approvals: (0..3).map(|nth| (nth, entity(id(nth), []))).collect(),
            keys: (0..3).map(|nth| (nth, free(nth))).collect(),
            minutes: 0,
        }
    }

    /// Who is asked besides the task: the agents, and all approvals with what they hold.
    fn cast(&self) -> Cast {
        let cast = self.approvals.values().fold(self.agents.clone(), |cast, one| cast.with(one.clone()));
        self.keys.values().fold(cast, |cast, key| cast.with(key.clone()))
    }

    fn record(&mut self, decision: Decision) {
        for change in decision.into_changes() {
            let id = change.stream.aggregate_id;
            for event in change.events {
                match event {
                    AnyEvent::Task(event) => self.task = self.task.after(&[event]),
                    AnyEvent::Agent(event) => {
                        let agent = self.agents.agent(id.parse().unwrap()).unwrap().after(&[event]);
                        self.agents = self.agents.with(agent);
                    }
                    AnyEvent::Approval(event) => grow(&mut self.approvals, &id, &event),
                    AnyEvent::Reservation(event) => grow(&mut self.keys, &id, &event),
                    AnyEvent::Project(_)
                    | AnyEvent::Policy(_)
                    | AnyEvent::Run(_)
                    | AnyEvent::Budget(_)
                    | AnyEvent::Alert(_)
                    | AnyEvent::Standup(_)
                    | AnyEvent::Notification(_) => {}
                }
            }
        }
    }

    /// One command of somebody: what it is about, what it is, and how much later it comes.
    fn step(&mut self, (nth, what, minutes): (u8, u8, i64)) {
        self.minutes += minutes;
        let at = |context: CommandContext| later(&context, TimeDelta::minutes(self.minutes));
        let (approval, key, cast) = (&self.approvals[&nth], &self.keys[&nth], &self.cast());
        let scope = ApprovalScope { approval, key, task: Some(&self.task), cast };
        let decide = |answer| {
            let wish = DecideApproval { answer, content: None, lease: NEXT_LEASE };
            decide_approval(scope, wish, &at(sofie())).map(|concluded| concluded.outcome.decision)
        };
        let outcome = |concluded: Result<Concluded, Rejection>| concluded.map(|it| it.outcome.decision);
        let go = |to| {
            let wish = MoveTask { to: equipped(to), assignees: None, lease: NEXT_LEASE };
            move_task(&self.task, wish, cast, &at(sofie()))
        };
        let decision = match what {
            0 | 1 => {
                let request = Request { ask: ask(nth), ..request() };
                let task = Some(&self.task);
                request_approval(&openclaw(), approval, key, task, request, cast, &at(scout()))
                    .map(|asked| asked.decision)
            }
            2 => decide(crate::operation::Answer::Approve { note: None }),
            3 => decide(crate::operation::Answer::Deny { reason: reason("Not today") }),
            4 => decide(crate::operation::Answer::RequestRevision { note: reason("Fewer people") }),
            5 => outcome(withdraw_approval(scope, None, NEXT_LEASE, &at(scout()))),
            6 => outcome(expire_approval(scope, &at(system()))),
            7 => world([&approval]).when(&at(system()), |tx| escalate_approval(tx, approval.id)),
            8 => go(Status::InProgress),
            9 => go(Status::Review),
            _ => go(Status::Blocked),
        };
        self.record(decision.unwrap_or_default());
    }
}

fn grow<A: crate::aggregate::Aggregate>(all: &mut BTreeMap<u8, Entity<A>>, id: &str, event: &A::Event) {
    let entity = all.values_mut().find(|entity| entity.id.to_string() == id).unwrap();
    *entity = entity.after([event]);
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
            let task = desk.task.present().unwrap();
            for (nth, approval) in &desk.approvals {
                let open = approval.status().is_some_and(approval::Status::is_open);
                prop_assert_eq!(desk.keys[nth].approval(), open.then_some(approval.id));
                prop_assert_eq!(task.awaits.contains(&approval.id), open);
            }
            prop_assert!(task.awaits.is_empty() || task.status() == Status::NeedsApproval);
            let work = desk.agents.agent(SCOUT).unwrap().registered().unwrap().work;
            prop_assert_eq!(work.map(|work| work.lease), task.hold().map(|hold| hold.lease));
        }
    }
}
