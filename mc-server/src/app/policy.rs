//! The policy in force: a project's own, else the one for all projects, else the defaults.

use mc_domain::{
    ids::ProjectId,
    policy::{
        Policy, Scope,
        document::{Document, PolicyLimits},
    },
};

use super::handle::App;
use crate::problem::Problem;

impl App {
    /// The limits of the policy in force in a project, from the views as they are.
    pub fn policy_limits(&self, project: Option<ProjectId>) -> PolicyLimits {
        let published =
            self.0.projected.read(|views| views.policy.active(project).map(Document::policy_limits));
        published.unwrap_or_default()
    }

    /// The whole policy in force in a project, from the log.
    ///
    /// # Errors
    /// `store-damaged` or `store-unavailable` when the log cannot be read.
    pub(crate) async fn policy(&self, project: ProjectId) -> Result<Document, Problem> {
        for scope in [Scope::Project(project), Scope::Global] {
            if let Some(document) = self.repository().load::<Policy>(&scope).await?.document() {
                return Ok(document.clone());
            }
        }
        Ok(Document::default())
    }

    /// The same, where the project may not be known: without one, the policy for all projects.
    ///
    /// # Errors
    /// As [`App::policy`].
    pub(crate) async fn policy_in(&self, project: Option<ProjectId>) -> Result<Document, Problem> {
        match project {
            Some(project) => self.policy(project).await,
            None => {
                let global = self.repository().load::<Policy>(&Scope::Global).await?;
                Ok(global.document().cloned().unwrap_or_default())
            }
        }
    }
}
