//! The squad as a whole: stopping all agents of a project in one commit, and letting them work again.

use super::{Cast, Decision, Entity, Rejection, by_system, hold::decide_with_holder};
use crate::{
    agent::{self, Agent, Ending, PauseReason},
    aggregate::{Aggregate, Moment},
    project::{self, Halt, Project, Squad},
    task::{self, Move, Status, Task},
    values::Reason,
};

/// Stops the squad of `project`: those of `agents` are paused that are active, or would be by themselves, once a new day or
/// a higher cap ends their pause. All others stay as they are. What they work on waits for them.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for an agent.
pub fn pause_squad(
    project: &Entity<Project>,
    agents: &[Entity<Agent>],
    reason: Option<Reason>,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    halt(&mut decision, project, agents, Halt::Pause, reason, moment)?;
    Ok(decision)
}

/// Lets the squad of `project` work again: those of `agents` that an operator or a squad pause had paused. Who reached a
/// budget today, made too many errors or is quarantined stays stopped.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for anybody but an operator.
pub fn resume_squad(
    project: &Entity<Project>,
    agents: &[Entity<Agent>],
    reason: Option<Reason>,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let resumed = project.decide(project::Command::ResumeSquad { reason: reason.clone() }, moment)?;
    let mut decision = Decision::of(project, Some(project.id), resumed);
    for agent in squad(project, agents) {
        let rejoin = agent::Command::Rejoin { note: reason.clone() };
        decision.add_agent(agent, agent.decide(rejoin, moment)?);
    }
    Ok(decision)
}

/// Stops the squad of `project` and blocks every task in progress among `tasks`. `agents` has everyone who holds one,
/// `cast` what ends with their runs.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for an agent.
/// - [`Rejection::UnknownAgent`] when a task is held by somebody who is not among `agents`.
pub fn emergency_stop(
    project: &Entity<Project>,
    agents: &[Entity<Agent>],
    tasks: &[Entity<Task>],
    reason: Option<Reason>,
    cast: &Cast,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    halt(&mut decision, project, agents, Halt::Emergency, reason.clone(), moment)?;
    let mut cast = cast.clone();
    agents.iter().for_each(|agent| cast.seat(agent.clone()));
    let reason = Reason::truncated(&match reason {
        Some(reason) => format!("Emergency stop: {reason}"),
        None => "Emergency stop".to_owned(),
    });
    for task in tasks {
        let present = task.present()?;
        if present.project != project.id || present.status() != Status::InProgress {
            continue;
        }
        let block = Move { reason: reason.clone(), ..Move::to(Status::Blocked) };
        let events = task.decide(task::Command::Move(block), moment)?;
        decide_with_holder(&mut decision, task, events, Ending::Blocked, &cast, moment)?;
    }
    Ok(decision)
}

/// Pauses who is active, or would be without anybody's word.
fn halt(
    decision: &mut Decision,
    project: &Entity<Project>,
    agents: &[Entity<Agent>],
    halt: Halt,
    reason: Option<Reason>,
    moment: &Moment,
) -> Result<(), Rejection> {
    let paused = project.decide(project::Command::PauseSquad { halt, reason: reason.clone() }, moment)?;
    decision.add(project, Some(project.id), paused);
    for agent in squad(project, agents) {
        if matches!(agent.status(), Some(agent::Status::Active | agent::Status::Paused)) {
            let pause = agent::Command::Pause { reason: PauseReason::Squad, note: reason.clone() };
            decision.add_agent(agent, agent.decide(pause, moment)?);
        }
    }
    Ok(())
}

/// Whether agents may work on: in an emergency nobody does, whoever lets one of them go on. A pause is of the agents, and
/// who is let go on alone works.
pub(super) fn works(project: &Project) -> Result<(), Rejection> {
    match project.squad() {
        Squad::Working | Squad::Stopped(Halt::Pause) => Ok(()),
        Squad::Stopped(Halt::Emergency) => Err(Rejection::SquadStopped),
    }
}

/// Who comes into a squad that is stopped, or back to it, is stopped with it.
pub(super) fn join_stopped(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    project: &Project,
    moment: &Moment,
) -> Result<(), Rejection> {
    let now = agent.after_decision(decision);
    let active = Some(agent::Status::Active);
    if project.squad() != Squad::Working && agent.status() != active && now.status() == active {
        let pause = agent::Command::Pause { reason: PauseReason::Squad, note: None };
        decision.add_agent(&now, now.decide(pause, &by_system(moment))?);
    }
    Ok(())
}

/// Those of `agents` that are of the project.
fn squad<'a>(
    project: &'a Entity<Project>,
    agents: &'a [Entity<Agent>],
) -> impl Iterator<Item = &'a Entity<Agent>> {
    agents.iter().filter(|agent| agent.registered().is_ok_and(|agent| agent.project == project.id))
}
