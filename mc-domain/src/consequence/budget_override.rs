//! Overrides: which budget one is for, what it grants, and which ones a raised cap makes needless.

use chrono::NaiveDate;

use super::{approval_end::end_without_grant, budget_cap::current_cap};
use crate::{
    agent::Caps,
    aggregate::CommandContext,
    approval::{self, ActionType, Approval, Ask, Requested},
    budget::{self, Budget, Cause, Key},
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, TaskId},
    money::Usd,
    rejection::Rejection,
    task::Task,
    transaction::{Entity, Transaction},
    values::Reason,
};

/// What an override is asked for because of: what its parameters say, or else the agent's budget of today.
fn cause_of(subject: &approval::Subject, ask: &Ask, today: NaiveDate) -> Option<Cause> {
    let asked = ask.parameters().and_then(Cause::of);
    let own = || subject.agent.map(|agent| Cause::Budget(Key::AgentDay(agent, today)));
    if subject.action_type == ActionType::BudgetOverride { asked.or_else(own) } else { None }
}

/// The budget that an approval would raise; none where it is not an override. Of its agent's days it may name any.
pub fn budget_asked_for(subject: &approval::Subject, ask: &Ask, context: &CommandContext) -> Option<Key> {
    cause_of(subject, ask, context.now.date_naive()).map(Cause::key)
}

/// Refuses an override that raises the budget of somebody else than its subject.
pub(crate) fn asks_for_own_budget(
    tx: &mut Transaction<'_>,
    subject: &approval::Subject,
    ask: &Ask,
) -> Result<(), Rejection> {
    match (subject.action_type, ask.parameters().and_then(Cause::of)) {
        (ActionType::BudgetOverride, Some(cause)) => is_own(tx, cause.key(), subject),
        (_, None)
        | (
            ActionType::ToolCall | ActionType::Transition | ActionType::Spawn | ActionType::Autonomy,
            Some(_),
        ) => Ok(()),
    }
}

fn is_own(tx: &mut Transaction<'_>, key: Key, subject: &approval::Subject) -> Result<(), Rejection> {
    let own = match key {
        Key::AgentDay(agent, _) => subject.agent == Some(agent),
        Key::ProjectDay(project, _) => subject.project == project,
        Key::Task(task) => subject.task == Some(task) || is_agents_task(tx, task, subject)?,
    };
    if own { Ok(()) } else { Err(Rejection::ForeignBudget { budget: key }) }
}

/// A task is an agent's own where it is assigned to the agent, and where the agent was created for it.
fn is_agents_task(
    tx: &mut Transaction<'_>,
    task: TaskId,
    subject: &approval::Subject,
) -> Result<bool, Rejection> {
    let Some(id) = subject.agent else { return Ok(false) };
    let agent = tx.agent(id)?;
    if agent.registered()?.commission().and_then(|commission| commission.task) == Some(task) {
        return Ok(true);
    }
    let task = tx.get::<Task>(&task)?;
    Ok(task.present().is_ok_and(|task| task.project == subject.project && task.assignees.contains(&id)))
}

/// Grants what an approved override is for: what the run was expected to cost, or else half the cap. A grant on a day's
/// budget counts for the day of the decision.
pub(crate) fn grant_override(tx: &mut Transaction<'_>, approval: &Entity<Approval>) -> Result<(), Rejection> {
    let requested = approval.requested()?;
    let (today, project) = (tx.today(), requested.subject.project);
    let Some(cause) = cause_of(&requested.subject, &requested.ask, today) else { return Ok(()) };
    let key = match cause.key() {
        Key::AgentDay(agent, _) => Key::AgentDay(agent, today),
        Key::ProjectDay(project, _) => Key::ProjectDay(project, today),
        key @ Key::Task(_) => key,
    };
    is_own(tx, key, &requested.subject)?;
    let budget = tx.get::<Budget>(&key)?;
    let cap = current_cap(tx, key)?.or(budget.cap).unwrap_or_default();
    let amount = requested.ask.estimated_cost.unwrap_or_else(|| cap.half());
    let command = match cause {
        Cause::RunCap(_) => budget::Command::AllowRun { approval: approval.id, up_to: amount },
        Cause::Budget(_) => budget::Command::Grant { approval: approval.id, amount },
    };
    tx.execute_in(Some(project), &budget, command)?;
    Ok(())
}

