//! Runs: what they may cost, what they are charged, and what ends with them.

use chrono::TimeDelta;

use super::*;
use crate::{
    agent::{Caps, Corrections, Heartbeat, Standing},
    alert::{self, Alert, Kind},
    approval::{self, Approval},
    budget::{self, Budget},
    ids::{ApprovalId, RunId, TaskId},
    money::Usd,
    project::{Profile as ProjectProfile, Project},
    run::{Bill, Outcome as Ended, Run, ToolCall, ToolRisk, ToolStatus},
    spec::{label, later, slug},
};

pub(super) const RUN: RunId = RunId::new(uuid::Uuid::from_u128(0x700));
pub(super) const NEXT_RUN: RunId = RunId::new(uuid::Uuid::from_u128(0x701));

/// Scout, an intern, at work on the task, which is customer research.
pub(super) fn at_work() -> World {
    let mut world = World::default();
    world.record::<Project>(&OPENCLAW, [project()]);
    world.record::<Agent>(&SCOUT, registered("Scout", Role::Intern));
    world.record::<Agent>(&SCOUT, [engaged(LEASE)]);
    world.record::<Task>(&TASK, task_in(Status::InProgress));
    world
}

/// A refusal with consequences as any other.
pub(super) fn answered(outcome: Result<Outcome, Rejection>) -> Result<(), Rejection> {
    match outcome? {
        Outcome::Done => Ok(()),
        Outcome::Refused(refusal) => Err(refusal),
    }
}

impl World {
    /// Scout asks for a run of so many cents; the answer, with its consequences recorded.
    pub(super) fn start(
        &mut self,
        run: RunId,
        task: Option<TaskId>,
        cents: Option<u32>,
        context: &CommandContext,
    ) -> Result<(), Rejection> {
        answered(self.act(context, |tx| start_run(tx, run, SCOUT, request(task, cents))))
    }

    pub(super) fn complete(
        &mut self,
        run: RunId,
        outcome: Ended,
        cents: Option<u32>,
        context: &CommandContext,
    ) -> Result<(), Rejection> {
        self.act(context, |tx| complete_run(tx, run, ended(outcome, cents)))
    }

    pub(super) fn call_tool(&mut self, run: RunId, error: Option<&str>) -> Result<(), Rejection> {
        let call = ToolCall {
            tool: label("web_search"),
            risk: None,
            approval: None,
            status: if error.is_some() { ToolStatus::Failed } else { ToolStatus::Success },
            input_preview: None,
            output_preview: None,
            error: error.map(reason),
        };
        let request = UseTool { call, policy: ToolRisk::Green, params: None };
        self.act(&scout(), |tx| record_tool_call(tx, run, request).map(drop))
    }

    pub(super) fn scout(&self) -> agent::Registered {
        self.get::<Agent>(&SCOUT).registered().unwrap().clone()
    }

    pub(super) fn task(&self) -> task::Present {
        self.get::<Task>(&TASK).present().unwrap().clone()
    }

    pub(super) fn agent_day(&self) -> Budget {
        (*self.get::<Budget>(&agent_day()).state).clone()
    }

    pub(super) fn run_status(&self, run: RunId) -> Option<run::Status> {
        self.get::<Run>(&run).status()
    }

    pub(super) fn alert(&self, kind: Kind, subject: alert::Subject) -> Option<u32> {
        self.get::<Alert>(&alert::Key::new(kind, subject)).open().map(|open| open.count)
    }

    /// Every way that a run may be under way: known to all, or to none.
    pub(super) fn nothing_is_under_way(&self) {
        assert!(self.scout().open_runs.is_empty());
        assert!(self.task().open_runs.is_empty());
        assert!(self.agent_day().reserved.is_empty());
        assert!(self.get::<Budget>(&budget::Key::Task(TASK)).reserved.is_empty());
    }
}

fn project() -> crate::project::Event {
    let profile = ProjectProfile::new(name("OpenClaw"));
    crate::project::Event::Created { slug: slug("openclaw"), profile, at: now() }
}

pub(super) fn agent_day() -> budget::Key {
    budget::Key::AgentDay(SCOUT, now().date_naive())
}

pub(super) fn about_scout() -> alert::Subject {
    alert::Subject::Agent(SCOUT)
}

pub(super) fn about_the_task() -> alert::Subject {
    alert::Subject::Task(TASK)
}

fn request(task: Option<TaskId>, cents: Option<u32>) -> StartRun {
    StartRun { task, model: label("a-model"), session_key: None, estimate: cents.map(Usd::cents) }
}

fn ended(outcome: Ended, cents: Option<u32>) -> CompleteRun {
    CompleteRun { outcome, bill: Bill { cost: cents.map(Usd::cents), ..Bill::default() } }
}

/// The approval that a refusal names.
pub(super) fn too_dear(answer: Result<(), Rejection>) -> (Cause, ApprovalId) {
    match answer {
        Err(Rejection::TooDear { cause, approval, .. }) => (cause, approval),
        other => panic!("not too dear: {other:?}"),
    }
}

mod starting {
    use super::*;

