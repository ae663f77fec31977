//! The end of a lease whose holder gave no sign of life.

use chrono::{DateTime, Utc};

use crate::{
    agent::{Agent, Ending, Work},
    consequence::blocked_work::{Stop, block_held_task},
    ids::{AgentId, LeaseId},
    policy::document::PolicyLimits,
    rejection::Rejection,
    transaction::Transaction,
};

/// The lease that `agent` works under and when it ends: the policy's lease time after `last_heartbeat` or a later sign of
/// life on record. None while it works on nothing, and while a run of it is under way, which has a deadline of its own.
pub fn lease_ends_at(
    agent: &Agent,
    last_heartbeat: DateTime<Utc>,
    limits: &PolicyLimits,
) -> Option<(LeaseId, DateTime<Utc>)> {
    let agent = agent.registered().ok()?;
    let Work { task, lease } = agent.work?;
    let runs = agent.open_runs.values().any(|run| run.task == Some(task));
    let last_sign = last_heartbeat.max(agent.last_sign());
    (!runs).then_some((lease, last_sign + limits.lease_lasts()))
}

/// Ends the lease that an agent works under once it gave no sign of life for too long: the task is blocked, for an
/// operator to give to others, and a late write under the lease is refused. Does nothing when it works under another
/// lease by now, or is not that late, so that a worker may come twice.
///
/// # Errors
/// [`crate::agent::Rejection::NotFound`] when it is not registered.
pub fn end_lease(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    lease: LeaseId,
    last_heartbeat: DateTime<Utc>,
) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    agent.registered()?;
    let Some((current, end)) = lease_ends_at(&agent, last_heartbeat, tx.policy()) else { return Ok(()) };
    if current != lease || tx.now() < end {
        return Ok(());
    }
    let what = "gave no sign of life until its lease was over";
    let stop = Stop { what, note: None, ending: Ending::Blocked, told: false };
    block_held_task(tx, agent.id, stop)
}
