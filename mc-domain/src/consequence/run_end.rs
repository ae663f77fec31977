//! The end of a run on its agent, its task and its budgets.

use super::budget_cap::follow_current_cap;
use crate::{
    agent,
    agent::Ending,
    budget::{self, Budget},
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    rejection::Rejection,
    run::{self, Bill, OpenRun, Outcome, Run},
    task::{self, Present, Stage, Task},
    transaction::Transaction,
    values::Reason,
};

/// A run under way, as its agent and its task know it.
pub(crate) type Open = (RunId, OpenRun);

/// How a run ends, and what it used and cost.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) bill: Bill,
}

/// Ends a run: charges it, or gives back what was set aside for it, and takes it off its agent. Answers the events of its
/// task, which the caller records together with what else follows for the task.
pub(crate) fn end_run(
    tx: &mut Transaction<'_>,
    (id, open): Open,
    End { outcome, bill }: End,
) -> Result<Vec<task::Event>, Rejection> {
    let run = tx.get::<Run>(&id)?;
    let project = run.running()?.terms.project;
    let error = bill.error.clone();
    let events = tx.decide(&run, run::Command::End { outcome, bill })?;
    let Some((_, ended)) = events.iter().find_map(run::Event::end) else { return Ok(vec![]) };
    let (cost, charged) = (ended.cost, ended.charged);
    tx.record(&run, events)?;
    settle(tx, (id, open), project, cost, charged)?;
    let agent = tx.agent(open.agent)?;
    tx.execute(&agent, agent::Command::EndRun { run: id, outcome, error })?;
    let Some(task) = open.task else { return Ok(vec![]) };
    let task = tx.get::<Task>(&task)?;
    tx.decide(&task, task::Command::EndRun { run: id, outcome, charged })
}

fn settle(
    tx: &mut Transaction<'_>,
    (run, open): Open,
    project: ProjectId,
    cost: Option<Usd>,
    charged: Usd,
) -> Result<(), Rejection> {
    for key in open.budgets(project) {
        let command = if cost.is_none() && charged == Usd::ZERO {
            budget::Command::Release { run }
        } else {
            follow_current_cap(tx, key, project)?;
            budget::Command::Settle { run, cost }
        };
        let budget = tx.get::<Budget>(&key)?;
        tx.execute_in(Some(project), &budget, command)?;
    }
    Ok(())
}

/// Aborts every run that the agent has under way.
pub(crate) fn abort_agent_runs(tx: &mut Transaction<'_>, agent: AgentId, why: &str) -> Result<(), Rejection> {
    let open_runs = tx.agent(agent)?.registered()?.open_runs.clone();
    for open in open_runs {
        abort(tx, open, why)?;
    }
    Ok(())
}

/// Aborts the runs for `task` that its last move leaves without work. `before` is how the task stood.
pub(crate) fn abort_task_runs(
    tx: &mut Transaction<'_>,
    task: TaskId,
    before: &Present,
    ending: Ending,
) -> Result<(), Rejection> {
    let after = tx.get::<Task>(&task)?;
    let after = after.present()?;
    for open in after.open_runs.clone() {
        if !goes_on(tx, before, after, open.1.agent) {
            abort(tx, open, &format!("the task: {ending}"))?;
        }
    }
    Ok(())
}

/// Whether a run of `agent` goes on after a move of its task. An agent that stops its own work, by handing it in or
/// otherwise, still has to tell what the run cost; one that others stop has no say any more.
fn goes_on(tx: &Transaction<'_>, before: &Present, after: &Present, agent: AgentId) -> bool {
    if tx.actor().agent() == Some(agent) {
        return true;
    }
    let held_by = |hold: Option<task::Hold>| hold.is_some_and(|hold| hold.holder == agent);
    let lost = held_by(before.hold()) && !held_by(after.hold());
    match after.stage {
        Stage::InProgress(_) => held_by(after.hold()),
        Stage::Assigned => after.assignees.contains(&agent) && !lost,
        Stage::Review => !lost,
        Stage::Inbox
        | Stage::NeedsApproval { .. }
        | Stage::Blocked
        | Stage::Failed
        | Stage::Done
        | Stage::Canceled => false,
    }
}

fn abort(tx: &mut Transaction<'_>, open: Open, why: &str) -> Result<(), Rejection> {
    let bill = Bill { error: Reason::truncated(why), ..Bill::default() };
    let tx = &mut *tx.as_system();
    let events = end_run(tx, open, End { outcome: Outcome::Aborted, bill })?;
    if let Some(task) = open.1.task {
        let task = tx.get::<Task>(&task)?;
        tx.record(&task, events)?;
    }
    Ok(())
}
