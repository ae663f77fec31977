//! What holds after every command, whoever asked for what.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    ops::Range,
};

use mc_domain::{
    actor::{Actor, ActorKind},
    agent::{self, PauseReason, Standing},
    aggregate::Aggregate,
    alert::{self, Alert},
    approval::{self, ActionType, Quorum},
    budget::{self, Budget},
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    operation::{Rejection, is_halted},
    policy::document::PolicyLimits,
    project::Project,
    recorded::{AnyEvent, Recorded, StreamId, Streamed},
    reservation::{Key, Reservation},
    run::{self, Terms, ToolRisk, ToolStatus},
    task,
};
use mc_store::repository::Repository;

use crate::{
    actions::Action,
    ledger::key_of,
    table::{Moved, agent_moves_along_the_table, task_moves_along_the_table},
    told::{block_is_told_of, blocks_have_reasons, red_rests_on_an_approval},
    views::show_what_changed,
    world::{Issued, States, World},
};

/// What holds of one event, given what was recorded before it. `commit` is all that was recorded with it.
pub fn on_event(
    world: &World,
    issued: &Issued<'_>,
    commit: &[Recorded<AnyEvent>],
    recorded: &Recorded<AnyEvent>,
) {
    let id = recorded.stream.aggregate_id.as_str();
    let before = world.states.versions.get(&recorded.stream).copied().unwrap_or_default();
    assert_eq!(recorded.version, before + 1, "versions of {} have a hole", recorded.stream);
    match &recorded.event {
        AnyEvent::Task(event) => {
            let id = id.parse().unwrap();
            let moved = Moved { id, before: world.states.task(id), event, commit };
            task_moves_along_the_table(&moved, issued, &world.handed_in);
            nobody_moves_what_is_halted(&world.states, event, issued);
        }
        AnyEvent::Agent(event) => {
            let agent = world.states.agent(id.parse().unwrap());
            agent_moves_along_the_table(agent, event, &recorded.metadata.actor);
            agent_does_not_raise_itself(agent, event, &recorded.metadata.actor);
            sub_agents_stay_within_the_limits(&world.states, id.parse().unwrap(), event, issued);
        }
        AnyEvent::Budget(event) => {
            let budget = world.states.budgets.get(&id.parse().unwrap()).cloned().unwrap_or_default();
            budget_is_kept(&budget, event);
            cap_is_the_current_one(&world.states, id.parse().unwrap(), event);
        }
        AnyEvent::Approval(event) => {
            let approval = world.states.approvals.get(&id.parse().unwrap());
            let requested = approval.and_then(|approval| approval.requested().ok());
            approval_is_decided_rightly(requested, event, &recorded.metadata.actor);
        }
        AnyEvent::Alert(event) => {
            alert_is_closed_rightly(id.parse().unwrap(), event, &recorded.metadata.actor)
        }
        AnyEvent::Run(event) => {
            let run = world.states.runs.get(&id.parse().unwrap());
            let starts = matches!(event, run::Event::Started(_));
            let told_late = matches!((run, event), (Some(run::Run::Unbilled(_)), run::Event::Billed(_)));
            let goes_on = run.is_some_and(|run| run.running().is_ok()) || told_late;
            assert!(starts == run.is_none() && (starts || goes_on), "a run ends once");
            if let run::Event::Started(terms) = event {
                run_may_start(&world.states, terms);
            }
            red_rests_on_an_approval(world, commit, recorded);
        }
        // Names and notifications are looked at in a sweep.
        _ => {}
    }
}

/// From a halt on, before anything else is recorded of it, no agent of the squad claims or moves anything, or gets it to
/// work on from another agent or a rule; but for those whom an operator let go on.
fn nobody_moves_what_is_halted(states: &States, event: &task::Event, issued: &Issued<'_>) {
    let halted = |id: AgentId| {
        let agent = states.agent(id).unwrap();
        is_halted(&states.projects[&agent.project()], agent)
    };
    let asked = matches!(issued.action, Action::Claim { .. } | Action::Move { .. });
    if let (Some(agent), Some(_), true) = (issued.who.agent(), event.moves_to(), asked) {
        assert!(!halted(agent), "{agent} is halted: {event:?}");
    }
    if let (task::Event::Started { holder, .. }, ActorKind::Agent | ActorKind::System) =
        (event, issued.who.kind())
    {
        assert!(!halted(*holder), "{holder} is halted and gets work: {event:?}");
    }
}

