//! Asking for an approval, and asking for something else under the same one.

use super::end_approval::requestor_may_speak;
use crate::{
    approval::{Approval, Ask, Command, Quorum, Request},
    consequence::{
        approval_end::{end_without_grant, refused_if_expired},
        approval_request::open_approval,
        budget_override::asks_for_own_budget,
    },
    ids::ApprovalId,
    rejection::{Outcome, Rejection},
    reservation::{self, Holder, Reservation},
    transaction::Transaction,
};

/// Asks for an approval under the identity `approval`, and answers the one that is open for it: where one is open for the
/// same already, that. One that has run out expires first, with all that follows. The task that the subject names waits in
/// needs_approval from now on, and whoever worked on it is released.
///
/// # Errors
/// - [`project::Rejection::NotFound`](crate::project::Rejection::NotFound) when there is no such project.
/// - [`Rejection::UnknownTask`] or [`Rejection::UnknownAgent`] when what the subject names is not of the project.
/// - [`Rejection::ForeignBudget`] when an override asks for somebody else's budget.
/// - [`task::Rejection::NotAssignee`](crate::task::Rejection::NotAssignee) when an agent asks for a task that is not
///   assigned to it.
/// - [`task::Rejection::IllegalTransition`](crate::task::Rejection::IllegalTransition) when the task is over.
/// - [`approval::Rejection::NotRequestor`](crate::approval::Rejection::NotRequestor) when somebody asks in another's name.
pub fn request_approval(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    request: Request,
) -> Result<ApprovalId, Rejection> {
    asks_for_own_budget(tx, &request.subject, &request.ask)?;
    open_approval(tx, approval, request)
}

/// Asks for something else under the same approval, by its requestor, which takes `required` decisions.
///
/// # Errors
/// - [`Rejection::ForeignBudget`] when an override asks for somebody else's budget.
/// - [`approval::Rejection::NotRequestor`](crate::approval::Rejection::NotRequestor) for anybody else.
/// - [`reservation::Rejection::Taken`] when another approval is open for the same.
pub fn resubmit_approval(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    (ask, required): (Ask, Quorum),
) -> Result<Outcome, Rejection> {
    requestor_may_speak(tx)?;
    let approval = tx.get::<Approval>(&approval)?;
    let requested = approval.requested()?;
    let project = requested.subject.project;
    asks_for_own_budget(tx, &requested.subject, &ask)?;
    let (before, after) = (requested.key(), requested.subject.key(ask.action_hash()));
    let verdict = end_without_grant(tx, approval.id, Command::Resubmit { ask, required }, None)?;
    let outcome = refused_if_expired(tx, approval.id, verdict.as_ref())?;
    if outcome == Outcome::Done && before != after {
        let holder = Holder::Approval(approval.id);
        let (before, after) = (tx.get::<Reservation>(&before)?, tx.get::<Reservation>(&after)?);
        tx.execute_in(Some(project), &after, reservation::Command::Reserve(holder))?;
        tx.execute_in(Some(project), &before, reservation::Command::Release(holder))?;
    }
    Ok(outcome)
}
