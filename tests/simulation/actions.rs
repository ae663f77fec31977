//! What anybody may ask for, and how it is decided on what the repository has.

use std::collections::BTreeSet;

use crate::{
    policies::Draft,
    world::{Failure, States},
};
use chrono::{DateTime, Utc};
use mc_domain::{
    agent::{self, Agent, Directive, Heartbeat, PauseReason, Profile},
    aggregate::Aggregate,
    alert::{self, Alert},
    approval::{
        self, ActionType, Approval, Ask, ContentHash, Lifetime, Payload, Quorum, Request, Risk, Terms,
    },
    credential::{self, Credential, Grant, SecretHash},
    ids::{AgentId, AlertId, ApprovalId, CredentialId, LeaseId, NotificationId, ProjectId, RunId, TaskId},
    money::Usd,
    notification::{self, Notice, Notification},
    operation::{
        Allowed, Answer, Claims, CompleteRun, CorrectAgent, CreateTask, DecideApproval, MoveTask, Names,
        Outcome, ReassignTask, RegisterAgent, SpawnAgent, StartRun, UseTool, block_halted, change_profile,
        claim_task, complete_run, correct_agent, create_project, create_task, decide_approval, directives,
        drain_agent, end_lease, escalate_approval, expire_approval, fail_notification, follow_halt,
        follow_task, halt_squad, heartbeat, issue_credential, mark_heard, mark_stale, move_task, pause_agent,
        post_message, quarantine_agent, reassign_task, record_tool_call, register_agent, request_approval,
        restart_agent, resubmit_approval, resume_agent, resume_squad, retire_agent, revoke_credential,
        sign_off_agent, spawn_agent, start_run, time_out_run, unfollow_task, withdraw_approval,
        withdraw_overrides,
    },
    policy::{self, Policy, Scope, document::Document},
    process::RetirementCause,
    project::{self, Halt, Project},
    run::{Bill, Outcome as End, ToolCall, ToolRisk},
    standup::{self, Report, Standup},
    task::{self, Details, Message, Status, Task},
    transaction::Transaction,
    values::{Label, Name, Reason, Slug, Text},
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
        request: CorrectAgent,
    },
    CreateTask {
        project: ProjectId,
        fresh: TaskId,
        parent: Option<TaskId>,
        request: CreateTask,
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
        request: MoveTask,
    },
    Reassign {
        task: TaskId,
        request: ReassignTask,
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
    /// `governors` are what the view knows, as the server has it.
    IssueCredential {
        fresh: CredentialId,
        grant: Grant,
        secret: SecretHash,
        governors: Vec<CredentialId>,
    },
    RenameCredential {
        credential: CredentialId,
        name: Name,
    },
    RevokeCredential {
        credential: CredentialId,
        governors: Vec<CredentialId>,
    },
    NoteUse {
        credential: CredentialId,
        at: DateTime<Utc>,
    },
    OpenSession {
        credential: CredentialId,
        session: SecretHash,
    },
    NoteSession {
        credential: CredentialId,
        session: SecretHash,
        at: DateTime<Utc>,
    },
    EndSession {
        credential: CredentialId,
        session: SecretHash,
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
    "end session",
    "escalate approval",
    "expire approval",
    "expire notification",
    "fail notification",
    "fail run",
    "heartbeat",
    "heartbeat with error",
    "ignore alert",
    "issue credential",
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
    "note session",
    "note use",
    "notify",
    "open session",
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
    "rename credential",
    "request approval",
    "request revision",
    "resolve alert",
    "restart agent",
    "restore task",
    "resubmit approval",
    "resume agent",
    "resume squad",
    "retire agent",
    "revoke credential",
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
            Self::Move { request, .. } => match request.to.to {
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
            Self::IssueCredential { .. } => "issue credential",
            Self::RenameCredential { .. } => "rename credential",
            Self::RevokeCredential { .. } => "revoke credential",
            Self::NoteUse { .. } => "note use",
            Self::OpenSession { .. } => "open session",
            Self::NoteSession { .. } => "note session",
            Self::EndSession { .. } => "end session",
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
            Self::IssueCredential { .. }
            | Self::RenameCredential { .. }
            | Self::RevokeCredential { .. }
            | Self::NoteUse { .. }
            | Self::OpenSession { .. }
            | Self::NoteSession { .. }
            | Self::EndSession { .. } => None,
        }
    }
}

