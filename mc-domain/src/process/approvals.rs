//! Which approvals are to be escalated or to expire.

use chrono::{DateTime, Utc};

use crate::{
    approval::Approval,
    ids::{ApprovalId, ProjectId},
    policy_limits::PolicyLimits,
    transaction::Entity,
};

/// What is due for an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalDue {
    /// Attention is to be drawn to it, by [`crate::operation::escalate_approval`].
    Escalation,
    /// It has run out, by [`crate::operation::expire_approval`].
    Expiry,
}

/// The approvals among `approvals` for which something is due at `now`, by the policy limits of each one's project.
/// What
/// has run out is not escalated first.
///
/// Asking again after the command names an approval no more, so a worker may run twice or late.
pub fn approvals_due(
    approvals: &[Entity<Approval>],
    now: DateTime<Utc>,
    limits: impl Fn(ProjectId) -> PolicyLimits,
) -> Vec<(ApprovalId, ApprovalDue)> {
    approvals.iter().filter_map(|approval| Some((approval.id, due(approval, now, &limits)?))).collect()
}

fn due(
    approval: &Approval,
    now: DateTime<Utc>,
    limits: impl Fn(ProjectId) -> PolicyLimits,
) -> Option<ApprovalDue> {
    let approval = approval.requested().ok()?;
    match approval.escalates_at(&limits(approval.subject.project)) {
        _ if approval.is_overdue(now) => Some(ApprovalDue::Expiry),
        Some(at) if now >= at => Some(ApprovalDue::Escalation),
        Some(_) | None => None,
    }
}
