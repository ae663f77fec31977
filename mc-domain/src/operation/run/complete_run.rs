//! The end of a run: it is charged once, and what follows from its cost and from its failure is decided with it.

use super::bill_run::bill_run;
use crate::{
    agent::Ending,
    consequence::{
        alerts::alert_errors,
        quarantine::stop_after_errors,
        run_cost::judge_cost,
        run_end::{End, end_run},
        task_holder::record_with_holder,
    },
    ids::RunId,
    rejection::Rejection,
    run::{Bill, Outcome, Run, Terms},
    task::Task,
    transaction::Transaction,
};

/// How a run ended, as its agent tells it.
#[derive(Debug, Clone)]
pub struct CompleteRun {
    /// The end that the agent reports: completed, failed, or aborted by an operator.
    pub outcome: Outcome,
    /// Tokens, cost in micro-dollars where the agent knows it, and the error of a run that failed.
    pub bill: Bill,
}

/// Ends `run`: charges it, gives back the rest of what was set aside, and counts errors in a row. A run that uses a budget
/// up is recorded all the same, and stops its agent as a run that is too dear does. One that is dearer than its agent's cap
/// per run, and uses up nothing, is told of.
///
/// A run that others have ended stays ended as it is. Its agent tells once what it has cost, and that is charged on the
/// budgets of the day it began.
///
/// # Errors
/// - [`crate::run::Rejection::AlreadyEnded`] when it is over, even for the same end.
/// - [`crate::run::Rejection::OtherAgent`] for another agent, [`crate::run::Rejection::OperatorOnly`] when an agent
///   breaks it off.
pub fn complete_run(tx: &mut Transaction<'_>, run: RunId, request: CompleteRun) -> Result<(), Rejection> {
    let run = tx.get::<Run>(&run)?;
    let CompleteRun { outcome, bill } = request;
    if let Run::Unbilled(unbilled) = &*run.state {
        return bill_run(tx, &run, &unbilled.terms, outcome, bill);
    }
    let terms = run.running()?.terms.clone();
    let agent = tx.agent(terms.agent)?;
    let error = bill.error.clone();
    end(tx, run.id, &terms, End { outcome, bill })?;
    if outcome == Outcome::Failed {
        alert_errors(tx, agent.id, error.as_ref())?;
    }
    stop_after_errors(tx, &agent)?;
    judge_cost(tx, run.id, &terms)
}

/// Ends the run on everything that knows it.
pub(super) fn end(tx: &mut Transaction<'_>, run: RunId, terms: &Terms, end: End) -> Result<(), Rejection> {
    let events = end_run(tx, (run, terms.open_run()), end)?;
    let Some(task) = terms.task else { return Ok(()) };
    let task = tx.get::<Task>(&task)?;
    record_with_holder(tx, &task, events, Ending::Blocked)
}
