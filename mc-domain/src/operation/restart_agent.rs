//! Restarting an agent: it begins anew, its runs are broken off, and its task waits for it.

use super::{
    Cast, Decision, Entity, Rejection, end_run::abort_agent_runs, hold::decide_with_holder,
    quarantine_agent::seated, squad::except, work_of,
};
use crate::{
    agent::{self, Agent, Ending, TypeRule},
    aggregate::{Aggregate, CommandContext},
    task::{self, Crew, Move, Status, Task},
    values::Reason,
};

/// Restarts `agent`: active, no errors counted; its runs are broken off, and `task`, which it works on, goes back to
/// assigned. In a squad that is paused it works on alone. `cast` has its project, and what ends with its runs.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for anyone but an operator.
/// - [`agent::Rejection::IllegalStatus`] when it is offline.
/// - [`agent::Rejection::Busy`] when it works on something other than `task`.
pub fn restart_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    note: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let events = agent.decide(agent::Command::Restart { note: note.clone() }, context)?;
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    except(&mut decision, agent, cast, context)?;
    let cast = seated(agent, task, cast);
    abort_agent_runs(&mut decision, agent.id, "its agent was restarted", &cast, context)?;
    let restarted = agent.after_decision(&decision);
    if let Some(task) = work_of(&restarted, task)? {
        give_back(&mut decision, task, &restarted, note, Ending::Restarted, &cast, context)?;
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
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let task = &task.after_decision(decision);
    let present = task.present()?;
    let (project, kind) = (present.project, present.details.kind);
    let ready = vec![agent.registered()?.accept(
        agent.id,
        project,
        kind,
        TypeRule::Overridden,
        context.now.date_naive(),
    )?];
    let crew = Crew { assignees: present.assignees.clone(), ready, lease: None };
    let to = Move { reason, crew, ..Move::to(Status::Assigned) };
    let events = task.decide(task::Command::Move(to), context)?;
    decide_with_holder(decision, task, events, ending, cast, context)
}
