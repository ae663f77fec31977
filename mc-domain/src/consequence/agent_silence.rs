//! Alerts about an agent's signs of life.

use super::alerts::{Warning, raise_once, resolve};
use crate::{
    agent::Registered,
    alert::{Key, Kind, Subject},
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
};

/// Tells once that an agent has been silent for too long.
pub(crate) fn alert_silence(
    tx: &mut Transaction<'_>,
    id: AgentId,
    agent: &Registered,
) -> Result<(), Rejection> {
    let warning = Warning::of_agent(Kind::AgentStale, id, agent, "is silent");
    raise_once(tx, warning.concerning(id, agent.work.map(|work| work.task), None))
}

/// Resolves what told that the agent is silent.
pub(crate) fn resolve_silence(tx: &mut Transaction<'_>, id: AgentId) -> Result<(), Rejection> {
    resolve(tx, Key::new(Kind::AgentStale, Subject::Agent(id)))
}

/// Resolves the alerts whose cause is gone with a heartbeat that brings no error. `was` is the agent before it.
pub(crate) fn resolve_agent_alerts(
    tx: &mut Transaction<'_>,
    id: AgentId,
    was: &Registered,
) -> Result<(), Rejection> {
    if was.is_stale(tx.now(), tx.policy()) {
        resolve_silence(tx, id)?;
    }
    if was.error_streak >= tx.policy().timeouts.error_streak_warning {
        resolve(tx, Key::new(Kind::ErrorStreak, Subject::Agent(id)))?;
    }
    Ok(())
}
