//! Standup: how a day went, today or in the past.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;

use super::{
    Shell, Visit,
    day::Days,
    html::{Html, Refused},
    lists::Actor,
    times::{self, Time},
};

#[derive(Template)]
#[template(path = "standup.html")]
pub(super) struct StandupPage {
    shell: Shell,
    days: Days,
    report: Report,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    summary: String,
    generated_at: Time,
    agents: Agents,
    tasks: Tasks,
    #[serde(rename = "completedLast24h")]
    completed: Vec<Completed>,
    blocked: Vec<Blocked>,
    waiting_approvals: Vec<Approval>,
    open_alerts: Vec<Alert>,
    counts: Counts,
    spend: f64,
    burn_rate: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agents {
    total: usize,
    by_status: BTreeMap<String, usize>,
    stale: usize,
    spend_today: f64,
    cap: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tasks {
    total: usize,
    by_status: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(rename = "completedLast24h")]
    completed: usize,
    blocked: usize,
    waiting_approvals: usize,
    open_alerts: usize,
    critical_alerts: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completed {
    id: String,
    title: String,
    #[serde(rename = "type")]
    kind: String,
    assignees: Vec<String>,
    cost: f64,
    completed_at: Time,
}

#[derive(Deserialize)]
struct Blocked {
    id: String,
    title: String,
    assignees: Vec<String>,
    reason: Option<String>,
    since: Time,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Approval {
    id: String,
    summary: String,
    risk: String,
    requested_by: Actor,
    expires_at: Time,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    id: String,
    title: String,
    severity: String,
    count: u32,
    last_at: Time,
}

/// `GET /standup`: the report of a project, or of all of the visitor's, on a day.
pub(super) async fn show(visit: Visit) -> Result<Html<StandupPage>, Refused> {
    let report = visit.rest.get(&visit.api("/api/standup", &["project", "date"], &[])).await?;
    let shell = visit.shell("Standup", "/standup").await?;
    Ok(Html(StandupPage { shell, days: Days::of(&visit, "/standup"), report }))
}
