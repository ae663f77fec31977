//! The project that a request is about, as its query or its body names it.

use mc_domain::ids::{AgentId, ProjectId};
use mc_projections::views::Views;
use serde::Deserialize;

use crate::{
    lookup,
    problem::{FieldError, Kind, Problem},
};

/// The parameter `project`: the project that a request is about. It is honoured or refused, and never left out of account:
/// a request that names one never reaches beyond it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    project: Option<String>,
}

impl Scope {
    /// The project, where one is named.
    ///
    /// # Errors
    /// `malformed-query` when there is no such project.
    pub(super) fn project(&self, views: &Views) -> Result<Option<ProjectId>, Problem> {
        lookup::scope(views, self.project.as_deref())
    }

    /// The project that is named here or in that field of the body.
    ///
    /// # Errors
    /// `invalid-fields` or `malformed-query` when there is no such project, `malformed-query` when they are two.
    pub(super) fn with(
        &self,
        views: &Views,
        field: &str,
        in_body: Option<&str>,
    ) -> Result<Option<ProjectId>, Problem> {
        let found = in_body.map(|project| lookup::project(views, project)).transpose();
        let in_body = found.map_err(|unknown| unknown.in_field(field))?;
        self.agrees_with(views, in_body, &format!("the body names in {field}"))
    }

    /// The project in which something is created: the one that is named, in the query or in the body, else the default one.
    pub(super) fn home(&self, views: &Views, in_body: Option<&str>) -> Result<ProjectId, Problem> {
        let named = self.with(views, "projectId", in_body)?;
        let unknown = || Problem::not_found("project", lookup::DEFAULT_PROJECT);
        named.or_else(|| views.projects.named(lookup::DEFAULT_PROJECT)).ok_or_else(unknown)
    }

    /// The agent of the path, and the project it belongs to.
    ///
    /// # Errors
    /// `not-found`, also when it belongs to another project than the one named here; `conflict` when it may be several.
    pub(super) fn agent(&self, views: &Views, written: &str) -> Result<(AgentId, ProjectId), Problem> {
        let unknown = || Problem::not_found("agent", written);
        let project = self.project(views)?;
        let agent = lookup::agent(views, written, project).map_err(lookup::NotFound::in_path)?;
        let home = views.agents.project_of(agent).ok_or_else(unknown)?;
        if project.is_some_and(|project| project != home) { Err(unknown()) } else { Ok((agent, home)) }
    }

    /// The agent of that field of the body, and the project it belongs to.
    ///
    /// # Errors
    /// `invalid-fields`, also when it belongs to another project than the one named here.
    pub(super) fn agent_in_field(
        &self,
        views: &Views,
        field: &str,
        written: &str,
    ) -> Result<(AgentId, ProjectId), Problem> {
        let project = self.project(views)?;
        let found = match project {
            Some(project) => lookup::agent_of(views, written, project),
            None => lookup::agent(views, written, None),
        };
        let agent = found.map_err(|unknown| unknown.in_field(field))?;
        let home = views.agents.project_of(agent).ok_or_else(|| Problem::not_found("agent", agent))?;
        Ok((agent, home))
    }

    /// The project named here, or else the other one that the request names by `what`.
    ///
    /// # Errors
    /// `malformed-query` when they are two, or there is no such project.
    pub(super) fn agrees_with(
        &self,
        views: &Views,
        other: Option<ProjectId>,
        what: &str,
    ) -> Result<Option<ProjectId>, Problem> {
        match (self.project(views)?, other) {
            (Some(here), Some(other)) if here != other => {
                let message = format!("names another project than {what}");
                let detail = format!("The parameter project {message}. Name one of them.");
                let error = FieldError::of_parameter("project", message);
                Err(Problem::new(Kind::MalformedQuery, detail).errors(vec![error]))
            }
            (here, other) => Ok(here.or(other)),
        }
    }
}