/// Whoever starts a run is at work, in a squad that works, on a task of its own, and within its caps.
fn run_may_start(states: &States, terms: &Terms) {
    let agent = states.agent(terms.agent).unwrap();
    let project = &states.projects[&agent.project()];
    assert!(!is_halted(project, agent), "a run of {} in a squad that is stopped", agent.profile().name);
    let drains = agent.standing() == Standing::Draining && agent.work().map(|work| work.task) == terms.task;
    let paused_yesterday = agent.is_paused_since_yesterday(terms.day);
    assert!(agent.standing() == Standing::Active || drains || paused_yesterday, "{agent:?} starts a run");
    let allowance = states.budgets.get(&budget::Key::AgentDay(terms.agent, terms.day));
    let allowance = allowance.map(|budget| budget.run_allowance()).unwrap_or_default();
    assert!(terms.reserved <= agent.profile().caps.per_run_in_force().max(allowance), "{terms:?}");
    let Some(task) = terms.task.and_then(|task| states.task(task)) else { return };
    let own = match task.hold() {
        Some(hold) => hold.holder == terms.agent,
        None => task.status() == task::Status::Assigned && task.assignees().contains(&terms.agent),
    };
    assert!(own && task.project() == agent.project(), "a run for somebody else's task: {terms:?}");
}

fn cap_is_the_current_one(states: &States, key: budget::Key, event: &budget::Event) {
    let budget::Event::Reserved { cap, .. } = event else { return };
    let current = match key {
        budget::Key::AgentDay(agent, _) => Some(states.agent(agent).unwrap().profile().caps.daily),
        budget::Key::Task(task) => Some(states.task(task).unwrap().details().budget),
        budget::Key::ProjectDay(project, _) => match &states.projects[&project] {
            Project::Present { profile, .. } => profile.daily_cap,
            Project::Absent => None,
        },
    };
    assert_eq!(Some(*cap), current, "{key} is reserved on under another cap");
}

fn agent_does_not_raise_itself(before: Option<&agent::Registered>, event: &agent::Event, actor: &Actor) {
    let (Some(before), agent::Event::ProfileChanged { profile }) = (before, event) else { return };
    let caps = before.profile().caps;
    let raised = profile.role > before.profile().role
        || profile.caps.daily > caps.daily
        || profile.caps.per_run > caps.per_run;
    assert!(!raised || actor.kind() != ActorKind::Agent, "{actor} raises {}", before.profile().name);
}

/// What is set aside and spent goes beyond what is allowed only by what a run turns out to cost beyond what was set aside
/// for it, and by an operator's correction.
pub fn budget_is_kept(before: &Budget, event: &budget::Event) {
    let after = before.clone().evolve(event);
    let (was, is) = (excess(before), excess(&after));
    let may_add = match event {
        budget::Event::Settled { cost, released, .. } => (cost.micros() - released.micros()).max(0),
        budget::Event::Charged { cost, .. } => cost.micros(),
        budget::Event::Adjusted { spent_before, spent_after, .. } => {
            (spent_after.micros() - spent_before.micros()).max(0)
        }
        budget::Event::CapChanged { cap, .. } => {
            (before.cap().unwrap_or_default().micros() - cap.micros()).max(0)
        }
        budget::Event::Reserved { .. } => {
            assert_eq!(is, 0, "more is set aside than there is: {event:?} on {before:?}");
            0
        }
        _ => 0,
    };
    assert!(is <= was + may_add || before.cap().is_none(), "{event:?} on {before:?}");
    if let budget::Event::Settled { overrun, .. } = event {
        let limit = after.limit(after.cap().unwrap_or_default());
        let beyond = after.spent().micros() - limit.micros();
        assert_eq!(overrun.map_or(0, |overrun| overrun.micros()), beyond.max(0), "an overrun is recorded");
    }
}

pub fn excess(budget: &Budget) -> i64 {
    let limit = budget.limit(budget.cap().unwrap_or_default());
    (budget.reserved().micros() + budget.spent().micros() - limit.micros()).max(0)
}

