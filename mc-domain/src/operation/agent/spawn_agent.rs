//! Spawning: an agent creates a sub-agent, on the record of both; and the sub-agent's retirement.

use super::{
    names::Names,
    register_agent::{RegisterAgent, register},
};
use crate::{
    agent::{self, Agent, Ending, Profile, RetirementCause, Spawn},
    consequence::{
        authority::acts_for_itself,
        blocked_work::{Stop, block_held_task},
        budget_pause::lift_pause_of_yesterday,
        run_end::abort_agent_runs,
    },
    ids::{AgentId, ProjectId},
    project::{self, Project, Squad},
    rejection::Rejection,
    reservation::{self, Holder},
    transaction::Transaction,
    values::Reason,
};

/// What a sub-agent is to be, and how many agents there are.
#[derive(Debug, Clone, PartialEq)]
pub struct SpawnAgent {
    /// What the sub-agent is to be and to be allowed.
    pub profile: Profile,
    /// What the sub-agent is created for.
    pub purpose: Reason,
    /// How many agents are active now in all projects. The caller counts them.
    pub active_agents: u32,
    /// How many agents of the project are not offline. The caller counts them.
    pub squad: u32,
}

/// Creates `child` under `parent`, which asks for it or for which an operator does, and reserves its name. A former
/// sub-agent of the same parent and name comes back into service.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`Rejection::SquadStopped`]
/// - [`agent::Rejection::OperatorOnly`] when an agent asks in another's name.
/// - [`agent::Rejection::MayNotSpawn`], [`agent::Rejection::SpawnToolMissing`], [`agent::Rejection::ChildAbove`] or
///   [`agent::Rejection::SpawnLimit`] as the rules on spawning say.
/// - [`agent::Rejection::SquadFull`] when the project has as many agents as the policy allows.
/// - [`reservation::Rejection::Taken`], [`agent::Rejection::LooksLike`] or [`agent::Rejection::OperatorsName`] when another
///   agent of the project or an operator has the name, or one that it passes for.
pub fn spawn_agent(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    names: &Names,
    child: AgentId,
    parent: AgentId,
    request: SpawnAgent,
) -> Result<(), Rejection> {
    let squad_of = tx.get::<Project>(&project)?;
    if *squad_of == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    if squad_of.squad() != Squad::Working {
        return Err(Rejection::SquadStopped);
    }
    let (child, parent) = (tx.get::<Agent>(&child)?, tx.get::<Agent>(&parent)?);
    acts_for_itself(tx, &parent)?;
    let spawner = parent.registered()?;
    spawner.belongs_to(project)?;
    if child.registered().is_ok_and(|known| known.parent != Some(parent.id)) {
        return Err(reservation::Rejection::Taken { by: Holder::Agent(child.id) }.into());
    }
    let SpawnAgent { profile, purpose, active_agents, squad } = request;
    let commission = spawner.commission_of_child(tx.context());
    let spawn = Spawn { child: child.id, profile: profile.clone(), purpose: purpose.clone(), active_agents };
    let spawned = tx.decide(&parent, agent::Command::Spawn(spawn))?;
    lift_pause_of_yesterday(tx, parent.id)?;
    let is_new = !spawned.is_empty();
    tx.record(&parent, spawned)?;
    let registration = RegisterAgent { profile, parent: Some(parent.id), purpose: Some(purpose), squad };
    // What a known sub-agent may do is its parent's to say here, so it is not held against the parent as raising its own.
    let child = register(&mut tx.as_system(), project, names, &child, registration)?;
    if is_new {
        tx.execute(&child, agent::Command::Commission(commission))?;
    }
    Ok(())
}

/// Takes `child` out of service, aborts its runs, and blocks the task that it works on; `parent` has one sub-agent less. It
/// stays out until its parent spawns it again; one that was paused or quarantined stays that too.
///
/// # Errors
/// [`agent::Rejection::OperatorOnly`] for an agent.
pub fn retire_agent(
    tx: &mut Transaction<'_>,
    child: AgentId,
    parent: Option<AgentId>,
    cause: RetirementCause,
) -> Result<(), Rejection> {
    let note = Reason::truncated(cause.as_str());
    let child = tx.get::<Agent>(&child)?;
    tx.execute(&child, agent::Command::Retire { note: note.clone() })?;
    abort_agent_runs(tx, child.id, "its agent was retired")?;
    let stop = Stop { what: "was retired", note, ending: Ending::WentOffline, told: false };
    block_held_task(tx, child.id, stop)?;
    if let Some(parent) = parent {
        let parent = tx.get::<Agent>(&parent)?;
        tx.execute(&parent, agent::Command::RetireChild(child.id))?;
    }
    Ok(())
}
