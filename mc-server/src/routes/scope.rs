//! The project that a request is about, as its query or its body names it.

use mc_domain::{
    ids::{AgentId, ProjectId},
    reach::Reach,
};
use mc_projections::views::Views;
use serde::Deserialize;

use crate::{
    access::Caller,
    lookup,
    problem::{FieldError, Kind, Problem},
};

/// The parameter `project`: the project that a request is about. It is honoured or refused, and never left out of account:
/// a request that names one never reaches beyond it, and none reaches beyond its caller's projects.
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
    pub(super) fn project(&self, views: &Views, reach: &Reach) -> Result<Option<ProjectId>, Problem> {
        lookup::scope(views, reach, self.project.as_deref())
    }

    /// What the request is about: the project that is named, else all that is within its caller's reach.
    ///
    /// # Errors
    /// `malformed-query` when there is no such project.
    pub(super) fn reach(&self, views: &Views, reach: &Reach) -> Result<Reach, Problem> {
        lookup::listed(views, reach, self.project.as_deref())
    }

    /// The project that is named here or in that field of the body.
    ///
    /// # Errors
    /// `invalid-fields` or `malformed-query` when there is no such project, `malformed-query` when they are two.
    pub(super) fn with(
        &self,
        views: &Views,
        reach: &Reach,
        field: &str,
        in_body: Option<&str>,
    ) -> Result<Option<ProjectId>, Problem> {
        let found = in_body.map(|project| lookup::project(views, reach, project)).transpose();
        let in_body = found.map_err(|unknown| unknown.in_field(field))?;
        self.agrees_with(views, reach, in_body, &format!("the body names in {field}"))
    }

    /// The project in which something is created: the one that is named, in the query or in the body, else the
    /// [usual one](usual_home).
    ///
    /// # Errors
    /// `invalid-fields` when it has to be named; else as [`Scope::with`].
    pub(super) fn home(
        &self,
        views: &Views,
        reach: &Reach,
        in_body: Option<&str>,
    ) -> Result<ProjectId, Problem> {
        match self.with(views, reach, "projectId", in_body)? {
            Some(named) => Ok(named),
            None => usual_home(views, reach),
        }
    }

    /// The agent of the path, and the project it belongs to.
    ///
    /// # Errors
    /// `not-found`, also when it belongs to another project than the one named here; `conflict` when it may be several.
    pub(super) fn agent(
        &self,
        views: &Views,
        reach: &Reach,
        written: &str,
    ) -> Result<(AgentId, ProjectId), Problem> {
        let unknown = || Problem::not_found("agent", written);
        let project = self.project(views, reach)?;
        let agent = lookup::agent(views, reach, written, project).map_err(lookup::NotFound::in_path)?;
        let home = views.agents.project_of(agent).ok_or_else(unknown)?;
        if project.is_some_and(|project| project != home) { Err(unknown()) } else { Ok((agent, home)) }
    }

    /// The agent of the path that a write is about, and the project it belongs to.
    ///
    /// # Errors
    /// As [`Scope::agent`]; `actor-mismatch` when the caller is another agent.
    pub(super) fn agent_to_change(
        &self,
        views: &Views,
        caller: &Caller,
        written: &str,
    ) -> Result<(AgentId, ProjectId), Problem> {
        let (agent, home) = self.agent(views, caller.reach(), written)?;
        match caller.agent() {
            Some(itself) if itself != agent => Err(Caller::mismatch()),
            Some(_) | None => Ok((agent, home)),
        }
    }

    /// The agent of that field of the body, whose own the request is, and the project it belongs to. An agent need not name
    /// itself.
    ///
    /// # Errors
    /// `actor-mismatch` when the caller is another agent; `invalid-fields` when there is none, also when it belongs to another
    /// project than the one named here.
    pub(super) fn agent_in_field(
        &self,
        views: &Views,
        caller: &Caller,
        field: &str,
        written: Option<&str>,
    ) -> Result<(AgentId, ProjectId), Problem> {
        let (reach, project) = (caller.reach(), self.project(views, caller.reach())?);
        caller.check_own(views, written)?;
        let written = &caller.required_own(field, written)?;
        let found = match project {
            Some(project) => lookup::agent_of(views, reach, written, project),
            None => lookup::agent(views, reach, written, None),
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
        reach: &Reach,
        other: Option<ProjectId>,
        what: &str,
    ) -> Result<Option<ProjectId>, Problem> {
        match (self.project(views, reach)?, other) {
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

/// The project in which something is created where none is named: the default one, else the only one within reach.
///
/// # Errors
/// `invalid-fields` when there are several within reach, or none.
pub(super) fn usual_home(views: &Views, reach: &Reach) -> Result<ProjectId, Problem> {
    let default = views.projects.named(lookup::DEFAULT_PROJECT).filter(|home| reach.includes(*home));
    let unknown = || match reach {
        Reach::All => Problem::not_found("project", lookup::DEFAULT_PROJECT),
        Reach::Only(_) => {
            Problem::invalid_field("projectId", "say in which project: the credential is good for several")
        }
    };
    default.or_else(|| reach.only()).ok_or_else(unknown)
}
