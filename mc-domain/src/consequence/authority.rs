//! Which agents may act: each for itself, at work, and in its own project.

use super::squad_halt::ensure_squad_running;
use crate::{
    agent::{self, Agent},
    rejection::Rejection,
    task::Task,
    transaction::{Entity, Transaction},
};

/// Refuses an agent that acts for another one; operators and workers act for any.
pub(crate) fn acts_for_itself(tx: &Transaction<'_>, agent: &Entity<Agent>) -> Result<(), Rejection> {
    match tx.actor().agent() {
        Some(actor) if actor != agent.id => {
            Err(agent::Rejection::OperatorOnly { name: agent.registered()?.profile.name.clone() }.into())
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses a move by an agent that does not belong to the task's project, is not at work, or is stopped by a halt.
pub(crate) fn actor_may_move(tx: &mut Transaction<'_>, task: &Entity<Task>) -> Result<(), Rejection> {
    let Some(actor) = tx.actor().agent() else { return Ok(()) };
    let agent = tx.agent(actor)?;
    let agent = agent.registered()?;
    agent.belongs_to(task.present()?.project)?;
    ensure_squad_running(tx, agent.project, agent)?;
    Ok(agent.may_move(task.id, tx.today())?)
}
