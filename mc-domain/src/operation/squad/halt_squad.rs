//! The squad as a whole: one barrier that stops all agents of a project at once, what follows from it, and letting them
//! work again.
//!
//! The barrier is an event of the project alone, so nothing that agents do can get in its way. Whatever lets an agent
//! start, claim or move something rests on the project and asks [`is_halted`]: from the barrier on it is refused. That each
//! agent is paused, and in an emergency its work blocked, follows in commits of its own ([`follow_halt`], [`block_halted`]),
//! which may come a little later.

use crate::{
    agent::{self, Agent, Ending, PauseReason, Status as AgentStatus},
    consequence::{squad_halt::is_halted, task_holder::execute_with_holder},
    ids::{AgentId, ProjectId, TaskId},
    project::{self, Halt, Project, Squad},
    rejection::Rejection,
    task::{self, Move, Status, Task},
    transaction::Transaction,
    values::Reason,
};

/// Stops the squad of `project` at once: the barrier. What follows for its agents is [`follow_halt`], and for what they
/// work on [`block_halted`].
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for an agent.
pub fn halt_squad(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    halt: Halt,
    reason: Option<Reason>,
) -> Result<(), Rejection> {
    let project = tx.get::<Project>(&project)?;
    tx.execute(&project, project::Command::PauseSquad { halt, reason })?;
    Ok(())
}

/// What follows for `agents` from the halt `number` of `project`, as long as it lasts: pauses those that are active, or
/// would be by themselves once a new day or a higher cap ends their pause. An agent that is excepted from the halt goes on,
/// and all others stay as they are.
///
/// # Errors
/// [`agent::Rejection::OperatorOnly`] for an agent.
pub fn follow_halt(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    number: u64,
    agents: &[AgentId],
) -> Result<(), Rejection> {
    let project = tx.get::<Project>(&project)?;
    if !lasts(&project, number) {
        return Ok(());
    }
    for agent in agents {
        let agent = tx.get::<Agent>(agent)?;
        let Ok(registered) = agent.registered() else { continue };
        let works = matches!(agent.status(), Some(AgentStatus::Active | AgentStatus::Paused));
        if registered.project == project.id && works && is_halted(&project, registered) {
            let note = project.halt_reason().cloned();
            tx.execute(&agent, agent::Command::Pause { reason: PauseReason::Squad, note })?;
        }
    }
    Ok(())
}

/// What follows for `tasks` from the halt `number` of `project`, as long as it lasts and where it is an emergency stop:
/// blocks what is in progress and aborts its runs.
///
/// # Errors
/// [`Rejection::UnknownAgent`] when a holder is not registered.
pub fn block_halted(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    number: u64,
    tasks: &[TaskId],
) -> Result<(), Rejection> {
    let project = tx.get::<Project>(&project)?;
    if !lasts(&project, number) || project.squad() != Squad::Stopped(Halt::Emergency) {
        return Ok(());
    }
    let reason = Reason::truncated(&match project.halt_reason() {
        Some(reason) => format!("Emergency stop: {reason}"),
        None => "Emergency stop".to_owned(),
    });
    for task in tasks {
        let task = tx.get::<Task>(task)?;
        let present = task.present()?;
        if present.project == project.id && present.status() == Status::InProgress {
            let block = Move { reason: reason.clone(), ..Move::to(Status::Blocked) };
            execute_with_holder(tx, &task, task::Command::Move(block), Ending::Blocked)?;
        }
    }
    Ok(())
}

/// Whether the squad is still stopped by the halt `number`, or by one that came after it.
fn lasts(project: &Project, number: u64) -> bool {
    project.squad() != Squad::Working && project.halts() >= number
}

/// Lets the squad of `project` work again: those of `agents` that an operator or a squad pause had paused. An agent that
/// reached a budget today, made too many errors or is quarantined stays stopped.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for anybody but an operator.
pub fn resume_squad(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    agents: &[AgentId],
    reason: Option<Reason>,
) -> Result<(), Rejection> {
    let project = tx.get::<Project>(&project)?;
    tx.execute(&project, project::Command::ResumeSquad { reason: reason.clone() })?;
    for agent in agents {
        let agent = tx.get::<Agent>(agent)?;
        if agent.registered().is_ok_and(|agent| agent.project == project.id) {
            tx.execute(&agent, agent::Command::Rejoin { note: reason.clone() })?;
        }
    }
    Ok(())
}