/// Only what is open is decided, in time, and never by an agent or by who asked.
fn approval_is_decided_rightly(before: Option<&approval::Requested>, event: &approval::Event, actor: &Actor) {
    let Some(before) = before else {
        assert!(matches!(event, approval::Event::Requested { .. }), "{event:?} comes first");
        return;
    };
    if let approval::Event::Used { .. } = event {
        let unused = matches!(before.stage(), approval::Stage::Approved { used_in: None, .. });
        return assert!(unused, "{event:?} under an approval that permits nothing");
    }
    assert!(before.status().is_open(), "{event:?} comes after the end");
    let in_time = |by: &Actor, at: &chrono::DateTime<chrono::Utc>| {
        assert_eq!(by, actor);
        assert_ne!(actor.kind(), ActorKind::Agent, "an agent decides: {event:?}");
        assert_ne!(by, before.requestor(), "the requestor decides: {event:?}");
        assert!(*at < before.expires_at(), "decided after expiry: {event:?}");
    };
    match event {
        approval::Event::Approved { by, at, request_hash, .. } => {
            in_time(by, at);
            assert_eq!(*request_hash, *before.ask().request_hash(), "something else is approved");
            if let (Quorum::Two, approval::Stage::Open { endorsed_by, .. }) =
                (before.required(), before.stage())
            {
                assert!(
                    !endorsed_by.is_empty() && !endorsed_by.contains(by),
                    "two have to approve: {event:?}"
                );
            }
        }
        approval::Event::Endorsed { by, at, .. }
        | approval::Event::Denied { by, at, .. }
        | approval::Event::RevisionRequested { by, at, .. } => in_time(by, at),
        approval::Event::Withdrawn { by, .. } => {
            assert!(by == before.requestor() || by.kind() == ActorKind::System, "{by} withdraws another's");
        }
        approval::Event::Expired { at } => assert!(*at >= before.expires_at(), "expired too early"),
        approval::Event::Requested { .. } | approval::Event::Used { .. } => {
            panic!("{event:?} while it is open")
        }
        approval::Event::Resubmitted { .. } => assert_eq!(actor, before.requestor()),
        approval::Event::Escalated { .. } => assert_eq!(actor.kind(), ActorKind::System),
    }
}

/// What a rule raised it takes back when the cause is gone; everything else an operator closes.
fn alert_is_closed_rightly(key: alert::Key, event: &alert::Event, actor: &Actor) {
    let closed = matches!(event, alert::Event::Resolved { .. } | alert::Event::Ignored { .. });
    let by_rules = matches!(
        key.kind,
        alert::Kind::AgentStale
            | alert::Kind::ErrorStreak
            | alert::Kind::TaskBlocked
            | alert::Kind::LoopDetected
    );
    if closed && !by_rules {
        assert_eq!(actor.kind(), ActorKind::Human, "{key} was closed by {actor}");
    }
}

/// How those stood who changed by a command, before it.
pub type Before = BTreeMap<AgentId, Standing>;

/// What holds after a command, and what has to be recorded together. `changed` is what it recorded.
pub fn after_step(world: &mut World, issued: &Issued<'_>, before: &Before, changed: Range<usize>) {
    let commit = &world.history[changed];
    if commit.is_empty() {
        return;
    }
    commit.iter().flat_map(budgets_of).for_each(|key| world.ledger.is_kept(key));
    tasks_agree_with_their_holders(&world.states);
    agents_agree_with_their_tasks(&world.states);
    waiting_tasks_wait_for_something_open(&world.states);
    assignees_fit_the_status(&world.states);
    blocks_have_reasons(world);
    for recorded in commit {
        after_event(world, issued, before, commit, recorded);
    }
    show_what_changed(world, commit);
}

/// The budgets that an event may have touched.
fn budgets_of(recorded: &Recorded<AnyEvent>) -> Option<budget::Key> {
    matches!(recorded.event, AnyEvent::Budget(_)).then(|| key_of(&recorded.stream))
}

