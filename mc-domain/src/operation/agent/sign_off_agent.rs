//! Signing off: an agent goes offline.

use crate::{
    agent::{self, Agent, Ending},
    consequence::{
        authority::acts_for_itself,
        blocked_work::{Stop, block_held_task},
        run_end::abort_agent_runs,
    },
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
    values::Reason,
};

/// Takes an agent offline, aborts its runs, and blocks the task that it works on.
///
/// # Errors
/// - [`agent::Rejection::NotFound`] when it is not registered.
/// - [`agent::Rejection::OperatorOnly`] for another agent, and for itself while it is paused or quarantined.
pub fn sign_off_agent(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    note: Option<Reason>,
) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    acts_for_itself(tx, &agent)?;
    tx.execute(&agent, agent::Command::SignOff { note: note.clone() })?;
    abort_agent_runs(tx, agent.id, "its agent went offline")?;
    let stop = Stop { what: "went offline", note, ending: Ending::WentOffline, told: false };
    block_held_task(tx, agent.id, stop)
}
