//! Emergency: pausing, resuming and stopping squads, from everywhere, with a confirmation that says whom it concerns.

use axum::http::Method;
use mc_projections::agents::Concerned;

use super::{
    Visit,
    form::{Field, Form, Kind},
    html::Refused,
    visit::Names,
};
use crate::{lookup, problem::Problem};

/// Pauses the squads: their active agents stop, and what they work on waits for them.
pub(super) async fn pause(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let concerned = many(concerned(visit).await?.paused, "agent");
    let intro = format!("{concerned} will be paused. What they work on waits for them; nothing is lost.");
    Ok(form(visit, "Pause the squad", "/api/emergency/pause-squad", intro)
        .submit("Pause the squad")
        .done("The squad is paused"))
}

/// Lets the squads work again.
pub(super) async fn resume(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let concerned = many(concerned(visit).await?.resumed, "agent");
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
    let concerned = concerned(visit).await?;
    let (paused, blocked) = (many(concerned.paused, "agent"), many(concerned.at_work, "task"));
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

/// How many agents of the project, or of all of the visitor's, an emergency concerns.
async fn concerned(visit: &Visit) -> Result<Concerned, Refused> {
    let counted = visit.app.read(|views| {
        let reach = lookup::listed(views, visit.caller.reach(), visit.project())?;
        Ok::<_, Problem>(views.agents.concerned(&reach))
    });
    Ok(counted.await??)
}

/// How many, in words.
fn many(count: usize, what: &str) -> String {
    match count {
        0 => format!("No {what}"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
