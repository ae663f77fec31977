//! Registering an agent: the agent and its name, which no other in its project may have.

use super::{
    Cast, Decision, Entity, Rejection, acts_for_itself,
    complete_run::Spender,
    follow_cap::{follow_cap, lift_pauses},
    squad::join_stopped,
};
use crate::{
    agent::{self, Agent, Profile},
    aggregate::{Aggregate, Moment},
    budget,
    ids::{AgentId, ProjectId},
    project::{self, Project},
    reservation::{self, Holder, Key, Reservation},
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
/// holds the name. In a squad that is stopped it is paused with the others.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`reservation::Rejection::Taken`] when another agent of the project has the name.
/// - [`reservation::Rejection::NotHolder`] when `name` is not the reservation of its name.
/// - [`agent::Rejection::OperatorOnly`] when an agent speaks for another that is known.
/// - [`agent::Rejection::RegistersAnother`] when an agent asks for one that is not known, or names a parent: sub-agents are
///   created by [`super::spawn_agent`].
/// - [`agent::Rejection::SelfPromotion`] when a known agent asks for more than it has.
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
    let known = agent.registered().is_ok();
    if known {
        acts_for_itself(agent, moment)?;
    }
    if moment.actor.agent().is_some() && (!known || wish.parent.is_some()) {
        return Err(agent::Rejection::RegistersAnother { name: wish.profile.name }.into());
    }
    let (reserved, registered) = register(project.id, name, agent, wish, moment)?;
    let mut decision = Decision::of(name, Some(project.id), reserved);
    decision.add(agent, Some(project.id), registered);
    join_stopped(&mut decision, agent, project, moment)?;
    Ok(decision)
}

/// The name's events and the agent's.
pub(super) fn register(
    project: ProjectId,
    name: &Entity<Reservation>,
    agent: &Entity<Agent>,
    wish: RegisterAgent,
    moment: &Moment,
) -> Result<(Vec<reservation::Event>, Vec<agent::Event>), Rejection> {
    let RegisterAgent { profile, parent, purpose } = wish;
    if name.id != Key::agent(project, &profile.name) {
        return Err(reservation::Rejection::NotHolder.into());
    }
    let reserved = name.decide(reservation::Command::Reserve(Holder::Agent(agent.id)), moment)?;
    let register = agent::Command::Register { project, profile, parent, purpose };
    Ok((reserved, agent.decide(register, moment)?))
}

/// Changes what an agent is or may do. A new name is reserved, the old one given back: `names` are their
/// reservations, old and new, when they differ. `cast` has its budget of the day, where its caps change.
///
/// # Errors
/// - [`reservation::Rejection::Taken`] when another agent of the project has the new name.
/// - [`reservation::Rejection::NotHolder`] when it is renamed and `names` are not the reservations of its names.
/// - [`agent::Rejection::OperatorOnly`] for another agent.
/// - [`agent::Rejection::SelfPromotion`] when an agent asks for more than it has.
pub fn change_profile(
    project: ProjectId,
    agent: &Entity<Agent>,
    names: Option<(&Entity<Reservation>, &Entity<Reservation>)>,
    profile: Profile,
    cast: &Cast,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    acts_for_itself(agent, moment)?;
    let (before, after) = (&agent.registered()?.profile.name, profile.name.clone());
    let (before, after) = (Key::agent(project, before), Key::agent(project, &after));
    let changed = agent.decide(agent::Command::ChangeProfile(profile), moment)?;
    let mut decision = Decision::default();
    if before != after {
        let named = names.filter(|(old, new)| (&old.id, &new.id) == (&before, &after));
        let (old, new) = named.ok_or(reservation::Rejection::NotHolder)?;
        let holder = Holder::Agent(agent.id);
        let reserved = new.decide(reservation::Command::Reserve(holder), moment)?;
        let released = old.decide(reservation::Command::Release(holder), moment)?;
        decision.add(new, Some(project), reserved);
        decision.add(old, Some(project), released);
    }
    decision.add(agent, Some(project), changed);
    follow_caps(&mut decision, agent, cast, moment)?;
    Ok(decision)
}

/// A new cap counts at once on the budget of the day; a higher one lifts a pause for that budget when there is room again.
fn follow_caps(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    cast: &Cast,
    moment: &Moment,
) -> Result<(), Rejection> {
    let after = agent.after_decision(decision);
    let (before, now) = (agent.registered()?.profile.caps, after.registered()?.profile.caps);
    if before == now {
        return Ok(());
    }
    let key = budget::Key::AgentDay(agent.id, moment.now.date_naive());
    let (project, task) = (after.registered()?.project, after.registered()?.work.map(|work| work.task));
    let spender = Spender { project, agent: Some(agent.id), task, run: None };
    follow_cap(decision, key, now.daily, spender, cast, moment)?;
    if now.daily > before.daily || now.per_run > before.per_run {
        lift_pauses(decision, &[after], key, Some(now.daily), cast, moment)?;
    }
    Ok(())
}
