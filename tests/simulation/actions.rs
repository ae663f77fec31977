//! What anybody may ask for, and how it is decided on what the repository has.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use mc_domain::{
    agent::{self, Agent, Directive, Heartbeat, PauseReason, Profile},
    aggregate::{Aggregate, CommandContext},
    alert::{self, Alert},
    approval::{
        self, ActionType, Approval, Ask, ContentHash, Lifetime, Payload, Quorum, Request, Risk, Terms,
    },
    ids::{AgentId, AlertId, ApprovalId, LeaseId, NotificationId, ProjectId, RunId, TaskId},
    money::Usd,
    notification::{self, Notice, Notification},
    operation::{
        Allowed, Answer, ApprovalScope, Cast, Claims, CompleteRun, CorrectAgent, CreateTask, DecideApproval,
        Decision, Entity, Load, MoveTask, Names, Outcome, ReassignTask, RegisterAgent, Rejection, SpawnAgent,
        StartRun, UseTool, block_halted, change_profile, claim_task, complete_run, correct_agent,
        create_project, create_task, decide_approval, directives, end_lease, escalate_approval,
        expire_approval, fail_notification, follow_halt, follow_task, halt_squad, heartbeat, mark_heard,
        mark_stale, move_task, post_message, quarantine_agent, reassign_task, record_tool_call,
        register_agent, request_approval, restart_agent, resubmit_approval, resume_agent, resume_squad,
        retire_agent, sign_off_agent, spawn_agent, start_run, time_out_run, unfollow_task, with_cast,
        withdraw_approval, withdraw_overrides,
    },
    policy::{self, Policy, Scope, document::Document},
    process::RetirementCause,
    project::{self, Halt, Project},
    recorded::Streamed,
    reservation::{Key, Reservation},
    run::{Bill, Outcome as End, Run, ToolCall, ToolRisk},
    standup::{self, Report, Standup},
    task::{self, Details, Message, Status, Task},
    values::{Label, Name, Reason, Slug, Text},
};
use mc_store::{error::StoreError, repository::UnitOfWork};

use crate::{
    policies::Draft,
    world::{Failure, States},
};

/// What is asked for. Whoever asks, and whether it can be had, is another matter.
#[derive(Debug, Clone)]
pub enum Action {
    CreateProject {
        project: ProjectId,
        slug: String,
    },
    EditProject {
        project: ProjectId,
        daily_cap: Option<Usd>,
    },
    /// The barrier alone; what follows comes with the next two, sooner or later.
    HaltSquad {
        project: ProjectId,
        halt: Halt,
    },
    FollowHalt {
        project: ProjectId,
        number: u64,
        agents: Vec<AgentId>,
    },
    BlockHalted {
        project: ProjectId,
        number: u64,
        tasks: Vec<TaskId>,
    },
    ResumeSquad {
        project: ProjectId,
        agents: Vec<AgentId>,
    },
    PublishPolicy {
        scope: Scope,
        draft: Draft,
        document: Box<Document>,
    },
    Register {
        project: ProjectId,
        fresh: AgentId,
        profile: Profile,
    },
    ChangeProfile {
        agent: AgentId,
        profile: Profile,
        overrides: Vec<ApprovalId>,
    },
    Spawn {
        parent: AgentId,
        fresh: AgentId,
        profile: Profile,
        active_agents: u32,
    },
    Retire {
        child: AgentId,
        parent: Option<AgentId>,
        cause: RetirementCause,
    },
    Heartbeat {
        agent: AgentId,
        session: Option<u8>,
        error: bool,
    },
    MarkStale {
        agent: AgentId,
    },
    MarkHeard {
        agent: AgentId,
    },
    EndLease {
        agent: AgentId,
        lease: LeaseId,
        heard: DateTime<Utc>,
    },
    EndDrain {
        agent: AgentId,
    },
    Pause {
        agent: AgentId,
        reason: PauseReason,
    },
    Resume {
        agent: AgentId,
    },
    Drain {
        agent: AgentId,
    },
    Quarantine {
        agent: AgentId,
    },
    SignOff {
        agent: AgentId,
    },
    Restart {
        agent: AgentId,
    },
    Correct {
        agent: AgentId,
        wish: CorrectAgent,
    },
    CreateTask {
        project: ProjectId,
        fresh: TaskId,
        parent: Option<TaskId>,
        wish: CreateTask,
    },
    EditTask {
        task: TaskId,
        details: Details,
        overrides: Vec<ApprovalId>,
    },
    Subscribe {
        task: TaskId,
    },
    Unsubscribe {
        task: TaskId,
    },
    Archive {
        task: TaskId,
    },
    Restore {
        task: TaskId,
    },
    Claim {
        task: TaskId,
        agent: AgentId,
    },
    Move {
        task: TaskId,
        wish: MoveTask,
    },
    Reassign {
        task: TaskId,
        wish: ReassignTask,
    },
    Post {
        task: TaskId,
        message: Message,
    },
    StartRun {
        fresh: RunId,
        agent: AgentId,
        task: Option<TaskId>,
        estimate: Option<Usd>,
    },
    EndRun {
        run: RunId,
        outcome: End,
        cost: Option<Usd>,
    },
    TimeOutRun {
        run: RunId,
    },
    CallTool {
        run: RunId,
        call: ToolCall,
    },
    RequestApproval {
        fresh: ApprovalId,
        asked: Asked,
    },
    DecideApproval {
        approval: ApprovalId,
        answer: Answer,
        stale: bool,
        lease: LeaseId,
    },
    WithdrawApproval {
        approval: ApprovalId,
        lease: LeaseId,
    },
    ResubmitApproval {
        approval: ApprovalId,
        tool: &'static str,
    },
    EscalateApproval {
        approval: ApprovalId,
    },
    ExpireApproval {
        approval: ApprovalId,
    },
    Attend {
        alert: alert::Key,
        id: AlertId,
        how: Attention,
    },
    Notify {
        notice: Notice,
    },
    DeliverNotification {
        notification: NotificationId,
        project: Option<ProjectId>,
    },
    ReadNotification {
        notification: NotificationId,
        project: Option<ProjectId>,
    },
    FailNotification {
        notification: NotificationId,
        project: Option<ProjectId>,
    },
    ExpireNotification {
        notification: NotificationId,
        project: Option<ProjectId>,
    },
    RecordStandup {
        key: standup::Key,
        report: Report,
    },
}

