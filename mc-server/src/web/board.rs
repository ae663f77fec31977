//! The board: all open tasks in columns.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;

use super::{
    Shell, Visit,
    html::{Html, Refused},
    times::{self, Time},
};

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 3] = ["project", "all", "limit"];

#[derive(Template)]
#[template(path = "board.html")]
pub(super) struct BoardPage {
    shell: Shell,
    board: Board,
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
    due_at: Option<Time>,
}

#[derive(Deserialize)]
struct Assignee {
    name: String,
    emoji: Option<String>,
}

/// `GET /`: the board of a project, or of all of the visitor's.
pub(super) async fn show(visit: Visit) -> Result<Html<BoardPage>, Refused> {
    let board = visit.rest.get(&visit.api("/api/board", &PASSED_ON, &[])).await?;
    Ok(Html(BoardPage { shell: visit.shell("Board", "/").await?, board }))
}
