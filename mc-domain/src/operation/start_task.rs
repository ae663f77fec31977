//! Starting: an agent begins to work on a task, under a lease that both of them know.

use std::collections::BTreeSet;

use super::{
    Cast, Decision, Entity, Rejection, actor_may_move, hold::decide_with_holder, squad::accept, wake_actor,
};
use crate::{
    actor::ActorKind,
    agent::{Assignee, Ending, TypeRule},
    aggregate::{Aggregate, CommandContext},
    ids::{AgentId, LeaseId, ProjectId},
    task::{self, Crew, Move, Task, TaskType},
};

/// What is asked for with a start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartTask {
    /// The move to in_progress; its crew is chosen here.
    pub to: Move,
    /// The lease to hold it under, drawn by the caller.
    pub lease: LeaseId,
}

/// Lets an assignee work on `task`: the agent that asks, or else the first assignee that is free.
///
/// This is every way into in_progress: the start itself, changes asked for in review, and going on after a block or an
/// approval.
///
/// # Errors
/// - [`crate::agent::Rejection::Busy`] when every assignee that may take it works on something else.
/// - An agent's rejection when no assignee may take it.
/// - [`task::Rejection::NoAssignee`] when there is none, and whatever else the task says.
pub fn start_task(
    task: &Entity<Task>,
    wish: StartTask,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    actor_may_move(task, cast, context)?;
    let StartTask { mut to, lease } = wish;
    let assignees = task.present()?.assignees.clone();
    let starts_itself = context.actor.agent().filter(|agent| assignees.contains(agent));
    let candidates = starts_itself.map_or_else(|| assignees.clone(), |agent| BTreeSet::from([agent]));
    let (mut ready, refusal) = crew_left(&candidates, task, type_rule(&to, context), cast, context)?;
    ready.sort_by_key(|assignee| is_busy(*assignee, cast));
    to.crew = Crew { assignees, ready, lease: Some(lease) };
    let events =
        task.decide(task::Command::Move(to), context).map_err(|rejection| say_why(rejection, refusal))?;
    let mut decision = Decision::default();
    wake_actor(&mut decision, cast, context)?;
    decide_with_holder(&mut decision, task, events, Ending::Reassigned, cast, context)?;
    Ok(decision)
}

/// An operator who gives a reason may set an agent's accepted task types aside.
pub(super) fn type_rule(to: &Move, context: &CommandContext) -> TypeRule {
    match context.actor.kind() {
        ActorKind::Human if to.reason.is_some() => TypeRule::Overridden,
        ActorKind::Human | ActorKind::Agent | ActorKind::System => TypeRule::Enforced,
    }
}

/// Those who are newly named for a task: each of them must be able to take it.
pub(super) fn crew_named(
    assignees: &BTreeSet<AgentId>,
    project: ProjectId,
    kind: TaskType,
    rule: TypeRule,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Vec<Assignee>, Rejection> {
    assignees.iter().map(|id| accept(*id, (project, kind), rule, cast, context)).collect()
}

/// Those who have a task already: as many of them as can take it up, and why the first of the others cannot. Where an
/// operator set their task types aside in giving it to them, that stands.
pub(super) fn crew_left(
    assignees: &BTreeSet<AgentId>,
    task: &Entity<Task>,
    rule: TypeRule,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(Vec<Assignee>, Option<Rejection>), Rejection> {
    let present = task.present()?;
    let rule = if present.types_waived { TypeRule::Overridden } else { rule };
    let (mut ready, mut refusal) = (Vec::new(), None);
    for id in assignees {
        match accept(*id, (present.project, present.details.kind), rule, cast, context) {
            Ok(assignee) => ready.push(assignee),
            Err(missing @ (Rejection::NotLoaded(_) | Rejection::UnknownAgent(_))) => return Err(missing),
            Err(rejection) => refusal = refusal.or(Some(rejection)),
        }
    }
    Ok((ready, refusal))
}

/// That nobody can take a task is said by the agent that cannot, when there is one.
pub(super) fn say_why(rejection: task::Rejection, refusal: Option<Rejection>) -> Rejection {
    match rejection {
        task::Rejection::NoAssignee => refusal.unwrap_or(rejection.into()),
        other => other.into(),
    }
}

fn is_busy(assignee: Assignee, cast: &Cast) -> bool {
    let agent = cast.agent(assignee.id()).ok().and_then(|agent| agent.registered().ok());
    agent.is_some_and(|agent| agent.work.is_some())
}
