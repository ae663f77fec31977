//! Emergency: pausing, resuming and stopping squads, from everywhere, with a confirmation that says whom it concerns.

use axum::http::Method;
use serde::Deserialize;

use super::{
    Visit,
    form::{Field, Form, Kind},
    html::Refused,
    visit::Names,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    status: String,
    pause_reason: Option<String>,
    current_task_id: Option<String>,
    retired: bool,
}

impl Agent {
    /// Whether a halt of its squad pauses it: it works, or would by itself after a new day or a success.
    fn would_be_paused(&self) -> bool {
        let ends_by_itself = matches!(self.pause_reason.as_deref(), Some("budget" | "error_streak"));
        self.status == "active" || self.status == "paused" && ends_by_itself
    }

    /// Whether it works again once its squad does: an operator paused it, or it was paused with its squad.
    fn would_resume(&self) -> bool {
        let by_hand = matches!(self.pause_reason.as_deref(), Some("squad" | "operator"));
        self.status == "paused" && by_hand && !self.retired
    }
}

/// Pauses the squads: their active agents stop, and what they work on waits for them.
pub(super) async fn pause(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let concerned = many(count(&agents(visit).await?, Agent::would_be_paused), "agent");
    let intro = format!("{concerned} will be paused. What they work on waits for them; nothing is lost.");
    Ok(form(visit, "Pause the squad", "/api/emergency/pause-squad", intro)
        .submit("Pause the squad")
        .done("The squad is paused"))
}

/// Lets the squads work again.
pub(super) async fn resume(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let concerned = many(count(&agents(visit).await?, Agent::would_resume), "agent");
    let intro = format!(
        "{concerned} will work again. Who has reached the budget of today, made too many errors or is quarantined stays \
         stopped."
    );
    Ok(form(visit, "Resume the squad", "/api/emergency/resume-squad", intro)
        .submit("Resume the squad")
        .done("The squad works again"))
}

/// Stops the squads at once, and blocks what they work on.
pub(super) async fn stop(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let agents = agents(visit).await?;
    let paused = many(count(&agents, Agent::would_be_paused), "agent");
    let blocked = many(count(&agents, |agent| agent.current_task_id.is_some()), "task");
    let intro = format!(
        "{paused} will be paused at once. {blocked} in progress will be blocked, and their runs broken off. Somebody has to \
         unblock each of them afterwards."
    );
    Ok(form(visit, "Stop everything", "/api/emergency/stop", intro)
        .submit("Stop everything now")
        .grave()
        .done("Everything is stopped"))
}

fn form(visit: &Visit, title: &str, path: &str, intro: String) -> Form {
    let whom = match visit.project() {
        Some(project) => format!("This concerns the project {project}."),
        None => "This concerns all your projects.".to_owned(),
    };
    let (path, back) = (visit.api(path, &["project"], &[]), visit.api("/", &["project"], &[]));
    Form::new(title, Method::POST, path, &back).intro(format!("{whom} {intro}")).field(
        Field::new("reason", "Why", Kind::Line)
            .help("For the record, and for the agents. It may stay empty."),
    )
}

/// The agents of the project, or of all of the visitor's.
async fn agents(visit: &Visit) -> Result<Vec<Agent>, Refused> {
    let mut next = Some(visit.api("/api/agents", &["project"], &[("limit", "1000")]));
    let mut agents = Vec::new();
    while let Some(path) = next {
        let (page, after): (Vec<Agent>, _) = visit.rest.get_page(&path).await?;
        agents.extend(page);
        next = after;
    }
    Ok(agents)
}

fn count(agents: &[Agent], concerns: impl Fn(&Agent) -> bool) -> usize {
    agents.iter().filter(|agent| concerns(agent)).count()
}

/// How many, in words.
fn many(count: usize, what: &str) -> String {
    match count {
        0 => format!("No {what}"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
