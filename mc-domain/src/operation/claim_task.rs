//! Claiming: an agent takes a task from the inbox for itself. The first one wins.

use super::{Decision, Entity, Rejection};
use crate::{
    agent::{Agent, TypeRule},
    aggregate::{Aggregate, Moment},
    task::{self, Task},
};

/// Gives `task` to `agent`, which asks for it.
///
/// # Errors
/// - [`task::Rejection::AlreadyClaimed`] when another has it.
/// - [`task::Rejection::IllegalTransition`] when it is past being claimed.
/// - An agent's rejection when it may not take the task.
pub fn claim_task(
    task: &Entity<Task>,
    agent: &Entity<Agent>,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let present = task.present()?;
    let claimer =
        agent.registered()?.accept(agent.id, present.project, present.details.kind, TypeRule::Enforced)?;
    let events = task.decide(task::Command::Claim(claimer), moment)?;
    Ok(Decision::of(task, Some(present.project), events))
}