/// What was allowed before a change that may have raised it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// The caps of an agent before the change.
    Agent(AgentId, Caps),
    /// The budget of a task before the change.
    Task(TaskId, Usd),
    /// The daily cap of a project before the change; none without one.
    Project(ProjectId, Option<Usd>),
}

impl Allowed {
    /// The budget of `today` that the change is about.
    pub fn key(self, today: NaiveDate) -> Key {
        match self {
            Self::Agent(agent, _) => Key::AgentDay(agent, today),
            Self::Task(task, _) => Key::Task(task),
            Self::Project(project, _) => Key::ProjectDay(project, today),
        }
    }

    /// Compares with the caps as they are after the change; an equal cap raises nothing.
    fn is_raised(self, tx: &mut Transaction<'_>) -> Result<bool, Rejection> {
        let now = current_cap(tx, self.key(tx.today()))?;
        Ok(match self {
            Self::Agent(agent, before) => {
                let now = tx.agent(agent)?.registered()?.profile.caps;
                now.daily > before.daily || now.per_run_in_force() > before.per_run_in_force()
            }
            Self::Task(_, before) => now.is_some_and(|now| now > before),
            Self::Project(_, before) => before.is_some_and(|before| now.is_none_or(|now| now > before)),
        })
    }
}

/// Withdraws those of `overrides` that the budget of `before` has room for, now that more is allowed: their tasks go back
/// to where they came from. What needs more than there is stays held. Runs after the change, in its transaction.
///
/// # Errors
/// What an approval refuses.
pub fn withdraw_overrides(
    tx: &mut Transaction<'_>,
    before: Allowed,
    overrides: &[ApprovalId],
) -> Result<(), Rejection> {
    if overrides.is_empty() || !before.is_raised(tx)? {
        return Ok(());
    }
    let room = Room::of(tx, before.key(tx.today()))?;
    for id in overrides {
        let request = tx.get::<Approval>(id)?;
        if room.is_enough_for(request.requested()?, tx.context()) {
            let why = Reason::truncated("the cap was raised, and there is room for it");
            // Whoever held the task goes on under a lease that is named after the approval, which ends but once.
            let withdraw = approval::Command::Withdraw { reason: why };
            end_without_grant(&mut tx.as_system(), *id, withdraw, Some(LeaseId::new(id.uuid())))?;
        }
    }
    Ok(())
}

/// What a budget has room for.
struct Room {
    key: Key,
    /// For all runs together; none where there is no cap.
    left: Option<Usd>,
    /// For one run, where the budget is an agent's.
    per_run: Option<Usd>,
}

impl Room {
    fn of(tx: &mut Transaction<'_>, key: Key) -> Result<Self, Rejection> {
        let budget = tx.get::<Budget>(&key)?;
        let left = current_cap(tx, key)?.map(|cap| budget.remaining(cap));
        let per_run = match key {
            Key::AgentDay(agent, _) => {
                let caps = tx.agent(agent)?.registered()?.profile.caps;
                Some(caps.per_run_in_force().max(budget.run_allowance))
            }
            Key::Task(_) | Key::ProjectDay(..) => None,
        };
        Ok(Self { key, left, per_run })
    }

    /// What was asked for because of a day that is over is judged by today.
    fn is_enough_for(&self, request: &Requested, context: &CommandContext) -> bool {
        let open = request.status().is_open() && !request.is_overdue(context.now);
        let cause = cause_of(&request.subject, &request.ask, context.now.date_naive());
        let Some(cause) = cause.filter(|_| open) else { return false };
        let wanted = request.ask.estimated_cost.unwrap_or_default();
        let one_run = match cause {
            Cause::RunCap(_) => self.per_run.is_some_and(|cap| wanted <= cap),
            Cause::Budget(_) => true,
        };
        let all_runs = self.left.is_none_or(|left| left > Usd::ZERO && wanted <= left);
        cause.key().has_owner_of(self.key) && one_run && all_runs
    }
}
