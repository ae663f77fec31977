//! Following a task: hearing of whatever happens to it, without having it.

use super::{Cast, Decision, Entity, Rejection};
use crate::{
    aggregate::{Aggregate, CommandContext},
    task::{self, Task},
};

/// Lets whoever acts hear of whatever happens to `task` from now on. An agent must be of the task's project; `cast` has it.
///
/// # Errors
/// - [`task::Rejection::NotFound`] when there is no such task.
/// - [`crate::agent::Rejection::OtherProject`] for an agent of another project.
pub fn follow_task(
    task: &Entity<Task>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let project = task.present()?.project;
    if let Some(follower) = context.actor.agent() {
        cast.agent(follower)?.registered()?.belongs_to(project)?;
    }
    Ok(Decision::of(task, Some(project), task.decide(task::Command::Subscribe, context)?))
}

/// Whoever acts hears no more of `task` for having asked to.
///
/// # Errors
/// [`task::Rejection::NotFound`] when there is no such task.
pub fn unfollow_task(task: &Entity<Task>, context: &CommandContext) -> Result<Decision, Rejection> {
    let project = task.present()?.project;
    Ok(Decision::of(task, Some(project), task.decide(task::Command::Unsubscribe, context)?))
}
