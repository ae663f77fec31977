//! Spending too much: what follows from it, and the way out.
//!
//! Whether a run would be too dear or has turned out to be, the same follows: an approval is open for it, its task waits,
//! its agent is paused, and an alert says so.

use std::fmt;

use super::{
    Cast, Decision, Entity, Rejection, by_system,
    raise_alert::{Warning, raise},
    request_approval::open_approval,
};
use crate::{
    actor::{Actor, ActorKind},
    agent,
    aggregate::{Aggregate, CommandContext},
    alert::{Kind, Subject},
    approval::{self, Action, ActionType, Approval, Ask, ContentHash, Payload, Quorum, Request, Risk, Terms},
    budget::{self, Budget, Key},
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    json::Json,
    money::Usd,
    project::Project,
    reservation::Reservation,
    task::{Status, Task, allowed_transitions},
    values::{Reason, Text},
};

/// What is not enough for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// What the agent may spend in one run; the budget is that of its day.
    RunCap(Key),
    /// A budget.
    Budget(Key),
}

impl Cause {
    pub(super) fn key(self) -> Key {
        match self {
            Self::RunCap(key) | Self::Budget(key) => key,
        }
    }

    fn payload(self) -> Json {
        let named = |name: &str, key: Key| {
            Json::Object([(name.to_owned(), Json::from(key.to_string().as_str()))].into_iter().collect())
        };
        match self {
            Self::RunCap(key) => named("runCap", key),
            Self::Budget(key) => named("budget", key),
        }
    }

    /// What the parameters of an approval say is not enough.
    fn of(payload: &Json) -> Option<Self> {
        let key = |name| payload.get(name)?.as_str()?.parse().ok();
        key("runCap").map(Self::RunCap).or_else(|| key("budget").map(Self::Budget))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunCap(_) => f.write_str("the agent's cap per run"),
            Self::Budget(Key::AgentDay(_, day)) => write!(f, "the agent's budget of {day}"),
            Self::Budget(Key::Task(_)) => f.write_str("the task's budget"),
            Self::Budget(Key::ProjectDay(_, day)) => write!(f, "the project's budget of {day}"),
        }
    }
}

/// Who spends too much, on what, and for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overspending {
    pub(super) cause: Cause,
    pub(super) agent: AgentId,
    pub(super) task: Option<TaskId>,
    pub(super) run: RunId,
    /// What the run is expected to cost; nothing when it is over.
    pub(super) wanted: Option<Usd>,
}

