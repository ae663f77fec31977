//! The list of tasks: all that are there, narrowed down, sorted and in pages.

use askama::Template;

use super::{Task, filters::Filters};
use crate::web::{
    Shell, Visit,
    html::{Html, Refused},
    lists::{Titles, next_page},
    times, tones,
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
    titles: Titles,
    next: Option<String>,
}

impl TasksPage {
    /// The names of those a task is assigned to.
    fn assignees(&self, task: &Task) -> String {
        let names = task.assignee_ids.iter().map(|id| self.titles.get(id));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// `GET /tasks`: tasks, newest first unless sorted.
pub(in crate::web) async fn show(visit: Visit) -> Result<Html<TasksPage>, Refused> {
    let path = visit.api("/api/tasks", &PASSED_ON, &[("limit", ROWS)]);
    let (tasks, next): (Vec<Task>, _) = visit.rest.get_page(&path).await?;
    let filters = Filters::of_list(&visit).await?;
    let titles = Titles::of(&visit, [], tasks.iter().flat_map(|task| &task.assignee_ids)).await;
    let next = next_page(&visit, next.as_deref());
    Ok(Html(TasksPage { shell: visit.shell("Tasks", "/tasks").await?, filters, tasks, titles, next }))
}
