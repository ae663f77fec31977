//! What a run has cost, told by its agent after others have ended it: the end stays, and the cost is charged.

use super::{
    Cast, CompleteRun, Decision, Entity, Rejection, complete_run::judge_cost, end_run::follow_current_cap,
};
use crate::{
    aggregate::{Aggregate, CommandContext},
    budget::{self, Budget},
    run::{self, Run, Unbilled},
    task::{self, Task},
};

/// Charges `run` on the budgets of the day it began, whatever has become of its agent and its task since. A budget that is
/// used up by that is dealt with as at the end of a run.
pub(super) fn bill_run(
    run: &Entity<Run>,
    unbilled: &Unbilled,
    wish: CompleteRun,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let CompleteRun { outcome: told, bill } = wish;
    let terms = &unbilled.terms;
    let priced = bill.cost.is_some();
    let events = run.decide(run::Command::Bill { told, bill }, context)?;
    let amount = events.iter().filter_map(run::Event::charged).sum();
    let mut decision = Decision::of(run, Some(terms.project), events);
    for key in terms.open_run().budgets(terms.project) {
        follow_current_cap(&mut decision, key, terms.project, cast, context)?;
        let budget = cast.find::<Budget>(&key)?.after_decision(&decision);
        let charge = budget::Command::Charge { run: run.id, amount, priced };
        decision.add(&budget, Some(terms.project), budget.decide(charge, context)?);
    }
    if let Some(task) = terms.task {
        let task = cast.find::<Task>(&task)?;
        let billed = task.decide(task::Command::BillRun { run: run.id, charged: amount }, context)?;
        decision.add_task(&task, billed);
    }
    judge_cost(&mut decision, run, terms, cast, context)?;
    Ok(decision)
}
