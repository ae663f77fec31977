//! Taking an approval back, letting it run out, and drawing attention to one that waits.

use crate::{
    approval::{Approval, Command},
    consequence::approval_end::{expire, withdraw},
    ids::{ApprovalId, LeaseId},
    rejection::{Outcome, Rejection},
    transaction::Transaction,
    values::Reason,
};

/// Withdraws an approval, by its requestor or, when what it was for is over, by the system. The task goes back to where
/// it came from. One that has run out by then expires, and the withdrawal is refused.
///
/// # Errors
/// - [`approval::Rejection::NotRequestor`](crate::approval::Rejection::NotRequestor) for anybody else.
/// - [`approval::Rejection::AlreadyDecided`](crate::approval::Rejection::AlreadyDecided) when it is decided.
pub fn withdraw_approval(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    reason: Option<Reason>,
    lease: LeaseId,
) -> Result<Outcome, Rejection> {
    requestor_may_speak(tx)?;
    withdraw(tx, approval, reason, lease)
}

/// Ends an approval that nobody decided in time: the task is blocked.
///
/// # Errors
/// - [`approval::Rejection::NotDue`](crate::approval::Rejection::NotDue) before its time.
/// - [`approval::Rejection::SystemOnly`](crate::approval::Rejection::SystemOnly) for anybody but the system.
pub fn expire_approval(tx: &mut Transaction<'_>, approval: ApprovalId) -> Result<(), Rejection> {
    expire(tx, approval)
}

/// Draws attention to an approval that waits long.
///
/// # Errors
/// - [`approval::Rejection::NotDue`](crate::approval::Rejection::NotDue) before its time.
/// - [`approval::Rejection::SystemOnly`](crate::approval::Rejection::SystemOnly) for anybody but the system.
pub fn escalate_approval(tx: &mut Transaction<'_>, approval: ApprovalId) -> Result<(), Rejection> {
    let approval = tx.get::<Approval>(&approval)?;
    tx.execute(&approval, Command::Escalate)?;
    Ok(())
}

/// Refuses an agent that is quarantined or gone: it neither changes nor withdraws what it asked for.
pub(super) fn requestor_may_speak(tx: &mut Transaction<'_>) -> Result<(), Rejection> {
    match tx.actor().agent() {
        Some(agent) => Ok(tx.agent(agent)?.registered()?.may_speak()?),
        None => Ok(()),
    }
}
