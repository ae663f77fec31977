//! Signing off: an agent says goodbye, or is taken out of service, and what it worked on is blocked.

use super::{Decision, Entity, Rejection, acts_for_itself, quarantine_agent::block_work, work_of};
use crate::{
    agent::{self, Agent, Ending},
    aggregate::{Aggregate, Moment},
    task::Task,
    values::Reason,
};

/// Takes `agent` offline, and blocks `task`, which it works on.
///
/// # Errors
/// - [`agent::Rejection::NotFound`] when it is not registered.
/// - [`agent::Rejection::OperatorOnly`] for another agent, and for itself while it is paused, draining or quarantined.
/// - [`agent::Rejection::Busy`] when it works on something other than `task`.
pub fn sign_off_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    note: Option<Reason>,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    acts_for_itself(agent, moment)?;
    let events = agent.decide(agent::Command::SignOff { note: note.clone() }, moment)?;
    let gone = agent.after(&events);
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    if let Some(task) = work_of(&gone, task)? {
        block_work(&mut decision, task, &gone, "went offline", note, Ending::WentOffline, moment)?;
    }
    Ok(decision)
}
