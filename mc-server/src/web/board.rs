//! The board: all open tasks in columns.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;

use super::{
    Shell, Visit,
    html::{Html, Refused},
    tasks::filters::Filters,
    times::{self, Time},
};

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 9] =
    ["project", "type", "assignee", "priority", "label", "blocked", "search", "all", "limit"];
/// Those of them that the list of tasks has too.
const OF_LIST: [&str; 6] = ["project", "type", "assignee", "priority", "label", "search"];

#[derive(Template)]
#[template(path = "board.html")]
pub(super) struct BoardPage {
    shell: Shell,
    filters: Filters,
    board: Board,
    /// The same board with the columns of failed and canceled tasks, or without.
    other: String,
    shows_all: bool,
    /// The list of a column's tasks, but for its status.
    list: String,
}

#[derive(Deserialize)]
struct Board {
    columns: Vec<Column>,
    counts: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct Column {
    status: String,
    title: String,
    count: usize,
    cards: Vec<Card>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Card {
    id: String,
    title: String,
    #[serde(rename = "type")]
    kind: String,
    priority: u8,
    assignees: Vec<Assignee>,
    cost: f64,
    budget: f64,
    in_column_since: Time,
    age_secs: i64,
    blocked_reason: Option<String>,
    awaited_approval_ids: Vec<String>,
    allowed_transitions: Vec<String>,
    due_at: Option<Time>,
}

#[derive(Deserialize)]
struct Assignee {
    name: String,
    emoji: Option<String>,
}

impl BoardPage {
    /// The address of a task, or of a form of it.
    fn task(&self, card: &Card, form: &str) -> String {
        self.shell.here(&format!("/tasks/{}{form}", card.id))
    }

    /// The list of all tasks of a column.
    fn all_of(&self, column: &Column) -> String {
        let joint = if self.list.contains('?') { '&' } else { '?' };
        format!("{}{joint}status={}", self.list, column.status)
    }

    /// How many tasks are in the columns on demand.
    fn hidden(&self) -> String {
        let count = |status: &str| self.board.counts.get(status).copied().unwrap_or_default();
        format!("{} failed, {} canceled", count("failed"), count("canceled"))
    }
}

/// `GET /`: the board of a project, or of all of the visitor's.
pub(super) async fn show(visit: Visit) -> Result<Html<BoardPage>, Refused> {
    let board = visit.rest.get(&visit.api("/api/board", &PASSED_ON, &[])).await?;
    let filters = Filters::of_board(&visit).await?;
    let shows_all = visit.parameter("all") == Some("true");
    let without_all = PASSED_ON.map(|name| if name == "all" { "project" } else { name });
    let more: &[_] = if shows_all { &[] } else { &[("all", "true")] };
    let other = visit.api("/", &without_all, more);
    let list = visit.api("/tasks", &OF_LIST, &[]);
    Ok(Html(BoardPage { shell: visit.shell("Board", "/").await?, filters, board, other, shows_all, list }))
}
