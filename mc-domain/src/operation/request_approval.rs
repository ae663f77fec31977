//! Asking for an approval: the approval, what it is for, which no other open one may have, and the task that waits.

use super::{
    ApprovalScope, Cast, Decision, Entity, Rejection, by_system, conclude_approval::expire_approval,
    hold::decide_with_holder, overspend::asks_for_own_budget,
};
use crate::{
    actor::Actor,
    agent::Ending,
    aggregate::{Aggregate, CommandContext},
    approval::{self, Approval, Request},
    ids::ApprovalId,
    project::{self, Project},
    reservation::{self, Holder, Reservation},
    task::{self, Task},
    values::Reason,
};

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The approval that is open for it: the new one, or the one that was open already.
    pub approval: ApprovalId,
    /// What to commit.
    pub decision: Decision,
}

/// Asks for `approval` in `project`. `key` is the reservation of [`approval::Subject::key`]; where it is held, the open
/// approval that holds it is the answer, unless that has run out: then it expires first, with all that follows. `task`,
/// where the subject names one, waits for it in needs_approval from now on, and whoever worked on it is released.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`Rejection::UnknownTask`] or [`Rejection::UnknownAgent`] when what the subject names is not of the project.
/// - [`Rejection::ForeignBudget`] when an override is asked for that would raise somebody else's budget.
/// - [`task::Rejection::NotAssignee`] when an agent asks for a task that is not assigned to it.
/// - [`task::Rejection::IllegalTransition`] when the task is over.
/// - [`reservation::Rejection::NotHolder`] when `key` is not the reservation of what is asked for.
/// - [`approval::Rejection::NotRequestor`] when somebody asks in another's name.
pub fn request_approval(
    project: &Entity<Project>,
    approval: &Entity<Approval>,
    key: &Entity<Reservation>,
    task: Option<&Entity<Task>>,
    request: Request,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Asked, Rejection> {
    asks_for_own_budget(&request.subject, &request.ask, cast)?;
    open_approval(project, approval, key, task, request, cast, context)
}

/// As [`request_approval`], where it is known which budget is to be raised.
pub(super) fn open_approval(
    project: &Entity<Project>,
    approval: &Entity<Approval>,
    key: &Entity<Reservation>,
    task: Option<&Entity<Task>>,
    request: Request,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Asked, Rejection> {
    if **project == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    may_ask(project, task, &request, cast)?;
    if key.id != request.subject.key(request.ask.action_hash()) {
        return Err(reservation::Rejection::NotHolder.into());
    }
    let mut decision = expire_overdue(key, task, cast, context)?;
    let (key, cast) = (key.after_decision(&decision), cast.after(&decision));
    let summary = request.ask.summary.clone();
    let open = match key.approval() {
        Some(open) => open,
        None => {
            let holder = Holder::Approval(approval.id);
            let reserved = key.decide(reservation::Command::Reserve(holder), context)?;
            let requested = approval.decide(approval::Command::Request(request), context)?;
            decision.add(&key, Some(project.id), reserved);
            decision.add(approval, Some(project.id), requested);
            approval.id
        }
    };
    if let Some(task) = task {
        let task = task.after_decision(&decision);
        hold_task(&mut decision, &task, open, summary, &cast, context)?;
    }
    Ok(Asked { approval: open, decision })
}

/// What is asked for again when its time has run out expires first, as if the sweeper had come in time.
fn expire_overdue(
    key: &Entity<Reservation>,
    task: Option<&Entity<Task>>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let Some(open) = key.approval() else { return Ok(Decision::default()) };
    let approval = cast.find::<Approval>(&open)?;
    if !approval.requested().is_ok_and(|approval| approval.is_overdue(context.now)) {
        return Ok(Decision::default());
    }
    let scope = ApprovalScope { approval: &approval, key, task, cast };
    Ok(expire_approval(scope, &by_system(context))?.outcome.decision)
}

fn may_ask(
    project: &Entity<Project>,
    task: Option<&Entity<Task>>,
    request: &Request,
    cast: &Cast,
) -> Result<(), Rejection> {
    let subject = &request.subject;
    let task = task.map(|task| task.present().map(|present| (task.id, present))).transpose()?;
    if subject.project != project.id {
        return Err(project::Rejection::NotFound.into());
    }
    if subject.task != task.map(|(id, _)| id) || task.is_some_and(|(_, task)| task.project != project.id) {
        return Err(Rejection::UnknownTask);
    }
    if let Some(agent) = subject.agent {
        cast.agent(agent)?.registered()?.belongs_to(project.id)?;
    }
    let Actor::Agent(requestor) = request.requestor else { return Ok(()) };
    let agent = cast.agent(requestor)?.registered()?;
    agent.belongs_to(project.id)?;
    agent.may_speak()?;
    match task {
        Some((_, task)) if !task.assignees.contains(&requestor) => Err(task::Rejection::NotAssignee.into()),
        Some(_) | None => Ok(()),
    }
}

/// Stopping a task for an approval is the system's, whoever asked.
fn hold_task(
    decision: &mut Decision,
    task: &Entity<Task>,
    approval: ApprovalId,
    summary: Reason,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let hold = task::Command::AwaitApproval { approval, reason: Some(summary) };
    let events = task.decide(hold, &by_system(context))?;
    decide_with_holder(decision, task, events, Ending::HeldForApproval, cast, context)
}