/// Every kind of command, for which all aggregates and operations are asked.
pub const KINDS: &[&str] = &[
    "acknowledge alert",
    "approve",
    "archive task",
    "break off run",
    "call red tool",
    "call tool",
    "change profile",
    "claim task",
    "complete run",
    "correct agent",
    "create project",
    "create task",
    "deliver notification",
    "deny",
    "drain agent",
    "edit project",
    "edit task",
    "subscribe",
    "unsubscribe",
    "emergency stop",
    "end drain",
    "end lease",
    "end run as timed out",
    "escalate approval",
    "expire approval",
    "expire notification",
    "fail notification",
    "fail run",
    "heartbeat",
    "heartbeat with error",
    "ignore alert",
    "mark heard",
    "mark stale",
    "move to assigned",
    "move to blocked",
    "move to canceled",
    "move to done",
    "move to failed",
    "move to in_progress",
    "move to inbox",
    "move to needs_approval",
    "move to review",
    "notify",
    "pause agent",
    "pause squad",
    "post message",
    "post reply",
    "post under lease",
    "publish default policy",
    "publish looser policy",
    "publish malformed policy",
    "publish stricter policy",
    "quarantine agent",
    "read notification",
    "reassign task",
    "record standup",
    "register agent",
    "request approval",
    "request revision",
    "resolve alert",
    "restart agent",
    "restore task",
    "resubmit approval",
    "resume agent",
    "resume squad",
    "retire agent",
    "sign off agent",
    "spawn agent",
    "start run",
    "time out run",
    "withdraw approval",
];
/// What cannot be had by anybody.
pub const ONLY_REFUSED: &[&str] = &["publish malformed policy"];

/// What an approval is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub by: mc_domain::actor::Actor,
    pub project: ProjectId,
    pub task: Option<TaskId>,
    pub agent: Option<AgentId>,
    pub action: ActionType,
    pub tool: &'static str,
    pub cost: Option<Usd>,
    pub required: Quorum,
    pub lifetime: Lifetime,
}

/// What an operator does about an alert.
#[derive(Debug, Clone, Copy)]
pub enum Attention {
    Acknowledge,
    Resolve,
    Ignore,
}