    #[test]
    fn sets_the_cap_per_run_aside_when_nobody_says_what_it_will_cost() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        assert_eq!(world.agent_day().reserved(), Usd::cents(25));
        assert_eq!(world.get::<Budget>(&budget::Key::Task(TASK)).reserved(), Usd::cents(25));
        assert!(world.scout().open_runs.contains_key(&RUN));
        assert!(world.task().open_runs.contains_key(&RUN));
        let run = world.get::<Run>(&RUN);
        let terms = &run.running().unwrap().terms;
        assert_eq!((terms.lease, terms.day), (Some(LEASE), now().date_naive()));
    }

    #[test]
    fn counts_on_the_projects_day_where_that_has_a_cap() {
        let mut world = at_work();
        let profile =
            ProjectProfile { daily_cap: Some(Usd::cents(30)), ..ProjectProfile::new(name("OpenClaw")) };
        world.record::<Project>(&OPENCLAW, [crate::project::Event::Edited { profile }]);
        world.start(RUN, None, None, &scout()).unwrap();
        let key = budget::Key::ProjectDay(OPENCLAW, now().date_naive());
        assert_eq!(world.get::<Budget>(&key).reserved(), Usd::cents(25));
        let (cause, _) = too_dear(world.start(NEXT_RUN, None, None, &scout()));
        assert_eq!(cause, Cause::Budget(key));
        world.complete(RUN, Ended::Completed, Some(10), &scout()).unwrap();
        assert_eq!(world.get::<Budget>(&key).spent, Usd::cents(10));
    }

    #[test]
    fn is_its_own_agents_or_an_operators() {
        let mut world = at_work();
        let refused = agent::Rejection::OperatorOnly { name: name("Scout") };
        assert_eq!(world.start(RUN, None, None, &by(ECHO)), Err(refused.into()));
        world.start(RUN, None, None, &sofie()).unwrap();
    }

    #[test]
    fn takes_an_agent_that_works() {
        for standing in [
            agent::Event::Paused { reason: PauseReason::Operator, note: None },
            agent::Event::Quarantined { note: None },
            agent::Event::SignedOff { note: None },
            agent::Event::DrainStarted { note: None },
        ] {
            let mut world = at_work();
            world.record::<Agent>(&SCOUT, [standing]);
            let refused = world.start(RUN, None, None, &scout());
            assert!(matches!(refused, Err(Rejection::Agent(agent::Rejection::NotActive { .. }))));
        }
    }

    #[test]
    fn of_a_draining_agent_is_for_its_current_task() {
        let mut world = at_work();
        world.record::<Agent>(&SCOUT, [agent::Event::DrainStarted { note: None }]);
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
    }

    /// A pause is of the agents: who is let go on alone works. An emergency is of the squad.
    #[test]
    fn takes_a_squad_that_is_not_stopped_in_an_emergency() {
        for halt in crate::project::Halt::ALL.iter().copied() {
            let mut world = at_work();
            world.act(&sofie(), |tx| halt_squad(tx, OPENCLAW, halt, None)).unwrap();
            assert_eq!(world.start(RUN, None, None, &scout()), Err(Rejection::SquadStopped), "at once");
            world.act(&sofie(), |tx| follow_halt(tx, OPENCLAW, 1, &[SCOUT])).unwrap();
            assert!(world.start(RUN, None, None, &scout()).is_err());
            world.act(&sofie(), |tx| resume_agent(tx, SCOUT, None)).unwrap();
            let expected = match halt {
                crate::project::Halt::Pause => Ok(()),
                crate::project::Halt::Emergency => Err(Rejection::SquadStopped),
            };
            assert_eq!(world.start(RUN, None, None, &scout()), expected);
        }
    }

    #[test]
    fn takes_a_task_that_is_the_agents_to_work_on() {
        for status in [Status::Inbox, Status::Review, Status::Blocked, Status::Done, Status::Canceled] {
            let mut world = at_work();
            world = world.with(&task_at(status));
            let refused = task::Rejection::NotRunnable { status };
            assert_eq!(world.start(RUN, Some(TASK), None, &scout()), Err(refused.into()));
        }
    }

    #[test]
    fn ends_at_so_many_under_way() {
        let mut world = at_work();
        for n in 0..agent::MAX_OPEN_RUNS {
            world.start(RunId::new(uuid::Uuid::from_u128(n as u128)), None, Some(1), &scout()).unwrap();
        }
        let refused = agent::Rejection::TooManyRuns { name: name("Scout") };
        assert_eq!(world.start(RUN, None, Some(1), &scout()), Err(refused.into()));
    }
}

pub(super) mod too_dear {
    use super::*;

    /// The day of an intern is 2 dollars: seven runs of 25 cents leave room for one.
    pub(in super::super) fn nearly_spent() -> World {
        let mut world = at_work();
        for n in 0..7 {
            let run = RunId::new(uuid::Uuid::from_u128(n));
            world.start(run, None, None, &scout()).unwrap();
            world.complete(run, Ended::Completed, Some(26), &scout()).unwrap();
        }
        world
    }

    #[test]
    fn is_refused_and_contained_in_one_commit() {
        let mut world = nearly_spent();
        let (cause, approval) = too_dear(world.start(RUN, Some(TASK), None, &scout()));
        assert_eq!(cause, Cause::Budget(agent_day()));
        assert_eq!(world.run_status(RUN), None);
        assert_eq!(world.scout().standing, Standing::Paused(PauseReason::Budget));
        assert_eq!(world.scout().work, None);
        assert_eq!(world.task().status(), Status::NeedsApproval);
        assert_eq!(world.get::<Approval>(&approval).status(), Some(approval::Status::Pending));
        assert_eq!(world.alert(Kind::BudgetExceeded, about_scout()), Some(1));
    }

    #[test]
    fn is_asked_for_once_per_cause() {
        let mut world = nearly_spent();
        let first = too_dear(world.start(RUN, Some(TASK), None, &scout()));
        let again = world.when(&scout(), |tx| start_run(tx, NEXT_RUN, SCOUT, request(Some(TASK), None)));
        assert_eq!(again.changes(), []);
        assert_eq!(too_dear(answered(again.result())), first);
    }

