//! Creating a project: the project and its slug, which no other may have.

use super::{Decision, Entity, Rejection};
use crate::{
    aggregate::{Aggregate, CommandContext},
    project::{self, Profile, Project},
    reservation::{self, Holder, Key, Reservation},
    values::Slug,
};

/// Creates `project` under `slug`, which `name` reserves.
///
/// # Errors
/// - [`reservation::Rejection::Taken`] when another project has the slug.
/// - [`reservation::Rejection::NotHolder`] when `name` is not the reservation of the slug.
/// - [`project::Rejection::OperatorOnly`] for an agent.
pub fn create_project(
    project: &Entity<Project>,
    name: &Entity<Reservation>,
    slug: Slug,
    profile: Profile,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    if name.id != Key::project(&slug) {
        return Err(reservation::Rejection::NotHolder.into());
    }
    let created = project.decide(project::Command::Create { slug, profile }, context)?;
    let reserved = name.decide(reservation::Command::Reserve(Holder::Project(project.id)), context)?;
    let mut decision = Decision::of(name, Some(project.id), reserved);
    decision.add(project, Some(project.id), created);
    Ok(decision)
}
