//! The end of a pause for a used-up budget.

use crate::{
    agent::{self, Agent},
    budget::{Budget, Key},
    ids::AgentId,
    money::Usd,
    rejection::Rejection,
    transaction::Transaction,
};

/// Ends a pause for the budget of a day that is over. Whatever an agent does on a new day records that first.
pub(crate) fn lift_pause_of_yesterday(tx: &mut Transaction<'_>, agent: AgentId) -> Result<(), Rejection> {
    let agent = tx.agent(agent)?;
    if agent.registered()?.is_paused_since_yesterday(tx.today()) {
        tx.as_system().execute(&agent, agent::Command::Resume { note: None })?;
    }
    Ok(())
}

/// Ends such a pause of the agent that acts.
pub(crate) fn wake_actor(tx: &mut Transaction<'_>) -> Result<(), Rejection> {
    match tx.actor().agent() {
        Some(actor) => lift_pause_of_yesterday(tx, actor),
        None => Ok(()),
    }
}

/// Lets those of `agents` work again that wait for nothing but the budget `key`, where it has room again under `cap`;
/// without a cap it has.
pub(crate) fn lift_pauses(
    tx: &mut Transaction<'_>,
    agents: &[AgentId],
    key: Key,
    cap: Option<Usd>,
) -> Result<(), Rejection> {
    let mut waiting = vec![];
    for agent in agents {
        let agent = tx.get::<Agent>(agent)?;
        if agent.registered().is_ok_and(|agent| agent.waits_for(key)) {
            waiting.push(agent);
        }
    }
    if waiting.is_empty() {
        return Ok(());
    }
    let budget = tx.get::<Budget>(&key)?;
    if cap.is_some_and(|cap| budget.remaining(cap) == Usd::ZERO) {
        return Ok(());
    }
    for agent in waiting {
        tx.as_system().execute(&agent, agent::Command::Resume { note: None })?;
    }
    Ok(())
}
