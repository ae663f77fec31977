//! The end of an approval, and what it does to the task that waits for it.

use super::{
    alerts::alert_block,
    crew::crew_left,
    squad_halt::accept,
    task_holder::execute_with_holder,
    unawaited_approvals::{alert_expiry, release_key},
};
use crate::{
    actor::ActorKind,
    agent::{Assignee, Ending, TypeRule},
    approval::{self, Approval, Command, Ruling, Status, Verdict},
    ids::{ApprovalId, LeaseId},
    rejection::{Outcome, Rejection},
    task::{self, Settlement, Task},
    transaction::{Entity, Transaction},
    values::Reason,
};

/// Decides `command` on the approval. Answers the verdict if that ends it, with its key free again.
pub(crate) fn conclude(
    tx: &mut Transaction<'_>,
    approval: &Entity<Approval>,
    command: Command,
) -> Result<Option<Verdict>, Rejection> {
    let was_open = approval.status().is_some_and(Status::is_open);
    let approval = tx.execute(approval, command)?;
    let verdict = approval.requested()?.verdict(approval.id).filter(|_| was_open);
    if verdict.is_some() {
        release_key(tx, &approval)?;
    }
    Ok(verdict)
}

/// Lets an approval that nobody grants end: tells of it where it ran out, and settles its task.
pub(crate) fn end_without_grant(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    command: Command,
    lease: Option<LeaseId>,
) -> Result<Option<Verdict>, Rejection> {
    let approval = tx.get::<Approval>(&approval)?;
    let verdict = conclude(tx, &approval, command)?;
    if let Some(verdict) = &verdict {
        alert_expiry(tx, &approval, verdict)?;
        settle_task(tx, verdict, lease)?;
    }
    Ok(verdict)
}

/// Withdraws an approval; one that has run out by then expires.
pub(crate) fn withdraw(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    reason: Option<Reason>,
    lease: LeaseId,
) -> Result<Outcome, Rejection> {
    let verdict = end_without_grant(tx, approval, Command::Withdraw { reason }, Some(lease))?;
    refused_if_expired(tx, approval, verdict.as_ref())
}

/// Ends an approval that ran out before anybody decided.
pub(crate) fn expire(tx: &mut Transaction<'_>, approval: ApprovalId) -> Result<(), Rejection> {
    end_without_grant(tx, approval, Command::Expire, None).map(drop)
}

/// An answer that comes too late lets the approval expire: that is committed, and the answer refused.
pub(crate) fn refused_if_expired(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    verdict: Option<&Verdict>,
) -> Result<Outcome, Rejection> {
    match verdict.map(Verdict::ruling) {
        Some(Ruling::Expired) => {
            let at = tx.get::<Approval>(&approval)?.requested()?.expires_at;
            Ok(Outcome::Refused(approval::Rejection::Expired { at }.into()))
        }
        Some(Ruling::Granted { .. } | Ruling::Denied { .. } | Ruling::Withdrawn) | None => Ok(Outcome::Done),
    }
}

/// Tells the task that an approval names how that ended: it goes back to where it came from, or is blocked.
pub(crate) fn settle_task(
    tx: &mut Transaction<'_>,
    verdict: &Verdict,
    lease: Option<LeaseId>,
) -> Result<(), Rejection> {
    let Some(task) = verdict.subject().task else { return Ok(()) };
    let task = tx.get::<Task>(&task)?;
    let ready = former_holder(tx, &task)?;
    let (crew, _) = crew_left(tx, &task.present()?.assignees, &task, TypeRule::Overridden)?;
    let denied = match verdict.ruling() {
        Ruling::Denied { reason } if tx.actor().kind() == ActorKind::System => Some(reason.clone()),
        Ruling::Denied { .. } | Ruling::Granted { .. } | Ruling::Expired | Ruling::Withdrawn => None,
    };
    let settle = task::Command::Settle(Settlement { verdict: verdict.clone(), ready, lease, crew });
    execute_with_holder(tx, &task, settle, Ending::HeldForApproval)?;
    // A person who denies knows of the block; where a rule denies, nobody would.
    match denied {
        Some(reason) => alert_block(tx, &task, None, Some(&reason)),
        None => Ok(()),
    }
}

/// Who held the task before it waited, when that agent is active and works on nothing else.
fn former_holder(tx: &mut Transaction<'_>, task: &Entity<Task>) -> Result<Option<Assignee>, Rejection> {
    let present = task.present()?;
    let Some(holder) = present.waiting_holder() else { return Ok(None) };
    if tx.agent(holder)?.registered()?.work.is_some() {
        return Ok(None);
    }
    match accept(tx, holder, (present.project, present.details.kind), TypeRule::Overridden) {
        Err(missing @ Rejection::NotLoaded(_)) => Err(missing),
        accepted => Ok(accepted.ok()),
    }
}
