//! Following a task: whoever does is notified of what happens to it.

use crate::{
    ids::TaskId,
    rejection::Rejection,
    task::{self, Task},
    transaction::Transaction,
};

/// Notifies whoever acts of whatever happens to `task` from now on. An agent must be of the task's project.
///
/// # Errors
/// - [`task::Rejection::NotFound`] when there is no such task.
/// - [`crate::agent::Rejection::OtherProject`] for an agent of another project.
pub fn follow_task(tx: &mut Transaction<'_>, task: TaskId) -> Result<(), Rejection> {
    let task = tx.get::<Task>(&task)?;
    let project = task.present()?.project;
    if let Some(follower) = tx.actor().agent() {
        tx.agent(follower)?.registered()?.belongs_to(project)?;
    }
    tx.execute(&task, task::Command::Subscribe)?;
    Ok(())
}

/// Ends what [`follow_task`] began. Whoever has a part in the task is still notified for that.
///
/// # Errors
/// [`task::Rejection::NotFound`] when there is no such task.
pub fn unfollow_task(tx: &mut Transaction<'_>, task: TaskId) -> Result<(), Rejection> {
    let task = tx.get::<Task>(&task)?;
    task.present()?;
    tx.execute(&task, task::Command::Unsubscribe)?;
    Ok(())
}
