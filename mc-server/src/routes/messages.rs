//! `/api/tasks/{task}/messages` and `/timeline`: a task's thread, and its history.

use std::collections::BTreeSet;

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    actor::Actor,
    ids::{LeaseId, MessageId, ProjectId, TaskId},
    operation::post_message,
    reach::Reach,
    task::{Message, MessageKind, Task},
    values::Text,
};
use mc_projections::{
    history::HistoryQuery,
    page::{MAX_LIMIT, Order},
    views::Views,
};
use serde::Deserialize;
use uuid::Uuid;

use super::transition_input::Attached;
use crate::{
    access::Caller,
    answer::Reply,
    app::App,
    extract::{Body, IfMatch, Limit, Path, Query},
    lookup,
    mentions::{MAX_MENTIONS, mentions},
    page::{history_problem, listed},
    problem::Problem,
};

/// Which part of a history is asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct History {
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// The body of a message to a task's thread.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMessage {
    #[serde(default = "comment", rename = "type")]
    kind: MessageKind,
    content: Option<Text>,
    #[serde(default)]
    artifacts: Vec<Attached>,
    #[serde(default)]
    mentions: Vec<String>,
    reply_to: Option<MessageId>,
    agent_id: Option<String>,
    lease_id: Option<LeaseId>,
}

fn comment() -> MessageKind {
    MessageKind::Comment
}

/// `GET /api/tasks/{task}/timeline`: everything that happened to the task, oldest first.
///
/// Problems: `not-found`, `malformed-query`.
pub async fn timeline(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Path(task): Path<TaskId>,
    Query(query): Query<History>,
) -> Result<Response, Problem> {
    app.read(|views| lookup::project_of_task(views, caller.reach(), task)).await??;
    let page = app.projected().timeline(task, &query.into()).await.map_err(history_problem)?;
    app.answer(|_| listed(&uri, Ok(page))).await
}

/// `GET /api/tasks/{task}/messages`: the thread of the task, oldest first.
///
/// Problems: `not-found`, `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Path(task): Path<TaskId>,
    Query(query): Query<History>,
) -> Result<Response, Problem> {
    app.read(|views| lookup::project_of_task(views, caller.reach(), task)).await??;
    let page = app.projected().thread(task, &query.into()).await.map_err(history_problem)?;
    app.answer(|_| listed(&uri, Ok(page))).await
}

/// `POST /api/tasks/{task}/messages`: something said in the thread. `@name` in the text mentions too; those names that nobody
/// has come back as `unknownMentions`.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `agent-not-active`, `rule-broken`, `conflict`,
/// `precondition-failed`, `thread-full`, `actor-mismatch`.
pub async fn post(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<NewMessage>,
) -> Result<Response, Problem> {
    let new = body.value;
    let (project, mentions, unknown) = app
        .read(|views| {
            let project = lookup::project_of_task(views, caller.reach(), id)?;
            let (mentions, unknown) = new.mentioned(&app, views, project)?;
            Ok::<_, Problem>((project, mentions, unknown))
        })
        .await??;
    let own = new.agent_id.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(&caller, body.actor, own, Some(project)).await?;
    if let Some(answered) = new.reply_to {
        message_exists(&app, id, answered).await?;
    }
    let call = app.call(&caller, Some(project), actor, body.keyed, condition);
    let message = Message {
        id: MessageId::new(Uuid::now_v7()),
        kind: new.kind,
        content: new.content,
        artifacts: new.artifacts.into_iter().map(|artifact| artifact.0).collect(),
        mentions,
        reply_to: new.reply_to,
        lease: new.lease_id,
    };
    app.write(&call, |tx| {
        call.expected::<Task>(tx, &id)?;
        post_message(tx, id, message.clone())?;
        Ok(Reply::Posted(id, message.id, unknown.clone()))
    })
    .await
}

impl From<History> for HistoryQuery {
    fn from(query: History) -> Self {
        Self { order: query.order, limit: query.limit.map(Limit::rows), cursor: query.cursor }
    }
}

impl NewMessage {
    /// Those who are named in `mentions`, which must exist, and those who are named in the text, where they do; and the
    /// names in the text that nobody has.
    fn mentioned(
        &self,
        app: &App,
        views: &Views,
        project: ProjectId,
    ) -> Result<(BTreeSet<Actor>, Vec<String>), Problem> {
        if self.mentions.len() > MAX_MENTIONS {
            return Err(Problem::invalid_field("mentions", format!("must be at most {MAX_MENTIONS}")));
        }
        let here = Reach::of(project);
        let find =
            |name: &str| match app.operators_of(views, project).find(|operator| operator.is_written(name)) {
                Some(operator) => Ok(Actor::Human(operator.clone())),
                None => lookup::agent_of(views, &here, name, project).map(Actor::Agent),
            };
        let named = self.mentions.iter().enumerate().map(|(index, name)| {
            find(name.trim_start_matches('@'))
                .map_err(|unknown| unknown.in_field(&format!("mentions[{index}]")))
        });
        let named = named.collect::<Result<BTreeSet<_>, _>>()?;
        let text = self.content.as_ref().map_or("", |content| content.as_str());
        let in_text = mentions(text, |name| find(name).ok());
        Ok((named.into_iter().chain(in_text.known).collect(), in_text.unknown))
    }
}

/// Checks that a message which is answered is in the task's thread.
///
/// # Errors
/// `invalid-fields` when it is not.
async fn message_exists(app: &App, task: TaskId, message: MessageId) -> Result<(), Problem> {
    let mut query = HistoryQuery { limit: Some(MAX_LIMIT), ..HistoryQuery::default() };
    loop {
        let page = app.projected().thread(task, &query).await.map_err(history_problem)?;
        if page.items.iter().any(|known| known.id == message) {
            return Ok(());
        }
        if page.next.is_none() {
            return Err(Problem::invalid_field("replyTo", "there is no such message in the thread"));
        }
        query.cursor = page.next;
    }
}
