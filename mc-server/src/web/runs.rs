//! Runs: the times that agents worked, what they cost, and what tools they used.

use askama::Template;
use mc_domain::run::Status;
use serde::Deserialize;

use super::{
    Shell, Visit,
    html::{Html, Refused},
    lists::{Titles, next_page},
    times::{self, Time},
    tones,
    visit::Names,
};

/// The parameters of the list that the interface takes as they are.
const PASSED_ON: [&str; 7] = ["project", "agentId", "taskId", "status", "sortBy", "order", "cursor"];

/// What runs can be sorted by: the value of the parameter, and what is shown for it.
const SORTS: [(&str, &str); 3] = [("startedAt", "Start"), ("cost", "Cost"), ("duration", "Duration")];

#[derive(Template)]
#[template(path = "runs.html")]
pub(super) struct RunsPage {
    shell: Shell,
    runs: Vec<Run>,
    titles: Titles,
    chosen: Chosen,
    next: Option<String>,
}

/// What the list is filtered and sorted by.
struct Chosen {
    agent: String,
    task: String,
    status: String,
    sort: String,
    order: String,
}

#[derive(Template)]
#[template(path = "run.html")]
pub(super) struct RunPage {
    shell: Shell,
    run: Run,
    titles: Titles,
    calls: Vec<Call>,
    is_later: bool,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    id: String,
    agent_id: String,
    task_id: Option<String>,
    model: String,
    session_key: Option<String>,
    status: String,
    estimated_cost: f64,
    cost: Option<f64>,
    charged: Option<f64>,
    unpriced: bool,
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    tool_calls: usize,
    last_tool: Option<String>,
    error: Option<String>,
    started_at: Time,
    ended_at: Option<Time>,
    deadline: Time,
    duration_ms: Option<i64>,
}

impl Run {
    /// How long it took, in words.
    fn took(&self) -> Option<String> {
        self.duration_ms.map(|millis| times::span(millis / 1_000))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    number: u32,
    tool: String,
    risk: Option<String>,
    approval_id: Option<String>,
    status: String,
    input_preview: Option<Preview>,
    output_preview: Option<Preview>,
    error: Option<String>,
    failures: u32,
    at: Time,
}

/// The beginning of what went in or came out.
#[derive(Deserialize)]
#[serde(transparent)]
struct Preview(serde_json::Value);

impl Preview {
    fn text(&self) -> String {
        self.0.as_str().map_or_else(|| self.0.to_string(), str::to_owned)
    }
}

/// `GET /runs`: the runs of a project, or of all of the visitor's.
pub(super) async fn list(visit: Visit) -> Result<Html<RunsPage>, Refused> {
    let path = visit.api("/api/runs", &PASSED_ON, &[("limit", "50")]);
    let (runs, next): (Vec<Run>, _) = visit.rest.get_page(&path).await?;
    let titles = titles(&visit, &runs).await;
    let of = |name: &str| visit.parameter(name).unwrap_or_default().to_owned();
    let chosen = Chosen {
        agent: of("agentId"),
        task: of("taskId"),
        status: of("status"),
        sort: of("sortBy"),
        order: of("order"),
    };
    let shell = visit.shell("Runs", "/runs").await?;
    let next = next_page(&visit, next.as_deref());
    Ok(Html(RunsPage { shell, runs, titles, chosen, next }))
}

/// `GET /runs/{run}`: one run with its tool calls.
pub(super) async fn show(visit: Visit, names: Names) -> Result<Html<RunPage>, Refused> {
    let address = format!("/api/runs/{}", names.part("run"));
    let run: Run = visit.rest.get(&address).await?;
    let calls = visit.api(&format!("{address}/tool-calls"), &["cursor"], &[("limit", "100")]);
    let (calls, next) = visit.rest.get_page(&calls).await?;
    let titles = titles(&visit, std::slice::from_ref(&run)).await;
    let shell = visit.shell("Run", "/runs").await?;
    let is_later = visit.parameter("cursor").is_some();
    let next = next_page(&visit, next.as_deref());
    Ok(Html(RunPage { shell, run, titles, calls, is_later, next }))
}

/// The names of the agents and the titles of the tasks of runs.
async fn titles(visit: &Visit, runs: &[Run]) -> Titles {
    let tasks = runs.iter().filter_map(|run| run.task_id.as_ref());
    Titles::of(visit, tasks, runs.iter().map(|run| &run.agent_id)).await
}
