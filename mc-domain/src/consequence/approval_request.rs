//! A request for an approval: what it is for is reserved, so that no second one is open, and its task waits.

use super::{approval_end::expire, task_holder::record_with_holder};
use crate::{
    actor::Actor,
    agent::Ending,
    approval::{self, Approval, Request},
    ids::{ApprovalId, TaskId},
    project::{self, Project},
    rejection::Rejection,
    reservation::{self, Holder, Reservation},
    task::{self, Task},
    transaction::Transaction,
    values::Reason,
};

/// Opens `approval`, or answers the one that is open for the same already. One that ran out without anybody having noticed
/// expires first.
pub(crate) fn open_approval(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    request: Request,
) -> Result<ApprovalId, Rejection> {
    let project = request.subject.project;
    if *tx.get::<Project>(&project)? == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    may_ask(tx, &request)?;
    let key = request.subject.key(request.ask.action_hash());
    expire_overdue(tx, &key)?;
    let (task, summary) = (request.subject.task, request.ask.summary.clone());
    let key = tx.get::<Reservation>(&key)?;
    let open = match key.approval() {
        Some(open) => open,
        None => {
            let reserve = reservation::Command::Reserve(Holder::Approval(approval));
            tx.execute_in(Some(project), &key, reserve)?;
            let approval = tx.get::<Approval>(&approval)?;
            tx.execute(&approval, approval::Command::Request(request))?;
            approval.id
        }
    };
    if let Some(task) = task {
        hold_task(tx, task, open, summary)?;
    }
    Ok(open)
}

/// What is asked for again when its time has run out expires first, as if the sweeper had come in time.
fn expire_overdue(tx: &mut Transaction<'_>, key: &reservation::Key) -> Result<(), Rejection> {
    let Some(open) = tx.get::<Reservation>(key)?.approval() else { return Ok(()) };
    let approval = tx.get::<Approval>(&open)?;
    match approval.requested() {
        Ok(approval) if approval.is_overdue(tx.now()) => expire(&mut tx.as_system(), open),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn may_ask(tx: &mut Transaction<'_>, request: &Request) -> Result<(), Rejection> {
    let subject = &request.subject;
    let task = match subject.task {
        Some(task) => Some(tx.get::<Task>(&task)?),
        None => None,
    };
    if let Some(task) = &task
        && !task.present().is_ok_and(|task| task.project == subject.project)
    {
        return Err(Rejection::UnknownTask);
    }
    if let Some(agent) = subject.agent {
        tx.agent(agent)?.registered()?.belongs_to(subject.project)?;
    }
    let Actor::Agent(requestor) = request.requestor else { return Ok(()) };
    let agent = tx.agent(requestor)?;
    agent.registered()?.belongs_to(subject.project)?;
    agent.registered()?.may_speak()?;
    match task {
        Some(task) if !task.present()?.assignees.contains(&requestor) => {
            Err(task::Rejection::NotAssignee.into())
        }
        Some(_) | None => Ok(()),
    }
}

/// Stopping a task for an approval is the system's, whoever asked.
fn hold_task(
    tx: &mut Transaction<'_>,
    task: TaskId,
    approval: ApprovalId,
    summary: Reason,
) -> Result<(), Rejection> {
    let task = tx.get::<Task>(&task)?;
    let hold = task::Command::AwaitApproval { approval, reason: Some(summary) };
    let events = tx.as_system().decide(&task, hold)?;
    record_with_holder(tx, &task, events, Ending::HeldForApproval)
}
