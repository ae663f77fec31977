//! What an approval is good for: one use of a red tool, and one budget, its subject's own.

use serde_json::json;

use super::{
    runs::{RUN, about_scout, about_the_task, agent_day, at_work, too_dear::nearly_spent},
    *,
};
use crate::{
    alert::{self, Kind, Severity},
    approval::{
        self, Action, ActionType, Approval, Ask, ContentHash, Difference, Lifetime, Payload, Quorum, Request,
        Risk, Subject, Terms,
    },
    budget::{self, Budget},
    ids::{ApprovalId, TaskId},
    money::Usd,
    project::{self, Project},
    reservation::{self, Reservation},
    run::{self, ToolCall, ToolRisk, ToolStatus},
    spec::{label, later, slug, text},
};

const APPROVAL: ApprovalId = ApprovalId::new(uuid::Uuid::from_u128(0x600));
const NEXT: ApprovalId = ApprovalId::new(uuid::Uuid::from_u128(0x601));

fn ask(kind: ActionType, payload: serde_json::Value) -> Ask {
    let terms = Terms {
        summary: reason("Send the launch e-mail"),
        risk: Risk::Red,
        justification: text("The campaign is due"),
        rollback_plan: None,
        estimated_cost: Some(Usd::cents(100)),
        payload: Some(Payload::try_from(payload.clone()).unwrap()),
    };
    Ask::new(&Action::with(kind, &payload.into()), terms)
}

fn send() -> Ask {
    ask(ActionType::ToolCall, json!({ "tool": "send_email", "params": { "to": "all" } }))
}

fn request(action_type: ActionType, task: Option<TaskId>, ask: Ask) -> Request {
    Request {
        requestor: Actor::Agent(SCOUT),
        subject: Subject { project: OPENCLAW, task, agent: Some(SCOUT), action_type },
        ask,
        lifetime: Lifetime::DEFAULT,
        required: Quorum::One,
    }
}

fn asked(
    world: &mut World,
    id: ApprovalId,
    request: Request,
    context: &CommandContext,
) -> Result<ApprovalId, Rejection> {
    world.act(context, |tx| request_approval(tx, id, request))
}

/// What bears the name of what the approval is asked for.
fn key_of(world: &World, id: ApprovalId) -> Entity<Reservation> {
    let approval = world.get::<Approval>(&id);
    let requested = approval.requested().unwrap();
    world.get(&requested.subject.key(requested.ask.action_hash()))
}

fn yes() -> DecideApproval {
    DecideApproval { answer: Answer::Approve { note: None }, content: None, lease: NEXT_LEASE }
}

fn decided(world: &mut World, id: ApprovalId, context: &CommandContext) -> Result<Outcome, Rejection> {
    world.act(context, |tx| decide_approval(tx, id, yes()))
}

mod red_tools {
    use super::*;

    fn running() -> World {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world
    }

    /// Approved without the task, so that the run goes on.
    fn approved() -> World {
        let mut world = running();
        asked(&mut world, APPROVAL, request(ActionType::ToolCall, None, send()), &scout()).unwrap();
        assert_eq!(decided(&mut world, APPROVAL, &sofie()), Ok(Outcome::Done));
        world
    }

    fn sent(approval: Option<ApprovalId>) -> UseTool {
        let call = ToolCall {
            tool: label("send_email"),
            risk: Some(ToolRisk::Green),
            approval,
            status: ToolStatus::Success,
            input_preview: None,
            output_preview: None,
            error: None,
        };
        UseTool { call, policy: ToolRisk::Red, params: None }
    }

    fn used(world: &mut World, request: UseTool) -> Result<Outcome, Rejection> {
        world.act(&scout(), |tx| record_tool_call(tx, RUN, request))
    }

    fn unapproved(why: Option<approval::Rejection>) -> Result<Outcome, Rejection> {
        Ok(Outcome::Refused(Rejection::Unapproved { tool: label("send_email"), why }))
    }

    #[track_caller]
    fn is_contained(world: &World) {
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        assert_eq!(world.task().status(), Status::Blocked);
        assert_eq!(world.scout().standing, agent::Standing::Quarantined);
        assert_eq!(world.alert(Kind::PolicyViolation, about_scout()), Some(1));
        assert_eq!(Kind::PolicyViolation.severity(), Severity::Critical);
        assert_eq!(world.alert(Kind::AgentQuarantined, about_scout()), Some(1));
        world.nothing_is_under_way();
    }

