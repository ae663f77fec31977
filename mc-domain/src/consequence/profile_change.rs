//! What follows from a change of an agent's profile.

use super::{
    budget_cap::{Spender, follow_cap},
    budget_pause::lift_pauses,
};
use crate::{
    agent::{self, Agent},
    budget::Key,
    rejection::Rejection,
    transaction::{Entity, Transaction},
};

/// Adds the change that `agent` decided. A new cap counts at once on the budget of the day; a higher one ends a pause for
/// that budget when there is room again.
pub(crate) fn record_profile(
    tx: &mut Transaction<'_>,
    agent: &Entity<Agent>,
    changed: Vec<agent::Event>,
) -> Result<(), Rejection> {
    let before = agent.registered()?.profile.caps;
    let agent = tx.record(agent, changed)?;
    let registered = agent.registered()?;
    let now = registered.profile.caps;
    if before == now {
        return Ok(());
    }
    let key = Key::AgentDay(agent.id, tx.today());
    let (project, task) = (registered.project, registered.work.map(|work| work.task));
    follow_cap(tx, key, now.daily, Spender { project, agent: Some(agent.id), task, run: None })?;
    if now.daily > before.daily || now.per_run > before.per_run {
        lift_pauses(tx, &[agent.id], key, Some(now.daily))?;
    }
    Ok(())
}
