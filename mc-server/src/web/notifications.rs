//! Notifications: what agents and operators were told, and whether they read it.

use askama::Template;
use axum::http::Method;
use serde::Deserialize;

use super::{
    Shell, Visit,
    form::Form,
    html::{Html, Refused},
    lists::{self, Actor, Agent, Choice, Titles},
    times::{self, Time},
    tones,
    visit::Names,
};

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 7] = ["project", "agentId", "unread", "type", "status", "limit", "cursor"];

const UNREAD: &[(&str, &str)] = &[("", "All"), ("true", "Unread"), ("false", "Read")];

#[derive(Template)]
#[template(path = "notifications.html")]
pub(super) struct NotificationsPage {
    shell: Shell,
    /// Those to choose from; where there are too many, a name is typed.
    agents: Option<Vec<Agent>>,
    /// The agent that is chosen; empty for everybody.
    agent: String,
    unread: Vec<Choice>,
    notifications: Vec<Notification>,
    /// The visitor, where it is an agent.
    itself: Option<String>,
    titles: Titles,
    next: Option<String>,
}

impl NotificationsPage {
    /// Whether the visitor may say that it is read: an operator of all, an agent of its own.
    fn may_read(&self, notification: &Notification) -> bool {
        let is_own = self.itself.as_ref() == Some(&notification.recipient.id);
        notification.unread && (self.shell.operates() || is_own)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    recipient: Actor,
    subject: String,
    text: Option<String>,
    task_id: Option<String>,
    status: String,
    unread: bool,
    attempts: u32,
    last_error: Option<String>,
    retry_at: Option<Time>,
    created_at: Time,
    read_at: Option<Time>,
    version: u64,
}

impl Notification {
    /// The address of the form that marks it as read.
    fn address(&self) -> String {
        format!("/notifications/{}/read", self.id)
    }
}

/// `GET /notifications`: what everybody was told, or one agent, newest first.
pub(super) async fn list(visit: Visit) -> Result<Html<NotificationsPage>, Refused> {
    let path = visit.api("/api/notifications", &PASSED_ON, &[]);
    let (notifications, next): (Vec<Notification>, _) = visit.rest.get_page(&path).await?;
    let tasks = notifications.iter().filter_map(|notification| notification.task_id.as_ref());
    Ok(Html(NotificationsPage {
        titles: Titles::of(&visit, tasks, []).await,
        agents: Agent::offered(&visit, visit.project()).await?,
        agent: visit.parameter("agentId").unwrap_or_default().to_owned(),
        unread: lists::choices(&visit, "unread", UNREAD),
        itself: visit.caller.agent().map(|agent| agent.to_string()),
        next: lists::next_page(&visit, next.as_deref()),
        shell: visit.shell("Notifications", "/notifications").await?,
        notifications,
    }))
}

/// Whom it was for has read it, or need not.
pub(super) async fn read(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let address = format!("/api/notifications/{}", names.part("notification"));
    let notification: Notification = visit.rest.get(&address).await?;
    let title = format!("Mark as read: {}", notification.subject);
    let back = visit.api("/notifications", &["project"], &[]);
    Ok(Form::new(title, Method::POST, format!("{address}/read"), &back)
        .intro(format!("It is for {}, and counts as read from now on.", notification.recipient.name))
        .version(notification.version)
        .submit("Mark as read")
        .done("The notification is read"))
}