fn after_event(
    world: &World,
    issued: &Issued<'_>,
    before: &Before,
    commit: &[Recorded<AnyEvent>],
    recorded: &Recorded<AnyEvent>,
) {
    let id = recorded.stream.aggregate_id.as_str();
    match &recorded.event {
        AnyEvent::Budget(event) => {
            let key = key_of(&recorded.stream);
            world.ledger.agrees(key, &world.states.budgets[&key]);
            if let budget::Event::Settled { overrun, .. } | budget::Event::Charged { overrun, .. } = event {
                world.ledger.overrun_is_recorded(key, *overrun);
            }
            grant_rests_on_an_approval(&world.states, event, commit);
            threshold_is_told_of(event, commit);
            exceeded_is_told_of(event, commit);
            if is_run_over(issued.action) {
                exceeded_stops_who_spent(world, (key, event), before, commit);
            }
        }
        AnyEvent::Run(event) => {
            run_is_known_to_all_or_none(world, id.parse().unwrap());
            red_tool_is_permitted_or_contained(event, commit);
        }
        AnyEvent::Agent(event) => {
            let id = id.parse().unwrap();
            runs_of_agent_are_running(world, id);
            stop_is_told_of(world, issued.action, (id, event), commit);
            too_many_errors_stop(&world.states, id, event, &issued.limits);
        }
        AnyEvent::Task(event) => {
            let id = id.parse().unwrap();
            runs_of_task_are_running(world, id);
            task_costs_what_its_runs_were_charged(world, id);
            loop_is_contained(&world.states, id, event, commit);
            if let task::Event::Blocked { .. } = event {
                block_is_told_of(world, issued, id, commit);
            }
        }
        AnyEvent::Approval(event) => {
            override_lets_the_spender_go_on(&world.states, id.parse().unwrap(), event)
        }
        _ => {}
    }
}

/// What is committed with the refusal of a run that is too dear.
pub fn after_refusal(states: &States, rejection: &Rejection) {
    let Rejection::TooDear { approval, .. } = rejection else {
        assert!(!matches!(rejection, Rejection::NotLoaded(_)), "something cannot be loaded: {rejection:?}");
        return;
    };
    let requested = states.approvals[approval].requested().unwrap();
    assert!(requested.status().is_open() && requested.subject().action_type == ActionType::BudgetOverride);
    let agent = states.agent(requested.subject().agent.unwrap()).unwrap();
    let stopped = matches!(agent.standing(), Standing::Paused(_));
    assert!(stopped, "{rejection:?} and goes on: {agent:?} {requested:?}");
    if let Some(task) = requested.subject().task {
        assert_eq!(
            states.task(task).unwrap().status(),
            task::Status::NeedsApproval,
            "task {task} is too dear"
        );
    }
}

/// A red tool is used under an approval, which is used up by that, or everything stops.
fn red_tool_is_permitted_or_contained(event: &run::Event, commit: &[Recorded<AnyEvent>]) {
    let run::Event::ToolCalled { risk: Some(ToolRisk::Red), status, approval, .. } = event else { return };
    if *status == ToolStatus::Denied {
        return;
    }
    let used = |id: &ApprovalId, recorded: &Recorded<AnyEvent>| {
        recorded.stream == StreamId::of::<approval::Approval>(id)
            && matches!(recorded.event, AnyEvent::Approval(approval::Event::Used { .. }))
    };
    let stops = |recorded: &Recorded<AnyEvent>| {
        matches!(recorded.event, AnyEvent::Agent(agent::Event::Quarantined { .. }))
    };
    let well = match approval {
        Some(id) => commit.iter().any(|recorded| used(id, recorded)),
        None => commit.iter().any(stops),
    };
    assert!(well, "{event:?} was neither permitted nor contained");
}

/// Assigned means that somebody of the project has it; the inbox is nobody's; what is closed has nothing under way.
fn assignees_fit_the_status(states: &States) {
    for (id, task) in states.present() {
        match task.status() {
            task::Status::Inbox => assert!(task.assignees().is_empty(), "{id} is in the inbox"),
            task::Status::Assigned | task::Status::InProgress => {
                assert!(!task.assignees().is_empty(), "{id}")
            }
            task::Status::Done | task::Status::Canceled => {
                assert!(task.open_runs().is_empty(), "{id} is closed")
            }
            _ => {}
        }
        let of_project =
            |agent: &AgentId| states.agent(*agent).is_some_and(|agent| agent.project() == task.project());
        assert!(task.assignees().iter().all(of_project), "{id} has assignees of another project");
    }
}

