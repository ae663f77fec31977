//! Agents that fall silent.

use super::{
    Cast, Decision, Entity, Rejection,
    raise_alert::{Warning, raise_once},
};
use crate::{agent::Agent, aggregate::Moment, alert::Kind};

/// Raises an alert for `agent` when it has been silent for too long, once until it comes back. Nothing is taken from it:
/// an operator restarts it, gives its task to others, or quarantines it.
///
/// # Errors
/// [`crate::agent::Rejection::NotFound`] when it is not registered.
pub fn mark_stale(agent: &Entity<Agent>, cast: &Cast, moment: &Moment) -> Result<Decision, Rejection> {
    let registered = agent.registered()?;
    let mut decision = Decision::default();
    if registered.is_stale(moment.now) {
        let warning = Warning::of_agent(Kind::AgentStale, agent.id, registered, "is silent");
        let warning = warning.concerning(agent.id, registered.work.map(|work| work.task), None);
        raise_once(&mut decision, warning, cast, moment)?;
    }
    Ok(decision)
}
