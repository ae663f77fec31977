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
    html::Refused,
    times::{Time, words},
    visit::Names,
};
use crate::problem::{Kind, Problem};

/// The most agents that a form offers; the interface gives that many at once.
const MAX_AGENTS: &str = "1000";

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

/// Who did something.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Actor {
    #[serde(rename = "type")]
    kind: String,
    name: String,
}

/// An agent that tasks can be assigned to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agent {
    id: String,
    project_id: String,
    name: String,
    emoji: Option<String>,
    status: String,
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

impl Agent {
    /// The agents of a project, or of all of the visitor's, by name.
    async fn all(visit: &Visit, project: Option<&str>) -> Result<Vec<Self>, Refused> {
        let mut more = vec![("limit", MAX_AGENTS)];
        more.extend(project.map(|project| ("project", project)));
        let mut agents: Vec<Self> = visit.rest.get(&visit.api("/api/agents", &[], &more)).await?;
        agents.sort_by_key(|agent| agent.name.to_lowercase());
        Ok(agents)
    }

    /// What a form calls it: its name, and why it may not take the task.
    fn label(&self) -> String {
        let emoji = self.emoji.as_ref().map(|emoji| format!("{emoji} ")).unwrap_or_default();
        match self.status.as_str() {
            "active" => format!("{emoji}{}", self.name),
            status => format!("{emoji}{} ({})", self.name, words(status)),
        }
    }
}

/// The class that gives a status its shape and colour.
pub(super) fn tone(status: &str) -> &'static str {
    match status {
        "done" | "completed" | "approved" => "state-good",
        "review" | "needs_approval" | "pending" | "escalated" => "state-warn",
        "blocked" | "failed" | "denied" | "expired" => "state-bad",
        "canceled" => "state-off",
        _ => "",
    }
}

/// The address of the next page of a list that the page shows; `parameter` holds its cursor.
fn following(visit: &Visit, next: Option<String>, parameter: &str) -> Option<String> {
    let next = next?;
    let query = next.split_once('?').map_or("", |(_, query)| query);
    let (_, cursor) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cursor")?;
    let address = visit.address(&[parameter, "done"]);
    let joint = if address.contains('?') { '&' } else { '?' };
    let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    Some(format!("{address}{joint}{parameter}={cursor}"))
}

/// The status that an address names.
fn status_in(names: &Names) -> Result<Status, Refused> {
    let part = names.part("to");
    part.parse().map_err(|_| Problem::new(Kind::NotFound, format!("There is no status {part}.")).into())
}
