//! Tasks: the list of them, the page of one, and the forms that act on it.

pub(super) mod filters;
pub(super) mod forms;
pub(super) mod list;
pub(super) mod moves;
pub(super) mod page;

use mc_domain::{
    actor::ActorKind,
    task::{Status, allowed_transitions},
};
use serde::Deserialize;

use super::{
    Visit,
    form::{Field, Kind},
    html::Refused,
    lists::{Actor, Agent},
    times::Time,
    visit::Names,
};
use crate::problem::{Kind as ProblemKind, Problem};

/// A task as the pages show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    id: String,
    project_id: String,
    title: String,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    priority: u8,
    status: String,
    status_reason: Option<String>,
    blocked_reason: Option<String>,
    held_from: Option<String>,
    #[serde(rename = "loop")]
    found_loop: Option<Loop>,
    assignee_ids: Vec<String>,
    reviewer_ids: Vec<String>,
    labels: Vec<String>,
    estimated_cost: Option<f64>,
    budget: f64,
    cost: f64,
    due_at: Option<Time>,
    parent_task_id: Option<String>,
    created_by: Actor,
    work_plan: Option<Vec<String>>,
    message_count: u32,
    artifact_count: u32,
    review_cycles: u32,
    created_at: Time,
    updated_at: Time,
    status_since: Time,
    started_at: Option<Time>,
    approval: Option<Acceptance>,
    archived_at: Option<Time>,
    subscribers: Vec<Actor>,
    version: u64,
}

/// How the result of a task was accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Acceptance {
    approved_by: Actor,
    note: Option<String>,
    at: Time,
}

/// The loop that blocked a task.
#[derive(Debug, Clone, Deserialize)]
struct Loop {
    kind: String,
    count: u32,
    limit: u32,
}

impl Task {
    /// The task that an address names.
    async fn named(visit: &Visit, names: &Names) -> Result<Self, Refused> {
        Ok(visit.rest.get(&format!("/api/tasks/{}", names.part("task"))).await?)
    }

    fn standing(&self) -> Option<Status> {
        self.status.parse().ok()
    }

    /// Where an operator may move it.
    fn moves(&self) -> Vec<Status> {
        self.standing().map(|from| allowed_transitions(from, ActorKind::Human)).unwrap_or_default()
    }

    fn is_archivable(&self) -> bool {
        self.archived_at.is_none() && matches!(self.status.as_str(), "done" | "canceled")
    }

    /// Whether its details may be changed.
    fn is_editable(&self) -> bool {
        self.standing().is_some_and(|status| !status.is_closed())
    }

    /// Whether it may be given to others where it is.
    fn is_assignable(&self) -> bool {
        !matches!(self.status.as_str(), "done" | "canceled")
    }

    /// The address of its page, or of a form of it.
    fn address(&self, visit: &Visit, form: &str) -> String {
        visit.api(&format!("/tasks/{}{form}", self.id), &["project"], &[])
    }
}

/// The agents to choose from, each with what is shown for it; nothing where there are too many.
type Offered = Option<Vec<(String, String)>>;

/// The agents of the project of a task.
async fn offered(visit: &Visit, task: &Task) -> Result<Offered, Refused> {
    let agents = Agent::offered(visit, Some(&task.project_id)).await?;
    let choice = |agent: Agent| (agent.id.clone(), agent.label());
    Ok(agents.map(|agents| agents.into_iter().map(choice).collect()))
}

/// The field in which agents are named: chosen from those of the project, or typed where there are too many of them.
fn agents_field(name: &'static str, [chosen, typed]: [&'static str; 2], offered: Offered) -> Field {
    match offered {
        Some(choices) => Field::new(name, chosen, Kind::Choices(choices)),
        None => Field::new(name, typed, Kind::Lines),
    }
}

/// The status that an address names.
fn status_in(names: &Names) -> Result<Status, Refused> {
    let part = names.part("to");
    part.parse()
        .map_err(|_| Problem::new(ProblemKind::NotFound, format!("There is no status {part}.")).into())
}
