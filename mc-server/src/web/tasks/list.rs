//! The list of tasks: all that are there, narrowed down, sorted and in pages.

use std::collections::BTreeMap;

use askama::Template;

use super::{Agent, Task, filters::Filters, following};
use crate::web::{
    Shell, Visit,
    html::{Html, Refused},
    times,
};

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 12] = [
    "project", "status", "type", "assignee", "priority", "label", "search", "overdue", "archived", "sortBy",
    "order", "cursor",
];
/// How many tasks a page has.
const ROWS: &str = "50";

#[derive(Template)]
#[template(path = "tasks.html")]
pub(in crate::web) struct TasksPage {
    shell: Shell,
    filters: Filters,
    tasks: Vec<Task>,
    names: BTreeMap<String, String>,
    next: Option<String>,
}

impl TasksPage {
    fn link(&self, task: &str) -> String {
        self.shell.here(&format!("/tasks/{task}"))
    }

    /// The names of those a task is assigned to.
    fn assignees(&self, task: &Task) -> String {
        let names = task.assignee_ids.iter().map(|id| self.names.get(id).unwrap_or(id).as_str());
        names.collect::<Vec<_>>().join(", ")
    }
}

/// `GET /tasks`: tasks, newest first unless sorted.
pub(in crate::web) async fn show(visit: Visit) -> Result<Html<TasksPage>, Refused> {
    let path = visit.api("/api/tasks", &PASSED_ON, &[("limit", ROWS)]);
    let (tasks, next) = visit.rest.get_page(&path).await?;
    let filters = Filters::of_list(&visit).await?;
    let agents = Agent::all(&visit, None).await?;
    let names = agents.into_iter().map(|agent| (agent.id, agent.name)).collect();
    let next = following(&visit, next, "cursor");
    Ok(Html(TasksPage { shell: visit.shell("Tasks", "/tasks").await?, filters, tasks, names, next }))
}
