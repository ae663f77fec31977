//! Setting an agent's record straight, by an operator.

use super::{Decision, Entity, Rejection, quarantine_agent::block_work, restart_agent::give_back, work_of};
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

/// Corrects the record of `agent`. `task`, which it works on, is taken from it where that is asked, and always by a
/// correction to quarantined or offline: it goes back to assigned, or is blocked when the agent cannot take it up again.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for anyone but an operator.
/// - [`agent::Rejection::IllegalStatus`] when its status does not lead to the one wanted.
/// - [`agent::Rejection::Busy`] when it is to lose its work and works on something other than `task`.
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
    let status = corrected.registered()?.status();
    if !clear_task && !matches!(status, Status::Quarantined | Status::Offline) {
        return Ok(decision);
    }
    let Some(task) = work_of(&corrected, task)? else { return Ok(decision) };
    let (what, ending) = match status {
        Status::Active => {
            give_back(&mut decision, task, &corrected, None, Ending::Corrected, moment)?;
            return Ok(decision);
        }
        Status::Paused | Status::Draining => ("was taken off it", Ending::Corrected),
        Status::Quarantined => ("was quarantined", Ending::Quarantined),
        Status::Offline => ("went offline", Ending::WentOffline),
    };
    block_work(&mut decision, task, &corrected, what, None, ending, moment)?;
    Ok(decision)
}