impl Action {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateProject { .. } => "create project",
            Self::EditProject { .. } => "edit project",
            Self::HaltSquad { halt: Halt::Pause, .. } => "pause squad",
            Self::HaltSquad { halt: Halt::Emergency, .. } => "emergency stop",
            Self::FollowHalt { .. } => "pause those who are halted",
            Self::BlockHalted { .. } => "block what is halted",
            Self::ResumeSquad { .. } => "resume squad",
            Self::PublishPolicy { draft: Draft::Default, .. } => "publish default policy",
            Self::PublishPolicy { draft: Draft::Stricter, .. } => "publish stricter policy",
            Self::PublishPolicy { draft: Draft::Looser, .. } => "publish looser policy",
            Self::PublishPolicy { draft: Draft::Malformed, .. } => "publish malformed policy",
            Self::Register { .. } => "register agent",
            Self::ChangeProfile { .. } => "change profile",
            Self::Spawn { .. } => "spawn agent",
            Self::Retire { .. } => "retire agent",
            Self::Heartbeat { error: false, .. } => "heartbeat",
            Self::Heartbeat { error: true, .. } => "heartbeat with error",
            Self::MarkStale { .. } => "mark stale",
            Self::MarkHeard { .. } => "mark heard",
            Self::EndLease { .. } => "end lease",
            Self::EndDrain { .. } => "end drain",
            Self::Pause { .. } => "pause agent",
            Self::Resume { .. } => "resume agent",
            Self::Drain { .. } => "drain agent",
            Self::Quarantine { .. } => "quarantine agent",
            Self::SignOff { .. } => "sign off agent",
            Self::Restart { .. } => "restart agent",
            Self::Correct { .. } => "correct agent",
            Self::CreateTask { .. } => "create task",
            Self::EditTask { .. } => "edit task",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Archive { .. } => "archive task",
            Self::Restore { .. } => "restore task",
            Self::Claim { .. } => "claim task",
            Self::Move { wish, .. } => match wish.to.to {
                Status::Inbox => "move to inbox",
                Status::Assigned => "move to assigned",
                Status::InProgress => "move to in_progress",
                Status::Review => "move to review",
                Status::NeedsApproval => "move to needs_approval",
                Status::Blocked => "move to blocked",
                Status::Failed => "move to failed",
                Status::Done => "move to done",
                Status::Canceled => "move to canceled",
            },
            Self::Reassign { .. } => "reassign task",
            Self::Post { message: Message { reply_to: Some(_), .. }, .. } => "post reply",
            Self::Post { message: Message { lease: Some(_), .. }, .. } => "post under lease",
            Self::Post { .. } => "post message",
            Self::StartRun { .. } => "start run",
            Self::EndRun { outcome: End::Completed, .. } => "complete run",
            Self::EndRun { outcome: End::Failed, .. } => "fail run",
            Self::EndRun { outcome: End::TimedOut, .. } => "end run as timed out",
            Self::EndRun { outcome: End::Aborted, .. } => "break off run",
            Self::TimeOutRun { .. } => "time out run",
            Self::CallTool { call: ToolCall { risk: Some(ToolRisk::Red), .. }, .. } => "call red tool",
            Self::CallTool { .. } => "call tool",
            Self::RequestApproval { .. } => "request approval",
            Self::DecideApproval { answer: Answer::Approve { .. }, .. } => "approve",
            Self::DecideApproval { answer: Answer::Deny { .. }, .. } => "deny",
            Self::DecideApproval { answer: Answer::RequestRevision { .. }, .. } => "request revision",
            Self::WithdrawApproval { .. } => "withdraw approval",
            Self::ResubmitApproval { .. } => "resubmit approval",
            Self::EscalateApproval { .. } => "escalate approval",
            Self::ExpireApproval { .. } => "expire approval",
            Self::Attend { how: Attention::Acknowledge, .. } => "acknowledge alert",
            Self::Attend { how: Attention::Resolve, .. } => "resolve alert",
            Self::Attend { how: Attention::Ignore, .. } => "ignore alert",
            Self::Notify { .. } => "notify",
            Self::DeliverNotification { .. } => "deliver notification",
            Self::ReadNotification { .. } => "read notification",
            Self::FailNotification { .. } => "fail notification",
            Self::ExpireNotification { .. } => "expire notification",
            Self::RecordStandup { .. } => "record standup",
        }
    }

    /// The project whose policy it is decided under.
    pub fn project(&self, states: &States) -> Option<ProjectId> {
        match self {
            Self::CreateProject { project, .. }
            | Self::EditProject { project, .. }
            | Self::HaltSquad { project, .. }
            | Self::FollowHalt { project, .. }
            | Self::BlockHalted { project, .. }
            | Self::ResumeSquad { project, .. }
            | Self::Register { project, .. }
            | Self::CreateTask { project, .. } => Some(*project),
            Self::PublishPolicy { scope, .. } => scope.project(),
            Self::Spawn { parent: agent, .. }
            | Self::Retire { child: agent, .. }
            | Self::ChangeProfile { agent, .. }
            | Self::Heartbeat { agent, .. }
            | Self::MarkStale { agent }
            | Self::MarkHeard { agent }
            | Self::EndLease { agent, .. }
            | Self::EndDrain { agent }
            | Self::Pause { agent, .. }
            | Self::Resume { agent }
            | Self::Drain { agent }
            | Self::Quarantine { agent }
            | Self::SignOff { agent }
            | Self::Restart { agent }
            | Self::Correct { agent, .. }
            | Self::StartRun { agent, .. } => states.agent(*agent).map(|agent| agent.project()),
            Self::EditTask { task, .. }
            | Self::Subscribe { task }
            | Self::Unsubscribe { task }
            | Self::Archive { task }
            | Self::Restore { task }
            | Self::Claim { task, .. }
            | Self::Move { task, .. }
            | Self::Reassign { task, .. }
            | Self::Post { task, .. } => states.task(*task).map(|task| task.project()),
            Self::EndRun { run, .. } | Self::TimeOutRun { run } | Self::CallTool { run, .. } => {
                states.runs.get(run)?.running().ok().map(|running| running.terms().project)
            }
            Self::RequestApproval { asked, .. } => Some(asked.project),
            Self::DecideApproval { approval, .. }
            | Self::WithdrawApproval { approval, .. }
            | Self::ResubmitApproval { approval, .. }
            | Self::EscalateApproval { approval }
            | Self::ExpireApproval { approval } => {
                states.approvals.get(approval)?.requested().ok().map(|requested| requested.subject().project)
            }
            Self::Attend { alert, .. } => {
                states.alerts.get(alert)?.episode().ok().map(|known| known.project())
            }
            Self::Notify { notice } => notice.project,
            Self::DeliverNotification { project, .. }
            | Self::ReadNotification { project, .. }
            | Self::FailNotification { project, .. }
            | Self::ExpireNotification { project, .. } => *project,
            Self::RecordStandup { key, .. } => Some(key.project),
        }
    }
}