/// Nobody has more sub-agents, or deeper ones, than the policy allowed when the last of them came.
fn sub_agents_stay_within_the_limits(
    states: &States,
    parent: AgentId,
    event: &agent::Event,
    issued: &Issued<'_>,
) {
    let agent::Event::Spawned { child, .. } = event else { return };
    let (agent, limits) = (states.agent(parent).unwrap(), issued.limits.spawn);
    let (children, who) = (agent.children().len(), &agent.profile().name);
    assert!(!agent.children().contains(child), "{who} has {child} already");
    assert!(children < limits.max_children as usize && agent.depth() < limits.max_depth, "{who} spawns");
    assert!(issued.limits.roles.of(agent.profile().role).may_spawn, "{who} may not spawn");
}

/// Who is above whom, on both sides.
fn families_agree(states: &States) {
    for (id, agent) in states.registered() {
        let own = |child: &AgentId| states.agent(*child).is_some_and(|child| child.parent() == Some(id));
        assert!(agent.children().iter().all(own), "the children of {}", agent.profile().name);
    }
}

fn threshold_is_told_of(event: &budget::Event, commit: &[Recorded<AnyEvent>]) {
    let budget::Event::ThresholdCrossed { level, .. } = event else { return };
    let kind = match level {
        budget::Level::Warning => alert::Kind::BudgetWarning,
        budget::Level::Critical => alert::Kind::BudgetCritical,
        budget::Level::Exceeded => alert::Kind::BudgetExceeded,
    };
    assert!(alerts_in(commit).any(|told| told.kind == kind), "nobody was told of {event:?}");
}

/// What is used up is told of, but for the day of a run that ended on another.
fn exceeded_is_told_of(event: &budget::Event, commit: &[Recorded<AnyEvent>]) {
    let budget::Event::Exceeded { .. } = event else { return };
    let told = alerts_in(commit).any(|told| told.kind == alert::Kind::BudgetExceeded);
    let run_over = commit
        .iter()
        .any(|recorded| matches!(&recorded.event, AnyEvent::Run(event) if event.charged().is_some()));
    assert!(told || run_over, "a budget is used up in silence");
}

/// Whoever uses a budget up that still counts is stopped in the same commit: an alert says so, who was active is paused,
/// and an approval is open that would let it go on. Who is quarantined by the same run is stopped all the more.
fn exceeded_stops_who_spent(
    world: &World,
    (key, event): (budget::Key, &budget::Event),
    before: &Before,
    commit: &[Recorded<AnyEvent>],
) {
    let budget::Event::Exceeded { at, .. } = event else { return };
    let counts = match key {
        budget::Key::AgentDay(_, day) | budget::Key::ProjectDay(_, day) => day >= at.date_naive(),
        budget::Key::Task(_) => true,
    };
    let Some(spender) = spender(world, key, commit).filter(|_| counts) else { return };
    let agent = world.states.agent(spender).unwrap();
    let was = before.get(&spender).copied().unwrap_or(agent.standing());
    let (now, who) = (agent.standing(), &agent.profile().name);
    assert!(was != Standing::Active || now != Standing::Active, "{who} used {key} up and goes on");
    if was != Standing::Quarantined && now == Standing::Quarantined {
        return;
    }
    assert!(
        alerts_in(commit).any(|told| told.kind == alert::Kind::BudgetExceeded),
        "{key} is used up in silence"
    );
    let open = |approval: &approval::Approval| {
        let Ok(known) = approval.requested() else { return false };
        let subject = known.subject();
        // What an agent tells afterwards may use up what another has asked more of already.
        let named = known.ask().parameters().and_then(|asked| asked.get("budget")?.as_str()?.parse().ok());
        let meant = subject.agent == Some(spender) || named == Some(key);
        known.status().is_open() && meant && subject.action_type == ActionType::BudgetOverride
    };
    assert!(world.states.approvals.values().any(open), "{key} is used up, and nobody is asked");
}

/// Whether a budget is used up by a run, and not by what an operator made of its cap or its record.
fn is_run_over(action: &Action) -> bool {
    matches!(action, Action::EndRun { .. } | Action::TimeOutRun { .. })
}

/// Who used a budget up: whose run ended with it, or whose day it is.
fn spender(world: &World, key: budget::Key, commit: &[Recorded<AnyEvent>]) -> Option<AgentId> {
    let ended = commit.iter().find_map(|recorded| match &recorded.event {
        AnyEvent::Run(run::Event::Billed(bill)) => Some(bill.agent),
        AnyEvent::Run(event) => event.end().map(|(_, ended)| ended.agent),
        _ => None,
    });
    let own = if let budget::Key::AgentDay(agent, _) = key { Some(agent) } else { None };
    ended.or(own).filter(|agent| world.states.agent(*agent).is_some())
}

