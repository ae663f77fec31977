//! Posting a message in a task's thread.

use super::{Cast, Decision, Entity, Rejection};
use crate::{
    aggregate::{Aggregate, Moment},
    task::{self, Message, Task},
};

/// Adds `message` to the thread of `task`. An agent must be of the task's project, and neither quarantined nor
/// offline.
///
/// # Errors
/// What the task says ([`task::Rejection`]), or the agent that may not speak.
pub fn post_message(
    task: &Entity<Task>,
    message: Message,
    cast: &Cast,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let project = task.present()?.project;
    if let Some(author) = moment.actor.agent() {
        let author = cast.agent(author)?.registered()?;
        author.belongs_to(project)?;
        author.may_speak()?;
    }
    let events = task.decide(task::Command::Post(message), moment)?;
    Ok(Decision::of(task, Some(project), events))
}
