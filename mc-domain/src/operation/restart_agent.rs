//! Restarting an agent: it begins anew, and its task waits for it.

use super::{Cast, Decision, Entity, Rejection, hold::decide_with_holder, work_of};
use crate::{
    agent::{self, Agent, Ending, TypeRule},
    aggregate::{Aggregate, Moment},
    task::{self, Crew, Move, Status, Task},
    values::Reason,
};

/// Restarts `agent`: active, no errors counted, and `task`, which it works on, goes back to assigned.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for anyone but an operator.
/// - [`agent::Rejection::IllegalStatus`] when it is offline.
/// - [`agent::Rejection::Busy`] when it works on something other than `task`.
pub fn restart_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    note: Option<Reason>,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let events = agent.decide(agent::Command::Restart { note: note.clone() }, moment)?;
    let restarted = agent.after(&events);
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    if let Some(task) = work_of(&restarted, task)? {
        give_back(&mut decision, task, &restarted, note, Ending::Restarted, moment)?;
    }
    Ok(decision)
}

/// Takes `task` from `agent`, which stays assigned to it and can take it up again.
pub(super) fn give_back(
    decision: &mut Decision,
    task: &Entity<Task>,
    agent: &Entity<Agent>,
    reason: Option<Reason>,
    ending: Ending,
    moment: &Moment,
) -> Result<(), Rejection> {
    let present = task.present()?;
    let (project, kind) = (present.project, present.details.kind);
    let ready = vec![agent.registered()?.accept(agent.id, project, kind, TypeRule::Overridden)?];
    let crew = Crew { assignees: present.assignees.clone(), ready, lease: None };
    let to = Move { reason, crew, ..Move::to(Status::Assigned) };
    let events = task.decide(task::Command::Move(to), moment)?;
    let cast = Cast::from_iter([agent.clone()]);
    decide_with_holder(decision, task, events, ending, &cast, moment)
}