fn too_many_errors_stop(states: &States, id: AgentId, event: &agent::Event, limits: &PolicyLimits) {
    let errors = match event {
        agent::Event::HeartbeatRecorded { error: Some(_), error_streak, .. } => *error_streak,
        agent::Event::RunEnded { outcome: run::Outcome::Failed, error_streak, .. } => *error_streak,
        _ => return,
    };
    let agent = states.agent(id).unwrap();
    let stopped = matches!(agent.standing(), Standing::Quarantined | Standing::Offline { .. });
    let too_many = limits.timeouts.error_streak_quarantine;
    assert!(errors < too_many || stopped, "{} goes on after {errors} errors in a row", agent.profile().name);
}

fn override_lets_the_spender_go_on(states: &States, id: ApprovalId, event: &approval::Event) {
    let approval::Event::Approved { .. } = event else { return };
    let subject = states.approvals[&id].requested().unwrap().subject();
    let (ActionType::BudgetOverride, Some(agent)) = (subject.action_type, subject.agent) else { return };
    let agent = states.agent(agent).unwrap();
    let waits = agent.standing() == Standing::Paused(PauseReason::Budget);
    assert!(!waits || agent.is_retired(), "{} was granted more", agent.profile().name);
}

fn tasks_agree_with_their_holders(states: &States) {
    for (id, task) in states.present() {
        let Some(hold) = task.hold() else { continue };
        let holder = states.agent(hold.holder).expect("a task is held by somebody who is registered");
        assert_eq!(
            holder.work(),
            Some(agent::Work { task: id, lease: hold.lease }),
            "task {id} and its holder"
        );
        let over = matches!(holder.status(), agent::Status::Quarantined | agent::Status::Offline);
        assert!(!over, "{} holds task {id} and is {}", holder.profile().name, holder.status());
        assert_eq!(holder.project(), task.project());
        assert!(task.assignees().contains(&hold.holder));
    }
}

/// Every agent at work has a task that it holds; so none has two, since a task has one holder and an agent one work.
fn agents_agree_with_their_tasks(states: &States) {
    for (id, agent) in states.registered() {
        let Some(work) = agent.work() else { continue };
        let hold = states.task(work.task).and_then(task::Present::hold);
        assert_eq!(
            hold,
            Some(task::Hold { holder: id, lease: work.lease }),
            "{} and its task",
            agent.profile().name
        );
    }
}

fn waiting_tasks_wait_for_something_open(states: &States) {
    for (id, task) in states.present() {
        for approval in task.awaits() {
            let open = states.approvals[approval].status().is_some_and(approval::Status::is_open);
            assert!(open, "task {id} waits for {approval}, which is over");
        }
    }
    for (id, approval) in &states.approvals {
        let requested = approval.requested().unwrap();
        if let (Some(task), true) = (requested.subject().task, requested.status().is_open()) {
            let awaits = states.task(task).unwrap().awaits();
            assert!(awaits.contains(id), "approval {id} is open for task {task}, which does not wait for it");
        }
    }
}

/// An agent has just those runs under way that are, and none once it is stopped for good.
fn runs_of_agent_are_running(world: &World, id: AgentId) {
    let agent = world.states.agent(id).unwrap();
    let over = matches!(agent.status(), agent::Status::Quarantined | agent::Status::Offline);
    assert!(agent.open_runs().is_empty() || !over, "{} is {} and runs", agent.profile().name, agent.status());
    let open: BTreeSet<RunId> = agent.open_runs().keys().copied().collect();
    assert_eq!(open, world.ledger.running(|terms| terms.agent == id), "the runs of {}", agent.profile().name);
}

/// A task has just those runs under way that are.
fn runs_of_task_are_running(world: &World, id: TaskId) {
    let open: BTreeSet<RunId> = world.states.task(id).unwrap().open_runs().keys().copied().collect();
    assert_eq!(open, world.ledger.running(|terms| terms.task == Some(id)), "the runs of task {id}");
}

