//! Reassigning a task: others get it, and whoever held it lets go.

use std::collections::BTreeSet;

use crate::{
    agent::Ending,
    consequence::{
        crew::{crew_left, crew_named, decide_with_crew, type_rule},
        task_holder::record_with_holder,
    },
    ids::{AgentId, TaskId},
    rejection::Rejection,
    task::{self, Crew, Task},
    transaction::Transaction,
    values::Reason,
};

/// Who is to have a task, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct ReassignTask {
    /// Everyone who is to have it.
    pub assignees: BTreeSet<AgentId>,
    /// Why. With it, an operator sets the agents' accepted task types aside.
    pub reason: Option<Reason>,
}

/// Gives `task` to others. From in_progress it returns to assigned and its holder is released, unless the holder is
/// among them.
///
/// # Errors
/// - [`Rejection::UnknownAgent`] or an agent's rejection when one of them cannot take it.
/// - [`task::Rejection::NoAssignee`] when nobody is named and the task is past being nobody's.
/// - [`task::Rejection::OperatorOnly`] for an agent.
pub fn reassign_task(tx: &mut Transaction<'_>, task: TaskId, request: ReassignTask) -> Result<(), Rejection> {
    let ReassignTask { assignees, reason } = request;
    let task = tx.get::<Task>(&task)?;
    let present = task.present()?;
    let rule = type_rule(tx, reason.is_some());
    let newcomers = assignees.difference(&present.assignees).copied().collect();
    let stayers = assignees.intersection(&present.assignees).copied().collect();
    let mut ready = crew_named(tx, &newcomers, (present.project, present.details.kind), rule)?;
    let (left, refusal) = crew_left(tx, &stayers, &task, rule)?;
    ready.extend(left);
    let crew = Crew { assignees, ready, lease: None };
    let events = decide_with_crew(tx, &task, task::Command::Assign { crew, reason }, refusal)?;
    record_with_holder(tx, &task, events, Ending::Reassigned)
}
