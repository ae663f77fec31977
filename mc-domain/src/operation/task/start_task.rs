//! Starting: an agent begins to work on a task, under a lease that both of them know.

use std::collections::BTreeSet;

use crate::{
    agent::{Assignee, Ending},
    consequence::{
        authority::actor_may_move,
        budget_pause::wake_actor,
        crew::{crew_left, decide_with_crew, type_rule},
        task_holder::record_with_holder,
    },
    ids::{LeaseId, TaskId},
    rejection::Rejection,
    task::{self, Crew, Move, Task},
    transaction::Transaction,
};

/// The move that starts a task, and the lease for its holder.
#[derive(Debug, Clone, PartialEq)]
pub struct StartTask {
    /// The move to in_progress; its crew is chosen here.
    pub to: Move,
    /// The lease to hold the task under. The caller draws it.
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
pub fn start_task(tx: &mut Transaction<'_>, task: TaskId, request: StartTask) -> Result<(), Rejection> {
    let StartTask { mut to, lease } = request;
    let task = tx.get::<Task>(&task)?;
    actor_may_move(tx, &task)?;
    let assignees = task.present()?.assignees.clone();
    let starts_itself = tx.actor().agent().filter(|agent| assignees.contains(agent));
    let candidates = starts_itself.map_or_else(|| assignees.clone(), |agent| BTreeSet::from([agent]));
    let rule = type_rule(tx, to.reason.is_some());
    let (ready, refusal) = crew_left(tx, &candidates, &task, rule)?;
    let ready = free_first(tx, ready)?;
    to.crew = Crew { assignees, ready, lease: Some(lease) };
    let events = decide_with_crew(tx, &task, task::Command::Move(to), refusal)?;
    wake_actor(tx)?;
    record_with_holder(tx, &task, events, Ending::Reassigned)
}

/// Those who work on nothing else come first, in the order in which they are assigned.
fn free_first(tx: &mut Transaction<'_>, ready: Vec<Assignee>) -> Result<Vec<Assignee>, Rejection> {
    let (mut free, mut busy) = (vec![], vec![]);
    for assignee in ready {
        let works = tx.agent(assignee.id())?.registered()?.work.is_some();
        if works { busy.push(assignee) } else { free.push(assignee) }
    }
    free.append(&mut busy);
    Ok(free)
}
