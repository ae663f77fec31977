//! A raised cap frees what it held: tasks that wait for an override go back to where they came from, and the override is
//! taken back.

use super::{
    ApprovalScope, Cast, Decision, Entity, Rejection, by_system,
    conclude_approval::withdraw_approval,
    overspend::{Cause, cause_of, current_cap},
};
use crate::{
    agent::Caps,
    aggregate::CommandContext,
    approval::{Approval, Requested},
    budget::{Budget, Key},
    ids::{AgentId, LeaseId, ProjectId, TaskId},
    money::Usd,
    reservation::Reservation,
    task::Task,
    values::Reason,
};

/// What was allowed before a change that may have raised it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// What an agent might spend.
    Agent(AgentId, Caps),
    /// What a task might cost.
    Task(TaskId, Usd),
    /// What all runs of a project might cost in a day, where that had a cap.
    Project(ProjectId, Option<Usd>),
}

impl Allowed {
    /// The budget it is about, as of today.
    pub fn key(self, context: &CommandContext) -> Key {
        let today = context.now.date_naive();
        match self {
            Self::Agent(agent, _) => Key::AgentDay(agent, today),
            Self::Task(task, _) => Key::Task(task),
            Self::Project(project, _) => Key::ProjectDay(project, today),
        }
    }

    /// Whether more is allowed now.
    fn is_raised(self, cast: &Cast, context: &CommandContext) -> Result<bool, Rejection> {
        let now = current_cap(self.key(context), cast)?;
        Ok(match self {
            Self::Agent(agent, before) => {
                let now = cast.agent(agent)?.registered()?.profile.caps;
                now.daily > before.daily || now.per_run_in_force() > before.per_run_in_force()
            }
            Self::Task(_, before) => now.is_some_and(|now| now > before),
            Self::Project(_, before) => before.is_some_and(|before| now.is_none_or(|now| now > before)),
        })
    }
}

/// Takes those of `overrides` back that the budget of `before` has room for now that more is allowed: their tasks go back
/// to where they came from. What needs more than there is stays held. `cast` has everything as it is after the change, which
/// this is to be committed with.
///
/// # Errors
/// What taking an approval back refuses.
pub fn withdraw_overrides(
    before: Allowed,
    overrides: &[Entity<Approval>],
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    if overrides.is_empty() || !before.is_raised(cast, context)? {
        return Ok(decision);
    }
    let room = Room::of(before.key(context), cast)?;
    for request in overrides {
        let requested = request.requested()?;
        if room.is_enough_for(requested, context) {
            withdraw(&mut decision, request, requested, cast, context)?;
        }
    }
    Ok(decision)
}

/// What a budget has room for.
struct Room {
    key: Key,
    /// For all runs together; without a cap there is no end to it.
    left: Option<Usd>,
    /// For one run, where the budget is an agent's.
    per_run: Option<Usd>,
}

impl Room {
    fn of(key: Key, cast: &Cast) -> Result<Self, Rejection> {
        let budget = cast.find::<Budget>(&key)?;
        let left = current_cap(key, cast)?.map(|cap| budget.remaining(cap));
        let per_run = match key {
            Key::AgentDay(agent, _) => {
                let caps = cast.agent(agent)?.registered()?.profile.caps;
                Some(caps.per_run_in_force().max(budget.run_allowance))
            }
            Key::Task(_) | Key::ProjectDay(..) => None,
        };
        Ok(Self { key, left, per_run })
    }

    /// What was asked for because of a day that is over is judged by today.
    fn is_enough_for(&self, request: &Requested, context: &CommandContext) -> bool {
        let open = request.status().is_open() && !request.is_overdue(context.now);
        let Some(cause) = cause_of(&request.subject, &request.ask, context).filter(|_| open) else {
            return false;
        };
        let wanted = request.ask.estimated_cost.unwrap_or_default();
        let one_run = match cause {
            Cause::RunCap(_) => self.per_run.is_some_and(|cap| wanted <= cap),
            Cause::Budget(_) => true,
        };
        let all_runs = self.left.is_none_or(|left| left > Usd::ZERO && wanted <= left);
        cause.key().has_owner_of(self.key) && one_run && all_runs
    }
}

/// Who held a task goes on under a lease that is named after the approval, which ends but once.
fn withdraw(
    decision: &mut Decision,
    request: &Entity<Approval>,
    requested: &Requested,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let cast = cast.after(decision);
    let approval = cast.find::<Approval>(&request.id)?;
    let key = cast.find::<Reservation>(&requested.key())?;
    let task = requested.subject.task.map(|task| cast.find::<Task>(&task)).transpose()?;
    let scope = ApprovalScope { approval: &approval, key: &key, task: task.as_ref(), cast: &cast };
    let why = Reason::truncated("the cap was raised, and there is room for it");
    let lease = LeaseId::new(request.id.uuid());
    let withdrawn = withdraw_approval(scope, why, lease, &by_system(context))?;
    *decision = std::mem::take(decision).and(withdrawn.outcome.decision);
    Ok(())
}
