//! A heartbeat: an agent's sign of life, and what it is told in return.

use crate::{
    agent::{self, Agent, Directive, Heartbeat, Status},
    consequence::{
        agent_silence::resolve_agent_alerts, alerts::alert_errors, authority::acts_for_itself,
        budget_pause::lift_pause_of_yesterday, quarantine::stop_after_errors, squad_halt::join_stopped,
    },
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
};

/// Records a heartbeat. Errors in a row raise alerts and in the end quarantine the agent; a sign of life after a silence,
/// and an end of the errors, resolve theirs.
///
/// # Errors
/// - [`agent::Rejection::NotFound`] when it is not registered.
/// - [`agent::Rejection::OperatorOnly`] for another agent.
pub fn heartbeat(tx: &mut Transaction<'_>, agent: AgentId, heartbeat: Heartbeat) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    acts_for_itself(tx, &agent)?;
    let (was, error) = (agent.registered()?, heartbeat.error.clone());
    tx.execute(&agent, agent::Command::Heartbeat(heartbeat))?;
    lift_pause_of_yesterday(tx, agent.id)?;
    if was.status() == Status::Offline {
        join_stopped(tx, &agent)?;
    }
    match error {
        Some(error) => alert_errors(tx, agent.id, Some(&error))?,
        None => resolve_agent_alerts(tx, agent.id, was)?,
    }
    stop_after_errors(tx, &agent)
}

/// What an agent is told with the answer to a heartbeat: what its standing has become, and an order to restart that was
/// still to be delivered. `before` and `after` are the agent before and after the heartbeat.
pub fn directives(before: &Agent, after: &Agent) -> Vec<Directive> {
    let restart = before.registered().is_ok_and(|agent| agent.restart_pending).then_some(Directive::Restart);
    let standing = after.registered().ok().and_then(|agent| agent.standing.directive());
    standing.into_iter().chain(restart).collect()
}
