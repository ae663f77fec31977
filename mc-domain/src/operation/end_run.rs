//! The end of a run: the run, the budgets money is set aside on, its agent and its task, all in one commit.

use super::{Cast, Decision, Entity, Rejection, by_system, overspend::current_cap};
use crate::{
    agent::{self, Ending},
    aggregate::{Aggregate, CommandContext},
    budget::{self, Budget, Key},
    ids::{AgentId, ProjectId, RunId},
    money::Usd,
    run::{self, Bill, OpenRun, Outcome, Run},
    task::{self, Present, Stage, Task},
    values::Reason,
};

/// A run that is under way, as its agent and its task know it.
pub(super) type Open = (RunId, OpenRun);

/// How a run ends.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) bill: Bill,
}

impl End {
    /// Broken off, because of `why`.
    pub(super) fn aborted(why: &str) -> Self {
        Self { outcome: Outcome::Aborted, bill: Bill { error: Reason::truncated(why), ..Bill::default() } }
    }
}

/// Ends a run: it is charged, or what was set aside for it is given back, and neither its agent nor its task has it under
/// way any more. What follows for the task from its end is the caller's to decide: its events are answered.
pub(super) fn end_run(
    decision: &mut Decision,
    (id, open): Open,
    end: End,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Vec<task::Event>, Rejection> {
    let run = cast.find::<Run>(&id)?.after_decision(decision);
    let End { outcome, bill } = end;
    let error = bill.error.clone();
    let events = run.decide(run::Command::End { outcome, bill }, context)?;
    let project = run.running()?.terms.project;
    let Some((_, ended)) = events.iter().find_map(run::Event::end) else { return Ok(vec![]) };
    let charged = Charged { cost: ended.cost, charged: ended.charged };
    decision.add(&run, Some(project), events);
    settle(decision, (id, open), project, charged, cast, context)?;
    let agent = cast.agent(open.agent)?.after_decision(decision);
    let ended = agent.decide(agent::Command::EndRun { run: id, outcome, error }, context)?;
    decision.add_agent(&agent, ended);
    let Some(task) = open.task else { return Ok(vec![]) };
    let task = cast.find::<Task>(&task)?.after_decision(decision);
    Ok(task.decide(task::Command::EndRun { run: id, outcome, charged: charged.charged }, context)?)
}

/// What a run has cost as far as anybody knows, and what it was charged.
#[derive(Debug, Clone, Copy)]
struct Charged {
    cost: Option<Usd>,
    charged: Usd,
}

fn settle(
    decision: &mut Decision,
    (run, open): Open,
    project: ProjectId,
    Charged { cost, charged }: Charged,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    for key in open.budgets(project) {
        let nothing = cost.is_none() && charged == Usd::ZERO;
        let command = match nothing {
            true => budget::Command::Release { run },
            false => {
                follow_current_cap(decision, key, project, cast, context)?;
                budget::Command::Settle { run, cost }
            }
        };
        let budget = cast.find::<Budget>(&key)?.after_decision(decision);
        let events = budget.decide(command, context)?;
        decision.add(&budget, Some(project), events);
    }
    Ok(())
}

/// What a run has cost is judged by what the budget allows now, not by what it allowed when the run began. A day that is
/// over keeps the cap it had.
pub(super) fn follow_current_cap(
    decision: &mut Decision,
    key: Key,
    project: ProjectId,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    if key.day().is_some_and(|day| day < context.now.date_naive()) {
        return Ok(());
    }
    let Some(cap) = current_cap(key, cast)? else { return Ok(()) };
    let budget = cast.find::<Budget>(&key)?.after_decision(decision);
    let events = budget.decide(budget::Command::SetCap(cap), &by_system(context))?;
    decision.add(&budget, Some(project), events);
    Ok(())
}

/// Breaks off every run that `agent` has under way.
pub(super) fn abort_agent_runs(
    decision: &mut Decision,
    agent: AgentId,
    why: &str,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let open_runs = cast.agent(agent)?.after_decision(decision).registered()?.open_runs.clone();
    for open in open_runs {
        abort(decision, open, why, cast, context)?;
    }
    Ok(())
}

/// Breaks off the runs for `task` that its last move leaves without work. `before` is how the task stood.
pub(super) fn abort_task_runs(
    decision: &mut Decision,
    task: &Entity<Task>,
    before: &Present,
    ending: Ending,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let after = task.after_decision(decision);
    let after = after.present()?;
    for open in after.open_runs.clone() {
        if !goes_on(before, after, open.1.agent, context) {
            abort(decision, open, &format!("the task: {ending}"), &cast.with(task.clone()), context)?;
        }
    }
    Ok(())
}

/// Whether a run of `agent` may go on after a move of its task. Who stops the own work, by handing it in or otherwise,
/// still has to tell what the run cost; who is stopped by others has no say any more.
fn goes_on(before: &Present, after: &Present, agent: AgentId, context: &CommandContext) -> bool {
    if context.actor.agent() == Some(agent) {
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

fn abort(
    decision: &mut Decision,
    open: Open,
    why: &str,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let events = end_run(decision, open, End::aborted(why), cast, &by_system(context))?;
    let Some(task) = open.1.task else { return Ok(()) };
    let task = cast.find::<Task>(&task)?.after_decision(decision);
    decision.add_task(&task, events);
    Ok(())
}
