//! Editing a project, by an operator: what its runs may cost in a day counts at once.

use super::{
    Cast, Decision, Entity, Rejection,
    complete_run::Spender,
    follow_cap::{follow_cap, lift_pauses},
};
use crate::{
    agent::Agent,
    aggregate::{Aggregate, CommandContext},
    budget::Key,
    project::{self, Profile, Project},
};

/// Changes what `project` is about. Those of `agents` that are paused because the project had spent too much today work
/// again when there is room in its budget again, or no cap any more. `cast` has the budget of the day.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for an agent.
pub fn edit_project(
    project: &Entity<Project>,
    profile: Profile,
    agents: &[Entity<Agent>],
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let (before, now) = (project.daily_cap(), profile.daily_cap);
    let events = project.decide(project::Command::Edit { profile }, context)?;
    let mut decision = Decision::of(project, Some(project.id), events);
    if now != before {
        let key = Key::ProjectDay(project.id, context.now.date_naive());
        if let Some(cap) = now {
            let spender = Spender { project: project.id, agent: None, task: None, run: None };
            follow_cap(&mut decision, key, cap, spender, cast, context)?;
        }
        lift_pauses(&mut decision, agents, key, now, cast, context)?;
    }
    Ok(decision)
}
