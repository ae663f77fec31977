//! Quarantining an agent: it stops at once, and what it worked on is blocked.

use super::{Cast, Decision, Entity, Rejection, hold::decide_with_holder, work_of};
use crate::{
    agent::{self, Agent, Ending},
    aggregate::{Aggregate, Moment},
    task::{self, Move, Status, Task},
    values::Reason,
};

/// Quarantines `agent`, and blocks `task`, which it works on.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for an agent.
/// - [`agent::Rejection::IllegalStatus`] when it is offline.
/// - [`agent::Rejection::Busy`] when it works on something other than `task`.
pub fn quarantine_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    note: Option<Reason>,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let events = agent.decide(agent::Command::Quarantine { note: note.clone() }, moment)?;
    let quarantined = agent.after(&events);
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    if let Some(task) = work_of(&quarantined, task)? {
        block_work(&mut decision, task, &quarantined, "was quarantined", note, Ending::Quarantined, moment)?;
    }
    Ok(decision)
}

/// Blocks `task`, which `agent` worked on and no longer can: `what` says what became of the agent, `note` why.
pub(super) fn block_work(
    decision: &mut Decision,
    task: &Entity<Task>,
    agent: &Entity<Agent>,
    what: &str,
    note: Option<Reason>,
    ending: Ending,
    moment: &Moment,
) -> Result<(), Rejection> {
    let name = &agent.registered()?.profile.name;
    let reason = Reason::truncated(&match note {
        Some(note) => format!("{name} {what}: {note}"),
        None => format!("{name} {what}"),
    });
    let to = Move { reason, ..Move::to(Status::Blocked) };
    let events = task.decide(task::Command::Move(to), moment)?;
    let cast = Cast::from_iter([agent.clone()]);
    decide_with_holder(decision, task, events, ending, &cast, moment)
}