    #[test]
    fn breaks_off_what_else_runs_for_the_task() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        too_dear(world.start(NEXT_RUN, Some(TASK), Some(300), &scout()));
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        world.nothing_is_under_way();
    }

    /// Or one day's budget would be raised twice.
    #[test]
    fn is_asked_for_once_over_two_tasks() {
        let mut world = at_work();
        world.record::<Task>(&crate::spec::OTHER_TASK, task_in(Status::Assigned));
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.start(NEXT_RUN, Some(crate::spec::OTHER_TASK), None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(210), &scout()).unwrap();
        let open = world.scout().overrun().unwrap().approval;
        let over = ended(Ended::Completed, Some(10));
        let completed = world.when(&scout(), |tx| complete_run(tx, NEXT_RUN, over));
        assert!(!completed.events().any(|event| event.name() == "approval.requested"));
        world = completed.world();
        assert_eq!(world.alert(Kind::BudgetExceeded, about_scout()), Some(2));
        let other = world.get::<Task>(&crate::spec::OTHER_TASK);
        assert_eq!(other.status(), Some(Status::Assigned), "it waits with its agent");
        let third = RunId::new(uuid::Uuid::from_u128(0x702));
        let again = world.start(third, Some(crate::spec::OTHER_TASK), None, &scout());
        assert_eq!(too_dear(again).1, open);
        approve(&mut world, open, &sofie());
        assert_eq!(world.agent_day().granted, Usd::cents(100));
        assert_eq!(world.scout().standing, Standing::Active);
    }

    #[test]
    fn for_one_run_is_allowed_by_an_approval() {
        let mut world = at_work();
        let (cause, approval) = too_dear(world.start(RUN, Some(TASK), Some(40), &scout()));
        assert_eq!(cause, Cause::RunCap(agent_day()));
        approve(&mut world, approval, &sofie());
        assert_eq!(world.agent_day().granted, Usd::ZERO);
        world.start(NEXT_RUN, Some(TASK), Some(40), &scout()).unwrap();
    }

    #[test]
    fn goes_on_when_the_override_is_approved() {
        let mut world = nearly_spent();
        let (_, approval) = too_dear(world.start(RUN, Some(TASK), None, &scout()));
        approve(&mut world, approval, &sofie());
        assert_eq!(world.agent_day().granted, Usd::cents(25));
        assert_eq!(world.scout().standing, Standing::Active);
        assert_eq!(world.task().status(), Status::InProgress);
        world.start(NEXT_RUN, Some(TASK), None, &scout()).unwrap();
    }

    #[test]
    fn goes_on_when_the_cap_is_raised() {
        let mut world = nearly_spent();
        too_dear(world.start(RUN, None, None, &scout()));
        let agent = world.get::<Agent>(&SCOUT);
        let caps = Caps { daily: Usd::cents(300), per_run: Usd::cents(25) };
        let profile = agent::Profile { caps, ..agent.registered().unwrap().profile.clone() };
        world.act(&sofie(), |tx| change_profile(tx, SCOUT, None, profile)).unwrap();
        assert_eq!(world.scout().standing, Standing::Active);
        world.start(NEXT_RUN, None, None, &scout()).unwrap();
    }

    #[test]
    fn stays_so_when_a_higher_cap_leaves_no_room() {
        let mut world = nearly_spent();
        too_dear(world.start(RUN, None, None, &scout()));
        let agent = world.get::<Agent>(&SCOUT);
        let caps = Caps { daily: Usd::cents(100), per_run: Usd::cents(50) };
        let profile = agent::Profile { caps, ..agent.registered().unwrap().profile.clone() };
        world.act(&sofie(), |tx| change_profile(tx, SCOUT, None, profile)).unwrap();
        assert_eq!(world.scout().standing, Standing::Paused(PauseReason::Budget));
    }

    fn edit_task_budget(world: &mut World, cents: u32) {
        let task = world.get::<Task>(&TASK);
        let details = task::Details { budget: Usd::cents(cents), ..task.present().unwrap().details.clone() };
        world.act(&sofie(), |tx| edit_task(tx, TASK, details, &[SCOUT])).unwrap();
    }

    #[test]
    fn for_the_task_goes_on_when_the_tasks_budget_is_raised() {
        let mut world = at_work();
        edit_task_budget(&mut world, 30);
        world.start(RUN, Some(TASK), Some(20), &scout()).unwrap();
        too_dear(world.start(NEXT_RUN, Some(TASK), Some(20), &scout()));
        let agent = world.get::<Agent>(&SCOUT);
        let caps = Caps { daily: Usd::cents(500), per_run: Usd::cents(25) };
        let profile = agent::Profile { caps, ..agent.registered().unwrap().profile.clone() };
        world.act(&sofie(), |tx| change_profile(tx, SCOUT, None, profile)).unwrap();
        assert_eq!(world.scout().standing, Standing::Paused(PauseReason::Budget), "another budget");
        edit_task_budget(&mut world, 60);
        assert_eq!(world.scout().standing, Standing::Active);
    }

    #[test]
    fn for_the_project_goes_on_when_its_cap_is_raised_or_removed() {
        for cap in [Some(Usd::cents(100)), None] {
            let mut world = at_work();
            let capped =
                ProjectProfile { daily_cap: Some(Usd::cents(30)), ..ProjectProfile::new(name("OpenClaw")) };
            world.record::<Project>(&OPENCLAW, [crate::project::Event::Edited { profile: capped.clone() }]);
            world.start(RUN, None, None, &scout()).unwrap();
            too_dear(world.start(NEXT_RUN, None, None, &scout()));
            let raised = ProjectProfile { daily_cap: cap, ..capped };
            world.act(&sofie(), |tx| edit_project(tx, OPENCLAW, raised, &[SCOUT])).unwrap();
            assert_eq!(world.scout().standing, Standing::Active);
            world.start(NEXT_RUN, None, None, &scout()).unwrap();
        }
    }

    /// A drain is an operator's order: neither the next day nor a higher cap lets the agent take new work.
    #[test]
    fn ends_a_drain_as_its_end_would() {
        let mut world = nearly_spent();
        world.start(RUN, None, Some(15), &scout()).unwrap();
        let agent = world.get::<Agent>(&SCOUT);
        world.record::<Agent>(&SCOUT, agent.decide(agent::Command::Drain { note: None }, &sofie()).unwrap());
        world.complete(RUN, Ended::Completed, Some(90), &scout()).unwrap();
        assert_eq!(world.scout().standing, Standing::Paused(PauseReason::Operator));
        let tomorrow = later(&scout(), TimeDelta::days(1));
        assert!(matches!(
            world.start(NEXT_RUN, None, Some(5), &tomorrow),
            Err(Rejection::Agent(agent::Rejection::NotActive { .. }))
        ));
    }

    #[test]
    fn is_over_with_the_day() {
        let mut world = nearly_spent();
        too_dear(world.start(RUN, None, None, &scout()));
        world.start(NEXT_RUN, None, None, &later(&scout(), TimeDelta::days(1))).unwrap();
        assert_eq!(world.scout().standing, Standing::Active);
    }

    #[test]
    fn is_over_with_the_first_heartbeat_of_a_new_day() {
        let mut world = nearly_spent();
        too_dear(world.start(RUN, None, None, &scout()));
        for (context, standing) in [
            (later(&scout(), TimeDelta::hours(1)), Standing::Paused(PauseReason::Budget)),
            (later(&scout(), TimeDelta::days(1)), Standing::Active),
        ] {
            world.act(&context, |tx| heartbeat(tx, SCOUT, Heartbeat::default())).unwrap();
            assert_eq!(world.scout().standing, standing);
        }
    }

    /// Whatever the agent does first that day.
    #[test]
    fn is_over_with_the_first_claim_or_start_of_a_new_day() {
        let tomorrow = later(&scout(), TimeDelta::days(1));
        let mut world = nearly_spent();
        too_dear(world.start(RUN, Some(TASK), None, &scout()));
        world.record::<Task>(&crate::spec::OTHER_TASK, task_in(Status::Inbox));
        let claim = |tx: &mut Transaction<'_>| claim_task(tx, crate::spec::OTHER_TASK, SCOUT);
        assert!(world.act(&scout(), claim).is_err());
        world.act(&tomorrow, claim).unwrap();
        assert_eq!(world.scout().standing, Standing::Active);

        let mut world = nearly_spent();
        too_dear(world.start(RUN, Some(TASK), None, &scout()));
        let request = MoveTask { to: equipped(Status::InProgress), assignees: None, lease: NEXT_LEASE };
        let tomorrow = later(&sofie(), TimeDelta::days(1));
        world.act(&tomorrow, |tx| move_task(tx, TASK, request)).unwrap();
        assert_eq!(world.scout().standing, Standing::Active);
    }

    #[test]
    fn of_the_task_waits_for_the_tasks_override() {
        let mut world = at_work();
        let details = task::Details { budget: Usd::cents(30), ..world.task().details };
        world.record::<Task>(&TASK, [task::Event::Edited { details }]);
        world.start(RUN, Some(TASK), Some(20), &scout()).unwrap();
        let (cause, _) = too_dear(world.start(NEXT_RUN, Some(TASK), Some(20), &scout()));
        assert_eq!(cause, Cause::Budget(budget::Key::Task(TASK)));
        assert_eq!(world.alert(Kind::BudgetExceeded, about_the_task()), Some(1));
    }

    pub(in super::super) fn approve(world: &mut World, approval: ApprovalId, context: &CommandContext) {
        let request =
            DecideApproval { answer: Answer::Approve { note: None }, content: None, lease: NEXT_LEASE };
        let decided = world.act(context, |tx| decide_approval(tx, approval, request));
        assert_eq!(decided, Ok(Outcome::Done));
    }
}