/// Decides `action` in a transaction.
pub fn decide(action: &Action, tx: &mut Transaction<'_>) -> Result<Outcome, Failure> {
    match action.clone() {
        Action::CreateProject { .. }
        | Action::EditProject { .. }
        | Action::HaltSquad { .. }
        | Action::FollowHalt { .. }
        | Action::BlockHalted { .. }
        | Action::ResumeSquad { .. }
        | Action::PublishPolicy { .. } => on_project(action.clone(), tx).map(Outcome::from),
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
        | Action::Correct { .. } => on_agent(action.clone(), tx).map(Outcome::from),
        Action::CreateTask { .. }
        | Action::EditTask { .. }
        | Action::Subscribe { .. }
        | Action::Unsubscribe { .. }
        | Action::Archive { .. }
        | Action::Restore { .. }
        | Action::Claim { .. }
        | Action::Move { .. }
        | Action::Reassign { .. }
        | Action::Post { .. } => on_task(action.clone(), tx).map(Outcome::from),
        Action::StartRun { fresh, agent, task, estimate } => {
            let model = Label::new("a-model").unwrap();
            Ok(start_run(tx, fresh, agent, StartRun { task, model, session_key: None, estimate })?)
        }
        Action::EndRun { run, outcome, cost } => {
            let error = (outcome == End::Failed).then(|| reason("it failed"));
            let request = CompleteRun { outcome, bill: Bill { cost, error, ..Bill::default() } };
            Ok(complete_run(tx, run, request)?.into())
        }
        Action::TimeOutRun { run } => Ok(time_out_run(tx, run)?.into()),
        Action::CallTool { run, call } => {
            Ok(record_tool_call(tx, run, UseTool { call, policy: ToolRisk::Green, params: None })?)
        }
        Action::RequestApproval { .. }
        | Action::DecideApproval { .. }
        | Action::WithdrawApproval { .. }
        | Action::ResubmitApproval { .. }
        | Action::EscalateApproval { .. }
        | Action::ExpireApproval { .. } => on_approval(action.clone(), tx),
        Action::Attend { alert, id, how } => attend(&alert, id, how, tx).map(Outcome::from),
        Action::Notify { .. }
        | Action::DeliverNotification { .. }
        | Action::ReadNotification { .. }
        | Action::FailNotification { .. }
        | Action::ExpireNotification { .. } => on_notification(action.clone(), tx).map(Outcome::from),
        Action::RecordStandup { key, report } => {
            let standup = tx.get::<Standup>(&key)?;
            let events = standup.decide(standup::Command::Record { report }, tx.context())?;
            tx.record_in(Some(key.project), &standup, events)?;
            Ok(Outcome::Done)
        }
        Action::IssueCredential { .. }
        | Action::RenameCredential { .. }
        | Action::RevokeCredential { .. }
        | Action::NoteUse { .. }
        | Action::OpenSession { .. }
        | Action::NoteSession { .. }
        | Action::EndSession { .. } => on_credential(action.clone(), tx).map(Outcome::from),
    }
}

fn on_project(action: Action, tx: &mut Transaction<'_>) -> Result<(), Failure> {
    let why = Some(reason("because"));
    match action {
        Action::CreateProject { project, slug } => {
            let slug = Slug::new(&slug).unwrap();
            let profile = project::Profile::new(Name::new(slug.as_str()).unwrap());
            Ok(create_project(tx, project, slug, profile)?)
        }
        Action::EditProject { project, daily_cap } => {
            let project = tx.get::<Project>(&project)?;
            let name = Name::new("A project").unwrap();
            let profile = project::Profile { daily_cap, ..project::Profile::new(name) };
            tx.execute(&project, project::Command::Edit { profile })?;
            Ok(())
        }
        Action::HaltSquad { project, halt } => Ok(halt_squad(tx, project, halt, why)?),
        Action::FollowHalt { project, number, agents } => Ok(follow_halt(tx, project, number, &agents)?),
        Action::BlockHalted { project, number, tasks } => Ok(block_halted(tx, project, number, &tasks)?),
        Action::ResumeSquad { project, agents } => Ok(resume_squad(tx, project, &agents, why)?),
        Action::PublishPolicy { scope, document, .. } => {
            let policy = tx.get::<Policy>(&scope)?;
            let events = policy.decide(policy::Command::Publish { document }, tx.context())?;
            tx.record_in(scope.project(), &policy, events)?;
            Ok(())
        }
        other => unreachable!("{other:?} is not about a project"),
    }
}