/// A run is under way for its agent, its task and its budgets as long as for itself, and no longer.
fn run_is_known_to_all_or_none(world: &World, id: RunId) {
    let (states, terms) = (&world.states, world.ledger.terms(id));
    let running = states.runs[&id].running().is_ok();
    let agent = states.agent(terms.agent).unwrap();
    assert_eq!(agent.open_runs().contains_key(&id), running, "run {id} of {}", agent.profile().name);
    if let Some(task) = terms.task {
        assert_eq!(
            states.task(task).unwrap().open_runs().contains_key(&id),
            running,
            "run {id} of task {task}"
        );
    }
    for key in terms.open_run().budgets(terms.project) {
        let set_aside = states.budgets[&key].reservations().get(&id).copied();
        assert_eq!(set_aside, running.then_some(terms.reserved), "run {id} on {key}");
    }
}

fn task_costs_what_its_runs_were_charged(world: &World, id: TaskId) {
    let charged = world.ledger.own_cost(id);
    assert_eq!(world.states.task(id).unwrap().cost().micros(), charged, "the cost of task {id}");
}

fn grant_rests_on_an_approval(states: &States, event: &budget::Event, commit: &[Recorded<AnyEvent>]) {
    let (budget::Event::Granted { approval, .. } | budget::Event::RunAllowed { approval, .. }) = event else {
        return;
    };
    let requested = states.approvals[approval].requested().unwrap();
    assert_eq!(requested.status(), approval::Status::Approved, "{event:?}");
    assert_eq!(requested.subject().action_type, ActionType::BudgetOverride);
    let approved = |recorded: &Recorded<AnyEvent>| {
        recorded.stream == StreamId::of::<approval::Approval>(approval)
            && matches!(&recorded.event, AnyEvent::Approval(approval::Event::Approved { .. }))
    };
    assert!(commit.iter().any(approved), "{event:?} is not what its approval's end brought");
}

/// An agent that is paused for its budget or quarantined has an alert from the same commit; one that the squad gives back
/// to its budget, from when it was overspent.
fn stop_is_told_of(
    world: &World,
    action: &Action,
    (id, event): (AgentId, &agent::Event),
    commit: &[Recorded<AnyEvent>],
) {
    let kind = match event {
        agent::Event::Paused { reason: PauseReason::Budget, .. }
            if matches!(action, Action::ResumeSquad { .. }) =>
        {
            let overspent = world.states.agent(id).unwrap().overrun().is_some();
            return assert!(overspent, "{id} is given back to a budget that it has kept");
        }
        agent::Event::Paused { reason: PauseReason::Budget, .. } => alert::Kind::BudgetExceeded,
        agent::Event::Quarantined { .. } => alert::Kind::AgentQuarantined,
        _ => return,
    };
    let tells = |key: alert::Key| {
        let concerns = match key.subject {
            alert::Subject::Agent(agent) => agent == id,
            alert::Subject::Task(_) | alert::Subject::Project(_) => kind == alert::Kind::BudgetExceeded,
            _ => false,
        };
        key.kind == kind && concerns && world.states.alerts[&key].open().is_some()
    };
    let told = alerts_in(commit).any(tells);
    assert!(told, "nobody was told that {id} was stopped: {event:?}");
}

fn alerts_in(commit: &[Recorded<AnyEvent>]) -> impl Iterator<Item = alert::Key> {
    let alerts = commit.iter().filter(|recorded| matches!(recorded.event, AnyEvent::Alert(_)));
    alerts.map(|recorded| recorded.stream.aggregate_id.parse().unwrap())
}

/// A loop blocks its task, and is told of, in the commit that completes it.
fn loop_is_contained(states: &States, id: TaskId, event: &task::Event, commit: &[Recorded<AnyEvent>]) {
    let task::Event::LoopDetected { .. } = event else { return };
    let task = states.task(id).unwrap();
    assert_eq!(task.status(), task::Status::Blocked, "a loop was found in {id}");
    let key = alert::Key::new(alert::Kind::LoopDetected, alert::Subject::Task(id));
    assert!(alerts_in(commit).any(|told| told == key), "nobody was told of a loop in {id}");
    assert!(states.alerts[&key].open().is_some());
    let blocked = |recorded: &&Recorded<AnyEvent>| {
        matches!(&recorded.event, AnyEvent::Task(task::Event::Blocked { .. }))
    };
    assert_eq!(commit.iter().filter(blocked).count(), 1);
}

