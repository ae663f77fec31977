//! Posting a message in a task's thread.

use super::{Cast, Decision, Entity, Rejection, hold::decide_with_holder};
use crate::{
    agent::Ending,
    aggregate::{Aggregate, CommandContext},
    task::{self, Message, Task},
};

/// Adds `message` to the thread of `task`. An agent must be of the task's project, and neither quarantined nor
/// offline. `cast` has the author and who holds the task: a message that completes a loop blocks it.
///
/// # Errors
/// What the task says ([`task::Rejection`]), or the agent that may not speak.
pub fn post_message(
    task: &Entity<Task>,
    message: Message,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let project = task.present()?.project;
    if let Some(author) = context.actor.agent() {
        let author = cast.agent(author)?.registered()?;
        author.belongs_to(project)?;
        author.may_speak()?;
    }
    let events = task.decide(task::Command::Post(message), context)?;
    let mut decision = Decision::default();
    decide_with_holder(&mut decision, task, events, Ending::Blocked, cast, context)?;
    Ok(decision)
}