fn on_agent(action: Action, tx: &mut Transaction<'_>) -> Result<(), Failure> {
    match action {
        Action::Register { project, fresh, profile } => register(project, fresh, profile, tx),
        Action::ChangeProfile { agent, profile, overrides } => rename(agent, profile, &overrides, tx),
        Action::Spawn { parent, fresh, profile, active_agents } => {
            spawn(parent, fresh, profile, active_agents, tx)
        }
        Action::Retire { child, parent, cause } => Ok(retire_agent(tx, child, parent, cause)?),
        Action::Heartbeat { agent, session, error } => {
            let session_key = session.map(|session| Label::new(&format!("session-{session}")).unwrap());
            let request = Heartbeat { session_key, error: error.then(|| reason("timeout")) };
            let before = tx.get::<Agent>(&agent)?;
            heartbeat(tx, agent, request)?;
            is_told_what_it_is(&before, &*tx.get::<Agent>(&agent)?);
            Ok(())
        }
        Action::MarkStale { agent } => Ok(mark_stale(tx, agent)?),
        Action::MarkHeard { agent } => Ok(mark_heard(tx, agent)?),
        Action::EndLease { agent, lease, heard } => Ok(end_lease(tx, agent, lease, heard)?),
        Action::EndDrain { agent } => Ok(pause_agent(tx, agent, None)?),
        Action::Pause { agent, reason } => {
            let agent = tx.get::<Agent>(&agent)?;
            tx.execute(&agent, agent::Command::Pause { reason, note: None })?;
            Ok(())
        }
        Action::Resume { agent } => Ok(resume_agent(tx, agent, None)?),
        Action::Drain { agent } => Ok(drain_agent(tx, agent, None)?),
        Action::Quarantine { agent } => Ok(quarantine_agent(tx, agent, Some(reason("enough")))?),
        Action::SignOff { agent } => Ok(sign_off_agent(tx, agent, None)?),
        Action::Restart { agent } => Ok(restart_agent(tx, agent, None)?),
        Action::Correct { agent, request } => Ok(correct_agent(tx, agent, request)?),
        other => unreachable!("{other:?} is not about an agent"),
    }
}

/// Asserts that the answer to a heartbeat names what the agent has become, and a restart until it was delivered.
fn is_told_what_it_is(before: &Agent, after: &Agent) {
    let (was, now) = (before.registered().unwrap(), after.registered().unwrap());
    let standing = match now.status() {
        agent::Status::Paused => Some(Directive::Pause),
        agent::Status::Draining => Some(Directive::Drain),
        agent::Status::Quarantined => Some(Directive::Quarantine),
        agent::Status::Active | agent::Status::Offline => None,
    };
    let told = directives(before, after);
    assert!(standing.is_none_or(|standing| told.contains(&standing)), "{told:?} of {standing:?}");
    assert_eq!(told.contains(&Directive::Restart), was.restart_pending(), "a restart is told once");
    assert_eq!(told.len(), usize::from(standing.is_some()) + usize::from(was.restart_pending()));
    assert!(!now.restart_pending(), "a restart is still to be told of");
}

/// Whoever has the name comes back; otherwise somebody new gets it.
fn register(
    project: ProjectId,
    fresh: AgentId,
    profile: Profile,
    tx: &mut Transaction<'_>,
) -> Result<(), Failure> {
    let names = Names::load(tx, project, &profile.name, &Claims::default())?;
    let agent = names.bearer().map_or(fresh, |bearer| bearer.id);
    let request = RegisterAgent { profile, parent: None, purpose: None, squad: 0 };
    Ok(register_agent(tx, project, &names, agent, request)?)
}

/// What a raised cap frees joins the same commit.
fn rename(
    agent: AgentId,
    profile: Profile,
    overrides: &[ApprovalId],
    tx: &mut Transaction<'_>,
) -> Result<(), Failure> {
    let agent = tx.get::<Agent>(&agent)?;
    let (project, current) = (agent.registered()?.project(), agent.registered()?.profile());
    let old = Names::load(tx, project, &current.name, &Claims::default())?;
    let new = Names::load(tx, project, &profile.name, &Claims::default())?;
    change_profile(tx, agent.id, Some((&old, &new)), profile)?;
    Ok(withdraw_overrides(tx, Allowed::Agent(agent.id, current.caps), overrides)?)
}

fn spawn(
    parent: AgentId,
    fresh: AgentId,
    profile: Profile,
    active_agents: u32,
    tx: &mut Transaction<'_>,
) -> Result<(), Failure> {
    let project = tx.get::<Agent>(&parent)?.registered()?.project();
    let names = Names::load(tx, project, &profile.name, &Claims::default())?;
    let child = names.bearer().map_or(fresh, |bearer| bearer.id);
    let request = SpawnAgent { profile, purpose: reason("to help"), active_agents, squad: 0 };
    Ok(spawn_agent(tx, project, &names, child, parent, request)?)
}