/// Decides `action` on what `unit` has.
pub fn decide(
    action: &Action,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Outcome, Failure> {
    match action.clone() {
        Action::CreateProject { .. }
        | Action::EditProject { .. }
        | Action::HaltSquad { .. }
        | Action::FollowHalt { .. }
        | Action::BlockHalted { .. }
        | Action::ResumeSquad { .. }
        | Action::PublishPolicy { .. } => on_project(action.clone(), unit, context).map(Outcome::from),
        Action::Register { .. }
        | Action::ChangeProfile { .. }
        | Action::Spawn { .. }
        | Action::Retire { .. }
        | Action::Heartbeat { .. }
        | Action::MarkStale { .. }
        | Action::MarkHeard { .. }
        | Action::EndLease { .. }
        | Action::EndDrain { .. }
        | Action::Pause { .. }
        | Action::Resume { .. }
        | Action::Drain { .. }
        | Action::Quarantine { .. }
        | Action::SignOff { .. }
        | Action::Restart { .. }
        | Action::Correct { .. } => on_agent(action.clone(), unit, context).map(Outcome::from),
        Action::CreateTask { .. }
        | Action::EditTask { .. }
        | Action::Subscribe { .. }
        | Action::Unsubscribe { .. }
        | Action::Archive { .. }
        | Action::Restore { .. }
        | Action::Claim { .. }
        | Action::Move { .. }
        | Action::Reassign { .. }
        | Action::Post { .. } => on_task(action.clone(), unit, context).map(Outcome::from),
        Action::StartRun { fresh, agent, task, estimate } => {
            let (run, model) = (unit.load::<Run>(&fresh)?, Label::new("a-model").unwrap());
            let wish = StartRun { task, model, session_key: None, estimate };
            asking(unit, |cast| start_run(&run, agent, wish.clone(), cast, context))
        }
        Action::EndRun { run, outcome, cost } => {
            let run = unit.load::<Run>(&run)?;
            let error = (outcome == End::Failed).then(|| reason("it failed"));
            let wish = CompleteRun { outcome, bill: Bill { cost, error, ..Bill::default() } };
            asking(unit, |cast| complete_run(&run, wish.clone(), cast, context)).map(Outcome::from)
        }
        Action::TimeOutRun { run } => {
            let run = unit.load::<Run>(&run)?;
            asking(unit, |cast| time_out_run(&run, cast, context)).map(Outcome::from)
        }
        Action::CallTool { run, call } => {
            let run = unit.load::<Run>(&run)?;
            let wish = UseTool { call: call.clone(), policy: ToolRisk::Green, params: None };
            asking(unit, |cast| record_tool_call(&run, wish.clone(), cast, context))
        }
        Action::RequestApproval { .. }
        | Action::DecideApproval { .. }
        | Action::WithdrawApproval { .. }
        | Action::ResubmitApproval { .. }
        | Action::EscalateApproval { .. }
        | Action::ExpireApproval { .. } => on_approval(action.clone(), unit, context),
        Action::Attend { alert, id, how } => attend(&alert, id, how, unit, context).map(Outcome::from),
        Action::Notify { .. }
        | Action::DeliverNotification { .. }
        | Action::ReadNotification { .. }
        | Action::FailNotification { .. }
        | Action::ExpireNotification { .. } => {
            on_notification(action.clone(), unit, context).map(Outcome::from)
        }
        Action::RecordStandup { key, report } => {
            let standup = unit.load::<Standup>(&key)?;
            let events = standup.decide(standup::Command::Record { report }, context)?;
            Ok(Decision::of(&standup, Some(key.project), events).into())
        }
    }
}

fn on_project(
    action: Action,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let why = Some(reason("because"));
    match action {
        Action::CreateProject { project, slug } => {
            let slug = Slug::new(&slug).unwrap();
            let name = unit.load::<Reservation>(&Key::project(&slug))?;
            let profile = project::Profile::new(Name::new(slug.as_str()).unwrap());
            let project = unit.load::<Project>(&project)?;
            Ok(create_project(&project, &name, slug, profile, context)?)
        }
        Action::EditProject { project, daily_cap } => {
            let project = unit.load::<Project>(&project)?;
            let name = Name::new("A project").unwrap();
            let profile = project::Profile { daily_cap, ..project::Profile::new(name) };
            let events = project.decide(project::Command::Edit { profile }, context)?;
            Ok(Decision::of(&project, Some(project.id), events))
        }
        Action::HaltSquad { project, halt } => {
            Ok(halt_squad(&unit.load::<Project>(&project)?, halt, why, context)?)
        }
        Action::FollowHalt { project, number, agents } => {
            let (project, agents) = (unit.load::<Project>(&project)?, all::<Agent>(unit, &agents)?);
            Ok(follow_halt(&project, number, &agents, context)?)
        }
        Action::BlockHalted { project, number, tasks } => {
            let (project, tasks) = (unit.load::<Project>(&project)?, all::<Task>(unit, &tasks)?);
            asking(unit, |cast| block_halted(&project, number, &tasks, cast, context))
        }
        Action::ResumeSquad { project, agents } => {
            let (project, agents) = (unit.load::<Project>(&project)?, all::<Agent>(unit, &agents)?);
            Ok(resume_squad(&project, &agents, why, context)?)
        }
        Action::PublishPolicy { scope, document, .. } => {
            let policy = unit.load::<Policy>(&scope)?;
            let events = policy.decide(policy::Command::Publish { document }, context)?;
            Ok(Decision::of(&policy, scope.project(), events))
        }
        other => unreachable!("{other:?} is not about a project"),
    }
}

fn on_agent(
    action: Action,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    match action {
        Action::Register { project, fresh, profile } => register(project, fresh, profile, unit, context),
        Action::ChangeProfile { agent, profile, overrides } => {
            rename(agent, profile, &overrides, unit, context)
        }
        Action::Spawn { parent, fresh, profile, active_agents } => {
            spawn(parent, fresh, profile, active_agents, unit, context)
        }
        Action::Retire { child, parent, cause } => {
            let parent = parent.map(|parent| unit.load::<Agent>(&parent)).transpose()?;
            at_work(child, unit, |agent, task, cast| {
                retire_agent(agent, parent.as_ref(), task, cause, cast, context)
            })
        }
        Action::Heartbeat { agent, session, error } => {
            let session_key = session.map(|session| Label::new(&format!("session-{session}")).unwrap());
            let beat = Heartbeat { session_key, error: error.then(|| reason("timeout")) };
            at_work(agent, unit, |agent, task, cast| {
                let decision = heartbeat(agent, task, beat.clone(), cast, context)?;
                is_told_what_it_is(agent, &decision);
                Ok(decision)
            })
        }
        Action::MarkStale { agent } => {
            let agent = unit.load::<Agent>(&agent)?;
            asking(unit, |cast| mark_stale(&agent, cast, context))
        }
        Action::MarkHeard { agent } => {
            let agent = unit.load::<Agent>(&agent)?;
            asking(unit, |cast| mark_heard(&agent, cast, context))
        }
        Action::EndLease { agent, lease, heard } => {
            let agent = unit.load::<Agent>(&agent)?;
            asking(unit, |cast| end_lease(&agent, lease, heard, cast, context))
        }
        Action::EndDrain { agent } => {
            let pause = agent::Command::Pause { reason: PauseReason::Operator, note: None };
            of_agent(agent, pause, unit, context)
        }
        Action::Pause { agent, reason } => {
            of_agent(agent, agent::Command::Pause { reason, note: None }, unit, context)
        }
        Action::Resume { agent } => {
            let agent = unit.load::<Agent>(&agent)?;
            asking(unit, |cast| resume_agent(&agent, None, cast, context))
        }
        Action::Drain { agent } => of_agent(agent, agent::Command::Drain { note: None }, unit, context),
        Action::Quarantine { agent } => at_work(agent, unit, |agent, task, cast| {
            quarantine_agent(agent, task, Some(reason("enough")), cast, context)
        }),
        Action::SignOff { agent } => {
            at_work(agent, unit, |agent, task, cast| sign_off_agent(agent, task, None, cast, context))
        }
        Action::Restart { agent } => {
            at_work(agent, unit, |agent, task, cast| restart_agent(agent, task, None, cast, context))
        }
        Action::Correct { agent, wish } => {
            at_work(agent, unit, |agent, task, cast| correct_agent(agent, task, wish.clone(), cast, context))
        }
        other => unreachable!("{other:?} is not about an agent"),
    }
}

/// The answer to a heartbeat names what the agent has become, and a restart until it was delivered.
fn is_told_what_it_is(agent: &Entity<Agent>, decision: &Decision) {
    let (was, now) = (agent.registered().unwrap(), agent.after_decision(decision));
    let standing = match now.registered().unwrap().status() {
        agent::Status::Paused => Some(Directive::Pause),
        agent::Status::Draining => Some(Directive::Drain),
        agent::Status::Quarantined => Some(Directive::Quarantine),
        agent::Status::Active | agent::Status::Offline => None,
    };
    let told = directives(agent, decision);
    assert!(standing.is_none_or(|standing| told.contains(&standing)), "{told:?} of {standing:?}");
    assert_eq!(told.contains(&Directive::Restart), was.restart_pending(), "a restart is told once");
    assert_eq!(told.len(), usize::from(standing.is_some()) + usize::from(was.restart_pending()));
    assert!(!now.registered().unwrap().restart_pending(), "a restart is still to be told of");
}

/// Whoever has the name comes back; otherwise somebody new gets it.
fn register(
    project: ProjectId,
    fresh: AgentId,
    profile: Profile,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let names = Names::load(unit, project, &profile.name, &Claims::default())?;
    let agent = unit.load::<Agent>(&names.bearer().map_or(fresh, |bearer| bearer.id))?;
    let project = unit.load::<Project>(&project)?;
    let wish = RegisterAgent { profile, parent: None, purpose: None, squad: 0 };
    Ok(register_agent(&project, &names, &agent, wish, context)?)
}

fn rename(
    agent: AgentId,
    profile: Profile,
    overrides: &[ApprovalId],
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let agent = unit.load::<Agent>(&agent)?;
    let allowed = Allowed::Agent(agent.id, agent.registered()?.profile().caps);
    let (project, current) = (agent.registered()?.project(), agent.registered()?.profile().name.clone());
    let old = Names::load(unit, project, &current, &Claims::default())?;
    let new = Names::load(unit, project, &profile.name, &Claims::default())?;
    let change =
        |cast: &Cast| change_profile(project, &agent, Some((&old, &new)), profile.clone(), cast, context);
    let decision = asking(unit, change)?;
    free_held(decision, allowed, overrides, unit, context)
}

/// What a raised cap frees joins the same commit.
fn free_held(
    decision: Decision,
    before: Allowed,
    overrides: &[ApprovalId],
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let overrides = all::<Approval>(unit, overrides)?;
    let free = |cast: &Cast| withdraw_overrides(before, &overrides, cast, context);
    let freed: Decision =
        with_cast::<_, _, Failure>(&mut After { unit, decided: &decision }, Cast::default(), free)?;
    Ok(decision.and(freed))
}

/// Everything as it is after a decision that is still to be committed.
struct After<'a, 'u> {
    unit: &'a mut UnitOfWork<'u>,
    decided: &'a Decision,
}

impl Load for After<'_, '_> {
    type Error = StoreError;

    fn load<A: Streamed>(&mut self, id: &A::Id) -> Result<Entity<A>, StoreError> {
        Ok(self.unit.load::<A>(id)?.after_decision(self.decided))
    }
}

fn spawn(
    parent: AgentId,
    fresh: AgentId,
    profile: Profile,
    active_agents: u32,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let parent = unit.load::<Agent>(&parent)?;
    let project = unit.load::<Project>(&parent.registered()?.project())?;
    let names = Names::load(unit, project.id, &profile.name, &Claims::default())?;
    let child = unit.load::<Agent>(&names.bearer().map_or(fresh, |bearer| bearer.id))?;
    let wish = SpawnAgent { profile, purpose: reason("to help"), active_agents, squad: 0 };
    Ok(spawn_agent(&project, &names, &child, &parent, wish, context)?)
}

fn of_agent(
    agent: AgentId,
    command: agent::Command,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let agent = unit.load::<Agent>(&agent)?;
    let events = agent.decide(command, context)?;
    let project = agent.registered()?.project();
    Ok(Decision::of(&agent, Some(project), events))
}

/// An operation on an agent and the task it works on.
fn at_work(
    agent: AgentId,
    unit: &mut UnitOfWork<'_>,
    ask: impl Fn(&Entity<Agent>, Option<&Entity<Task>>, &Cast) -> Result<Decision, Rejection>,
) -> Result<Decision, Failure> {
    let agent = unit.load::<Agent>(&agent)?;
    let work = agent.registered()?.work();
    let task = work.map(|work| unit.load::<Task>(&work.task)).transpose()?;
    asking(unit, |cast| ask(&agent, task.as_ref(), cast))
}

fn on_task(action: Action, unit: &mut UnitOfWork<'_>, context: &CommandContext) -> Result<Decision, Failure> {
    match action {
        Action::CreateTask { project, fresh, parent, wish } => {
            let (project, task) = (unit.load::<Project>(&project)?, unit.load::<Task>(&fresh)?);
            let parent = parent.map(|parent| unit.load::<Task>(&parent)).transpose()?;
            asking(unit, |cast| create_task(&project, &task, parent.as_ref(), wish.clone(), cast, context))
        }
        Action::EditTask { task, details, overrides } => {
            let before = unit.load::<Task>(&task)?.present()?.details().budget;
            let decision = of_task(task, task::Command::Edit(details), unit, context)?;
            free_held(decision, Allowed::Task(task, before), &overrides, unit, context)
        }
        Action::Subscribe { task } => {
            let task = unit.load::<Task>(&task)?;
            asking(unit, |cast| follow_task(&task, cast, context))
        }
        Action::Unsubscribe { task } => Ok(unfollow_task(&unit.load::<Task>(&task)?, context)?),
        Action::Archive { task } => of_task(task, task::Command::Archive, unit, context),
        Action::Restore { task } => of_task(task, task::Command::Restore, unit, context),
        Action::Claim { task, agent } => {
            let (task, agent) = (unit.load::<Task>(&task)?, unit.load::<Agent>(&agent)?);
            asking(unit, |cast| claim_task(&task, &agent, cast, context))
        }
        Action::Move { task, wish } => {
            let task = unit.load::<Task>(&task)?;
            asking(unit, |cast| move_task(&task, wish.clone(), cast, context))
        }
        Action::Reassign { task, wish } => {
            let task = unit.load::<Task>(&task)?;
            asking(unit, |cast| reassign_task(&task, wish.clone(), cast, context))
        }
        Action::Post { task, message } => {
            let task = unit.load::<Task>(&task)?;
            asking(unit, |cast| post_message(&task, message.clone(), cast, context))
        }
        other => unreachable!("{other:?} is not about a task"),
    }
}

fn of_task(
    task: TaskId,
    command: task::Command,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let task = unit.load::<Task>(&task)?;
    let events = task.decide(command, context)?;
    Ok(Decision::of(&task, Some(task.present()?.project()), events))
}

fn on_approval(
    action: Action,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Outcome, Failure> {
    let (id, lease) = match &action {
        Action::RequestApproval { fresh, asked } => return request(*fresh, asked, unit, context),
        Action::DecideApproval { approval, lease, .. } | Action::WithdrawApproval { approval, lease } => {
            (*approval, Some(*lease))
        }
        Action::ResubmitApproval { approval, .. }
        | Action::EscalateApproval { approval }
        | Action::ExpireApproval { approval } => (*approval, None),
        other => unreachable!("{other:?} is not about an approval"),
    };
    let approval = unit.load::<Approval>(&id)?;
    let requested = approval.requested()?.clone();
    let key = unit.load::<Reservation>(&requested.subject().key(requested.ask().action_hash()))?;
    let task = requested.subject().task.map(|task| unit.load::<Task>(&task)).transpose()?;
    let next = ask_for(requested.subject().action_type, tool_of(&action), requested.ask().estimated_cost());
    let next_key = unit.load::<Reservation>(&requested.subject().key(next.action_hash()))?;
    asking(unit, |cast| {
        let scope = ApprovalScope { approval: &approval, key: &key, task: task.as_ref(), cast };
        let concluded = match action.clone() {
            Action::DecideApproval { answer, stale, .. } => {
                let content = stale.then(|| "0".repeat(64).parse::<ContentHash>().unwrap());
                let wish = DecideApproval { answer, content, lease: lease.expect("a decision has one") };
                decide_approval(scope, wish, context)
            }
            Action::WithdrawApproval { lease, .. } => withdraw_approval(scope, None, lease, context),
            Action::ResubmitApproval { .. } => {
                resubmit_approval(scope, &next_key, (next.clone(), requested.required()), context)
            }
            Action::EscalateApproval { .. } => {
                return escalate_approval(&approval, context).map(Outcome::from);
            }
            Action::ExpireApproval { .. } => expire_approval(scope, context),
            other => unreachable!("{other:?} is not about an approval"),
        };
        concluded.map(|concluded| concluded.outcome)
    })
}

fn tool_of(action: &Action) -> &'static str {
    if let Action::ResubmitApproval { tool, .. } = action { tool } else { "deploy_prod" }
}

fn request(
    fresh: ApprovalId,
    asked: &Asked,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Outcome, Failure> {
    let subject = approval::Subject {
        project: asked.project,
        task: asked.task,
        agent: asked.agent,
        action_type: asked.action,
    };
    let ask = ask_for(asked.action, asked.tool, asked.cost);
    let key = unit.load::<Reservation>(&subject.key(ask.action_hash()))?;
    let (project, approval) = (unit.load::<Project>(&asked.project)?, unit.load::<Approval>(&fresh)?);
    let task = asked.task.map(|task| unit.load::<Task>(&task)).transpose()?;
    let (lifetime, required) = (asked.lifetime, asked.required);
    let wish = Request { requestor: asked.by.clone(), subject, ask, lifetime, required };
    asking(unit, |cast| {
        let asked = request_approval(&project, &approval, &key, task.as_ref(), wish.clone(), cast, context);
        asked.map(|asked| asked.decision.into())
    })
}

fn ask_for(action: ActionType, tool: &str, estimated_cost: Option<Usd>) -> Ask {
    let payload = payload_of(tool);
    let terms = Terms {
        summary: reason("May I?"),
        risk: Risk::Red,
        justification: Text::new("It has to be done.").unwrap(),
        rollback_plan: None,
        estimated_cost,
        payload: Some(Payload::try_from(payload.clone()).unwrap()),
    };
    Ask::new(&approval::Action::with(action, &payload.into()), terms)
}

/// The parameters of an action that uses a tool.
fn payload_of(tool: &str) -> serde_json::Value {
    serde_json::json!({ "tool": tool })
}

fn attend(
    alert: &alert::Key,
    id: AlertId,
    how: Attention,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let alert = unit.load::<Alert>(alert)?;
    let command = match how {
        Attention::Acknowledge => alert::Command::Acknowledge { id, note: None },
        Attention::Resolve => alert::Command::Resolve { id, note: None },
        Attention::Ignore => alert::Command::Ignore { id, note: None },
    };
    let events = alert.decide(command, context)?;
    Ok(Decision::of(&alert, Some(alert.episode()?.project()), events))
}

fn on_notification(
    action: Action,
    unit: &mut UnitOfWork<'_>,
    context: &CommandContext,
) -> Result<Decision, Failure> {
    let (id, command, project) = match action {
        Action::Notify { notice } => {
            (notice.id(), notification::Command::Queue(notice.clone()), notice.project)
        }
        Action::DeliverNotification { notification, project } => {
            (notification, notification::Command::Deliver, project)
        }
        Action::ReadNotification { notification, project } => {
            (notification, notification::Command::Read, project)
        }
        Action::ExpireNotification { notification, project } => {
            (notification, notification::Command::Expire, project)
        }
        Action::FailNotification { notification, project } => {
            let notification = unit.load::<Notification>(&notification)?;
            return asking(unit, |cast| {
                fail_notification(&notification, project, reason("no answer"), cast, context)
            });
        }
        other => unreachable!("{other:?} is not about a notification"),
    };
    let notification = unit.load::<Notification>(&id)?;
    Ok(Decision::of(&notification, project, notification.decide(command, context)?))
}

fn asking<T>(
    unit: &mut UnitOfWork<'_>,
    ask: impl FnMut(&Cast) -> Result<T, Rejection>,
) -> Result<T, Failure> {
    with_cast(unit, Cast::default(), ask)
}

fn all<A: Streamed>(unit: &mut UnitOfWork<'_>, ids: &[A::Id]) -> Result<Vec<Entity<A>>, Failure> {
    ids.iter().map(|id| Ok(unit.load::<A>(id)?)).collect()
}

pub fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

pub fn crew(agents: impl IntoIterator<Item = AgentId>) -> BTreeSet<AgentId> {
    agents.into_iter().collect()
}

/// A hash as good as any for a test.
pub fn sha256(text: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    text.bytes().enumerate().for_each(|(n, byte)| digest[n % 32] ^= byte.rotate_left(n as u32 / 32));
    digest
}
