//! Restarting an agent: it begins afresh, and what it worked on can be taken up again.

use crate::{
    agent::{self, Agent, Ending},
    consequence::{blocked_work::give_back_held_task, run_end::abort_agent_runs, squad_halt::except},
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
    values::Reason,
};

/// Restarts an agent: it is active with no errors counted, its runs are aborted, and the task that it works on goes back
/// to assigned. In a squad that is paused it works on alone.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for anyone but an operator.
/// - [`agent::Rejection::IllegalStatus`] when it is offline.
pub fn restart_agent(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    note: Option<Reason>,
) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    tx.execute(&agent, agent::Command::Restart { note: note.clone() })?;
    except(tx, &agent)?;
    abort_agent_runs(tx, agent.id, "its agent was restarted")?;
    give_back_held_task(tx, agent.id, note, Ending::Restarted)
}
