//! Changing what a task is about, its budget among it.

use crate::{
    budget::Key,
    consequence::{
        budget_cap::{Spender, follow_cap},
        budget_pause::lift_pauses,
    },
    ids::{AgentId, TaskId},
    rejection::Rejection,
    task::{self, Details, Task},
    transaction::Transaction,
};

/// Changes what `task` is about. Those of `agents` that are paused because it had become too dear work again when there is
/// room in its budget again. An approval that was opened for that stays open, and the task waits for it.
///
/// # Errors
/// - [`task::Rejection::OperatorOnly`] for an agent.
/// - [`task::Rejection::Closed`] when it is done or canceled.
pub fn edit_task(
    tx: &mut Transaction<'_>,
    task: TaskId,
    details: Details,
    agents: &[AgentId],
) -> Result<(), Rejection> {
    let task = tx.get::<Task>(&task)?;
    let (before, now) = (task.present()?.details.budget, details.budget);
    tx.execute(&task, task::Command::Edit(details))?;
    if now != before {
        let (key, project) = (Key::Task(task.id), task.present()?.project);
        follow_cap(tx, key, now, Spender { project, agent: None, task: Some(task.id), run: None })?;
        lift_pauses(tx, agents, key, Some(now))?;
    }
    Ok(())
}