/// What holds of everything at once.
pub async fn sweep(world: &World) {
    let states = &world.states;
    for (key, budget) in &states.budgets {
        world.ledger.agrees(*key, budget);
        let sets_aside_for_the_living =
            budget.reservations().keys().all(|run| states.runs[run].running().is_ok());
        assert!(sets_aside_for_the_living, "{key} has money set aside for runs that are over");
    }
    states.runs.keys().for_each(|run| run_is_known_to_all_or_none(world, *run));
    states.agents.keys().for_each(|agent| runs_of_agent_are_running(world, *agent));
    states.tasks.keys().for_each(|task| runs_of_task_are_running(world, *task));
    families_agree(states);
    paused_for_budget_is_told_of(states);
    assert_eq!(states.versions.values().sum::<u64>(), world.repository.log().head());
    in_memory_is_what_is_recorded(world, &world.repository).await;
}

/// What a repository has in memory, or reads, is what is recorded.
pub async fn in_memory_is_what_is_recorded(world: &World, repository: &Repository) {
    repository_knows_what_is_recorded(world, repository).await;
    reservations_are_held_by_who_needs_them(world, repository).await;
}

fn paused_for_budget_is_told_of(states: &States) {
    let told = |agent: AgentId, project: ProjectId, (key, alert): (&alert::Key, &Alert)| {
        let concerns = match key.subject {
            alert::Subject::Agent(subject) => subject == agent,
            alert::Subject::Task(task) => states.task(task).is_some_and(|task| task.project() == project),
            alert::Subject::Project(subject) => subject == project,
            _ => false,
        };
        key.kind == alert::Kind::BudgetExceeded && concerns && alert.episode().is_ok()
    };
    for (id, agent) in states.registered() {
        if agent.standing() == Standing::Paused(PauseReason::Budget) {
            assert!(
                states.alerts.iter().any(|alert| told(id, agent.project(), alert)),
                "{}",
                agent.profile().name
            );
            assert!(agent.overspent().is_some());
        }
    }
}

async fn repository_knows_what_is_recorded(world: &World, repository: &Repository) {
    let States {
        projects,
        agents,
        tasks,
        approvals,
        policies,
        alerts,
        budgets,
        runs,
        notifications,
        standups,
        credentials,
        ..
    } = &world.states;
    equal(world, repository, projects).await;
    equal(world, repository, agents).await;
    equal(world, repository, tasks).await;
    equal(world, repository, approvals).await;
    equal(world, repository, policies).await;
    equal(world, repository, alerts).await;
    equal(world, repository, budgets).await;
    equal(world, repository, runs).await;
    equal(world, repository, notifications).await;
    equal(world, repository, standups).await;
    equal(world, repository, credentials).await;
}

async fn equal<A: Streamed<Id: Ord + Debug>>(
    world: &World,
    repository: &Repository,
    folded: &BTreeMap<A::Id, A>,
) {
    for (id, state) in folded {
        let known = repository.load::<A>(id).await.unwrap();
        assert!(*known.state == *state, "{} {id:?} is not what is recorded", A::TYPE);
        assert_eq!(known.version, world.states.versions[&StreamId::of::<A>(id)]);
    }
}

/// An agent holds its name; an approval holds what it is for as long as it is open.
async fn reservations_are_held_by_who_needs_them(world: &World, repository: &Repository) {
    for (id, agent) in world.states.registered() {
        let key = Key::agent(agent.project(), &agent.profile().name);
        let name = repository.load::<Reservation>(&key).await.unwrap();
        assert_eq!(name.agent(), Some(id), "the name {}", agent.profile().name);
        assert_eq!(world.states.reservations[&key.to_string()], *name.state);
    }
    for (id, approval) in &world.states.approvals {
        let requested = approval.requested().unwrap();
        let key = repository
            .load::<Reservation>(&requested.subject().key(requested.ask().action_hash()))
            .await
            .unwrap();
        assert_eq!(key.approval() == Some(*id), requested.status().is_open(), "approval {id}");
    }
    held_by_the_living(&world.states);
}

fn held_by_the_living(states: &States) {
    for (key, reservation) in &states.reservations {
        let open = |id: ApprovalId| states.approvals[&id].status().is_some_and(approval::Status::is_open);
        assert!(reservation.approval().is_none_or(open), "{key} is held by an approval that is over");
    }
}
