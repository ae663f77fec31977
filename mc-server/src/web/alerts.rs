//! Alerts: what went wrong, and who looks after it.

use askama::Template;
use axum::http::Method;
use serde::Deserialize;

use super::{
    Shell, Visit,
    form::{Field, Form, Kind},
    html::{Html, Refused},
    lists::{self, Actor, Choice, Titles},
    times::{self, Time},
    tones,
    visit::Names,
};

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 8] =
    ["project", "severity", "type", "status", "agentId", "taskId", "limit", "cursor"];

const SEVERITIES: &[(&str, &str)] =
    &[("", "Any"), ("critical", "Critical"), ("error", "Error"), ("warning", "Warning"), ("info", "Info")];
const KINDS: &[(&str, &str)] = &[
    ("", "Any"),
    ("budget_warning", "Budget warning"),
    ("budget_critical", "Budget critical"),
    ("budget_exceeded", "Budget exceeded"),
    ("loop_detected", "Loop detected"),
    ("agent_stale", "Agent silent"),
    ("error_streak", "Error streak"),
    ("agent_quarantined", "Agent quarantined"),
    ("policy_violation", "Policy violation"),
    ("approval_expired", "Approval expired"),
    ("run_timeout", "Run timeout"),
    ("notification_failed", "Notification failed"),
    ("verification_failed", "Verification failed"),
    ("task_blocked", "Task blocked"),
];
/// Whether they are dealt with; those that are not, unless the page says otherwise.
const RESOLVED: &[(&str, &str)] = &[("", "To be dealt with"), ("true", "Dealt with"), ("all", "All")];

#[derive(Template)]
#[template(path = "alerts.html")]
pub(super) struct AlertsPage {
    shell: Shell,
    severities: Vec<Choice>,
    kinds: Vec<Choice>,
    resolved: Vec<Choice>,
    alerts: Vec<Alert>,
    titles: Titles,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    severity: String,
    title: String,
    description: Option<String>,
    agent_id: Option<String>,
    task_id: Option<String>,
    run_id: Option<String>,
    status: String,
    count: u32,
    created_at: Time,
    last_at: Time,
    acknowledged_at: Option<Time>,
    acknowledged_by: Option<Actor>,
    resolved_at: Option<Time>,
    resolved_by: Option<Actor>,
    note: Option<String>,
}

impl Alert {
    fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "open" | "acknowledged")
    }

    /// The address of a form about it.
    fn address(&self, form: &str) -> String {
        format!("/alerts/{}/{form}", self.id)
    }
}

/// `GET /alerts`: those that are to be dealt with, newest first; the others on demand.
pub(super) async fn list(visit: Visit) -> Result<Html<AlertsPage>, Refused> {
    let resolved: &[(&str, &str)] = match (visit.parameter("resolved"), visit.parameter("status")) {
        (None, None) => &[("resolved", "false")],
        (Some("true"), _) => &[("resolved", "true")],
        (None | Some(_), _) => &[],
    };
    let (alerts, next): (Vec<Alert>, _) =
        visit.rest.get_page(&visit.api("/api/alerts", &PASSED_ON, resolved)).await?;
    let tasks = alerts.iter().filter_map(|alert| alert.task_id.as_ref());
    let titles = Titles::of(&visit, tasks, alerts.iter().filter_map(|alert| alert.agent_id.as_ref())).await;
    Ok(Html(AlertsPage {
        severities: lists::choices(&visit, "severity", SEVERITIES),
        kinds: lists::choices(&visit, "type", KINDS),
        resolved: lists::choices(&visit, "resolved", RESOLVED),
        next: lists::next_page(&visit, next.as_deref()),
        shell: visit.shell("Alerts", "/alerts").await?,
        alerts,
        titles,
    }))
}

/// An operator looks after it.
pub(super) async fn acknowledge(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let means = "You look after it from now on. It stays among those to be dealt with.";
    Ok(form(visit, names, ("Acknowledge", "acknowledge"), means).await?.done("The alert is acknowledged"))
}

/// Its cause is gone.
pub(super) async fn resolve(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let means = "Its cause is gone. Should it come back, another alert is raised.";
    Ok(form(visit, names, ("Resolve", "resolve"), means).await?.done("The alert is resolved"))
}

/// Nobody will do anything about it.
pub(super) async fn ignore(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let means = "Nobody will do anything about it. Should it happen again, another alert is raised.";
    Ok(form(visit, names, ("Ignore", "ignore"), means).await?.done("The alert is ignored"))
}

async fn form(
    visit: &Visit,
    names: &Names,
    (word, route): (&'static str, &str),
    means: &str,
) -> Result<Form, Refused> {
    let address = format!("/api/alerts/{}", names.part("alert"));
    let alert: Alert = visit.rest.get(&address).await?;
    let back = visit.api("/alerts", &["project"], &[]);
    Ok(Form::new(format!("{word}: {}", alert.title), Method::POST, format!("{address}/{route}"), &back)
        .intro(means)
        .field(Field::new("note", "Note", Kind::Text).help("Kept with the alert. It may stay empty."))
        .submit(word))
}
