//! Quarantining an agent: it stops at once, its runs are aborted, and what it worked on is blocked.

use crate::{
    agent::{self, Agent},
    consequence::quarantine::stop_at_once,
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
    values::Reason,
};

/// Quarantines an agent, aborts its runs, blocks the task that it works on, and raises an alert. Does nothing where it is
/// quarantined already.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for an agent.
/// - [`agent::Rejection::IllegalStatus`] when it is offline.
pub fn quarantine_agent(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    note: Option<Reason>,
) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    let events = tx.decide(&agent, agent::Command::Quarantine { note: note.clone() })?;
    if events.is_empty() {
        return Ok(());
    }
    tx.record(&agent, events)?;
    stop_at_once(tx, agent.id, note)
}
