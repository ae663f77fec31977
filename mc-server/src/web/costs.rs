//! Costs: what a day cost, by agent, type, project, model and task, and the days before it.

use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;

use super::{
    Shell, Visit,
    chart::Chart,
    day::Days,
    html::{Html, Refused},
    times,
};

#[derive(Template)]
#[template(path = "costs.html")]
pub(super) struct CostsPage {
    shell: Shell,
    days: Days,
    daily: Daily,
    trend: Chart,
    breakdowns: Vec<Breakdown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Daily {
    total: f64,
    runs: u64,
    unpriced_runs: u64,
    input_tokens: u64,
    output_tokens: u64,
    by_agent: Vec<Share>,
    by_task_type: Vec<Share>,
    by_project: Vec<Share>,
    by_model: Vec<Share>,
    by_task: Vec<Share>,
    trend: Trend,
}

/// A part of the sum, whatever it was spent on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Share {
    agent_id: Option<String>,
    task_id: Option<String>,
    name: Option<String>,
    title: Option<String>,
    model: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    cost: f64,
    runs: u64,
    unpriced_runs: u64,
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Deserialize)]
struct Trend {
    #[serde(rename = "last7Days")]
    last_7_days: f64,
    #[serde(rename = "last30Days")]
    last_30_days: f64,
    days: Vec<TrendDay>,
}

#[derive(Deserialize)]
struct TrendDay {
    date: NaiveDate,
    total: f64,
}

/// The sum by one thing, as a chart and as a table.
struct Breakdown {
    id: &'static str,
    title: &'static str,
    /// What stands in the first column.
    what: &'static str,
    chart: Chart,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    address: Option<String>,
    share: Share,
}

/// `GET /costs`: the costs of a project, or of all of the visitor's, on a day.
pub(super) async fn show(visit: Visit) -> Result<Html<CostsPage>, Refused> {
    let path = visit.api("/api/costs/daily", &["project", "date"], &[]);
    let mut daily: Daily = visit.rest.get(&path).await?;
    let shell = visit.shell("Costs", "/costs").await?;
    let days = Days::of(&visit, "/costs");
    let amounts: Vec<_> = daily.trend.days.iter().map(|day| (day.date.to_string(), day.total)).collect();
    let trend = Chart::columns(format!("Costs of each of the 30 days up to {}", days.date), &amounts);
    let agent = |share: &Share| share.agent_id.as_ref().map(|id| shell.here(&format!("/agents/{id}")));
    let task = |share: &Share| share.task_id.as_ref().map(|id| shell.here(&format!("/tasks/{id}")));
    let breakdowns = vec![
        breakdown("agent", "By agent", "Agent", daily.by_agent.split_off(0), agent),
        breakdown("type", "By type of task", "Type", daily.by_task_type.split_off(0), |_| None),
        breakdown("project", "By project", "Project", daily.by_project.split_off(0), |_| None),
        breakdown("model", "By model", "Model", daily.by_model.split_off(0), |_| None),
        breakdown("task", "By task, the dearest", "Task", daily.by_task.split_off(0), task),
    ];
    Ok(Html(CostsPage { shell, days, daily, trend, breakdowns }))
}

fn breakdown(
    id: &'static str,
    title: &'static str,
    what: &'static str,
    shares: Vec<Share>,
    address: impl Fn(&Share) -> Option<String>,
) -> Breakdown {
    let named = shares.into_iter().map(|share| Row { name: name(&share), address: address(&share), share });
    let rows: Vec<_> = named.collect();
    let amounts: Vec<_> = rows.iter().map(|row| (row.name.clone(), row.share.cost)).collect();
    Breakdown { id, title, what, chart: Chart::rows(title, &amounts), rows }
}

fn name(share: &Share) -> String {
    let named = share.name.clone().or(share.title.clone()).or(share.model.clone());
    let kind = || share.kind.as_deref().map(times::words);
    named.or(share.task_id.clone()).or_else(kind).unwrap_or_else(|| "Without a task".to_owned())
}
