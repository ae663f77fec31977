//! What follows from the cost of a run.

use super::{
    alerts::{Warning, raise},
    budget_cap::{Spender, alert_budgets, current_cap},
    overspending::{Overspending, contain_overspending},
};
use crate::{
    alert::{Kind, Subject},
    budget::{Budget, Cause, Key, Level},
    ids::RunId,
    rejection::Rejection,
    run::{self, Run, Terms},
    task::Task,
    transaction::Transaction,
};

/// Tells of the thresholds that this transaction's charge for the run crosses, and stops who has used a budget up. A run that
/// is dearer than its agent's cap per run, and uses up nothing, is told of.
pub(crate) fn judge_cost(tx: &mut Transaction<'_>, run: RunId, terms: &Terms) -> Result<(), Rejection> {
    let spender =
        Spender { project: terms.project, agent: Some(terms.agent), task: terms.task, run: Some(run) };
    alert_budgets(tx, terms.open_run().budgets(terms.project), spender)?;
    match used_up(tx, terms)? {
        Some(key) => contain_overrun(tx, run, terms, key),
        None => alert_dear_run(tx, run, terms),
    }
}

/// The first budget that is used up. What was spent on a day that is over stops nobody any more.
fn used_up(tx: &mut Transaction<'_>, terms: &Terms) -> Result<Option<Key>, Rejection> {
    for key in terms.open_run().budgets(terms.project) {
        let over = key.day().is_some_and(|day| day < tx.today());
        let budget = tx.get::<Budget>(&key)?;
        let level = current_cap(tx, key)?.and_then(|cap| budget.level(cap, tx.policy().thresholds));
        if !over && level == Some(Level::Exceeded) {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Stops the agent; its task waits with it, unless others have the task by now and it has room itself.
fn contain_overrun(tx: &mut Transaction<'_>, run: RunId, terms: &Terms, key: Key) -> Result<(), Rejection> {
    let task = match terms.task {
        Some(id) if key != Key::Task(id) => {
            let task = tx.get::<Task>(&id)?;
            task.present()?.assignees.contains(&terms.agent).then_some(id)
        }
        task => task,
    };
    let cause = Cause::Budget(key);
    contain_overspending(tx, &Overspending { cause, agent: terms.agent, task, run, wanted: None })?;
    Ok(())
}

/// Tells of a run that cost more than its agent may spend in one.
fn alert_dear_run(tx: &mut Transaction<'_>, run: RunId, terms: &Terms) -> Result<(), Rejection> {
    let Some(cost) = tx.decided::<Run>(&run).find_map(run::Event::cost) else { return Ok(()) };
    let agent = tx.agent(terms.agent)?;
    let profile = &agent.registered()?.profile;
    let allowance = tx.get::<Budget>(&Key::AgentDay(terms.agent, terms.day))?.run_allowance;
    let cap = profile.caps.per_run_in_force().max(allowance);
    if cost <= cap {
        return Ok(());
    }
    let title = format!("A run of {} cost {cost} dollars", profile.name);
    let description = format!("That is more than the {cap} dollars that one run of it may cost.");
    let warning = Warning::new(Kind::BudgetExceeded, Subject::Run(run), terms.project, title);
    raise(tx, warning.saying(description).concerning(terms.agent, terms.task, Some(run)))
}
