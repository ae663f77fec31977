//! Approvals that nobody waits for any more.

use super::alerts::{Warning, raise};
use crate::{
    alert::{self, Kind},
    approval::{Approval, Command, Ruling, Status, Verdict},
    ids::ApprovalId,
    rejection::Rejection,
    reservation::{self, Holder, Reservation},
    task::Present,
    transaction::{Entity, Transaction},
    values::Reason,
};

/// Withdraws the approvals that a task waited for `before` and does not wait for after.
pub(crate) fn withdraw_unawaited(
    tx: &mut Transaction<'_>,
    before: &Present,
    after: &Present,
) -> Result<(), Rejection> {
    for approval in before.awaits.difference(&after.awaits) {
        let why = format!("the task no longer waits for it: it is {}", after.status());
        withdraw_unawaited_approval(tx, *approval, Reason::truncated(&why))?;
    }
    Ok(())
}

/// Withdraws one in the commit that ends the waiting. What has run out by then expires; what is over stays as it is.
fn withdraw_unawaited_approval(
    tx: &mut Transaction<'_>,
    id: ApprovalId,
    reason: Option<Reason>,
) -> Result<(), Rejection> {
    let approval = tx.get::<Approval>(&id)?;
    if !approval.status().is_some_and(Status::is_open) {
        return Ok(());
    }
    let approval = tx.as_system().execute(&approval, Command::Withdraw { reason })?;
    release_key(tx, &approval)?;
    match approval.requested()?.verdict(id) {
        Some(verdict) => alert_expiry(tx, &approval, &verdict),
        None => Ok(()),
    }
}

/// Frees what `approval` asks for, so that it can be asked for again.
pub(crate) fn release_key(tx: &mut Transaction<'_>, approval: &Entity<Approval>) -> Result<(), Rejection> {
    let requested = approval.requested()?;
    let key = tx.get::<Reservation>(&requested.key())?;
    let release = reservation::Command::Release(Holder::Approval(approval.id));
    tx.execute_in(Some(requested.subject.project), &key, release)?;
    Ok(())
}

/// Tells of an approval that ran out, where the verdict is that.
pub(crate) fn alert_expiry(
    tx: &mut Transaction<'_>,
    approval: &Entity<Approval>,
    verdict: &Verdict,
) -> Result<(), Rejection> {
    match verdict.ruling() {
        Ruling::Expired => {}
        Ruling::Granted { .. } | Ruling::Denied { .. } | Ruling::Withdrawn => return Ok(()),
    }
    let subject = verdict.subject();
    let title = format!("Nobody decided in time: {}", approval.requested()?.ask.summary);
    let about = alert::Subject::Approval(approval.id);
    let warning = Warning::new(Kind::ApprovalExpired, about, subject.project, title);
    raise(
        tx,
        match subject.agent {
            Some(agent) => warning.concerning(agent, subject.task, None),
            None => warning,
        },
    )
}
