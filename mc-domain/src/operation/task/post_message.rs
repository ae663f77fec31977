//! Posting a message into the thread of a task.

use crate::{
    agent::Ending,
    consequence::task_holder::execute_with_holder,
    ids::TaskId,
    rejection::Rejection,
    task::{self, Message, Task},
    transaction::Transaction,
};

/// Adds `message` to the thread of `task`. An agent must be of the task's project, and neither quarantined nor offline. A
/// message that completes a loop blocks the task.
///
/// # Errors
/// What the task says ([`task::Rejection`]), or the agent that may not speak.
pub fn post_message(tx: &mut Transaction<'_>, task: TaskId, message: Message) -> Result<(), Rejection> {
    let task = tx.get::<Task>(&task)?;
    let project = task.present()?.project;
    if let Some(author) = tx.actor().agent() {
        let author = tx.agent(author)?;
        author.registered()?.belongs_to(project)?;
        author.registered()?.may_speak()?;
    }
    execute_with_holder(tx, &task, task::Command::Post(message), Ending::Blocked)
}
