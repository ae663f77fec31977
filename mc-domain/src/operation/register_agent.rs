//! Registering an agent: the agent and its name, which no other in its project may have.

use super::{
    Cast, Decision, Entity, Names, Rejection, acts_for_itself,
    complete_run::Spender,
    follow_cap::{follow_cap, lift_pauses},
    squad::join_stopped,
};
use crate::{
    agent::{self, Agent, Profile},
    aggregate::{Aggregate, CommandContext},
    budget,
    ids::{AgentId, ProjectId},
    project::{self, Project},
    reservation,
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
    /// How many agents of the project are not offline.
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
///   created by [`super::spawn_agent`].
/// - [`agent::Rejection::SelfPromotion`] when a known agent asks for more than it has.
/// - [`agent::Rejection::SquadFull`] when it is new and the project has as many agents as the policy allows.
pub fn register_agent(
    project: &Entity<Project>,
    names: &Names,
    agent: &Entity<Agent>,
    wish: RegisterAgent,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    if **project == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    let known = agent.registered().is_ok();
    if known {
        acts_for_itself(agent, context)?;
    }
    if context.actor.agent().is_some() && (!known || wish.parent.is_some()) {
        return Err(agent::Rejection::RegistersAnother { name: wish.profile.name }.into());
    }
    let mut decision = Decision::default();
    let registered = register(&mut decision, project.id, names, agent, wish, context)?;
    decision.add(agent, Some(project.id), registered);
    join_stopped(&mut decision, agent, project, context)?;
    Ok(decision)
}

/// Adds the name's events to `decision`, and answers with the agent's.
pub(super) fn register(
    decision: &mut Decision,
    project: ProjectId,
    names: &Names,
    agent: &Entity<Agent>,
    wish: RegisterAgent,
    context: &CommandContext,
) -> Result<Vec<agent::Event>, Rejection> {
    let RegisterAgent { profile, parent, purpose, squad } = wish;
    let limit = context.policy.limits.max_agents;
    if agent.registered().is_err() && squad >= limit {
        return Err(agent::Rejection::SquadFull { limit }.into());
    }
    if !names.is_of(project, &profile.name) {
        return Err(reservation::Rejection::NotHolder.into());
    }
    if names.bearer().is_some_and(|bearer| bearer.id == agent.id) {
        names.keep(decision, agent.id, &agent.registered()?.profile.name, context)?;
    } else {
        names.give(decision, agent.id, profile.role, context)?;
    }
    let register = agent::Command::Register { project, profile, parent, purpose };
    Ok(agent.decide(register, context)?)
}

/// Changes what an agent is or may do. A new name is reserved, the old one given back: `names` are the old one and the new
/// one, when they differ. `cast` has its budget of the day, where its caps change.
///
/// # Errors
/// - [`reservation::Rejection::Taken`] when another agent of the project has the new name.
/// - [`reservation::Rejection::NotHolder`] when it is renamed and `names` are not its names.
/// - [`agent::Rejection::LooksLike`] and [`agent::Rejection::OperatorsName`] as for a registration.
/// - [`agent::Rejection::OperatorOnly`] for another agent.
/// - [`agent::Rejection::SelfPromotion`] when an agent asks for more than it has.
pub fn change_profile(
    project: ProjectId,
    agent: &Entity<Agent>,
    names: Option<(&Names, &Names)>,
    profile: Profile,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    acts_for_itself(agent, context)?;
    let (before, after, role) = (&agent.registered()?.profile.name, profile.name.clone(), profile.role);
    let changed = agent.decide(agent::Command::ChangeProfile(profile), context)?;
    let mut decision = Decision::default();
    if *before != after {
        let named = names.filter(|(old, new)| old.is_of(project, before) && new.is_of(project, &after));
        let (old, new) = named.ok_or(reservation::Rejection::NotHolder)?;
        match before.is(&after) {
            true => new.keep(&mut decision, agent.id, &after, context)?,
            false => new.give(&mut decision, agent.id, role, context)?,
        }
        old.give_back(&mut decision, agent.id, new, context)?;
    }
    decision.add(agent, Some(project), changed);
    follow_caps(&mut decision, agent, cast, context)?;
    Ok(decision)
}

/// A new cap counts at once on the budget of the day; a higher one lifts a pause for that budget when there is room again.
fn follow_caps(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let after = agent.after_decision(decision);
    let (before, now) = (agent.registered()?.profile.caps, after.registered()?.profile.caps);
    if before == now {
        return Ok(());
    }
    let key = budget::Key::AgentDay(agent.id, context.now.date_naive());
    let (project, task) = (after.registered()?.project, after.registered()?.work.map(|work| work.task));
    let spender = Spender { project, agent: Some(agent.id), task, run: None };
    follow_cap(decision, key, now.daily, spender, cast, context)?;
    if now.daily > before.daily || now.per_run > before.per_run {
        lift_pauses(decision, &[after], key, Some(now.daily), cast, context)?;
    }
    Ok(())
}
