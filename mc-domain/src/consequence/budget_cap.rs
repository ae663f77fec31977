//! What a budget allows now, and the alerts about its thresholds.

use super::alerts::{Warning, raise};
use crate::{
    alert::{Kind, Subject},
    budget::{self, Budget, Cause, Key, Level},
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    project::Project,
    rejection::Rejection,
    task::Task,
    transaction::{Entity, Transaction},
};

/// Whose spending an alert about a budget is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spender {
    pub(crate) project: ProjectId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) task: Option<TaskId>,
    pub(crate) run: Option<RunId>,
}

/// What a budget allows now: what its agent's profile, its task or its project says. None for a project without a cap.
pub(crate) fn current_cap(tx: &mut Transaction<'_>, key: Key) -> Result<Option<Usd>, Rejection> {
    Ok(match key {
        Key::AgentDay(agent, _) => Some(tx.agent(agent)?.registered()?.profile.caps.daily),
        Key::Task(task) => Some(tx.get::<Task>(&task)?.present()?.details.budget),
        Key::ProjectDay(project, _) => tx.get::<Project>(&project)?.daily_cap(),
    })
}

/// Sets the budget to what is allowed now: the cost of a run is judged by that, and not by what was allowed when the run
/// began. A day that is over keeps the cap it had.
pub(crate) fn follow_current_cap(
    tx: &mut Transaction<'_>,
    key: Key,
    project: ProjectId,
) -> Result<(), Rejection> {
    if key.day().is_some_and(|day| day < tx.today()) {
        return Ok(());
    }
    let Some(cap) = current_cap(tx, key)? else { return Ok(()) };
    let budget = tx.get::<Budget>(&key)?;
    tx.as_system().execute_in(Some(project), &budget, budget::Command::SetCap(cap))?;
    Ok(())
}

/// Lets `key` allow `cap` from now on, and tells of the threshold that this crosses. A budget that nothing was ever set
/// aside on gets its cap with the first run.
pub(crate) fn follow_cap(
    tx: &mut Transaction<'_>,
    key: Key,
    cap: Usd,
    spender: Spender,
) -> Result<(), Rejection> {
    let budget = tx.get::<Budget>(&key)?;
    if budget.version == 0 {
        return Ok(());
    }
    execute_and_alert(&mut tx.as_system(), &budget, budget::Command::SetCap(cap), spender)
}

/// Executes `command` on a budget and tells of the threshold that it crosses.
pub(crate) fn execute_and_alert(
    tx: &mut Transaction<'_>,
    budget: &Entity<Budget>,
    command: budget::Command,
    spender: Spender,
) -> Result<(), Rejection> {
    let events = tx.decide(budget, command)?;
    let threshold = events.iter().filter_map(budget::Event::threshold).next_back();
    tx.record_in(Some(spender.project), budget, events)?;
    match threshold {
        Some(threshold) => alert_threshold(tx, budget.id, threshold, spender),
        None => Ok(()),
    }
}

/// Tells of the thresholds that this transaction's charge for a run crosses.
pub(crate) fn alert_budgets(
    tx: &mut Transaction<'_>,
    keys: Vec<Key>,
    spender: Spender,
) -> Result<(), Rejection> {
    for key in keys {
        let threshold = tx.decided::<Budget>(&key).filter_map(budget::Event::threshold).last();
        if let Some(threshold) = threshold {
            alert_threshold(tx, key, threshold, spender)?;
        }
    }
    Ok(())
}

/// What a run uses up is told of with what follows from that; what a lower cap or a correction makes used up is told of
/// here, and stops nobody who does not run.
fn alert_threshold(
    tx: &mut Transaction<'_>,
    key: Key,
    (level, percent): (Level, u32),
    Spender { project, agent, task, run }: Spender,
) -> Result<(), Rejection> {
    let kind = match level {
        Level::Warning => Kind::BudgetWarning,
        Level::Critical => Kind::BudgetCritical,
        Level::Exceeded if run.is_some() => return Ok(()),
        Level::Exceeded => Kind::BudgetExceeded,
    };
    let title = format!("{percent} % of {} are spent", Cause::Budget(key));
    let warning = Warning::new(kind, alert_subject(key), project, title);
    raise(
        tx,
        match agent {
            Some(agent) => warning.concerning(agent, task, run),
            None => warning,
        },
    )
}

/// What an alert about a budget is about.
pub(crate) fn alert_subject(key: Key) -> Subject {
    match key {
        Key::AgentDay(agent, _) => Subject::Agent(agent),
        Key::Task(task) => Subject::Task(task),
        Key::ProjectDay(project, _) => Subject::Project(project),
    }
}
