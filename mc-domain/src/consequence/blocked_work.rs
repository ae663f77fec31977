//! What becomes of a task whose agent can no longer work on it.

use super::{
    alerts::alert_block,
    task_holder::{execute_with_holder, held_task},
};
use crate::{
    agent::{Ending, TypeRule},
    ids::AgentId,
    rejection::Rejection,
    task::{self, Crew, Move, Status, Task},
    transaction::{Entity, Transaction},
    values::Reason,
};

/// Why an agent can no longer work on its task.
pub(crate) struct Stop<'a> {
    /// What became of the agent, after its name: `went offline`.
    pub(crate) what: &'a str,
    /// The reason that an operator gave; it becomes part of the task's blocked reason.
    pub(crate) note: Option<Reason>,
    /// What the end of its hold is recorded as.
    pub(crate) ending: Ending,
    /// Whether another alert of the same commit tells of it.
    pub(crate) told: bool,
}

/// Blocks what the agent works on, if it works on something.
pub(crate) fn block_held_task(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    stop: Stop<'_>,
) -> Result<(), Rejection> {
    match held_task(tx, agent)? {
        Some(task) => block_work(tx, &task, agent, stop),
        None => Ok(()),
    }
}

/// Blocks `task`, which the agent worked on, and raises an alert where none of the same commit tells of it.
pub(crate) fn block_work(
    tx: &mut Transaction<'_>,
    task: &Entity<Task>,
    agent: AgentId,
    Stop { what, note, ending, told }: Stop<'_>,
) -> Result<(), Rejection> {
    let name = tx.agent(agent)?.registered()?.profile.name.clone();
    let reason = Reason::truncated(&match note {
        Some(note) => format!("{name} {what}: {note}"),
        None => format!("{name} {what}"),
    });
    let to = Move { reason: reason.clone(), ..Move::to(Status::Blocked) };
    execute_with_holder(tx, task, task::Command::Move(to), ending)?;
    if told { Ok(()) } else { alert_block(tx, task, Some(agent), reason.as_ref()) }
}

/// Takes what the agent works on from it. It stays assigned and can take the task up again.
pub(crate) fn give_back_held_task(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    reason: Option<Reason>,
    ending: Ending,
) -> Result<(), Rejection> {
    let Some(task) = held_task(tx, agent)? else { return Ok(()) };
    let present = task.present()?;
    let (project, kind) = (present.project, present.details.kind);
    let agent = tx.agent(agent)?;
    let ready =
        vec![agent.registered()?.accept(agent.id, project, kind, TypeRule::Overridden, tx.today())?];
    let crew = Crew { assignees: present.assignees.clone(), ready, lease: None };
    let to = Move { reason, crew, ..Move::to(Status::Assigned) };
    execute_with_holder(tx, &task, task::Command::Move(to), ending)
}