mod completing {
    use super::*;

    #[test]
    fn charges_once_and_gives_back_the_rest() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(10), &scout()).unwrap();
        world.nothing_is_under_way();
        assert_eq!(world.agent_day().spent, Usd::cents(10));
        assert_eq!(world.task().cost, Usd::cents(10));
        let again = world.complete(RUN, Ended::Completed, Some(10), &scout());
        assert!(matches!(again, Err(Rejection::Run(run::Rejection::AlreadyEnded { .. }))));
    }

    /// An agent that is quarantined for its errors may have spent too much all the same.
    #[test]
    fn beyond_the_budget_with_one_error_too_many_is_both() {
        let mut world = at_work();
        world.record::<Agent>(&SCOUT, [crate::spec::heard(4)]);
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.complete(RUN, Ended::Failed, Some(210), &scout()).unwrap();
        assert_eq!(world.scout().standing, Standing::Quarantined);
        assert_eq!(world.alert(Kind::AgentQuarantined, about_scout()), Some(1));
        assert_eq!(world.alert(Kind::BudgetExceeded, about_scout()), Some(1));
        assert_eq!(world.task().status(), Status::NeedsApproval);
        assert_eq!(world.task().awaits.len(), 1);
        world.nothing_is_under_way();
    }

    fn edit_budget(world: &mut World, cents: u32) {
        let details = task::Details { budget: Usd::cents(cents), ..world.task().details };
        world.record::<Task>(&TASK, [task::Event::Edited { details }]);
    }

    #[test]
    fn is_judged_by_what_the_task_may_cost_by_then() {
        for (before, after, standing) in [
            (30, 100, Standing::Active),
            (100, 40, Standing::Paused(PauseReason::Budget)),
            (100, 50, Standing::Active),
        ] {
            let mut world = at_work();
            edit_budget(&mut world, before);
            world.start(RUN, Some(TASK), Some(20), &scout()).unwrap();
            edit_budget(&mut world, after);
            world.complete(RUN, Ended::Completed, Some(41), &scout()).unwrap();
            assert_eq!(world.scout().standing, standing, "from {before} to {after}");
        }
        let mut world = at_work();
        edit_budget(&mut world, 100);
        world.start(RUN, Some(TASK), Some(20), &scout()).unwrap();
        edit_budget(&mut world, 25);
        world.complete(RUN, Ended::Completed, Some(20), &scout()).unwrap();
        assert_eq!(world.alert(Kind::BudgetWarning, about_the_task()), Some(1));
    }

    /// There is nothing to go beyond any more.
    #[test]
    fn on_a_projects_day_without_a_cap_by_then_stops_nobody() {
        let mut world = at_work();
        let capped =
            ProjectProfile { daily_cap: Some(Usd::cents(30)), ..ProjectProfile::new(name("OpenClaw")) };
        for profile in [capped, ProjectProfile::new(name("OpenClaw"))] {
            world.record::<Project>(&OPENCLAW, [crate::project::Event::Edited { profile }]);
            if world.run_status(RUN).is_none() {
                world.start(RUN, None, None, &scout()).unwrap();
            }
        }
        world.complete(RUN, Ended::Completed, Some(40), &scout()).unwrap();
        assert_eq!(world.scout().standing, Standing::Active);
    }

    #[test]
    fn past_midnight_charges_the_day_it_began() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(10), &later(&scout(), TimeDelta::days(1))).unwrap();
        assert_eq!(world.agent_day().spent, Usd::cents(10));
        world.nothing_is_under_way();
    }

    #[test]
    fn without_a_known_cost_charges_what_was_set_aside() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, None, &scout()).unwrap();
        assert_eq!(world.agent_day().spent, Usd::cents(25));
        assert_eq!(world.task().cost, Usd::cents(25));
    }

    #[test]
    fn beyond_the_budget_is_recorded_and_contained() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(210), &scout()).unwrap();
        assert_eq!(world.agent_day().spent, Usd::cents(210));
        assert_eq!(world.scout().standing, Standing::Paused(PauseReason::Budget));
        assert_eq!(world.task().status(), Status::NeedsApproval);
        assert_eq!(world.alert(Kind::BudgetExceeded, about_scout()), Some(1));
        world.nothing_is_under_way();
    }

    #[test]
    fn at_a_threshold_warns() {
        let mut world = at_work();
        world.start(RUN, None, None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(160), &scout()).unwrap();
        assert_eq!(world.alert(Kind::BudgetWarning, about_scout()), Some(1));
        world.start(NEXT_RUN, None, None, &scout()).unwrap();
        world.complete(NEXT_RUN, Ended::Completed, Some(30), &scout()).unwrap();
        assert_eq!(world.alert(Kind::BudgetCritical, about_scout()), Some(1));
        assert_eq!(world.scout().standing, Standing::Active);
    }

    fn fail(world: &mut World, times: u32) {
        for n in 0..times {
            let run = RunId::new(uuid::Uuid::from_u128(n.into()));
            world.start(run, None, Some(1), &scout()).unwrap();
            world.complete(run, Ended::Failed, Some(1), &scout()).unwrap();
        }
    }

    #[test]
    fn with_a_failure_counts_an_error_and_without_one_none() {
        let mut world = at_work();
        fail(&mut world, 3);
        assert_eq!(world.scout().error_streak, 3);
        assert_eq!(world.alert(Kind::ErrorStreak, about_scout()), Some(1));
        world.start(RUN, None, Some(1), &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(1), &scout()).unwrap();
        assert_eq!(world.scout().error_streak, 0);
    }

    #[test]
    fn with_the_fifth_failure_quarantines_and_breaks_off_the_rest() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), Some(1), &scout()).unwrap();
        fail(&mut world, 5);
        assert_eq!(world.scout().standing, Standing::Quarantined);
        assert_eq!(world.task().status(), Status::Blocked);
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        assert_eq!(world.alert(Kind::AgentQuarantined, about_scout()), Some(1));
        world.nothing_is_under_way();
    }

    #[test]
    fn with_five_failures_among_ten_runs_of_a_task_blocks_it() {
        let mut world = at_work();
        for n in 0..9 {
            let run = RunId::new(uuid::Uuid::from_u128(n));
            let outcome = if n % 2 == 0 { Ended::Failed } else { Ended::Completed };
            world.start(run, Some(TASK), Some(1), &scout()).unwrap();
            world.complete(run, outcome, Some(1), &scout()).unwrap();
        }
        assert_eq!(world.task().status(), Status::Blocked);
        assert_eq!(world.alert(Kind::LoopDetected, about_the_task()), Some(1));
        assert_eq!(world.scout().work, None);
    }

    #[test]
    fn in_time_is_not_for_the_worker_to_end() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        let refused = world.act(&system(), |tx| time_out_run(tx, RUN));
        assert!(matches!(refused, Err(Rejection::Run(run::Rejection::NotDue { .. }))));
    }

    #[test]
    fn not_in_time_is_not_for_an_agent_to_say() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        for agent in [scout(), by(ECHO)] {
            let context = later(&agent, PolicyLimits::default().run_lasts());
            let refused = world.act(&context, |tx| time_out_run(tx, RUN));
            assert_eq!(refused, Err(Rejection::Run(run::Rejection::OperatorOnly)));
        }
        assert_eq!(world.run_status(RUN), Some(run::Status::Running));
    }

    #[test]
    fn not_in_time_ends_the_hold_on_the_task() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world
            .act(&later(&system(), PolicyLimits::default().run_lasts()), |tx| time_out_run(tx, RUN))
            .unwrap();
        assert_eq!(world.run_status(RUN), Some(run::Status::TimedOut));
        assert_eq!(world.task().status(), Status::Blocked);
        assert_eq!(world.scout().work, None);
        assert_eq!(world.agent_day().spent, Usd::ZERO);
        assert_eq!(world.alert(Kind::RunTimeout, alert::Subject::Run(RUN)), Some(1));
        world.nothing_is_under_way();
    }
}

