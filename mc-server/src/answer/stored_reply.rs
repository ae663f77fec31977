//! The answer that is stored with a commit, and how it is rendered at once and for a repeat.

use std::collections::BTreeSet;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use mc_domain::{
    agent::Agent,
    ids::{AgentId, RunId},
    recorded::StreamId,
};
use mc_projections::{
    agents::{ActorId, ActorView},
    as_of::streams_as_of,
    history, messages, runs,
    views::Views,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    entity_ref::EntityRef,
    heartbeat,
    message::{self, Posted},
    policy,
    render_context::RenderContext,
    reply::Reply,
    squad,
};
use crate::{app::App, headers::created, problem::Problem, refusal};

/// The answer that is stored with a commit, enough to render the same body whenever the request is repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredReply {
    /// Which answer it is, with the ids to render it from.
    pub reply: Reply,
    /// When the command was decided, by the server's clock; ages and days in the answer count from it.
    pub at: DateTime<Utc>,
    /// The last heartbeat of the agent it shows, where that is not in the log. The stored tag stays `heard`.
    #[serde(rename = "heard")]
    pub last_heartbeat: Option<DateTime<Utc>>,
}

impl StoredReply {
    /// Renders the response as of `position`. With `exact` it must be the same whenever it is rendered, so once the
    /// views are past the position it is folded from the log instead.
    pub(crate) async fn render(&self, app: &App, position: u64, exact: bool) -> Result<Response, Problem> {
        app.projected().wait_for(position).await.map_err(|stopped| refusal::stopped(&stopped))?;
        let message = match self.reply {
            Reply::Posted(task, message, _) => Some(message::posted(app, task, message, position).await?),
            Reply::ToolCalled(run, number) => return tool_called(app, run, number).await,
            Reply::Policy(project) => return policy::published(app, project, position).await,
            Reply::Halted(ref ordered) => return squad::halted(app, ordered).await,
            _ => None,
        };
        let message = message.as_ref();
        let at_once = app.projected().read(|views| {
            let is_current = !exact || views.position() == position;
            is_current.then(|| self.shown(self.context(views), message))
        });
        match at_once {
            Some(response) => response,
            None => {
                let then = ViewsAsOf::fold(&self.reply, message, app, position).await?;
                self.shown(self.context(&then.0), message)
            }
        }
    }

    fn context<'a>(&self, views: &'a Views) -> RenderContext<'a> {
        RenderContext { views, now: self.at, last_heartbeat: self.last_heartbeat }
    }

    fn shown(&self, context: RenderContext<'_>, message: Option<&Posted>) -> Result<Response, Problem> {
        match &self.reply {
            Reply::Created(shown) => Ok(created(shown.entity(context)?.1, &shown.address())),
            Reply::Changed(shown) => Ok(shown.entity(context)?.1),
            Reply::Posted(task, id, unknown_mentions) => {
                message::answer(context, *task, *id, unknown_mentions, message)
            }
            Reply::Heartbeat(agent, directives, offer) => {
                heartbeat::answer(context, *agent, directives, offer)
            }
            Reply::Squad(answer) => Ok(Json(answer).into_response()),
            Reply::Archived(tasks) => {
                Ok(Json(json!({ "archived": tasks.len(), "taskIds": tasks })).into_response())
            }
            Reply::Refused(problem) => Ok(problem.clone().into_response()),
            Reply::ToolCalled(..) | Reply::Policy(_) | Reply::Halted(_) => Err(Problem::internal()),
        }
    }
}

/// Views as of a position of the log, folded from only the streams that an answer shows.
#[derive(Default)]
struct ViewsAsOf(Views);

impl ViewsAsOf {
    async fn fold(
        reply: &Reply,
        message: Option<&Posted>,
        app: &App,
        position: u64,
    ) -> Result<Self, Problem> {
        let shown: Vec<_> = match reply {
            Reply::Created(shown) | Reply::Changed(shown) => vec![*shown],
            Reply::Heartbeat(agent, _, offer) => {
                let offered =
                    offer.assigned.iter().chain(&offer.claimable).map(|task| EntityRef::Task(*task));
                let pending = offer.pending.iter().map(|approval| EntityRef::Approval(*approval));
                let unread = offer.unread.iter().map(|notification| EntityRef::Notification(*notification));
                [EntityRef::Agent(*agent)].into_iter().chain(offered).chain(pending).chain(unread).collect()
            }
            Reply::Posted(..)
            | Reply::ToolCalled(..)
            | Reply::Squad(_)
            | Reply::Halted(_)
            | Reply::Archived(_)
            | Reply::Policy(_)
            | Reply::Refused(_) => vec![],
        };
        let mut streams = app.projected().read(|views| {
            let subjects = shown.iter().map(|shown| shown.subject(views)).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Problem>(subjects.iter().flat_map(|subject| subject.streams(views)).collect::<Vec<_>>())
        })?;
        let then = Self(streams_as_of(app.log().as_ref(), &streams, position).await?);
        let named = then.named(&shown, message);
        if named.is_empty() {
            return Ok(then);
        }
        streams.extend(named.iter().map(StreamId::of::<Agent>));
        Ok(Self(streams_as_of(app.log().as_ref(), &streams, position).await?))
    }

    /// The agents that the answer names, beside those it shows; their streams are needed for their names.
    fn named(&self, shown: &[EntityRef], message: Option<&Posted>) -> BTreeSet<AgentId> {
        let tasks = shown.iter().filter_map(|shown| match shown {
            EntityRef::Task(task) => self.0.tasks.view(*task, &self.0.agents),
            _ => None,
        });
        let of_tasks = tasks.flat_map(|task| {
            let approved_by = task.approval.map(|approval| approval.approved_by);
            [Some(task.created_by), approved_by].into_iter().flatten().chain(task.subscribers)
        });
        let message = message.and_then(|event| messages::message(event, &self.0.agents));
        let of_message =
            message.into_iter().flat_map(|message| message.mentions.into_iter().chain([message.author]));
        let of_tasks = of_tasks.map(ActorView::into_owned);
        let is_shown = |agent: &AgentId| shown.contains(&EntityRef::Agent(*agent));
        of_tasks.chain(of_message).filter_map(agent_of).filter(|agent| !is_shown(agent)).collect()
    }
}

fn agent_of(actor: ActorView<'_>) -> Option<AgentId> {
    match actor.id {
        ActorId::Agent(agent) => Some(agent),
        ActorId::Named(_) => None,
    }
}

async fn tool_called(app: &App, run: RunId, number: u32) -> Result<Response, Problem> {
    let nth = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let position = app.projected().read(|views| views.runs.tool_calls(run).get(nth).copied());
    let events = history::recall(app.log().as_ref(), position.as_slice()).await?;
    let view = events.iter().find_map(runs::tool_call);
    let view = view.ok_or_else(|| Problem::not_found("tool call", number))?;
    Ok(created(Json(view).into_response(), &format!("/api/runs/{run}/tool-calls")))
}
