//! Deciding an approval, and what a yes grants.

use super::autonomy::grant_autonomy;
use crate::{
    agent,
    approval::{ActionType, Approval, Command, ContentHash, Ruling, Verdict},
    consequence::{
        approval_end::{conclude, refused_if_expired, settle_task},
        budget_override::grant_override,
        unawaited_approvals::alert_expiry,
    },
    ids::{ApprovalId, LeaseId},
    rejection::{Outcome, Rejection},
    transaction::{Entity, Transaction},
    values::Reason,
};

/// An answer to a request, and what the work goes on under.
#[derive(Debug, Clone, PartialEq)]
pub struct DecideApproval {
    /// The decision, with the note or the reason that comes with it.
    pub answer: Answer,
    /// The hash of what the decider read, to be sure that it is still what is asked for.
    pub content: Option<ContentHash>,
    /// The lease under which work goes on where it was interrupted. The caller draws it.
    pub lease: LeaseId,
}

/// What a decider may answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The action may be done as it was asked for; one decision of as many as the quorum takes.
    Approve {
        /// What the decider notes with it.
        note: Option<Reason>,
    },
    /// The action may not be done. The task that waits is blocked with the reason.
    Deny {
        /// Shown to the requestor, and with the blocked task.
        reason: Reason,
    },
    /// Not like this: the requestor asks for something else, or withdraws.
    RequestRevision {
        /// Says what the requestor has to change before it asks again.
        note: Reason,
    },
}

/// Decides an approval: by a yes the task goes back to where it came from, by a no it is blocked. An answer that comes
/// too late lets it expire, and is refused.
///
/// # Errors
/// - [`approval::Rejection::OperatorOnly`](crate::approval::Rejection::OperatorOnly) for an agent,
///   [`approval::Rejection::OwnRequest`](crate::approval::Rejection::OwnRequest) for the requestor.
/// - [`approval::Rejection::AlreadyDecided`](crate::approval::Rejection::AlreadyDecided) when another answer was first.
/// - [`approval::Rejection::ContentChanged`](crate::approval::Rejection::ContentChanged) when something else is asked for
///   now.
pub fn decide_approval(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    request: DecideApproval,
) -> Result<Outcome, Rejection> {
    let DecideApproval { answer, content: request_hash, lease } = request;
    let command = match answer {
        Answer::Approve { note } => Command::Approve { note, request_hash },
        Answer::Deny { reason } => Command::Deny { reason, request_hash },
        Answer::RequestRevision { note } => Command::RequestRevision { note, request_hash },
    };
    let approval = tx.get::<Approval>(&approval)?;
    let Some(verdict) = conclude(tx, &approval, command)? else { return Ok(Outcome::Done) };
    grant(tx, &approval, &verdict)?;
    alert_expiry(tx, &approval, &verdict)?;
    settle_task(tx, &verdict, Some(lease))?;
    refused_if_expired(tx, approval.id, Some(&verdict))
}

/// Grants what was asked for: money or autonomy. What else an action permits is checked when it is done.
fn grant(tx: &mut Transaction<'_>, approval: &Entity<Approval>, verdict: &Verdict) -> Result<(), Rejection> {
    let note = match verdict.ruling() {
        Ruling::Granted { note, .. } => note.clone(),
        Ruling::Denied { .. } | Ruling::Expired | Ruling::Withdrawn => return Ok(()),
    };
    match verdict.subject().action_type {
        ActionType::BudgetOverride => {
            grant_override(tx, approval)?;
            resume_spender(tx, verdict, note)
        }
        ActionType::Autonomy => grant_autonomy(tx, approval),
        ActionType::ToolCall | ActionType::Transition | ActionType::Spawn => Ok(()),
    }
}

/// Lets an agent that was paused for its budget go on now that it may spend more.
fn resume_spender(
    tx: &mut Transaction<'_>,
    verdict: &Verdict,
    note: Option<Reason>,
) -> Result<(), Rejection> {
    let Some(agent) = verdict.subject().agent else { return Ok(()) };
    let agent = tx.agent(agent)?;
    if agent.registered()?.is_paused_for_budget() {
        tx.execute(&agent, agent::Command::Resume { note })?;
    }
    Ok(())
}
