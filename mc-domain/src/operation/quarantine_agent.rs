//! Quarantining an agent: it stops at once, its runs are broken off, and what it worked on is blocked.

use super::{
    Cast, Decision, Entity, Rejection,
    end_run::abort_agent_runs,
    hold::{decide_with_holder, tell_of_block},
    raise_alert::{Warning, raise},
    work_of,
};
use crate::{
    agent::{self, Agent, Ending},
    aggregate::{Aggregate, CommandContext},
    alert::Kind,
    task::{self, Move, Status, Task},
    values::Reason,
};

/// Quarantines `agent`, breaks its runs off, blocks `task`, which it works on, and raises an alert. `cast` has what ends
/// with its runs.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for an agent.
/// - [`agent::Rejection::IllegalStatus`] when it is offline.
/// - [`agent::Rejection::Busy`] when it works on something other than `task`.
pub fn quarantine_agent(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    note: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let events = agent.decide(agent::Command::Quarantine { note: note.clone() }, context)?;
    let mut decision = Decision::default();
    if events.is_empty() {
        return Ok(decision);
    }
    decision.add_agent(agent, events);
    stop_at_once(&mut decision, agent, task, note, cast, context)?;
    Ok(decision)
}

/// What follows from the quarantine of `agent`, which `decision` has.
pub(super) fn stop_at_once(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    note: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let cast = seated(agent, task, cast);
    abort_agent_runs(decision, agent.id, "its agent was quarantined", &cast, context)?;
    let quarantined = agent.after_decision(decision);
    if let Some(task) = work_of(&quarantined, task)? {
        let stop =
            Stop { what: "was quarantined", note: note.clone(), ending: Ending::Quarantined, told: true };
        block_work(decision, task, &quarantined, stop, &cast, context)?;
    }
    let warning = Warning::of_agent(Kind::AgentQuarantined, agent.id, agent.registered()?, "was quarantined");
    let warning = match note {
        Some(note) => warning.saying(note.to_string()),
        None => warning,
    };
    raise(decision, warning, &cast, context)
}

/// The cast with the agent and the task that an operation is about.
pub(super) fn seated(agent: &Entity<Agent>, task: Option<&Entity<Task>>, cast: &Cast) -> Cast {
    let cast = cast.with(agent.clone());
    match task {
        Some(task) => cast.with(task.clone()),
        None => cast,
    }
}

/// Why an agent can no longer work on its task.
pub(super) struct Stop<'a> {
    /// What became of the agent.
    pub(super) what: &'a str,
    /// Why, when someone said so.
    pub(super) note: Option<Reason>,
    /// What that is to the agent's hold.
    pub(super) ending: Ending,
    /// Whether another alert of the same commit tells of it.
    pub(super) told: bool,
}

/// Blocks `task`, which `agent` worked on and no longer can, and raises an alert where none of the same commit tells of it.
pub(super) fn block_work(
    decision: &mut Decision,
    task: &Entity<Task>,
    agent: &Entity<Agent>,
    Stop { what, note, ending, told }: Stop<'_>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let name = &agent.registered()?.profile.name;
    let reason = Reason::truncated(&match note {
        Some(note) => format!("{name} {what}: {note}"),
        None => format!("{name} {what}"),
    });
    let to = Move { reason: reason.clone(), ..Move::to(Status::Blocked) };
    let task = task.after_decision(decision);
    let events = task.decide(task::Command::Move(to), context)?;
    decide_with_holder(decision, &task, events, ending, cast, context)?;
    if told { Ok(()) } else { tell_of_block(decision, &task, Some(agent.id), reason.as_ref(), cast, context) }
}
