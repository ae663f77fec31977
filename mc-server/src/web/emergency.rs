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
}

/// Pauses the squads: their active agents stop, and what they work on waits for them.
pub(super) async fn pause(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let concerned = count(visit, |agent| agent.status == "active").await?;
    let intro = format!("{concerned} will be paused. What they work on waits for them; nothing is lost.");
    Ok(form(visit, "Pause the squad", "/api/emergency/pause-squad", intro)
        .submit("Pause the squad")
        .done("The squad is paused"))
}

/// Lets the squads work again.
pub(super) async fn resume(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let by_hand =
        |agent: &Agent| matches!(agent.pause_reason.as_deref(), Some("squad" | "operator" | "manual"));
    let concerned = count(visit, |agent| agent.status == "paused" && by_hand(agent)).await?;
    let intro = format!(
        "{concerned} will work again. Agents that are paused for their budget or quarantined stay as they are."
    );
    Ok(form(visit, "Resume the squad", "/api/emergency/resume-squad", intro)
        .submit("Resume the squad")
        .done("The squad works again"))
}

/// Stops the squads at once, and blocks what they work on.
pub(super) async fn stop(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let concerned = count(visit, |agent| matches!(agent.status.as_str(), "active" | "draining")).await?;
    let intro = format!(
        "{concerned} will be stopped at once, their runs are broken off and their tasks blocked. Somebody has to unblock \
         each of them afterwards."
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

/// How many agents of the project, or of all of the visitor's, such a command concerns, in words.
async fn count(visit: &Visit, concerns: impl Fn(&Agent) -> bool) -> Result<String, Refused> {
    let mut next = Some(visit.api("/api/agents", &["project"], &[("limit", "1000")]));
    let mut count = 0;
    while let Some(path) = next {
        let (agents, after): (Vec<Agent>, _) = visit.rest.get_page(&path).await?;
        count += agents.iter().filter(|agent| concerns(agent)).count();
        next = after;
    }
    Ok(match count {
        0 => "No agent".to_owned(),
        1 => "1 agent".to_owned(),
        count => format!("{count} agents"),
    })
}
