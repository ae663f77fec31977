//! An agent's silence, as a worker notices it.

use crate::{
    agent::Agent,
    consequence::agent_silence::{alert_silence, resolve_silence},
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
};

/// Raises an alert for an agent that has been silent for too long, once until it comes back. Nothing is taken from it:
/// an operator restarts it, gives its task to others, or quarantines it.
///
/// # Errors
/// [`crate::agent::Rejection::NotFound`] when it is not registered.
pub fn mark_stale(tx: &mut Transaction<'_>, agent: AgentId) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    let registered = agent.registered()?;
    if registered.is_stale(tx.now(), tx.policy()) { alert_silence(tx, agent.id, registered) } else { Ok(()) }
}

/// Resolves the alert that an agent is silent when it is not, or when nobody waits to hear from it any more. A heartbeat
/// resolves it by itself, but not one that comes while an operator has stopped the agent.
///
/// # Errors
/// [`crate::agent::Rejection::NotFound`] when it is not registered.
pub fn mark_heard(tx: &mut Transaction<'_>, agent: AgentId) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    if agent.registered()?.is_stale(tx.now(), tx.policy()) { Ok(()) } else { resolve_silence(tx, agent.id) }
}
