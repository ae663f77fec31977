//! Setting an agent's record straight, by an operator.

use super::{Decision, Entity, Rejection, quarantine_agent::block_work, restart_agent::give_back};
use crate::{
    agent::{self, Agent, Corrections, Ending, Status},
    aggregate::{Aggregate, Moment},
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

/// Corrects the record of `agent`. `task`, which it works on, is taken from it where that is asked: it goes back to
/// assigned, or is blocked when the agent cannot take it up again.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for an agent.
/// - [`agent::Rejection::IllegalStatus`] when its status does not lead to the one wanted.
pub fn correct_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    wish: CorrectAgent,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let CorrectAgent { corrections, clear_task } = wish;
    let events = agent.decide(agent::Command::Correct(corrections), moment)?;
    let corrected = agent.after(&events);
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    let Some(task) = task.filter(|_| clear_task) else { return Ok(decision) };
    match corrected.status() {
        Some(Status::Active) => {
            give_back(&mut decision, task, &corrected, None, Ending::Corrected, moment)?;
        }
        _ => {
            block_work(&mut decision, task, &corrected, "was taken off it", None, Ending::Corrected, moment)?;
        }
    }
    Ok(decision)
}