mod calling_tools {
    use super::*;

    #[test]
    fn that_fail_with_one_error_three_times_stops_it_all() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        for _ in 0..2 {
            world.call_tool(RUN, Some("connection refused")).unwrap();
            world.call_tool(RUN, Some("no such page")).unwrap();
        }
        assert_eq!(world.run_status(RUN), Some(run::Status::Running));
        world.call_tool(RUN, Some("connection refused")).unwrap();
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        assert_eq!(world.task().status(), Status::Blocked);
        assert_eq!(world.scout().standing, Standing::Quarantined);
        assert_eq!(world.alert(Kind::LoopDetected, about_the_task()), Some(1));
        assert_eq!(world.alert(Kind::AgentQuarantined, about_scout()), Some(1));
        world.nothing_is_under_way();
    }

    #[test]
    fn without_a_task_stops_the_agent() {
        let mut world = at_work();
        world.start(RUN, None, None, &scout()).unwrap();
        for _ in 0..3 {
            world.call_tool(RUN, Some("connection refused")).unwrap();
        }
        assert_eq!(world.scout().standing, Standing::Quarantined);
        assert_eq!(world.alert(Kind::LoopDetected, about_scout()), Some(1));
        world.nothing_is_under_way();
    }

    #[test]
    fn that_work_stops_nothing() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        for _ in 0..10 {
            world.call_tool(RUN, None).unwrap();
        }
        assert_eq!(world.run_status(RUN), Some(run::Status::Running));
    }
}

