//! The squad as a whole: one barrier that stops all agents of a project at once, what follows from it, and letting them
//! work again.
//!
//! The barrier is an event of the project alone, so nothing that agents do can get in its way. Whatever lets an agent
//! start, claim or move something rests on the project and asks [`is_halted`]: from the barrier on it is refused. That each
//! agent is paused, and in an emergency its work blocked, follows in commits of its own ([`follow_halt`], [`block_halted`]),
//! which may come a moment later.

use super::{Cast, Decision, Entity, Rejection, by_system, hold::decide_with_holder};
use crate::{
    actor::ActorKind,
    agent::{
        self, Agent, Assignee, Ending, PauseReason, Registered, Standing, Status as AgentStatus, TypeRule,
    },
    aggregate::{Aggregate, CommandContext},
    ids::{AgentId, ProjectId},
    project::{self, Halt, Project, Squad},
    task::{self, Move, Status, Task, TaskType},
    values::Reason,
};

/// Stops the squad of `project` at once: the barrier. What follows for its agents is [`follow_halt`], and for what they
/// work on [`block_halted`].
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for an agent.
pub fn halt_squad(
    project: &Entity<Project>,
    halt: Halt,
    reason: Option<Reason>,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let halted = project.decide(project::Command::PauseSquad { halt, reason }, context)?;
    Ok(Decision::of(project, Some(project.id), halted))
}

/// What follows for `agents` from the halt `number` of `project`, as long as it lasts: those are paused that are active, or
/// would be by themselves, once a new day or a higher cap ends their pause. Who is excepted from it goes on, and all others
/// stay as they are.
///
/// # Errors
/// [`agent::Rejection::OperatorOnly`] for an agent.
pub fn follow_halt(
    project: &Entity<Project>,
    number: u64,
    agents: &[Entity<Agent>],
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    if !lasts(project, number) {
        return Ok(decision);
    }
    for agent in squad(project, agents) {
        let works = matches!(agent.status(), Some(AgentStatus::Active | AgentStatus::Paused));
        if works && is_halted(project, agent.registered()?) {
            let note = project.halt_reason().cloned();
            let pause = agent::Command::Pause { reason: PauseReason::Squad, note };
            decision.add_agent(agent, agent.decide(pause, context)?);
        }
    }
    Ok(decision)
}

/// What follows for `tasks` from the halt `number` of `project`, as long as it lasts and where it is an emergency stop: what
/// is in progress is blocked, and its runs are broken off. `cast` has who holds them, and what ends with their runs.
///
/// # Errors
/// [`Rejection::UnknownAgent`] when a holder is not in the cast.
pub fn block_halted(
    project: &Entity<Project>,
    number: u64,
    tasks: &[Entity<Task>],
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    if !lasts(project, number) || project.squad() != Squad::Stopped(Halt::Emergency) {
        return Ok(decision);
    }
    let reason = Reason::truncated(&match project.halt_reason() {
        Some(reason) => format!("Emergency stop: {reason}"),
        None => "Emergency stop".to_owned(),
    });
    for task in tasks {
        let present = task.present()?;
        if present.project != project.id || present.status() != Status::InProgress {
            continue;
        }
        let block = Move { reason: reason.clone(), ..Move::to(Status::Blocked) };
        let events = task.decide(task::Command::Move(block), context)?;
        decide_with_holder(&mut decision, task, events, Ending::Blocked, cast, context)?;
    }
    Ok(decision)
}

/// Whether the squad is still stopped by the halt `number`, or by one that came after it.
fn lasts(project: &Project, number: u64) -> bool {
    project.squad() != Squad::Working && project.halts() >= number
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
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let resumed = project.decide(project::Command::ResumeSquad { reason: reason.clone() }, context)?;
    let mut decision = Decision::of(project, Some(project.id), resumed);
    for agent in squad(project, agents) {
        let rejoin = agent::Command::Rejoin { note: reason.clone() };
        decision.add_agent(agent, agent.decide(rejoin, context)?);
    }
    Ok(decision)
}

/// Whether a halt keeps an agent of `project` from working, whatever its own standing is: in an emergency that is everyone,
/// in a pause everyone whom no operator has excepted from it.
pub fn is_halted(project: &Project, agent: &Registered) -> bool {
    match project.squad() {
        Squad::Working => false,
        Squad::Stopped(Halt::Pause) => agent.excepted_from < project.halts(),
        Squad::Stopped(Halt::Emergency) => true,
    }
}

/// Whether a halt lets `agent` work. In a pause, one that is stopped for itself is told so by its own standing.
pub(super) fn works(
    project: &Project,
    agent: &Registered,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let at_work = match agent.standing_on(context.now.date_naive()) {
        Standing::Active | Standing::Draining => true,
        Standing::Paused(_) | Standing::Quarantined | Standing::Offline { .. } => false,
    };
    let told_by_squad = at_work || project.squad() == Squad::Stopped(Halt::Emergency);
    if told_by_squad && is_halted(project, agent) { Err(Rejection::SquadStopped) } else { Ok(()) }
}

/// Vouches that the agent `id` may take a task of `kind` in `project`. Whom a halt stops, nobody but an operator gives one.
pub(super) fn accept(
    id: AgentId,
    (project, kind): (ProjectId, TaskType),
    rule: TypeRule,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Assignee, Rejection> {
    let agent = cast.agent(id)?.registered()?;
    let assignee = agent.accept(id, project, kind, rule, context.now.date_naive())?;
    match context.actor.kind() {
        ActorKind::Human => {}
        ActorKind::Agent | ActorKind::System => works(&*cast.find::<Project>(&project)?, agent, context)?,
    }
    Ok(assignee)
}

/// Lets `agent` work again; by an operator also while its squad is paused, which it is excepted from then. `cast` has its
/// project.
///
/// # Errors
/// - [`agent::Rejection::IllegalStatus`] when its status does not lead there.
/// - [`agent::Rejection::OperatorOnly`] for who may not lift what stopped it.
pub fn resume_agent(
    agent: &Entity<Agent>,
    note: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::default();
    decision.add_agent(agent, agent.decide(agent::Command::Resume { note }, context)?);
    except(&mut decision, agent, cast, context)?;
    Ok(decision)
}

/// An agent that an operator lets work while its squad is paused is excepted from that.
pub(super) fn except(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let now = agent.after_decision(decision);
    if now.status() != Some(AgentStatus::Active) || context.actor.kind() != ActorKind::Human {
        return Ok(());
    }
    let project = cast.find::<Project>(&now.registered()?.project)?;
    if project.squad() == Squad::Stopped(Halt::Pause) && is_halted(&project, now.registered()?) {
        let except = agent::Command::Except { halt: project.halts() };
        decision.add_agent(&now, now.decide(except, context)?);
    }
    Ok(())
}

/// Who comes into a squad that is stopped, or back to it, is stopped with it.
pub(super) fn join_stopped(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    project: &Project,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let now = agent.after_decision(decision);
    let active = Some(AgentStatus::Active);
    if project.squad() != Squad::Working && agent.status() != active && now.status() == active {
        let pause = agent::Command::Pause { reason: PauseReason::Squad, note: None };
        decision.add_agent(&now, now.decide(pause, &by_system(context))?);
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
