//! Changing what a project is about, its cap among it.

use crate::{
    budget::Key,
    consequence::{
        budget_cap::{Spender, follow_cap},
        budget_pause::lift_pauses,
    },
    ids::{AgentId, ProjectId},
    project::{self, Profile, Project},
    rejection::Rejection,
    transaction::Transaction,
};

/// Changes what `project` is about. Those of `agents` that are paused because the project had spent too much today work
/// again when there is room in its budget again, or no cap any more.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`project::Rejection::OperatorOnly`] for an agent.
pub fn edit_project(
    tx: &mut Transaction<'_>,
    project: ProjectId,
    profile: Profile,
    agents: &[AgentId],
) -> Result<(), Rejection> {
    let project = tx.get::<Project>(&project)?;
    let (before, now) = (project.daily_cap(), profile.daily_cap);
    tx.execute(&project, project::Command::Edit { profile })?;
    if now == before {
        return Ok(());
    }
    let key = Key::ProjectDay(project.id, tx.today());
    if let Some(cap) = now {
        follow_cap(tx, key, cap, Spender { project: project.id, agent: None, task: None, run: None })?;
    }
    lift_pauses(tx, agents, key, now)
}
