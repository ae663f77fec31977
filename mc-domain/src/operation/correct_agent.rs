//! Setting an agent's record straight, by an operator.

use super::{
    Cast, Decision, Entity, Rejection,
    complete_run::{Spender, tell_of_budgets},
    end_run::abort_agent_runs,
    quarantine_agent::{Stop, block_work, seated, stop_at_once},
    restart_agent::give_back,
    squad::except,
    work_of,
};
use crate::{
    agent::{self, Agent, Corrections, Ending, Status},
    aggregate::{Aggregate, CommandContext},
    budget::{self, Budget, Key},
    money::Usd,
    task::Task,
};

/// What is asked for with a correction.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectAgent {
    /// What of the record is wrong.
    pub corrections: Corrections,
    /// Whether its current task is to be taken from it.
    pub clear_task: bool,
}

/// Corrects the record of `agent`. `task`, which it works on, is taken from it where that is asked, and always by a
/// correction to quarantined or offline: it goes back to assigned, or is blocked when the agent cannot take it up again.
/// What it is to have spent today is adjusted on its budget of the day. Corrected to active in a squad that is paused, it
/// works on alone. `cast` has its budget, its project, and what ends with its runs.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for anyone but an operator.
/// - [`agent::Rejection::IllegalStatus`] when its status does not lead to the one wanted.
/// - [`agent::Rejection::Busy`] when it is to lose its work and works on something other than `task`.
pub fn correct_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    wish: CorrectAgent,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let CorrectAgent { corrections, clear_task } = wish;
    let events = agent.decide(agent::Command::Correct(corrections), context)?;
    let was = agent.registered()?.status();
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    if corrections.status == Some(Status::Active) {
        except(&mut decision, agent, cast, context)?;
    }
    let cast = &seated(agent, task, cast);
    if let Some(spent) = corrections.today_spend {
        adjust_spend(&mut decision, agent, spent, cast, context)?;
    }
    let corrected = agent.after_decision(&decision);
    let status = corrected.registered()?.status();
    match status {
        Status::Quarantined if was != status => {
            stop_at_once(&mut decision, agent, task, None, cast, context)?;
        }
        Status::Offline => {
            abort_agent_runs(&mut decision, agent.id, "its agent went offline", cast, context)?;
            take_work(&mut decision, agent, task, cast, context)?;
        }
        Status::Active | Status::Paused | Status::Draining | Status::Quarantined => {
            if clear_task {
                take_work(&mut decision, agent, task, cast, context)?;
            }
        }
    }
    Ok(decision)
}

fn adjust_spend(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    spent: Usd,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let budget = cast.find::<Budget>(&Key::AgentDay(agent.id, context.now.date_naive()))?;
    let events = budget.decide(budget::Command::Adjust { spent }, context)?;
    let registered = agent.registered()?;
    let (project, task) = (registered.project, registered.work.map(|work| work.task));
    decision.add(&budget, Some(project), events);
    let spender = Spender { project, agent: Some(agent.id), task, run: None };
    tell_of_budgets(decision, vec![budget.id], spender, cast, context)
}

fn take_work(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let corrected = agent.after_decision(decision);
    let Some(task) = work_of(&corrected, task)? else { return Ok(()) };
    let (what, ending) = match corrected.registered()?.status() {
        Status::Active => {
            return give_back(decision, task, &corrected, None, Ending::Corrected, cast, context);
        }
        Status::Paused | Status::Draining => ("was taken off it", Ending::Corrected),
        Status::Quarantined => ("was quarantined", Ending::Quarantined),
        Status::Offline => ("went offline", Ending::WentOffline),
    };
    block_work(decision, task, &corrected, Stop { what, note: None, ending, told: false }, cast, context)
}
