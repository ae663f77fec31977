//! What a budget allows was changed: that counts at once, and who waited for more of it works again.

use super::{
    Cast, Decision, Entity, Rejection, by_system,
    complete_run::{Spender, tell_of_budgets},
};
use crate::{
    agent::{self, Agent},
    aggregate::{Aggregate, CommandContext},
    budget::{self, Budget, Key},
    money::Usd,
};

/// Lets `key` allow `cap` from now on, and tells of the threshold that this crosses. A budget that nothing was ever set
/// aside on gets its cap with the first run.
pub(super) fn follow_cap(
    decision: &mut Decision,
    key: Key,
    cap: Usd,
    spender: Spender,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let budget = cast.find::<Budget>(&key)?.after_decision(decision);
    if budget.version == 0 {
        return Ok(());
    }
    let system = by_system(context);
    let events = budget.decide(budget::Command::SetCap(cap), &system)?;
    decision.add(&budget, Some(spender.project), events);
    tell_of_budgets(decision, vec![key], spender, cast, &system)
}

/// Lets those of `agents` work again that nothing but the budget `key` keeps from it, where it has room again under `cap`;
/// without a cap it has.
pub(super) fn lift_pauses(
    decision: &mut Decision,
    agents: &[Entity<Agent>],
    key: Key,
    cap: Option<Usd>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    if !agents.iter().any(|agent| agent.registered().is_ok_and(|agent| agent.waits_for(key))) {
        return Ok(());
    }
    let budget = cast.find::<Budget>(&key)?.after_decision(decision);
    if cap.is_some_and(|cap| budget.remaining(cap) == Usd::ZERO) {
        return Ok(());
    }
    for agent in agents {
        if agent.registered()?.waits_for(key) {
            let events = agent.decide(agent::Command::Resume { note: None }, &by_system(context))?;
            decision.add_agent(agent, events);
        }
    }
    Ok(())
}
