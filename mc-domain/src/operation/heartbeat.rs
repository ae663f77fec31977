//! A heartbeat: a sign of life, and where it brings one error too many, the quarantine that follows.

use super::{Decision, Entity, Rejection, acts_for_itself, quarantine_agent::block_work, work_of};
use crate::{
    agent::{self, Agent, Directive, ERROR_STREAK_QUARANTINE, Ending, Heartbeat, Status},
    aggregate::{Aggregate, Moment},
    task::Task,
    values::Reason,
};

/// Records a heartbeat of `agent`, which works on `task`.
///
/// # Errors
/// - [`agent::Rejection::NotFound`] when it is not registered.
/// - [`agent::Rejection::OperatorOnly`] for another agent.
/// - [`agent::Rejection::Busy`] when it is to be quarantined and works on something other than `task`.
pub fn heartbeat(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    heartbeat: Heartbeat,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    acts_for_itself(agent, moment)?;
    let was = agent.status();
    let events = agent.decide(agent::Command::Heartbeat(heartbeat), moment)?;
    let now = agent.after(&events);
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    let quarantined = was != Some(Status::Quarantined) && now.status() == Some(Status::Quarantined);
    if !quarantined {
        return Ok(decision);
    }
    if let Some(task) = work_of(&now, task)? {
        let note = Reason::truncated(&format!("{ERROR_STREAK_QUARANTINE} errors in a row"));
        block_work(&mut decision, task, &now, "was quarantined", note, Ending::Quarantined, moment)?;
    }
    Ok(decision)
}

/// What `agent` is to be told with the answer to the heartbeat that `decision` records: what its standing has become,
/// and an order to restart that was still to be delivered.
pub fn directives(agent: &Entity<Agent>, decision: &Decision) -> Vec<Directive> {
    let restart = agent.registered().is_ok_and(|agent| agent.restart_pending).then_some(Directive::Restart);
    let now = agent.after_decision(decision);
    let standing = now.registered().ok().and_then(|agent| agent.standing.directive());
    standing.into_iter().chain(restart).collect()
}