/// Whatever ends the work ends the run.
mod no_run_is_left_behind {
    use super::*;

    fn running() -> World {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.start(NEXT_RUN, None, None, &scout()).unwrap();
        world
    }

    fn both_are_over(world: &World) {
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        assert_eq!(world.run_status(NEXT_RUN), Some(run::Status::Aborted));
        assert_eq!(world.agent_day().spent, Usd::ZERO);
        world.nothing_is_under_way();
    }

    #[test]
    fn by_a_quarantine() {
        let mut world = running();
        world.act(&sofie(), |tx| quarantine_agent(tx, SCOUT, None)).unwrap();
        both_are_over(&world);
    }

    #[test]
    fn by_a_restart() {
        let mut world = running();
        world.act(&sofie(), |tx| restart_agent(tx, SCOUT, None)).unwrap();
        both_are_over(&world);
    }

    #[test]
    fn by_a_goodbye() {
        for context in [scout(), sofie()] {
            let mut world = running();
            world.act(&context, |tx| sign_off_agent(tx, SCOUT, None)).unwrap();
            both_are_over(&world);
        }
    }

    #[test]
    fn by_a_correction() {
        for status in [agent::Status::Quarantined, agent::Status::Offline] {
            let mut world = running();
            let corrections = Corrections { status: Some(status), ..Corrections::default() };
            let request = CorrectAgent { corrections, clear_task: false };
            world.act(&sofie(), |tx| correct_agent(tx, SCOUT, request)).unwrap();
            both_are_over(&world);
        }
    }

    #[test]
    fn by_taking_the_task_from_the_agent() {
        let mut world = running();
        let request = CorrectAgent { corrections: Corrections::default(), clear_task: true };
        world.act(&sofie(), |tx| correct_agent(tx, SCOUT, request)).unwrap();
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        assert_eq!(world.run_status(NEXT_RUN), Some(run::Status::Running));
    }

    #[test]
    fn by_a_move_of_the_operator() {
        for to in [Status::Assigned, Status::Blocked, Status::Canceled] {
            let mut world = running();
            let request = MoveTask { to: equipped(to), assignees: None, lease: NEXT_LEASE };
            world.act(&sofie(), |tx| move_task(tx, TASK, request)).unwrap();
            assert_eq!(world.run_status(RUN), Some(run::Status::Aborted), "{to}");
            assert!(world.task().open_runs.is_empty());
        }
    }

    /// The holder has no part in it, and would find its run open on a task that it does not have.
    #[test]
    fn by_an_operator_who_takes_the_work_to_review() {
        let mut world = running();
        let request = MoveTask { to: equipped(Status::Review), assignees: None, lease: NEXT_LEASE };
        world.act(&sofie(), |tx| move_task(tx, TASK, request)).unwrap();
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        assert!(world.task().open_runs.is_empty());
    }

    #[test]
    fn by_giving_the_task_to_others() {
        let mut world = running();
        world.record::<Agent>(&ECHO, registered("Echo", Role::Intern));
        let request = ReassignTask { assignees: BTreeSet::from([ECHO]), reason: None };
        world.act(&sofie(), |tx| reassign_task(tx, TASK, request)).unwrap();
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
    }

    #[test]
    fn by_an_emergency_stop() {
        let mut world = running();
        world.act(&sofie(), |tx| halt_squad(tx, OPENCLAW, crate::project::Halt::Emergency, None)).unwrap();
        world.act(&sofie(), |tx| block_halted(tx, OPENCLAW, 1, &[TASK])).unwrap();
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
    }

