//! Signing off: an agent says goodbye, or is taken out of service; its runs are broken off, and what it worked on is
//! blocked.

use super::{
    Cast, Decision, Entity, Rejection, acts_for_itself,
    end_run::abort_agent_runs,
    quarantine_agent::{Stop, block_work, seated},
    work_of,
};
use crate::{
    agent::{self, Agent, Ending},
    aggregate::{Aggregate, CommandContext},
    task::Task,
    values::Reason,
};

/// Takes `agent` offline, breaks its runs off, and blocks `task`, which it works on. `cast` has what ends with its runs.
///
/// # Errors
/// - [`agent::Rejection::NotFound`] when it is not registered.
/// - [`agent::Rejection::OperatorOnly`] for another agent, and for itself while it is paused or quarantined.
/// - [`agent::Rejection::Busy`] when it works on something other than `task`.
pub fn sign_off_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    note: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    acts_for_itself(agent, context)?;
    let events = agent.decide(agent::Command::SignOff { note: note.clone() }, context)?;
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    let cast = seated(agent, task, cast);
    abort_agent_runs(&mut decision, agent.id, "its agent went offline", &cast, context)?;
    let gone = agent.after_decision(&decision);
    if let Some(task) = work_of(&gone, task)? {
        let stop = Stop { what: "went offline", note, ending: Ending::WentOffline, told: false };
        block_work(&mut decision, task, &gone, stop, &cast, context)?;
    }
    Ok(decision)
}
