//! Who can take a task, among those who are named for it and those who have it already.

use std::collections::BTreeSet;

use super::squad_halt::accept;
use crate::{
    actor::ActorKind,
    agent::{Assignee, TypeRule},
    ids::{AgentId, ProjectId},
    rejection::Rejection,
    task::{self, Task, TaskType},
    transaction::{Entity, Transaction},
};

/// An operator who gives a reason may set an agent's accepted task types aside.
pub(crate) fn type_rule(tx: &Transaction<'_>, has_reason: bool) -> TypeRule {
    match tx.actor().kind() {
        ActorKind::Human if has_reason => TypeRule::Overridden,
        ActorKind::Human | ActorKind::Agent | ActorKind::System => TypeRule::Enforced,
    }
}

/// Vouches for those who are newly named for a task: each of them must be able to take it.
pub(crate) fn crew_named(
    tx: &mut Transaction<'_>,
    assignees: &BTreeSet<AgentId>,
    (project, kind): (ProjectId, TaskType),
    rule: TypeRule,
) -> Result<Vec<Assignee>, Rejection> {
    assignees.iter().map(|id| accept(tx, *id, (project, kind), rule)).collect()
}

/// Vouches for those who have the task already: as many of them as can take it up, and why the first of the others cannot.
/// Where an operator set their task types aside in giving it to them, that stands.
pub(crate) fn crew_left(
    tx: &mut Transaction<'_>,
    assignees: &BTreeSet<AgentId>,
    task: &Entity<Task>,
    rule: TypeRule,
) -> Result<(Vec<Assignee>, Option<Rejection>), Rejection> {
    let present = task.present()?;
    let rule = if present.types_waived { TypeRule::Overridden } else { rule };
    let (mut ready, mut refusal) = (Vec::new(), None);
    for id in assignees {
        match accept(tx, *id, (present.project, present.details.kind), rule) {
            Ok(assignee) => ready.push(assignee),
            Err(missing @ (Rejection::NotLoaded(_) | Rejection::UnknownAgent(_))) => return Err(missing),
            Err(rejection) => refusal = refusal.or(Some(rejection)),
        }
    }
    Ok((ready, refusal))
}

/// Decides a move or an assignment. Where nobody can take the task, the agent that cannot says why.
pub(crate) fn decide_with_crew(
    tx: &mut Transaction<'_>,
    task: &Entity<Task>,
    command: task::Command,
    refusal: Option<Rejection>,
) -> Result<Vec<task::Event>, Rejection> {
    tx.decide(task, command).map_err(|rejection| match rejection {
        Rejection::Task(task::Rejection::NoAssignee) => refusal.unwrap_or(rejection),
        other => other,
    })
}
