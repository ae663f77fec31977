//! Agents: how they are, what they work on, what they spend, and what an operator tells them.

mod acts;
mod edit;

pub(super) use acts::{drain, pause, quarantine, restart, resume};
pub(super) use edit::{edit, register};

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use self::acts::Act;
use super::{
    Shell, Visit,
    html::{Html, Refused},
    lists::{self, Choice, Titles},
    times::{self, Time},
    tones,
    visit::Names,
};

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 8] = ["project", "status", "role", "stale", "sortBy", "order", "limit", "cursor"];

const STATUSES: &[(&str, &str)] = &[
    ("", "Any"),
    ("active", "Active"),
    ("paused", "Paused"),
    ("draining", "Draining"),
    ("quarantined", "Quarantined"),
    ("offline", "Offline"),
];
const SORTS: &[(&str, &str)] = &[
    ("", "Newest first"),
    ("name", "Name"),
    ("todaySpend", "Spent today"),
    ("totalSpend", "Spent ever"),
    ("lastHeartbeat", "Last heartbeat"),
    ("errorStreak", "Errors in a row"),
];
/// How many runs the page of an agent shows.
const RUNS: &str = "10";

#[derive(Template)]
#[template(path = "agents.html")]
pub(super) struct AgentsPage {
    shell: Shell,
    statuses: Vec<Choice>,
    sorts: Vec<Choice>,
    agents: Vec<Agent>,
    titles: Titles,
    now: DateTime<Utc>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "agent.html")]
pub(super) struct AgentPage {
    shell: Shell,
    agent: Agent,
    costs: Costs,
    runs: Vec<Run>,
    titles: Titles,
    now: DateTime<Utc>,
}

/// An agent, as the interface answers it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    id: String,
    name: String,
    emoji: Option<String>,
    role: String,
    status: String,
    pause_reason: Option<String>,
    allowed_task_types: Vec<String>,
    allowed_tools: Vec<String>,
    budgets: Budgets,
    today_spend: f64,
    reserved: f64,
    remaining: f64,
    total_spend: f64,
    error_streak: u32,
    last_error: Option<String>,
    current_task_id: Option<String>,
    open_run_ids: Vec<String>,
    last_heartbeat: Option<Time>,
    heartbeat_interval_secs: u32,
    stale: bool,
    parent_agent_id: Option<String>,
    purpose: Option<String>,
    parent_task_id: Option<String>,
    serves_until: Option<Time>,
    retired: bool,
    child_agent_ids: Vec<String>,
    registered_at: Time,
    version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Budgets {
    daily_cap: f64,
    per_run_cap: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Costs {
    by_day: Vec<DayCosts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DayCosts {
    date: NaiveDate,
    spent: f64,
    runs: u64,
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    id: String,
    task_id: Option<String>,
    model: String,
    status: String,
    charged: Option<f64>,
    estimated_cost: f64,
    started_at: Time,
    error: Option<String>,
}

impl Agent {
    /// Its status with why it is so.
    fn state(&self) -> String {
        let why = match self.pause_reason.as_deref() {
            Some("operator") => "by an operator",
            Some("squad") => "with its squad",
            Some("budget") => "its budget is spent",
            Some("error_streak") => "too many errors in a row",
            Some(other) => other,
            None if self.retired => "retired",
            None => return self.status.clone(),
        };
        format!("{}: {why}", self.status)
    }

    /// How long ago its last heartbeat was.
    fn heartbeat_age(&self, now: &DateTime<Utc>) -> Option<String> {
        self.last_heartbeat.map(|last| times::span((*now - last.0).num_seconds()))
    }

    /// What it spent today of what it may.
    fn spend(&self) -> String {
        format!("{} of {}", times::dollars(self.today_spend), times::dollars(self.budgets.daily_cap))
    }

    /// What may legally be done with it now.
    fn acts(&self) -> Vec<&'static Act> {
        acts::legal(&self.status, self.retired)
    }

    /// The address of its page, or of a form below it.
    fn address(&self, form: &str) -> String {
        format!("/agents/{}{form}", self.id)
    }

    /// The address of the list of its runs.
    fn runs(&self) -> String {
        format!("/runs?agentId={}", self.id)
    }
}

impl Run {
    /// What was charged for it, or what was set aside while it is under way.
    fn cost(&self) -> String {
        match self.charged {
            Some(charged) => times::dollars(charged),
            None => format!("{} set aside", times::dollars(self.estimated_cost)),
        }
    }
}

/// `GET /agents`: all agents of the project, or of all of the visitor's.
pub(super) async fn list(visit: Visit) -> Result<Html<AgentsPage>, Refused> {
    let (agents, next): (Vec<Agent>, _) =
        visit.rest.get_page(&visit.api("/api/agents", &PASSED_ON, &[])).await?;
    let tasks = agents.iter().filter_map(|agent| agent.current_task_id.as_ref());
    Ok(Html(AgentsPage {
        titles: Titles::of(&visit, tasks, []).await,
        statuses: lists::choices(&visit, "status", STATUSES),
        sorts: lists::choices(&visit, "sortBy", SORTS),
        now: visit.app.now(),
        next: lists::next_page(&visit, next.as_deref()),
        shell: visit.shell("Agents", "/agents").await?,
        agents,
    }))
}

/// `GET /agents/{agent}`: one of them, with its runs, its costs and its sub-agents.
pub(super) async fn show(visit: Visit, names: Names) -> Result<Html<AgentPage>, Refused> {
    let agent = read(&visit, &names).await?;
    let costs = visit.rest.get(&format!("/api/costs/agent/{}", agent.id)).await?;
    let of_agent = [("agentId", agent.id.as_str()), ("limit", RUNS)];
    let runs: Vec<Run> = visit.rest.get(&visit.api("/api/runs", &[], &of_agent)).await?;
    let tasks = runs.iter().filter_map(|run| run.task_id.as_ref());
    let tasks = tasks.chain(&agent.current_task_id).chain(&agent.parent_task_id);
    let titles = Titles::of(&visit, tasks, agent.child_agent_ids.iter().chain(&agent.parent_agent_id)).await;
    let (shell, now) = (visit.shell(&agent.name, "/agents").await?, visit.app.now());
    Ok(Html(AgentPage { shell, agent, costs, runs, titles, now }))
}

async fn read(visit: &Visit, names: &Names) -> Result<Agent, Refused> {
    Ok(visit.rest.get(&visit.api(&route(names), &["project"], &[])).await?)
}

/// The route of the agent of an address.
fn route(names: &Names) -> String {
    format!("/api/agents/{}", names.part("agent"))
}