    #[test]
    fn are_used_under_an_approval_once() {
        let mut world = approved();
        assert_eq!(used(&mut world, sent(Some(APPROVAL))), Ok(Outcome::Done));
        assert_eq!(world.run_status(RUN), Some(run::Status::Running));
        let again = used(&mut world, sent(Some(APPROVAL)));
        assert_eq!(again, unapproved(Some(approval::Rejection::Used { run: RUN })));
        is_contained(&world);
    }

    #[test]
    fn that_were_used_without_one_are_recorded_and_contained() {
        let answer = running().when(&scout(), |tx| record_tool_call(tx, RUN, sent(None)));
        let called = answer.events().find_map(|event| match event {
            AnyEvent::Run(run::Event::ToolCalled { risk, approval, .. }) => Some((*risk, *approval)),
            _ => None,
        });
        assert_eq!(called, Some((Some(ToolRisk::Red), None)));
        assert_eq!(answer.result(), unapproved(None));
        let mut world = running();
        assert_eq!(used(&mut world, sent(None)), unapproved(None));
        is_contained(&world);
    }

    #[test]
    fn are_red_when_whoever_tells_of_them_says_so() {
        let mut world = running();
        let mut request = UseTool { policy: ToolRisk::Green, ..sent(None) };
        assert_eq!(used(&mut world, request.clone()), Ok(Outcome::Done));
        request.call.risk = Some(ToolRisk::Red);
        assert_eq!(used(&mut world, request), unapproved(None));
        is_contained(&world);
    }

    #[test]
    fn that_name_an_approval_of_another_project_name_none() {
        let mut world = running();
        let profile = project::Profile::new(name("Elsewhere"));
        let created = project::Event::Created { slug: slug("elsewhere"), profile, at: sofie().now };
        world.record::<Project>(&ELSEWHERE, [created]);
        let subject =
            Subject { project: ELSEWHERE, task: None, agent: None, action_type: ActionType::ToolCall };
        let request =
            Request { requestor: sofie().actor, subject, ..request(ActionType::ToolCall, None, send()) };
        asked(&mut world, APPROVAL, request, &sofie()).unwrap();
        assert_eq!(used(&mut world, sent(Some(APPROVAL))), unapproved(Some(approval::Rejection::NotFound)));
        is_contained(&world);
    }

    #[test]
    fn that_failed_were_used_all_the_same() {
        let mut world = running();
        let mut request = sent(None);
        request.call.status = ToolStatus::Failed;
        assert_eq!(used(&mut world, request), unapproved(None));
        is_contained(&world);
    }

    #[test]
    fn that_were_denied_did_nothing_and_use_nothing_up() {
        let mut world = approved();
        for approval in [None, Some(APPROVAL)] {
            let mut request = sent(approval);
            request.call.status = ToolStatus::Denied;
            assert_eq!(used(&mut world, request), Ok(Outcome::Done));
        }
        assert_eq!(used(&mut world, sent(Some(APPROVAL))), Ok(Outcome::Done));
    }

    #[test]
    fn are_given_what_was_approved() {
        let told =
            |params: serde_json::Value| UseTool { params: Some(params.into()), ..sent(Some(APPROVAL)) };
        let mut world = approved();
        assert_eq!(used(&mut world, told(json!({ "to": "all" }))), Ok(Outcome::Done));
        let mut world = approved();
        let difference = Difference::Params;
        let refused = used(&mut world, told(json!({ "to": "everyone" })));
        assert_eq!(refused, unapproved(Some(approval::Rejection::PermitsElse { difference })));
        is_contained(&world);
    }

    #[test]
    fn are_used_under_nothing_that_is_undecided_or_does_not_exist() {
        let mut world = running();
        asked(&mut world, APPROVAL, request(ActionType::ToolCall, None, send()), &scout()).unwrap();
        let pending = approval::Rejection::NotApproved { status: approval::Status::Pending };
        assert_eq!(used(&mut world, sent(Some(APPROVAL))), unapproved(Some(pending)));
        let mut world = running();
        let unknown = approval::Rejection::NotFound;
        assert_eq!(used(&mut world, sent(Some(NEXT))), unapproved(Some(unknown)));
        is_contained(&world);
    }

    #[test]
    fn of_a_run_without_a_task_stop_the_agent_and_what_it_works_on() {
        let mut world = at_work();
        world.start(RUN, None, None, &scout()).unwrap();
        assert_eq!(used(&mut world, sent(None)), unapproved(None));
        is_contained(&world);
    }

    #[test]
    fn of_a_run_for_a_task_that_is_handed_in_block_it() {
        let mut world = running();
        let request = MoveTask { to: equipped(Status::Review), assignees: None, lease: NEXT_LEASE };
        world.act(&scout(), |tx| move_task(tx, TASK, request)).unwrap();
        assert_eq!(used(&mut world, sent(None)), unapproved(None));
        is_contained(&world);
    }

