//! The end of a lease that nobody uses any more.

use chrono::{DateTime, Utc};

use super::{
    Cast, Decision, Entity, Rejection,
    quarantine_agent::{Stop, block_work},
};
use crate::{
    agent::{Agent, Ending, Work},
    aggregate::CommandContext,
    ids::LeaseId,
    policy::document::PolicyLimits,
};

/// When the lease that `agent` works under ends, and which one that is: a while after `heard`, the last sign of life, that
/// `figures` have. Nothing while a run of it is under way, which has a deadline of its own.
pub fn lease_ends_at(
    agent: &Agent,
    heard: DateTime<Utc>,
    limits: &PolicyLimits,
) -> Option<(LeaseId, DateTime<Utc>)> {
    let agent = agent.registered().ok()?;
    let Work { task, lease } = agent.work?;
    let runs = agent.open_runs.values().any(|run| run.task == Some(task));
    let heard = heard.max(agent.last_sign());
    (!runs).then_some((lease, heard + limits.lease_lasts()))
}

/// Ends the lease that `agent` works under once nothing was heard of it for too long: the task is blocked, for an
/// operator to give to others, and a late write under the lease is refused. Does nothing when it works under another
/// lease by now, or is not that late, so that a worker may come twice.
///
/// # Errors
/// [`crate::agent::Rejection::NotFound`] when it is not registered.
pub fn end_lease(
    agent: &Entity<Agent>,
    lease: LeaseId,
    heard: DateTime<Utc>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    let work = agent.registered()?.work;
    let (Some(work), Some((current, end))) = (work, lease_ends_at(agent, heard, &context.policy)) else {
        return Ok(decision);
    };
    if current == lease && context.now >= end {
        let task = cast.find(&work.task)?;
        let stop = Stop {
            what: "gave no sign of life until its lease was over",
            note: None,
            ending: Ending::Blocked,
            told: false,
        };
        block_work(&mut decision, &task, agent, stop, &cast.with(agent.clone()), context)?;
    }
    Ok(decision)
}
