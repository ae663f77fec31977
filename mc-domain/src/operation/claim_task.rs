//! Claiming: an agent takes a task from the inbox for itself. The first one wins.

use super::{Cast, Decision, Entity, Rejection, squad::works, start_run::lift_pause_of_yesterday};
use crate::{
    agent::{Agent, TypeRule},
    aggregate::{Aggregate, CommandContext},
    project::Project,
    task::{self, Task},
};

/// Gives `task` to `agent`, which asks for it. `cast` has the project.
///
/// # Errors
/// - [`Rejection::SquadStopped`] when a halt of its squad stops it.
/// - [`task::Rejection::AlreadyClaimed`] when another has it.
/// - [`task::Rejection::IllegalTransition`] when it is past being claimed.
/// - An agent's rejection when it may not take the task.
pub fn claim_task(
    task: &Entity<Task>,
    agent: &Entity<Agent>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let (present, today) = (task.present()?, context.now.date_naive());
    let (project, kind) = (present.project, present.details.kind);
    works(&*cast.find::<Project>(&project)?, agent.registered()?, context)?;
    let claimer = agent.registered()?.accept(agent.id, project, kind, TypeRule::Enforced, today)?;
    let events = task.decide(task::Command::Claim(claimer), context)?;
    let mut decision = Decision::of(task, Some(project), events);
    lift_pause_of_yesterday(&mut decision, agent, context)?;
    Ok(decision)
}