/// The approval that is open for this cause already, if one is and can still be decided.
pub(super) fn approval_open_for(
    over: &Overspending,
    project: ProjectId,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Option<ApprovalId>, Rejection> {
    let (subject, action_hash) = (over.subject(over.task, project), over.action_hash());
    if let Some(open) = cast.find::<Reservation>(&subject.key(&action_hash))?.approval()
        && is_open(&*cast.find::<Approval>(&open)?, context)
    {
        return Ok(Some(open));
    }
    open_elsewhere(over, cast, context)
}

/// The approval that the agent waits for already because of the same cause, over another task or none: what it grants would
/// be granted twice by a second one.
fn open_elsewhere(
    over: &Overspending,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Option<ApprovalId>, Rejection> {
    let agent = cast.agent(over.agent)?.registered()?;
    let waits = agent.waits_for(over.cause.key());
    let Some(overrun) = agent.overrun().filter(|_| waits) else { return Ok(None) };
    let approval = cast.find::<Approval>(&overrun.approval)?;
    let asked = approval.requested().ok().and_then(|requested| requested.ask.parameters());
    let same = asked.and_then(Cause::of) == Some(over.cause);
    Ok((same && is_open(&approval, context)).then_some(overrun.approval))
}

/// Whether it is open, and has not run out without anybody having noticed.
fn is_open(approval: &Approval, context: &CommandContext) -> bool {
    approval
        .requested()
        .is_ok_and(|approval| approval.status().is_open() && !approval.is_overdue(context.now))
}

/// Adds to `decision` all that follows from spending too much, and answers which approval is open for it. Where the agent
/// waits for the same already, the one that is open counts, and its other task is not stopped: it waits with the agent.
pub(super) fn contain_overspending(
    decision: &mut Decision,
    over: &Overspending,
    cast: &Cast,
    context: &CommandContext,
) -> Result<ApprovalId, Rejection> {
    let system = by_system(context);
    let now = cast.after(decision);
    let project = now.agent(over.agent)?.registered()?.project;
    if let Some(open) = open_elsewhere(over, &now, context)? {
        raise(decision, over.warning(project, now.agent(over.agent)?.registered()?), cast, context)?;
        return Ok(open);
    }
    let project = now.find::<Project>(&project)?;
    let task = stoppable(over.task, &now)?;
    let request = over.request(task.as_ref(), project.id, &now, &system)?;
    let key = now.find::<Reservation>(&request.subject.key(request.ask.action_hash()))?;
    // A run that is refused or over causes one approval at most, so its identity is free to be the approval's.
    let approval = now.find::<Approval>(&ApprovalId::new(over.run.uuid()))?;
    let asked = open_approval(&project, &approval, &key, task.as_ref(), request, &now, &system)?;
    *decision = std::mem::take(decision).and(asked.decision);
    let agent = cast.agent(over.agent)?.after_decision(decision);
    let overspend = agent::Command::Overspend { approval: asked.approval, budget: over.cause.key() };
    let events = agent.decide(overspend, &system)?;
    decision.add_agent(&agent, events);
    raise(decision, over.warning(project.id, agent.registered()?), cast, context)?;
    Ok(asked.approval)
}

/// The task, where it can be stopped for an approval.
fn stoppable(task: Option<TaskId>, cast: &Cast) -> Result<Option<Entity<Task>>, Rejection> {
    let Some(task) = task else { return Ok(None) };
    let task = cast.find::<Task>(&task)?;
    let status = task.present()?.status();
    let allowed = allowed_transitions(status, ActorKind::System);
    let stoppable = status == Status::NeedsApproval || allowed.contains(&Status::NeedsApproval);
    Ok(stoppable.then_some(task))
}

impl Overspending {
    fn subject(&self, task: Option<TaskId>, project: ProjectId) -> approval::Subject {
        let action_type = ActionType::BudgetOverride;
        approval::Subject { project, task, agent: Some(self.agent), action_type }
    }

    fn action_hash(&self) -> ContentHash {
        Action::with(ActionType::BudgetOverride, &self.cause.payload()).hash()
    }

    fn request(
        &self,
        task: Option<&Entity<Task>>,
        project: ProjectId,
        cast: &Cast,
        system: &CommandContext,
    ) -> Result<Request, Rejection> {
        let agent = cast.agent(self.agent)?.registered()?;
        let assigned = match task {
            Some(task) => task.present()?.assignees.contains(&self.agent),
            None => true,
        };
        // An agent that may not ask by itself any more does not stand in the way of asking.
        let requestor = match assigned && agent.may_speak().is_ok() {
            true => Actor::Agent(self.agent),
            false => system.actor.clone(),
        };
        let summary = match self.wanted {
            Some(wanted) => format!("{}: spend {wanted} dollars beyond {}", agent.profile.name, self.cause),
            None => format!("{}: go on beyond {}", agent.profile.name, self.cause),
        };
        let summary = Reason::truncated(&summary).expect("it says something on one line");
        let justification = format!("{} is used up", self.cause);
        let payload = self.cause.payload();
        let terms = Terms {
            summary,
            risk: Risk::Yellow,
            justification: Text::truncated(&justification).expect("it says something on one line"),
            rollback_plan: None,
            estimated_cost: self.wanted,
            payload: Some(Payload::try_from(payload.clone()).expect("it is small and flat")),
        };
        Ok(Request {
            requestor,
            subject: self.subject(task.map(|task| task.id), project),
            ask: Ask::new(&Action::with(ActionType::BudgetOverride, &payload), terms),
            lifetime: system.policy.approvals_last(),
            required: Quorum::One,
        })
    }

    fn warning(&self, project: ProjectId, agent: &agent::Registered) -> Warning {
        let subject = subject(self.cause.key());
        let title = format!("Budget exceeded by {}", agent.profile.name);
        let description = match self.wanted {
            Some(wanted) => format!("A run of {wanted} dollars is more than is left of {}.", self.cause),
            None => format!("What was spent has used up {}.", self.cause),
        };
        Warning::new(Kind::BudgetExceeded, subject, project, title).saying(description).concerning(
            self.agent,
            self.task,
            Some(self.run),
        )
    }
}

/// What an alert about a budget is about.
pub(super) fn subject(key: Key) -> Subject {
    match key {
        Key::AgentDay(agent, _) => Subject::Agent(agent),
        Key::Task(task) => Subject::Task(task),
        Key::ProjectDay(project, _) => Subject::Project(project),
    }
}

/// What an override is asked for because of: what its parameters say, or else the agent's budget of today.
pub(super) fn cause_of(subject: &approval::Subject, ask: &Ask, context: &CommandContext) -> Option<Cause> {
    let asked = ask.parameters().and_then(Cause::of);
    let own = || subject.agent.map(|agent| Cause::Budget(Key::AgentDay(agent, context.now.date_naive())));
    if subject.action_type == ActionType::BudgetOverride { asked.or_else(own) } else { None }
}

/// The budget that an override would raise, where what is asked for is one; of its agent's days, whichever is named.
pub fn budget_asked_for(subject: &approval::Subject, ask: &Ask, context: &CommandContext) -> Option<Key> {
    cause_of(subject, ask, context).map(Cause::key)
}

/// Grants what an approved override is for: what the run was expected to cost, or else half the cap. What is granted on a
/// day's budget is granted for the day of the decision.
pub(super) fn grant_override(
    decision: &mut Decision,
    approval: &Entity<Approval>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let requested = approval.requested()?;
    let (today, project) = (context.now.date_naive(), requested.subject.project);
    let Some(cause) = cause_of(&requested.subject, &requested.ask, context) else { return Ok(()) };
    let key = match cause.key() {
        Key::AgentDay(agent, _) => Key::AgentDay(agent, today),
        Key::ProjectDay(project, _) => Key::ProjectDay(project, today),
        key @ Key::Task(_) => key,
    };
    is_own(key, &requested.subject, cast)?;
    let budget = cast.find::<Budget>(&key)?.after_decision(decision);
    let cap = current_cap(key, cast)?.or(budget.cap).unwrap_or_default();
    let amount = requested.ask.estimated_cost.unwrap_or_else(|| cap.half());
    let command = match cause {
        Cause::RunCap(_) => budget::Command::AllowRun { approval: approval.id, up_to: amount },
        Cause::Budget(_) => budget::Command::Grant { approval: approval.id, amount },
    };
    let events = budget.decide(command, context)?;
    decision.add(&budget, Some(project), events);
    Ok(())
}

/// An override raises a budget that is its subject's own, wherever its parameters say which one.
pub(super) fn asks_for_own_budget(
    subject: &approval::Subject,
    ask: &Ask,
    cast: &Cast,
) -> Result<(), Rejection> {
    match (subject.action_type, ask.parameters().and_then(Cause::of)) {
        (ActionType::BudgetOverride, Some(cause)) => is_own(cause.key(), subject, cast),
        (_, None)
        | (
            ActionType::ToolCall | ActionType::Transition | ActionType::Spawn | ActionType::Autonomy,
            Some(_),
        ) => Ok(()),
    }
}

fn is_own(key: Key, subject: &approval::Subject, cast: &Cast) -> Result<(), Rejection> {
    let own = match key {
        Key::AgentDay(agent, _) => subject.agent == Some(agent),
        Key::ProjectDay(project, _) => subject.project == project,
        Key::Task(task) => subject.task == Some(task) || is_agents_task(task, subject, cast)?,
    };
    if own { Ok(()) } else { Err(Rejection::ForeignBudget { budget: key }) }
}

/// A task is an agent's own where it is assigned to it, and where the agent was created for it.
fn is_agents_task(task: TaskId, subject: &approval::Subject, cast: &Cast) -> Result<bool, Rejection> {
    let Some(id) = subject.agent else { return Ok(false) };
    let agent = cast.agent(id)?.registered()?;
    if agent.commission().and_then(|commission| commission.task) == Some(task) {
        return Ok(true);
    }
    let task = cast.find::<Task>(&task)?;
    Ok(task.present().is_ok_and(|task| task.project == subject.project && task.assignees.contains(&id)))
}

/// What a budget allows now, where that is somebody's to say.
pub(super) fn current_cap(key: Key, cast: &Cast) -> Result<Option<Usd>, Rejection> {
    Ok(match key {
        Key::AgentDay(agent, _) => Some(cast.agent(agent)?.registered()?.profile.caps.daily),
        Key::Task(task) => Some(cast.find::<Task>(&task)?.present()?.details.budget),
        Key::ProjectDay(project, _) => cast.find::<Project>(&project)?.daily_cap(),
    })
}