    #[test]
    fn a_use_that_needs_none_is_refused_under_an_approval_that_does_not_permit_it() {
        let mut world = running();
        let request = UseTool { policy: ToolRisk::Yellow, ..sent(Some(NEXT)) };
        assert_eq!(used(&mut world, request), Err(approval::Rejection::NotFound.into()));
        assert_eq!(world.run_status(RUN), Some(run::Status::Running));
    }
}

mod overrides {
    use super::*;

    fn of(budget: budget::Key) -> Ask {
        let payload = json!({ "budget": budget.to_string() });
        ask(ActionType::BudgetOverride, payload)
    }

    fn nova_today() -> budget::Key {
        budget::Key::AgentDay(NOVA, now().date_naive())
    }

    fn foreign() -> [budget::Key; 3] {
        let elsewhere = budget::Key::ProjectDay(ELSEWHERE, now().date_naive());
        [nova_today(), elsewhere, budget::Key::Task(crate::spec::OTHER_TASK)]
    }

    fn with_another_task() -> World {
        let mut world = at_work();
        world.record::<Task>(&crate::spec::OTHER_TASK, task_in(Status::Inbox));
        world
    }

    #[test]
    fn raise_the_budget_of_their_own_agent_task_or_project() {
        let day = now().date_naive();
        for key in [agent_day(), budget::Key::Task(TASK), budget::Key::ProjectDay(OPENCLAW, day)] {
            let mut world = at_work();
            let request = request(ActionType::BudgetOverride, Some(TASK), of(key));
            asked(&mut world, APPROVAL, request, &scout()).unwrap();
            assert_eq!(decided(&mut world, APPROVAL, &sofie()), Ok(Outcome::Done));
            assert_eq!(world.get::<Budget>(&key).granted, Usd::cents(100));
        }
    }

    #[test]
    fn raise_the_budget_of_a_task_that_the_agent_has() {
        let request = request(ActionType::BudgetOverride, None, of(budget::Key::Task(TASK)));
        assert!(asked(&mut at_work(), APPROVAL, request, &scout()).is_ok());
    }

    #[test]
    fn are_not_asked_for_somebody_elses_budget() {
        for budget in foreign() {
            let request = request(ActionType::BudgetOverride, Some(TASK), of(budget));
            let refused = asked(&mut with_another_task(), APPROVAL, request, &scout());
            assert_eq!(refused.unwrap_err(), Rejection::ForeignBudget { budget });
        }
    }

    #[test]
    fn are_not_turned_to_somebody_elses_budget() {
        for budget in foreign() {
            let mut world = with_another_task();
            let request = request(ActionType::BudgetOverride, Some(TASK), of(agent_day()));
            asked(&mut world, APPROVAL, request, &scout()).unwrap();
            let refused =
                world.act(&scout(), |tx| resubmit_approval(tx, APPROVAL, (of(budget), Quorum::One)));
            assert_eq!(refused.unwrap_err(), Rejection::ForeignBudget { budget });
        }
    }

    /// What was recorded before the rule.
    #[test]
    fn of_somebody_elses_budget_are_not_granted() {
        let mut world = at_work();
        let Request { requestor, subject, ask, lifetime, required } =
            request(ActionType::BudgetOverride, None, of(nova_today()));
        let key = subject.key(ask.action_hash());
        let requested = approval::Event::Requested {
            requestor,
            subject,
            ask,
            required_decisions: required,
            expires_at: now() + lifetime.lasts(),
            at: now(),
        };
        world.record::<Approval>(&APPROVAL, [requested]);
        let holder = reservation::Holder::Approval(APPROVAL);
        world.record::<Reservation>(&key, [reservation::Event::Reserved { holder }]);
        let refused = decided(&mut world, APPROVAL, &sofie());
        assert_eq!(refused, Err(Rejection::ForeignBudget { budget: nova_today() }));
        assert_eq!(world.get::<Budget>(&nova_today()).granted, Usd::ZERO);
    }

    /// Whatever is not granted to the subject's own project would be seen nowhere else.
    #[test]
    fn are_recorded_in_the_project_of_their_subject() {
        let mut world = at_work();
        let request = request(ActionType::BudgetOverride, Some(TASK), of(agent_day()));
        asked(&mut world, APPROVAL, request, &scout()).unwrap();
        let answer = world.when(&sofie(), |tx| decide_approval(tx, APPROVAL, yes()));
        let changes = answer.changes();
        assert!(changes.iter().any(|change| change.stream == StreamId::of::<Budget>(&agent_day())));
        assert!(changes.iter().all(|change| change.project == Some(OPENCLAW)));
    }

