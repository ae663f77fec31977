//! What follows from a quarantine: aborted runs, blocked work, and an alert.

use super::{
    alerts::{Warning, raise},
    blocked_work::{Stop, block_held_task},
    run_end::abort_agent_runs,
};
use crate::{
    agent::{self, Agent, Ending, Status},
    alert::Kind,
    ids::AgentId,
    rejection::Rejection,
    transaction::{Entity, Transaction},
    values::Reason,
};

/// Quarantines an agent as the rules say, with all that follows.
pub(crate) fn quarantine_by_rule(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    note: Option<Reason>,
) -> Result<(), Rejection> {
    let tx = &mut *tx.as_system();
    let agent = tx.agent(agent)?;
    tx.execute(&agent, agent::Command::Quarantine { note: note.clone() })?;
    stop_at_once(tx, agent.id, note)
}

/// Stops an agent that was quarantined: its runs are aborted, what it works on is blocked, and an alert says so.
pub(crate) fn stop_at_once(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    note: Option<Reason>,
) -> Result<(), Rejection> {
    abort_agent_runs(tx, agent, "its agent was quarantined")?;
    let stop = Stop { what: "was quarantined", note: note.clone(), ending: Ending::Quarantined, told: true };
    block_held_task(tx, agent, stop)?;
    let agent = tx.agent(agent)?;
    let warning = Warning::of_agent(Kind::AgentQuarantined, agent.id, agent.registered()?, "was quarantined");
    raise(tx, warning.because(note.as_ref()))
}

/// Stops an agent that its errors in a row have just quarantined. `before` is how the agent was.
pub(crate) fn stop_after_errors(tx: &mut Transaction<'_>, before: &Entity<Agent>) -> Result<(), Rejection> {
    let agent = tx.agent(before.id)?;
    let quarantined = Some(Status::Quarantined);
    if before.status() == quarantined || agent.status() != quarantined {
        return Ok(());
    }
    let note = Reason::truncated(&format!("{} errors in a row", agent.registered()?.error_streak));
    stop_at_once(&mut tx.as_system(), agent.id, note)
}
