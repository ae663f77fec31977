//! The whole table of transitions over HTTP: from nine statuses to nine, by each kind of actor.

use serde_json::{Value, json};

use crate::app::{App, plan};

const STATUSES: [&str; 9] =
    ["inbox", "assigned", "in_progress", "review", "needs_approval", "blocked", "failed", "done", "canceled"];

/// The statuses to which each kind of actor may move a task, per current status in the order of [`STATUSES`].
const HUMAN: [&str; 9] = [
    "assigned blocked canceled",
    "inbox in_progress blocked canceled",
    "assigned review blocked canceled",
    "assigned in_progress needs_approval blocked done canceled",
    "inbox assigned in_progress review blocked failed done canceled",
    "assigned in_progress needs_approval failed canceled",
    "inbox assigned canceled",
    "review canceled",
    "",
];
const AGENT: [&str; 9] =
    ["assigned", "in_progress", "review blocked failed", "in_progress", "", "", "", "", ""];
const SYSTEM: [&str; 9] = [
    "assigned needs_approval blocked",
    "needs_approval blocked",
    "needs_approval blocked failed",
    "needs_approval blocked failed",
    "blocked failed",
    "needs_approval failed",
    "",
    "",
    "",
];

fn all_that_moves_need() -> Value {
    json!({
        "workPlan": plan(), "deliverable": "The guide", "reviewChecklist": ["links work"],
        "reason": "because", "blockedReason": "because",
    })
}

/// A request for a move, with every field that it may need.
fn request(to: &str, actor: Value) -> Value {
    let mut request = all_that_moves_need();
    (request["toStatus"], request["actor"]) = (json!(to), actor);
    request
}

/// Creates a task of `agent`, and brings it to that status by legal moves.
async fn task_in(app: &App, status: &str, agent: &str) -> String {
    let task = app.assigned(agent).await;
    let path: &[&str] = match status {
        "inbox" => &["inbox"],
        "assigned" => &[],
        "in_progress" => &["in_progress"],
        "review" => &["in_progress", "review"],
        "needs_approval" => &["in_progress", "review", "needs_approval"],
        "blocked" => &["blocked"],
        "failed" => &["blocked", "failed"],
        "done" => &["in_progress", "review", "done"],
        "canceled" => &["canceled"],
        other => panic!("{other} is no status"),
    };
    for to in path {
        app.moved(&task, request(to, json!("human"))).await;
    }
    task
}

struct Cell<'a> {
    from: &'a str,
    to: &'a str,
    allowed: Vec<&'a str>,
}

fn cells<'a>(table: &'a [&'a str; 9]) -> impl Iterator<Item = Cell<'a>> {
    STATUSES.iter().zip(table).flat_map(|(from, allowed)| {
        let allowed: Vec<_> = allowed.split_whitespace().collect();
        STATUSES.iter().map(move |to| Cell { from, to, allowed: allowed.clone() })
    })
}

/// Checks one cell of the table with a new task of a new agent.
async fn check(app: &App, number: usize, cell: &Cell<'_>, actor: impl Fn(&str) -> Value) {
    let Cell { from, to, allowed } = cell;
    let agent = app.agent(&format!("agent-{number}")).await;
    let task = task_in(app, from, &agent).await;
    let mut request = request(to, actor(&agent));
    if *to == "assigned" {
        request["assigneeIds"] = json!([agent]);
    }
    let answer = app.post(format!("/api/tasks/{task}/transition"), request).await;
    if allowed.contains(to) {
        assert_eq!(answer.expect(200)["status"], *to, "{from} to {to}");
        return;
    }
    let refused = answer.refused(422, "illegal_transition");
    assert_eq!(refused["allowedTransitions"], json!(allowed), "{from} to {to}");
    assert_eq!(refused.error_fields(), ["toStatus"], "{from} to {to}");
    assert_eq!(app.get(format!("/api/tasks/{task}")).await["status"], *from);
}

#[tokio::test]
async fn an_operator_moves_tasks_by_the_table_and_not_otherwise() {
    let app = App::new().await;
    for (number, cell) in cells(&HUMAN).enumerate() {
        check(&app, number, &cell, |_| json!("human")).await;
    }
}

#[tokio::test]
async fn the_system_moves_tasks_by_the_table_and_not_otherwise() {
    let app = App::new().await;
    for (number, cell) in cells(&SYSTEM).enumerate() {
        check(&app, number, &cell, |_| json!("system")).await;
    }
}

#[tokio::test]
async fn an_agent_moves_tasks_by_the_table_and_not_otherwise() {
    let app = App::new().await;
    app.agent("Reviewer").await;
    // An agent takes a task from the inbox by claiming it, which has its own route.
    let by_transition = |cell: &Cell<'_>| (cell.from, cell.to) != ("inbox", "assigned");
    for (number, cell) in cells(&AGENT).enumerate().filter(|(_, cell)| by_transition(cell)) {
        let actor = |agent: &str| {
            let who = if cell.from == "review" { "reviewer" } else { agent };
            json!({ "type": "agent", "id": who })
        };
        check(&app, number, &cell, actor).await;
    }
}
