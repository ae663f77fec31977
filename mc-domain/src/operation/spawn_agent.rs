//! Spawning: an agent creates a sub-agent, on the record of both; and the sub-agent's retirement.

use super::{
    Cast, Decision, Entity, Names, RegisterAgent, Rejection, acts_for_itself, by_system,
    end_run::abort_agent_runs,
    quarantine_agent::{Stop, block_work, seated},
    register_agent::register,
    start_run::lift_pause_of_yesterday,
    work_of,
};
use crate::{
    agent::{self, Agent, Ending, Profile, RetirementCause, Spawn},
    aggregate::{Aggregate, CommandContext},
    project::{self, Project, Squad},
    reservation::{self, Holder},
    task::Task,
    values::Reason,
};

/// What is asked for with a spawn.
#[derive(Debug, Clone, PartialEq)]
pub struct SpawnAgent {
    /// What the sub-agent is to be and to be allowed.
    pub profile: Profile,
    /// What for.
    pub purpose: Reason,
    /// How many agents are active now, in all.
    pub active_agents: u32,
    /// How many agents of the project are not offline.
    pub squad: u32,
}

/// Creates `child` under `parent`, which asks for it or for which an operator does. `names` reserve its name. A former sub-agent of the same parent and name comes back into service.
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
    project: &Entity<Project>,
    names: &Names,
    child: &Entity<Agent>,
    parent: &Entity<Agent>,
    wish: SpawnAgent,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    if **project == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    if project.squad() != Squad::Working {
        return Err(Rejection::SquadStopped);
    }
    acts_for_itself(parent, context)?;
    let spawner = parent.registered()?;
    spawner.belongs_to(project.id)?;
    if child.registered().is_ok_and(|known| known.parent != Some(parent.id)) {
        return Err(reservation::Rejection::Taken { by: Holder::Agent(child.id) }.into());
    }
    let SpawnAgent { profile, purpose, active_agents, squad } = wish;
    let commission = spawner.commission_of_child(context);
    let spawn = Spawn { child: child.id, profile: profile.clone(), purpose: purpose.clone(), active_agents };
    let spawned = parent.decide(agent::Command::Spawn(spawn), context)?;
    let registration = RegisterAgent { profile, parent: Some(parent.id), purpose: Some(purpose), squad };
    // What a known sub-agent may do is its parent's to say here, so it is not held against the parent as raising its own.
    let mut reserved = Decision::default();
    let mut registered =
        register(&mut reserved, project.id, names, child, registration, &by_system(context))?;
    if !spawned.is_empty() {
        let commission = agent::Command::Commission(commission);
        registered.extend(child.after(&registered).decide(commission, context)?);
    }
    let mut decision = Decision::default();
    lift_pause_of_yesterday(&mut decision, parent, context)?;
    decision.add(parent, Some(project.id), spawned);
    decision = decision.and(reserved);
    decision.add(child, Some(project.id), registered);
    Ok(decision)
}

/// Takes `child` out of service, breaks its runs off, and blocks `task`, which it works on; `parent` has one sub-agent
/// less. It stays out until its parent spawns it again; one that was paused or quarantined stays that too. `cast` has what
/// ends with its runs.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for an agent.
/// - [`agent::Rejection::Busy`] when it works on something other than `task`.
pub fn retire_agent(
    child: &Entity<Agent>,
    parent: Option<&Entity<Agent>>,
    task: Option<&Entity<Task>>,
    cause: RetirementCause,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let note = Reason::truncated(cause.as_str());
    let events = child.decide(agent::Command::Retire { note: note.clone() }, context)?;
    let mut decision = Decision::default();
    decision.add_agent(child, events);
    let cast = seated(child, task, cast);
    abort_agent_runs(&mut decision, child.id, "its agent was retired", &cast, context)?;
    let gone = child.after_decision(&decision);
    if let Some(task) = work_of(&gone, task)? {
        let stop = Stop { what: "was retired", note, ending: Ending::WentOffline, told: false };
        block_work(&mut decision, task, &gone, stop, &cast, context)?;
    }
    if let Some(parent) = parent {
        decision.add_agent(parent, parent.decide(agent::Command::RetireChild(child.id), context)?);
    }
    Ok(decision)
}