    /// Who hands its own work in still has to tell what the run cost.
    #[test]
    fn but_who_hands_its_work_in_ends_its_run_itself() {
        let mut world = running();
        let request = MoveTask { to: equipped(Status::Review), assignees: None, lease: NEXT_LEASE };
        world.act(&scout(), |tx| move_task(tx, TASK, request)).unwrap();
        assert_eq!(world.run_status(RUN), Some(run::Status::Running));
        world.complete(RUN, Ended::Completed, Some(10), &scout()).unwrap();
        assert_eq!(world.task().cost, Usd::cents(10));
        assert_eq!(world.task().status(), Status::Review);
    }
}

/// Whoever looks at the alerts sees every task that stands still without a person's word.
mod a_block {
    use super::*;

    fn blocked_by(context: &CommandContext) -> World {
        let mut world = at_work();
        let request = MoveTask { to: equipped(Status::Blocked), assignees: None, lease: NEXT_LEASE };
        world.act(context, |tx| move_task(tx, TASK, request)).unwrap();
        world
    }

    fn go(world: &mut World, to: Status) {
        let request = MoveTask { to: equipped(to), assignees: None, lease: NEXT_LEASE };
        world.act(&sofie(), |tx| move_task(tx, TASK, request)).unwrap();
    }

    #[test]
    fn is_told_of_unless_an_operator_decided_it() {
        for (context, told) in [(scout(), Some(1)), (system(), Some(1)), (sofie(), None)] {
            assert_eq!(blocked_by(&context).alert(Kind::TaskBlocked, about_the_task()), told);
        }
    }

    #[test]
    fn is_told_of_when_its_agent_goes_or_falls_silent() {
        let mut world = at_work();
        world.act(&sofie(), |tx| sign_off_agent(tx, SCOUT, None)).unwrap();
        assert_eq!(world.alert(Kind::TaskBlocked, about_the_task()), Some(1));

        let mut world = at_work();
        let late = later(&system(), TimeDelta::hours(2));
        world.act(&late, |tx| end_lease(tx, SCOUT, LEASE, now())).unwrap();
        assert_eq!(world.alert(Kind::TaskBlocked, about_the_task()), Some(1));

        let mut world = at_work();
        world.act(&system(), |tx| quarantine_agent(tx, SCOUT, None)).unwrap();
        assert_eq!(world.alert(Kind::TaskBlocked, about_the_task()), None, "the quarantine is told of");
    }

    #[test]
    fn that_is_over_resolves_what_told_of_it() {
        let mut world = blocked_by(&scout());
        let key = alert::Key::new(Kind::LoopDetected, about_the_task());
        let title = crate::values::Title::new("Loop detected").unwrap();
        let raise = alert::Raise::new(uuid::Uuid::from_u128(9).into(), Kind::LoopDetected, OPENCLAW, title);
        let alert = world.get::<Alert>(&key);
        world.record::<Alert>(&key, alert.decide(alert::Command::Raise(raise), &system()).unwrap());
        go(&mut world, Status::NeedsApproval);
        assert_eq!(world.alert(Kind::TaskBlocked, about_the_task()), Some(1), "it is blocked below");
        go(&mut world, Status::Assigned);
        assert_eq!(world.alert(Kind::TaskBlocked, about_the_task()), None);
        assert_eq!(world.alert(Kind::LoopDetected, about_the_task()), None);
    }
}

mod living {
    use super::*;

    fn beat(world: &mut World, error: Option<&str>, context: &CommandContext) {
        let news = Heartbeat { session_key: None, error: error.map(reason) };
        world.act(context, |tx| heartbeat(tx, SCOUT, news)).unwrap();
    }

    #[test]
    fn with_errors_in_a_row_warns_and_the_end_of_them_resolves_it() {
        let mut world = at_work();
        (0..3).for_each(|_| beat(&mut world, Some("timeout"), &scout()));
        assert_eq!(world.alert(Kind::ErrorStreak, about_scout()), Some(1));
        beat(&mut world, None, &scout());
        assert_eq!(world.alert(Kind::ErrorStreak, about_scout()), None);
    }

    #[test]
    fn with_five_errors_in_a_row_quarantines() {
        let mut world = at_work();
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        (0..5).for_each(|_| beat(&mut world, Some("timeout"), &scout()));
        assert_eq!(world.alert(Kind::AgentQuarantined, about_scout()), Some(1));
        assert_eq!(world.run_status(RUN), Some(run::Status::Aborted));
        world.nothing_is_under_way();
    }

    #[test]
    fn silently_warns_once_and_coming_back_resolves_it() {
        let mut world = at_work();
        beat(&mut world, None, &scout());
        for (minutes, alerts) in [(5, None), (6, Some(1)), (7, Some(1))] {
            let context = later(&system(), TimeDelta::minutes(minutes));
            world.act(&context, |tx| mark_stale(tx, SCOUT)).unwrap();
            assert_eq!(world.alert(Kind::AgentStale, about_scout()), alerts);
        }
        beat(&mut world, None, &later(&scout(), TimeDelta::minutes(8)));
        assert_eq!(world.alert(Kind::AgentStale, about_scout()), None);
    }

    #[test]
    fn wrongly_recorded_spend_is_adjusted_where_it_counts() {
        let mut world = at_work();
        world.start(RUN, None, None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(20), &scout()).unwrap();
        let corrections = Corrections { today_spend: Some(Usd::ZERO), ..Corrections::default() };
        let request = CorrectAgent { corrections, clear_task: false };
        world.act(&sofie(), |tx| correct_agent(tx, SCOUT, request)).unwrap();
        assert_eq!(world.agent_day().spent, Usd::ZERO);
    }

