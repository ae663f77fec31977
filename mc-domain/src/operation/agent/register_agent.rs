//! Registering an agent: the agent and its name, which no other in its project may have.

use super::names::Names;
use crate::{
    agent::{self, Agent, Profile},
    consequence::{authority::acts_for_itself, profile_change::record_profile, squad_halt::join_stopped},
    ids::{AgentId, ProjectId},
    project::{self, Project},
    rejection::Rejection,
    reservation,
    transaction::{Entity, Transaction},
    values::Reason,
};

/// The profile that an agent registers with, and whose sub-agent it is.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterAgent {
    /// What it is and may do.
    pub profile: Profile,
    /// The agent that spawned it; none for an agent that an operator registers.
    pub parent: Option<AgentId>,
    /// The purpose that its parent gives; only a sub-agent has one.
    pub purpose: Option<Reason>,
    /// How many agents of the project are not offline. The caller counts them; a new agent is held to the policy's limit.
    pub squad: u32,
}

/// Registers `agent` in `project` under its name, which `names` reserve; or lets it come back when it is the one that bears
/// the name. In a squad that is stopped it is paused with the others.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`reservation::Rejection::Taken`] when another agent of the project has the name.
/// - [`reservation::Rejection::NotHolder`] when `names` are not the reservations of its name.
/// - [`agent::Rejection::LooksLike`] when its name passes for that of another agent of the project.
/// - [`agent::Rejection::OperatorsName`] when it is an operator's, but for the seat of the chief agent officer.
/// - [`agent::Rejection::OperatorOnly`] when an agent speaks for another that is known.
/// - [`agent::Rejection::RegistersAnother`] when an agent asks for one that is not known, or names a parent: sub-agents are
///   created by [`super::spawn_agent()`].
/// - [`agent::Rejection::SelfPromotion`] when a known agent asks for more than it has.
/// - [`agent::Rejection::SquadFull`] when it is new and the project has as many agents as the policy allows.
pub fn register_agent(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    names: &Names,
    agent: AgentId,
    request: RegisterAgent,
) -> Result<(), Rejection> {
    if *tx.get::<Project>(&project)? == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    let agent = tx.get::<Agent>(&agent)?;
    let known = agent.registered().is_ok();
    if known {
        acts_for_itself(tx, &agent)?;
    }
    if tx.actor().agent().is_some() && (!known || request.parent.is_some()) {
        return Err(agent::Rejection::RegistersAnother { name: request.profile.name }.into());
    }
    register(tx, project, names, &agent, request)?;
    join_stopped(tx, &agent)
}

/// Reserves the name and registers the agent under it.
pub(super) fn register(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    names: &Names,
    agent: &Entity<Agent>,
    request: RegisterAgent,
) -> Result<Entity<Agent>, Rejection> {
    let RegisterAgent { profile, parent, purpose, squad } = request;
    let limit = tx.policy().limits.max_agents;
    if agent.registered().is_err() && squad >= limit {
        return Err(agent::Rejection::SquadFull { limit }.into());
    }
    if !names.is_of(project, &profile.name) {
        return Err(reservation::Rejection::NotHolder.into());
    }
    if names.bearer().is_some_and(|bearer| bearer.id == agent.id) {
        names.keep(tx, agent.id, &agent.registered()?.profile.name)?;
    } else {
        names.give(tx, agent.id, profile.role)?;
    }
    tx.execute(agent, agent::Command::Register { project, profile, parent, purpose })
}

/// Changes what an agent is or may do. A new name is reserved, the old one given back: `names` are the old one and the new
/// one, when they differ. A new cap counts at once on its budget of the day.
///
/// # Errors
/// - [`reservation::Rejection::Taken`] when another agent of the project has the new name.
/// - [`reservation::Rejection::NotHolder`] when it is renamed and `names` are not its names.
/// - [`agent::Rejection::LooksLike`] and [`agent::Rejection::OperatorsName`] as for a registration.
/// - [`agent::Rejection::OperatorOnly`] for another agent.
/// - [`agent::Rejection::SelfPromotion`] when an agent asks for more than it has.
pub fn change_profile(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    names: Option<(&Names, &Names)>,
    profile: Profile,
) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    acts_for_itself(tx, &agent)?;
    let registered = agent.registered()?;
    let (project, before) = (registered.project, &registered.profile.name);
    let (after, role) = (profile.name.clone(), profile.role);
    let changed = tx.decide(&agent, agent::Command::ChangeProfile(profile))?;
    if *before != after {
        let named = names.filter(|(old, new)| old.is_of(project, before) && new.is_of(project, &after));
        let (old, new) = named.ok_or(reservation::Rejection::NotHolder)?;
        match before.is(&after) {
            true => new.keep(tx, agent.id, &after)?,
            false => new.give(tx, agent.id, role)?,
        }
        old.give_back(tx, agent.id, new)?;
    }
    record_profile(tx, &agent, changed)
}
