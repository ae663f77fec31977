//! The answer to a message that was posted.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use mc_domain::{
    ids::{MessageId, TaskId},
    recorded::{AnyEvent, Recorded},
};
use mc_projections::{
    agents::Agents,
    history,
    messages::{self, MessageView},
};
use serde::Serialize;

use super::render_context::RenderContext;
use crate::{app::App, headers::created, problem::Problem};

/// The number of latest messages in a thread among which a message that was just posted is looked for.
const RECENT_MESSAGES: usize = 16;

/// The recorded event that posted a message.
pub(super) type Posted = Recorded<AnyEvent>;

/// Finds the event that a message was posted with, at or before `position`.
pub(super) async fn posted(
    app: &App,
    task: TaskId,
    message: MessageId,
    position: u64,
) -> Result<Posted, Problem> {
    let positions: Vec<_> = app.projected().read(|views| {
        let thread = views.threads.positions(task);
        let recent = thread.iter().rev().copied().skip_while(|message| *message > position);
        recent.take(RECENT_MESSAGES).collect()
    });
    let nobody = Agents::default();
    let is_it = |event: &Posted| messages::message(event, &nobody).is_some_and(|view| view.id == message);
    let events = history::recall(app.log().as_ref(), &positions).await?;
    events.into_iter().find(is_it).ok_or_else(|| Problem::not_found("message", message))
}

/// A message that was posted, with the names it mentions that nobody has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PostedAnswer<'a> {
    #[serde(flatten)]
    message: MessageView,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unknown_mentions: &'a [String],
}

/// Renders `201` with the message; `Location` is its thread.
///
/// # Errors
/// `not-found` when the event is none with a message.
pub(super) fn answer(
    context: RenderContext<'_>,
    task: TaskId,
    id: MessageId,
    unknown_mentions: &[String],
    event: Option<&Posted>,
) -> Result<Response, Problem> {
    let view = event.and_then(|event| messages::message(event, &context.views.agents));
    let view = view.ok_or_else(|| Problem::not_found("message", id))?;
    let answer = PostedAnswer { message: view, unknown_mentions };
    Ok(created(Json(answer).into_response(), &format!("/api/tasks/{task}/messages")))
}
