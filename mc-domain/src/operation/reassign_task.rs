//! Reassigning: giving a task to others, whoever has it now.

use std::collections::BTreeSet;

use super::{
    Cast, Decision, Entity, Rejection,
    hold::decide_with_holder,
    start_task::{crew_left, crew_named, say_why},
};
use crate::{
    actor::ActorKind,
    agent::{Ending, TypeRule},
    aggregate::{Aggregate, CommandContext},
    ids::AgentId,
    task::{self, Crew, Task},
    values::Reason,
};

/// What is asked for with a reassignment.
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
pub fn reassign_task(
    task: &Entity<Task>,
    wish: ReassignTask,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let ReassignTask { assignees, reason } = wish;
    let present = task.present()?;
    let rule = match context.actor.kind() {
        ActorKind::Human if reason.is_some() => TypeRule::Overridden,
        ActorKind::Human | ActorKind::Agent | ActorKind::System => TypeRule::Enforced,
    };
    let newcomers = assignees.difference(&present.assignees).copied().collect();
    let stayers = assignees.intersection(&present.assignees).copied().collect();
    let mut ready = crew_named(&newcomers, present.project, present.details.kind, rule, cast, context)?;
    let (left, refusal) = crew_left(&stayers, task, rule, cast, context)?;
    ready.extend(left);
    let crew = Crew { assignees, ready, lease: None };
    let events = task
        .decide(task::Command::Assign { crew, reason }, context)
        .map_err(|rejection| say_why(rejection, refusal))?;
    let mut decision = Decision::default();
    decide_with_holder(&mut decision, task, events, Ending::Reassigned, cast, context)?;
    Ok(decision)
}
