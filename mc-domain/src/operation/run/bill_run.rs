//! What a run has cost, told by its agent after others have ended it: the end stays, and the cost is charged.

use crate::{
    budget::{self, Budget},
    consequence::{budget_cap::follow_current_cap, run_cost::judge_cost},
    rejection::Rejection,
    run::{self, Bill, Outcome, Run, Terms},
    task::{self, Task},
    transaction::{Entity, Transaction},
};

/// Charges `run` on the budgets of the day it began, whatever has become of its agent and its task since. What follows when
/// that uses a budget up follows as at the end of a run.
pub(super) fn bill_run(
    tx: &mut Transaction<'_>,
    run: &Entity<Run>,
    terms: &Terms,
    told: Outcome,
    bill: Bill,
) -> Result<(), Rejection> {
    let priced = bill.cost.is_some();
    let events = tx.decide(run, run::Command::Bill { told, bill })?;
    let amount = events.iter().filter_map(run::Event::charged).sum();
    tx.record(run, events)?;
    for key in terms.open_run().budgets(terms.project) {
        follow_current_cap(tx, key, terms.project)?;
        let budget = tx.get::<Budget>(&key)?;
        let charge = budget::Command::Charge { run: run.id, amount, priced };
        tx.execute_in(Some(terms.project), &budget, charge)?;
    }
    if let Some(task) = terms.task {
        let task = tx.get::<Task>(&task)?;
        tx.execute(&task, task::Command::BillRun { run: run.id, charged: amount })?;
    }
    judge_cost(tx, run.id, terms)
}
