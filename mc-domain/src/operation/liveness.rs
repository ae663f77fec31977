//! Agents that fall silent.

use super::{
    Cast, Decision, Entity, Rejection,
    raise_alert::{Warning, raise_once, resolve},
};
use crate::{
    agent::Agent,
    aggregate::CommandContext,
    alert::{Key, Kind, Subject},
};

/// Raises an alert for `agent` when it has been silent for too long, once until it comes back. Nothing is taken from it:
/// an operator restarts it, gives its task to others, or quarantines it.
///
/// # Errors
/// [`crate::agent::Rejection::NotFound`] when it is not registered.
pub fn mark_stale(
    agent: &Entity<Agent>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let registered = agent.registered()?;
    let mut decision = Decision::default();
    if registered.is_stale(context.now, &context.policy) {
        let warning = Warning::of_agent(Kind::AgentStale, agent.id, registered, "is silent");
        let warning = warning.concerning(agent.id, registered.work.map(|work| work.task), None);
        raise_once(&mut decision, warning, cast, context)?;
    }
    Ok(decision)
}

/// Resolves the alert that `agent` is silent when it is not, or when nobody waits to hear from it any more: a heartbeat
/// resolves it by itself, but not one that comes while an operator has stopped the agent.
///
/// # Errors
/// [`crate::agent::Rejection::NotFound`] when it is not registered.
pub fn mark_heard(
    agent: &Entity<Agent>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    if !agent.registered()?.is_stale(context.now, &context.policy) {
        resolve(&mut decision, Key::new(Kind::AgentStale, Subject::Agent(agent.id)), cast, context)?;
    }
    Ok(decision)
}
