//! Registering an agent: the agent and its name, which no other in its project may have.

use super::{Decision, Entity, Rejection};
use crate::{
    agent::{self, Agent, Profile},
    aggregate::{Aggregate, Moment},
    ids::{AgentId, ProjectId},
    project::{self, Project},
    reservation::{self, Holder, Reservation},
    values::Reason,
};

/// What is asked for with a registration.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterAgent {
    /// What it is and may do.
    pub profile: Profile,
    /// The agent that spawned it.
    pub parent: Option<AgentId>,
    /// What it was spawned for.
    pub purpose: Option<Reason>,
}

/// Registers `agent` in `project` under its name, which `name` reserves; or lets it come back when it is the one that
/// holds the name.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`reservation::Rejection::Taken`] when another agent of the project has the name.
pub fn register_agent(
    project: &Entity<Project>,
    name: &Entity<Reservation>,
    agent: &Entity<Agent>,
    wish: RegisterAgent,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    if **project == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    let RegisterAgent { profile, parent, purpose } = wish;
    let reserved = name.decide(reservation::Command::Reserve(Holder::Agent(agent.id)), moment)?;
    let register = agent::Command::Register { project: project.id, profile, parent, purpose };
    let registered = agent.decide(register, moment)?;
    let mut decision = Decision::of(name, Some(project.id), reserved);
    decision.add(agent, Some(project.id), registered);
    Ok(decision)
}

/// Changes what an agent is or may do. A new name is reserved, the old one given back: `names` are their
/// reservations, old and new, when they differ.
///
/// # Errors
/// - [`reservation::Rejection::Taken`] when another agent of the project has the new name.
/// - [`agent::Rejection::SelfPromotion`] when an agent asks for more than it has.
/// - [`agent::Rejection::OperatorOnly`] when an agent changes another.
pub fn change_profile(
    project: ProjectId,
    agent: &Entity<Agent>,
    names: Option<(&Entity<Reservation>, &Entity<Reservation>)>,
    profile: Profile,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    if moment.actor.agent().is_some_and(|actor| actor != agent.id) {
        let name = agent.registered()?.profile.name.clone();
        return Err(agent::Rejection::OperatorOnly { name }.into());
    }
    let changed = agent.decide(agent::Command::ChangeProfile(profile), moment)?;
    let mut decision = Decision::default();
    if let Some((old, new)) = names {
        let holder = Holder::Agent(agent.id);
        let reserved = new.decide(reservation::Command::Reserve(holder), moment)?;
        let released = old.decide(reservation::Command::Release(holder), moment)?;
        decision.add(new, Some(project), reserved);
        decision.add(old, Some(project), released);
    }
    decision.add(agent, Some(project), changed);
    Ok(decision)
}
