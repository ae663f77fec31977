//! Moving a task to another status: the one door that REST, the command line and the workers use.

use std::collections::BTreeSet;

use super::{
    Cast, Decision, Entity, Rejection, StartTask, actor_may_move,
    hold::{decide_with_holder, tell_of_block},
    start_task::{crew_left, crew_named, say_why, start_task, type_rule},
    wake_actor,
};
use crate::{
    actor::ActorKind,
    agent::Ending,
    aggregate::{Aggregate, CommandContext},
    ids::{AgentId, LeaseId},
    task::{self, Crew, Move, Status, Task},
};

/// What is asked for with a move.
#[derive(Debug, Clone, PartialEq)]
pub struct MoveTask {
    /// Where to, and what comes with it; its crew is chosen here.
    pub to: Move,
    /// Who is to have it, on the way to assigned; those who have it already when nobody is named.
    pub assignees: Option<BTreeSet<AgentId>>,
    /// The lease to hold it under on the way to in_progress, drawn by the caller.
    pub lease: LeaseId,
}

/// Moves `task`. Whoever held it and no longer does is released, whoever holds it now is engaged.
///
/// # Errors
/// What the task says ([`task::Rejection`]), or the agent that cannot act or cannot take it.
pub fn move_task(
    task: &Entity<Task>,
    wish: MoveTask,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let MoveTask { mut to, assignees, lease } = wish;
    if to.to == Status::InProgress {
        return start_task(task, StartTask { to, lease }, cast, context);
    }
    actor_may_move(task, cast, context)?;
    let mut refusal = None;
    if to.to == Status::Assigned {
        (to.crew, refusal) = crew_for(task, assignees, &to, cast, context)?;
    }
    let (ending, reason) = (ending(to.to), to.reason.clone());
    let blocks = to.to == Status::Blocked && context.actor.kind() != ActorKind::Human;
    let events =
        task.decide(task::Command::Move(to), context).map_err(|rejection| say_why(rejection, refusal))?;
    let mut decision = Decision::default();
    wake_actor(&mut decision, cast, context)?;
    decide_with_holder(&mut decision, task, events, ending, cast, context)?;
    if blocks {
        tell_of_block(&mut decision, task, context.actor.agent(), reason.as_ref(), cast, context)?;
    }
    Ok(decision)
}

fn crew_for(
    task: &Entity<Task>,
    named: Option<BTreeSet<AgentId>>,
    to: &Move,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(Crew, Option<Rejection>), Rejection> {
    let present = task.present()?;
    let rule = type_rule(to, context);
    let (assignees, ready, refusal) = match named {
        Some(named) => match crew_named(&named, present.project, present.details.kind, rule, cast, context) {
            Ok(ready) => (named, ready, None),
            Err(refusal) => (named, vec![], Some(refusal)),
        },
        None => {
            let (ready, refusal) = crew_left(&present.assignees, task, rule, cast, context)?;
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
