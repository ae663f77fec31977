//! A heartbeat: a sign of life, and where it brings one error too many, the quarantine that follows.

use super::{
    Cast, Decision, Entity, Rejection, acts_for_itself, by_system,
    complete_run::tell_of_errors,
    quarantine_agent::{seated, stop_at_once},
    raise_alert::resolve,
    squad::join_stopped,
    start_run::lift_pause_of_yesterday,
};
use crate::{
    agent::{self, Agent, Directive, Heartbeat, Status},
    aggregate::{Aggregate, CommandContext},
    alert::{Key, Kind, Subject},
    project::Project,
    task::Task,
    values::Reason,
};

/// Records a heartbeat of `agent`, which works on `task`. Errors in a row raise alerts and in the end quarantine it; a
/// sign of life after a silence, and an end of the errors, resolve theirs. `cast` has what ends with its runs.
///
/// # Errors
/// - [`agent::Rejection::NotFound`] when it is not registered.
/// - [`agent::Rejection::OperatorOnly`] for another agent.
/// - [`agent::Rejection::Busy`] when it is to be quarantined and works on something other than `task`.
pub fn heartbeat(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    heartbeat: Heartbeat,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    acts_for_itself(agent, context)?;
    let (was, error) = (agent.registered()?, heartbeat.error.clone());
    let events = agent.decide(agent::Command::Heartbeat(heartbeat), context)?;
    let mut decision = Decision::default();
    decision.add_agent(agent, events);
    lift_pause_of_yesterday(&mut decision, agent, context)?;
    if was.status() == Status::Offline {
        let project = cast.find::<Project>(&was.project)?;
        join_stopped(&mut decision, agent, &project, context)?;
    }
    let cast = &seated(agent, task, cast);
    let now = agent.after_decision(&decision);
    match error {
        Some(error) => tell_of_errors(&mut decision, &now, Some(error), cast, context)?,
        None => give_the_all_clear(&mut decision, agent, cast, context)?,
    }
    if was.status() != Status::Quarantined && now.status() == Some(Status::Quarantined) {
        let note = Reason::truncated(&format!("{} errors in a row", now.registered()?.error_streak));
        stop_at_once(&mut decision, agent, task, note, cast, &by_system(context))?;
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

/// Resolves the alerts whose cause is gone with a heartbeat that brings no error.
fn give_the_all_clear(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let was = agent.registered()?;
    let gone = [
        (Kind::AgentStale, was.is_stale(context.now, &context.policy)),
        (Kind::ErrorStreak, was.error_streak >= context.policy.timeouts.error_streak_warning),
    ];
    for (kind, _) in gone.into_iter().filter(|(_, was)| *was) {
        resolve(decision, Key::new(kind, Subject::Agent(agent.id)), cast, context)?;
    }
    Ok(())
}
