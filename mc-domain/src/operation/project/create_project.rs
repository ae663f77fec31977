//! Creating a project under a slug that no other project has.

use crate::{
    ids::ProjectId,
    project::{self, Profile, Project},
    rejection::Rejection,
    reservation::{self, Holder, Key, Reservation},
    transaction::Transaction,
    values::Slug,
};

/// Creates `project` and reserves `slug` for it.
///
/// # Errors
/// - [`reservation::Rejection::Taken`] when another project has the slug.
/// - [`project::Rejection::AlreadyExists`] when the project exists.
/// - [`project::Rejection::OperatorOnly`] for an agent.
pub fn create_project(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    slug: Slug,
    profile: Profile,
) -> Result<(), Rejection> {
    let name = tx.get::<Reservation>(&Key::project(&slug))?;
    let project = tx.get::<Project>(&project)?;
    let created = tx.decide(&project, project::Command::Create { slug, profile })?;
    let reserve = reservation::Command::Reserve(Holder::Project(project.id));
    tx.execute_in(Some(project.id), &name, reserve)?;
    tx.record(&project, created)?;
    Ok(())
}