    /// What is asked for by hand and what a run that is too dear asks for is one thing, whatever it would cost.
    #[test]
    fn are_one_for_one_cause() {
        let mut world = nearly_spent();
        let request = request(ActionType::BudgetOverride, None, of(agent_day()));
        asked(&mut world, APPROVAL, request, &scout()).unwrap();
        let (_, named) = super::super::runs::too_dear(world.start(RUN, None, None, &scout()));
        assert_eq!(named, APPROVAL);
    }
}

mod what_nobody_waits_for {
    use super::*;

    fn waiting() -> World {
        let mut world = at_work();
        asked(&mut world, APPROVAL, request(ActionType::ToolCall, Some(TASK), send()), &scout()).unwrap();
        let other = Ask { action_hash: Some(ContentHash::new([7; 32])), ..send() };
        asked(&mut world, NEXT, request(ActionType::ToolCall, Some(TASK), other), &scout()).unwrap();
        world
    }

    fn moved(world: &mut World, to: Status, context: &CommandContext) {
        let request = MoveTask { to: equipped(to), assignees: None, lease: NEXT_LEASE };
        world.act(context, |tx| move_task(tx, TASK, request)).unwrap();
    }

    fn status(world: &World, id: ApprovalId) -> Option<approval::Status> {
        world.get::<Approval>(&id).status()
    }

    #[test]
    fn is_withdrawn_with_the_move_of_its_task() {
        for to in [Status::Canceled, Status::Done, Status::InProgress, Status::Blocked, Status::Inbox] {
            let mut world = waiting();
            moved(&mut world, to, &sofie());
            for id in [APPROVAL, NEXT] {
                assert_eq!(status(&world, id), Some(approval::Status::Canceled), "{to}");
                assert_eq!(decided(&mut world, id, &sofie()), Err(approval::Rejection::Withdrawn.into()));
                assert_eq!(key_of(&world, id).approval(), None);
            }
            assert_eq!(world.task().status(), to);
        }
    }

    #[test]
    fn is_withdrawn_with_the_denial_of_another() {
        let mut world = waiting();
        let answer = Answer::Deny { reason: reason("Not today") };
        let request = DecideApproval { answer, ..yes() };
        let denied = world.act(&sofie(), |tx| decide_approval(tx, APPROVAL, request));
        assert_eq!(denied, Ok(Outcome::Done));
        assert_eq!(status(&world, APPROVAL), Some(approval::Status::Denied));
        assert_eq!(status(&world, NEXT), Some(approval::Status::Canceled));
        assert_eq!(world.task().status(), Status::Blocked);
    }

    #[test]
    fn has_expired_where_its_time_was_up() {
        let mut world = waiting();
        moved(&mut world, Status::Canceled, &later(&sofie(), Lifetime::DEFAULT.lasts()));
        assert_eq!(status(&world, APPROVAL), Some(approval::Status::Expired));
        assert_eq!(world.alert(Kind::ApprovalExpired, alert::Subject::Approval(APPROVAL)), Some(1));
    }

    #[test]
    fn is_not_what_the_other_of_two_was_approved_for() {
        let mut world = waiting();
        assert_eq!(decided(&mut world, APPROVAL, &sofie()), Ok(Outcome::Done));
        assert_eq!(status(&world, NEXT), Some(approval::Status::Pending));
        assert_eq!(decided(&mut world, NEXT, &sofie()), Ok(Outcome::Done));
        assert_eq!(world.task().status(), Status::InProgress);
    }
}

#[test]
fn what_ran_out_expires_when_it_is_asked_for_again() {
    let mut world = at_work();
    asked(&mut world, APPROVAL, request(ActionType::ToolCall, Some(TASK), send()), &scout()).unwrap();
    let late = later(&scout(), Lifetime::DEFAULT.lasts());
    let again = asked(&mut world, NEXT, request(ActionType::ToolCall, Some(TASK), send()), &late).unwrap();
    assert_eq!(again, NEXT);
    assert_eq!(world.get::<Approval>(&APPROVAL).status(), Some(approval::Status::Expired));
    assert_eq!(world.get::<Approval>(&NEXT).status(), Some(approval::Status::Pending));
    assert_eq!(world.alert(Kind::ApprovalExpired, alert::Subject::Approval(APPROVAL)), Some(1));
    assert_eq!(world.alert(Kind::ApprovalExpired, about_the_task()), None);
    assert_eq!(world.task().status(), Status::NeedsApproval);
    assert_eq!(world.task().awaits, BTreeSet::from([NEXT]));
    assert_eq!(key_of(&world, NEXT).approval(), Some(NEXT));
}