fn on_task(action: Action, tx: &mut Transaction<'_>) -> Result<(), Failure> {
    match action {
        Action::CreateTask { project, fresh, parent, request } => {
            Ok(create_task(tx, project, fresh, parent, request)?)
        }
        Action::EditTask { task, details, overrides } => {
            let before = tx.get::<Task>(&task)?.present()?.details().budget;
            of_task(task, task::Command::Edit(details), tx)?;
            Ok(withdraw_overrides(tx, Allowed::Task(task, before), &overrides)?)
        }
        Action::Subscribe { task } => Ok(follow_task(tx, task)?),
        Action::Unsubscribe { task } => Ok(unfollow_task(tx, task)?),
        Action::Archive { task } => of_task(task, task::Command::Archive, tx),
        Action::Restore { task } => of_task(task, task::Command::Restore, tx),
        Action::Claim { task, agent } => Ok(claim_task(tx, task, agent)?),
        Action::Move { task, request } => Ok(move_task(tx, task, request)?),
        Action::Reassign { task, request } => Ok(reassign_task(tx, task, request)?),
        Action::Post { task, message } => Ok(post_message(tx, task, message)?),
        other => unreachable!("{other:?} is not about a task"),
    }
}

fn of_task(task: TaskId, command: task::Command, tx: &mut Transaction<'_>) -> Result<(), Failure> {
    let task = tx.get::<Task>(&task)?;
    tx.execute(&task, command)?;
    Ok(())
}

fn on_approval(action: Action, tx: &mut Transaction<'_>) -> Result<Outcome, Failure> {
    Ok(match action {
        Action::RequestApproval { fresh, asked } => return request(fresh, &asked, tx),
        Action::DecideApproval { approval, answer, stale, lease } => {
            let request_hash = stale.then(|| "0".repeat(64).parse::<ContentHash>().unwrap());
            decide_approval(tx, approval, DecideApproval { answer, content: request_hash, lease })?
        }
        Action::WithdrawApproval { approval, lease } => withdraw_approval(tx, approval, None, lease)?,
        Action::ResubmitApproval { approval, tool } => {
            let known = tx.get::<Approval>(&approval)?;
            let requested = known.requested()?;
            let next = ask_for(requested.subject().action_type, tool, requested.ask().estimated_cost());
            resubmit_approval(tx, approval, (next, requested.required()))?
        }
        Action::EscalateApproval { approval } => escalate_approval(tx, approval)?.into(),
        Action::ExpireApproval { approval } => expire_approval(tx, approval)?.into(),
        other => unreachable!("{other:?} is not about an approval"),
    })
}

fn request(fresh: ApprovalId, asked: &Asked, tx: &mut Transaction<'_>) -> Result<Outcome, Failure> {
    let subject = approval::Subject {
        project: asked.project,
        task: asked.task,
        agent: asked.agent,
        action_type: asked.action,
    };
    let ask = ask_for(asked.action, asked.tool, asked.cost);
    let (lifetime, required) = (asked.lifetime, asked.required);
    request_approval(tx, fresh, Request { requestor: asked.by.clone(), subject, ask, lifetime, required })?;
    Ok(Outcome::Done)
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

fn attend(alert: &alert::Key, id: AlertId, how: Attention, tx: &mut Transaction<'_>) -> Result<(), Failure> {
    let alert = tx.get::<Alert>(alert)?;
    let command = match how {
        Attention::Acknowledge => alert::Command::Acknowledge { id, note: None },
        Attention::Resolve => alert::Command::Resolve { id, note: None },
        Attention::Ignore => alert::Command::Ignore { id, note: None },
    };
    let project = alert.episode()?.project();
    tx.execute_in(Some(project), &alert, command)?;
    Ok(())
}

fn on_notification(action: Action, tx: &mut Transaction<'_>) -> Result<(), Failure> {
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
            return Ok(fail_notification(tx, notification, project, reason("no answer"))?);
        }
        other => unreachable!("{other:?} is not about a notification"),
    };
    let notification = tx.get::<Notification>(&id)?;
    tx.execute_in(project, &notification, command)?;
    Ok(())
}

fn on_credential(action: Action, tx: &mut Transaction<'_>) -> Result<(), Failure> {
    let (id, command) = match action {
        Action::IssueCredential { fresh, grant, secret, governors } => {
            return Ok(issue_credential(tx, fresh, grant, secret, &governors)?);
        }
        Action::RevokeCredential { credential, governors } => {
            return Ok(revoke_credential(tx, credential, Some(reason("leaked")), Some(&governors))?);
        }
        Action::RenameCredential { credential, name } => (credential, credential::Command::Rename { name }),
        Action::NoteUse { credential, at } => (credential, credential::Command::NoteUse { at }),
        Action::OpenSession { credential, session } => {
            (credential, credential::Command::OpenSession { session })
        }
        Action::NoteSession { credential, session, at } => {
            (credential, credential::Command::NoteSession { session, at })
        }
        Action::EndSession { credential, session } => {
            (credential, credential::Command::EndSession { session })
        }
        other => unreachable!("{other:?} is not about a credential"),
    };
    let credential = tx.get::<Credential>(&id)?;
    tx.execute_in(None, &credential, command)?;
    Ok(())
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
