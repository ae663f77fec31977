//! Editing a task, by an operator: what it may cost counts at once.

use super::{
    Cast, Decision, Entity, Rejection,
    complete_run::Spender,
    follow_cap::{follow_cap, lift_pauses},
};
use crate::{
    agent::Agent,
    aggregate::{Aggregate, CommandContext},
    budget::Key,
    task::{self, Details, Task},
};

/// Changes what `task` is about. Those of `agents` that are paused because it had become too dear work again when there is
/// room in its budget again; an approval that was opened for that stays open, and the task with it. `cast` has the budget.
///
/// # Errors
/// - [`task::Rejection::OperatorOnly`] for an agent.
/// - [`task::Rejection::Closed`] when it is done or canceled.
pub fn edit_task(
    task: &Entity<Task>,
    details: Details,
    agents: &[Entity<Agent>],
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let present = task.present()?;
    let (project, before, now) = (present.project, present.details.budget, details.budget);
    let mut decision = Decision::default();
    decision.add_task(task, task.decide(task::Command::Edit(details), context)?);
    if now != before {
        let (key, spender) =
            (Key::Task(task.id), Spender { project, agent: None, task: Some(task.id), run: None });
        follow_cap(&mut decision, key, now, spender, cast, context)?;
        lift_pauses(&mut decision, agents, key, Some(now), cast, context)?;
    }
    Ok(decision)
}