    /// Or nobody would ever be told that day: a threshold is told once.
    #[test]
    fn a_correction_that_crosses_a_threshold_is_told_of() {
        let mut world = at_work();
        world.start(RUN, None, None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(20), &scout()).unwrap();
        let corrections = Corrections { today_spend: Some(Usd::cents(170)), ..Corrections::default() };
        let request = CorrectAgent { corrections, clear_task: false };
        world.act(&sofie(), |tx| correct_agent(tx, SCOUT, request)).unwrap();
        assert_eq!(world.alert(Kind::BudgetWarning, about_scout()), Some(1));
    }

    #[test]
    fn a_lower_cap_that_crosses_a_threshold_is_told_of() {
        let mut world = at_work();
        world.start(RUN, None, None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(20), &scout()).unwrap();
        let agent = world.get::<Agent>(&SCOUT);
        let caps = Caps { daily: Usd::cents(21), per_run: Usd::cents(20) };
        let profile = agent::Profile { caps, ..agent.registered().unwrap().profile.clone() };
        world.act(&sofie(), |tx| change_profile(tx, SCOUT, None, profile)).unwrap();
        assert_eq!(world.alert(Kind::BudgetCritical, about_scout()), Some(1));
    }
}

/// What an operator does leaves a budget with less than was spent: that is told of, and stops nobody.
mod a_budget_used_up_by_an_operator {
    use super::*;

    fn spent() -> World {
        let mut world = at_work();
        let capped =
            ProjectProfile { daily_cap: Some(Usd::cents(500)), ..ProjectProfile::new(name("OpenClaw")) };
        world.record::<Project>(&OPENCLAW, [crate::project::Event::Edited { profile: capped }]);
        world.start(RUN, Some(TASK), None, &scout()).unwrap();
        world.complete(RUN, Ended::Completed, Some(20), &scout()).unwrap();
        world
    }

    fn told_and_nobody_stopped(world: &World, subject: alert::Subject) {
        assert_eq!(world.alert(Kind::BudgetExceeded, subject), Some(1));
        assert_eq!(world.scout().standing, Standing::Active);
        assert_eq!(world.task().status(), Status::InProgress);
    }

    #[test]
    fn who_corrects_what_was_spent() {
        let mut world = spent();
        let corrections = Corrections { today_spend: Some(Usd::cents(300)), ..Corrections::default() };
        let request = CorrectAgent { corrections, clear_task: false };
        world.act(&sofie(), |tx| correct_agent(tx, SCOUT, request)).unwrap();
        told_and_nobody_stopped(&world, about_scout());
    }

    #[test]
    fn who_lowers_the_cap_of_an_agent() {
        let mut world = spent();
        let agent = world.get::<Agent>(&SCOUT);
        let caps = Caps { daily: Usd::cents(10), per_run: Usd::cents(10) };
        let profile = agent::Profile { caps, ..agent.registered().unwrap().profile.clone() };
        world.act(&sofie(), |tx| change_profile(tx, SCOUT, None, profile)).unwrap();
        told_and_nobody_stopped(&world, about_scout());
    }

    #[test]
    fn who_lowers_the_budget_of_a_task() {
        let mut world = spent();
        let details = task::Details { budget: Usd::cents(10), ..world.task().details };
        world.act(&sofie(), |tx| edit_task(tx, TASK, details, &[SCOUT])).unwrap();
        told_and_nobody_stopped(&world, about_the_task());
    }

    #[test]
    fn who_lowers_the_cap_of_a_project() {
        let mut world = spent();
        let lowered =
            ProjectProfile { daily_cap: Some(Usd::cents(10)), ..ProjectProfile::new(name("OpenClaw")) };
        world.act(&sofie(), |tx| edit_project(tx, OPENCLAW, lowered, &[SCOUT])).unwrap();
        told_and_nobody_stopped(&world, alert::Subject::Project(OPENCLAW));
    }
}

#[test]
fn a_notification_that_is_given_up_is_told_of() {
    use crate::{
        ids::NotificationId,
        notification::{Event, Notification, Recipient},
    };
    let mut world = at_work();
    let id = NotificationId::new(uuid::Uuid::from_u128(0x900));
    let queued = Event::Queued {
        cause: uuid::Uuid::from_u128(1).into(),
        project: Some(OPENCLAW),
        recipient: Recipient::Agent(SCOUT),
        kind: crate::notification::Kind::Mention,
        subject: crate::values::Title::new("Nova mentioned you").unwrap(),
        text: None,
        task: None,
        through: None,
        expires_at: now() + TimeDelta::hours(24),
        at: now(),
    };
    world.record::<Notification>(&id, [queued]);
    for minutes in [0, 1, 2, 4, 8, 16] {
        assert_eq!(world.alert(Kind::NotificationFailed, about_scout()), None);
        let context = later(&system(), TimeDelta::minutes(minutes));
        let project = Some(OPENCLAW);
        world.act(&context, |tx| fail_notification(tx, id, project, reason("no answer"))).unwrap();
    }
    assert_eq!(world.alert(Kind::NotificationFailed, about_scout()), Some(1));
}

#[test]
fn the_cost_of_a_sub_agent_counts_to_its_parents_task_too() {
    let mut world = at_work();
    let task = world.get::<Task>(&TASK);
    world.record::<Task>(&crate::spec::OTHER_TASK, task_in(Status::Inbox));
    let commissioned = agent::Event::Commissioned {
        depth: 1,
        task: Some(crate::spec::OTHER_TASK),
        until: now() + TimeDelta::hours(6),
        at: now(),
    };
    world.record::<Agent>(&SCOUT, [commissioned]);
    world.start(RUN, Some(task.id), None, &scout()).unwrap();
    world.complete(RUN, Ended::Completed, Some(10), &scout()).unwrap();
    let parent = world.get::<Budget>(&budget::Key::Task(crate::spec::OTHER_TASK));
    assert_eq!((parent.spent, parent.reserved()), (Usd::cents(10), Usd::ZERO));
}
