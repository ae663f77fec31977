//! Claiming: an agent takes a task from the inbox for itself. The first one wins.

use crate::{
    agent::TypeRule,
    consequence::{budget_pause::lift_pause_of_yesterday, squad_halt::ensure_squad_running},
    ids::{AgentId, TaskId},
    rejection::Rejection,
    task::{self, Task},
    transaction::Transaction,
};

/// Gives `task` to `agent`, which asks for it.
///
/// # Errors
/// - [`Rejection::SquadStopped`] when a halt of its squad stops it.
/// - [`task::Rejection::AlreadyClaimed`] when another agent has it.
/// - [`task::Rejection::IllegalTransition`] when it is past being claimed.
/// - An agent's rejection when the agent may not take the task.
pub fn claim_task(tx: &mut Transaction<'_>, task: TaskId, agent: AgentId) -> Result<(), Rejection> {
    let task = tx.get::<Task>(&task)?;
    let present = task.present()?;
    let agent = tx.agent(agent)?;
    let registered = agent.registered()?;
    ensure_squad_running(tx, present.project, registered)?;
    let kind = present.details.kind;
    let claimer = registered.accept(agent.id, present.project, kind, TypeRule::Enforced, tx.today())?;
    tx.execute(&task, task::Command::Claim(claimer))?;
    lift_pause_of_yesterday(tx, agent.id)
}
