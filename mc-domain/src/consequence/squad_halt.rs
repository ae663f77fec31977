//! The barrier of a halted squad: whom it stops, and whom an operator excepts from it.

use crate::{
    actor::ActorKind,
    agent::{self, Agent, Assignee, PauseReason, Registered, Standing, Status, TypeRule},
    ids::{AgentId, ProjectId},
    project::{Halt, Project, Squad},
    rejection::Rejection,
    task::TaskType,
    transaction::{Entity, Transaction},
};

/// Whether a halt keeps an agent of `project` from working, whatever its own standing is. An emergency stops everyone, a
/// pause everyone whom no operator has excepted from it.
pub fn is_halted(project: &Project, agent: &Registered) -> bool {
    match project.squad() {
        Squad::Working => false,
        Squad::Stopped(Halt::Pause) => agent.excepted_from < project.halts(),
        Squad::Stopped(Halt::Emergency) => true,
    }
}

/// Refuses what a halt of `project` keeps `agent` from. In a pause, the own standing of an agent that is stopped for itself says so
/// instead.
pub(crate) fn ensure_squad_running(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    agent: &Registered,
) -> Result<(), Rejection> {
    let project = tx.get::<Project>(&project)?;
    let at_work = match agent.standing_on(tx.today()) {
        Standing::Active | Standing::Draining => true,
        Standing::Paused(_) | Standing::Quarantined | Standing::Offline { .. } => false,
    };
    let squad_tells = at_work || project.squad() == Squad::Stopped(Halt::Emergency);
    if squad_tells && is_halted(&project, agent) { Err(Rejection::SquadStopped) } else { Ok(()) }
}

/// Vouches that the agent may take a task of `kind` in `project`. Only an operator gives a task to an agent that a halt
/// stops.
pub(crate) fn accept(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    (project, kind): (ProjectId, TaskType),
    rule: TypeRule,
) -> Result<Assignee, Rejection> {
    let agent = tx.agent(agent)?;
    let registered = agent.registered()?;
    let assignee = registered.accept(agent.id, project, kind, rule, tx.today())?;
    match tx.actor().kind() {
        ActorKind::Human => {}
        ActorKind::Agent | ActorKind::System => ensure_squad_running(tx, project, registered)?,
    }
    Ok(assignee)
}

/// Excepts an agent that an operator lets work while its squad is paused from that pause.
pub(crate) fn except(tx: &mut Transaction<'_>, agent: &Entity<Agent>) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent.id)?;
    if agent.status() != Some(Status::Active) || tx.actor().kind() != ActorKind::Human {
        return Ok(());
    }
    let project = tx.get::<Project>(&agent.registered()?.project)?;
    if project.squad() == Squad::Stopped(Halt::Pause) && is_halted(&project, agent.registered()?) {
        tx.execute(&agent, agent::Command::Except { halt: project.halts() })?;
    }
    Ok(())
}

/// Pauses an agent that comes into a stopped squad, or back to it. `before` is how the agent was.
pub(crate) fn join_stopped(tx: &mut Transaction<'_>, before: &Entity<Agent>) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&before.id)?;
    let project = tx.get::<Project>(&agent.registered()?.project)?;
    let active = Some(Status::Active);
    if project.squad() != Squad::Working && before.status() != active && agent.status() == active {
        let pause = agent::Command::Pause { reason: PauseReason::Squad, note: None };
        tx.as_system().execute(&agent, pause)?;
    }
    Ok(())
}
