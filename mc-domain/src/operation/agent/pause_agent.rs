//! Stopping an agent for a while: at once, or after what it works on.

use crate::{
    agent::{self, Agent, PauseReason},
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
    values::Reason,
};

/// Pauses an agent on an operator's behalf until somebody resumes it. What it works on waits with it.
///
/// # Errors
/// - [`agent::Rejection::IllegalStatus`] when its status does not lead there.
/// - [`agent::Rejection::OperatorOnly`] for an agent.
pub fn pause_agent(tx: &mut Transaction<'_>, agent: AgentId, note: Option<Reason>) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    tx.execute(&agent, agent::Command::Pause { reason: PauseReason::Operator, note })?;
    Ok(())
}

/// Lets an agent finish what it works on, and gives it nothing new.
///
/// # Errors
/// As [`pause_agent`].
pub fn drain_agent(tx: &mut Transaction<'_>, agent: AgentId, note: Option<Reason>) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    tx.execute(&agent, agent::Command::Drain { note })?;
    Ok(())
}
