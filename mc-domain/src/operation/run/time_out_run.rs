//! The end of a run that did not end in time.

use super::complete_run::end;
use crate::{
    agent::Ending,
    alert::{Kind, Subject},
    consequence::{
        alerts::{Warning, raise},
        blocked_work::{Stop, block_work},
        run_end::End,
        task_holder::held_task,
    },
    ids::RunId,
    rejection::Rejection,
    run::{self, Bill, Outcome, Run},
    transaction::Transaction,
    values::Reason,
};

/// Ends a run that did not end in time. Its lease is over with it: the task that its agent held for it is blocked.
///
/// # Errors
/// - [`crate::run::Rejection::OperatorOnly`] for an agent, which tells of the end of its run itself.
/// - [`crate::run::Rejection::NotDue`] before its deadline.
/// - [`crate::run::Rejection::AlreadyEnded`] when it is over.
pub fn time_out_run(tx: &mut Transaction<'_>, run: RunId) -> Result<(), Rejection> {
    let run = tx.get::<Run>(&run)?;
    let terms = run.running()?.terms.clone();
    if tx.actor().agent().is_some() {
        return Err(run::Rejection::OperatorOnly.into());
    }
    let bill = Bill { error: Reason::truncated("it did not end in time"), ..Bill::default() };
    end(tx, run.id, &terms, End { outcome: Outcome::TimedOut, bill })?;
    let agent = tx.agent(terms.agent)?;
    let registered = agent.registered()?;
    let title = format!("A run of {} did not end in time", registered.profile.name);
    let warning = Warning::new(Kind::RunTimeout, Subject::Run(run.id), terms.project, title);
    raise(tx, warning.concerning(agent.id, terms.task, Some(run.id)))?;
    let goes_on = registered.open_runs.values().any(|other| other.task == terms.task);
    match held_task(tx, agent.id)? {
        Some(task) if Some(task.id) == terms.task && !goes_on => {
            let what = "did not end a run in time";
            let stop = Stop { what, note: None, ending: Ending::Blocked, told: true };
            block_work(&mut tx.as_system(), &task, agent.id, stop)
        }
        Some(_) | None => Ok(()),
    }
}
