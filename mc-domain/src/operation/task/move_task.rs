//! Moving a task from column to column.

use std::collections::BTreeSet;

use super::start_task::{StartTask, start_task};
use crate::{
    actor::ActorKind,
    agent::Ending,
    consequence::{
        alerts::alert_block,
        authority::actor_may_move,
        budget_pause::wake_actor,
        crew::{crew_left, crew_named, decide_with_crew, type_rule},
        task_holder::record_with_holder,
    },
    ids::{AgentId, LeaseId, TaskId},
    rejection::Rejection,
    task::{self, Crew, Move, Status, Task},
    transaction::{Entity, Transaction},
};

/// Where a task is to go, and what comes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct MoveTask {
    /// The move; its crew is chosen here.
    pub to: Move,
    /// Who is to have the task, on the way to assigned; those who have it already when nobody is named.
    pub assignees: Option<BTreeSet<AgentId>>,
    /// The lease to hold it under on the way to in_progress. The caller draws it.
    pub lease: LeaseId,
}

/// Moves `task`. Whoever held it and no longer does is released, whoever holds it now is engaged.
///
/// # Errors
/// What the task says ([`task::Rejection`]), or the agent that cannot act or cannot take it.
pub fn move_task(tx: &mut Transaction<'_>, task: TaskId, request: MoveTask) -> Result<(), Rejection> {
    let MoveTask { mut to, assignees, lease } = request;
    if to.to == Status::InProgress {
        return start_task(tx, task, StartTask { to, lease });
    }
    let task = tx.get::<Task>(&task)?;
    actor_may_move(tx, &task)?;
    let mut refusal = None;
    if to.to == Status::Assigned {
        (to.crew, refusal) = crew_for(tx, &task, assignees, to.reason.is_some())?;
    }
    let (ending, reason) = (ending(to.to), to.reason.clone());
    let blocks = to.to == Status::Blocked && tx.actor().kind() != ActorKind::Human;
    let events = decide_with_crew(tx, &task, task::Command::Move(to), refusal)?;
    wake_actor(tx)?;
    record_with_holder(tx, &task, events, ending)?;
    // A person who blocks a task knows of it.
    let actor = tx.actor().agent();
    if blocks { alert_block(tx, &task, actor, reason.as_ref()) } else { Ok(()) }
}

/// The agents that a move to assigned gives the task to; and why one of them cannot take it, where one cannot.
fn crew_for(
    tx: &mut Transaction<'_>,
    task: &Entity<Task>,
    named: Option<BTreeSet<AgentId>>,
    has_reason: bool,
) -> Result<(Crew, Option<Rejection>), Rejection> {
    let present = task.present()?;
    let rule = type_rule(tx, has_reason);
    let (assignees, ready, refusal) = match named {
        Some(named) => match crew_named(tx, &named, (present.project, present.details.kind), rule) {
            Ok(ready) => (named, ready, None),
            Err(missing @ Rejection::NotLoaded(_)) => return Err(missing),
            Err(refusal) => (named, vec![], Some(refusal)),
        },
        None => {
            let (ready, refusal) = crew_left(tx, &present.assignees, task, rule)?;
            (present.assignees.clone(), ready, refusal)
        }
    };
    Ok((Crew { assignees, ready, lease: None }, refusal))
}

/// What a move to this status says to the agent that loses the task by it.
fn ending(to: Status) -> Ending {
    match to {
        Status::Review => Ending::Submitted,
        Status::NeedsApproval => Ending::HeldForApproval,
        Status::Blocked => Ending::Blocked,
        Status::Failed => Ending::Failed,
        Status::Canceled => Ending::Canceled,
        Status::Inbox | Status::Assigned | Status::InProgress | Status::Done => Ending::Reassigned,
    }
}
