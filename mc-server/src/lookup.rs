//! Resolves what a request names (an agent, a project) by name, slug or id, within the reach of its caller: what is outside it
//! does not exist, and is answered in the same words.

use mc_domain::{
    ids::{AgentId, ProjectId, TaskId},
    reach::Reach,
};
use mc_projections::views::Views;

use crate::problem::{Excerpt, FieldError, Kind, Problem};

/// The slug of the project that a request is about when it names none.
pub const DEFAULT_PROJECT: &str = "openclaw";

/// The name or id means nothing, or several things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    what: &'static str,
    written: String,
    ambiguous_in: Vec<String>,
}

impl NotFound {
    fn nothing(what: &'static str, written: &str) -> Self {
        Self { what, written: written.to_owned(), ambiguous_in: Vec::new() }
    }

    /// The problem when it was written in the path: `404`, or `409` when it could be several.
    pub fn in_path(self) -> Problem {
        match self.ambiguous_in.is_empty() {
            true => Problem::not_found(self.what, self.written),
            false => {
                let detail =
                    format!("Several {}, or name one of them with project=<slug>.", self.ambiguity());
                Problem::new(Kind::Conflict, detail)
            }
        }
    }

    /// The problem when it was written in a field of the body: `422`.
    pub fn in_field(self, field: &str) -> Problem {
        Problem::invalid_field(field, self.message())
    }

    /// The problem when it was written in a parameter of the query: `400`.
    pub fn in_query(self, name: &str) -> Problem {
        let message = self.message();
        Problem::new(Kind::MalformedQuery, format!("The parameter {name} is of no use: {message}."))
            .errors(vec![FieldError::of_parameter(name, message)])
    }

    fn message(&self) -> String {
        match self.ambiguous_in.is_empty() {
            true => format!("there is no {} {}", self.what, Excerpt(&self.written)),
            false => format!("several {}", self.ambiguity()),
        }
    }

    fn ambiguity(&self) -> String {
        let projects = self.ambiguous_in.join(", ");
        format!("projects have an {} {}: {projects}. Use its id", self.what, Excerpt(&self.written))
    }
}

/// The agent of that id or name in `project` and in no other: only a project's own agents take part in its threads.
///
/// # Errors
/// [`NotFound`]
pub fn agent_of(
    views: &Views,
    reach: &Reach,
    written: &str,
    project: ProjectId,
) -> Result<AgentId, NotFound> {
    let found = agent(views, reach, written, Some(project))?;
    let is_of = views.agents.project_of(found) == Some(project);
    if is_of { Ok(found) } else { Err(NotFound::nothing("agent", written)) }
}

/// The project of that id or slug.
///
/// # Errors
/// [`NotFound`]
pub fn project(views: &Views, reach: &Reach, written: &str) -> Result<ProjectId, NotFound> {
    let found = views.projects.find(written).filter(|found| reach.includes(*found));
    found.ok_or_else(|| NotFound::nothing("project", written))
}

/// The project that a task belongs to.
///
/// # Errors
/// `not-found` when there is no such task.
pub fn project_of_task(views: &Views, reach: &Reach, task: TaskId) -> Result<ProjectId, Problem> {
    let found = views.tasks.project_of(task).filter(|found| reach.includes(*found));
    found.ok_or_else(|| Problem::not_found("task", task))
}

/// The project that is named in the query, where one is.
///
/// # Errors
/// `malformed-query` when there is no such project.
pub fn scope(views: &Views, reach: &Reach, written: Option<&str>) -> Result<Option<ProjectId>, Problem> {
    let found = written.map(|written| project(views, reach, written)).transpose();
    found.map_err(|unknown| unknown.in_query("project"))
}

/// What a list is about: the project that is named in the query, else all that is within reach.
///
/// # Errors
/// `malformed-query` when there is no such project.
pub fn listed(views: &Views, reach: &Reach, written: Option<&str>) -> Result<Reach, Problem> {
    Ok(reach.within(&scope(views, reach, written)?.into()))
}

/// The agents that the parameter `name` of the query lists, each looked up as by [`agent`].
///
/// # Errors
/// `malformed-query` when one of them is unknown.
pub fn agents_in_query(
    views: &Views,
    reach: &Reach,
    written: &[String],
    scope: Option<ProjectId>,
    name: &str,
) -> Result<Vec<AgentId>, Problem> {
    let found = written.iter().map(|written| agent(views, reach, written, scope));
    found.collect::<Result<_, _>>().map_err(|unknown| unknown.in_query(name))
}

/// The agent of that id, or of that name: in `scope` where one is given, else in the default project, else wherever
/// within reach there is only one.
///
/// # Errors
/// [`NotFound`]
pub fn agent(
    views: &Views,
    reach: &Reach,
    written: &str,
    scope: Option<ProjectId>,
) -> Result<AgentId, NotFound> {
    let nothing = || NotFound::nothing("agent", written);
    let is_there = |id: &AgentId| views.agents.project_of(*id).is_some_and(|project| reach.includes(project));
    if let Some(id) = written.parse().ok().filter(is_there) {
        return Ok(id);
    }
    if let Some(project) = scope {
        return views.agents.named(project, written).filter(is_there).ok_or_else(nothing);
    }
    let home = views.projects.named(DEFAULT_PROJECT);
    let at_home = home.and_then(|home| views.agents.named(home, written)).filter(is_there);
    let anywhere: Vec<_> = views.agents.named_anywhere(written).filter(is_there).collect();
    match (at_home, &anywhere[..]) {
        (Some(id), _) => Ok(id),
        (None, []) => Err(nothing()),
        (None, [id]) => Ok(*id),
        (None, several) => {
            let projects = several.iter().filter_map(|id| views.agents.project_of(*id));
            let slugs = projects.filter_map(|id| Some(views.projects.view(id)?.slug.to_string()));
            Err(NotFound { ambiguous_in: slugs.collect(), ..nothing() })
        }
    }
}
