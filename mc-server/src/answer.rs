//! What a write answers: small enough to be kept with the commit, enough to render the same answer again.
//!
//! An answer is a fold too. A repeat under an idempotency key is answered by folding what it shows up to the position
//! of the first answer, and by the clock of then, so it survives restarts and restores without a copy of any body.

use std::collections::BTreeSet;

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use mc_domain::{
    agent::{Agent, Directive},
    ids::{AgentId, AlertId, ApprovalId, MessageId, NotificationId, ProjectId, RunId, TaskId},
    money::Usd,
    recorded::{AnyEvent, Recorded, StreamId},
};
use mc_projections::{
    agents::{ActorId, ActorView, Agents},
    as_of::{Subject, streams_as_of},
    history,
    messages::{self, MessageView},
    runs,
    views::Views,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    extract::etag,
    problem::Problem,
    refusal,
    routes::{
        agents::heartbeat_answer,
        emergency::{self, SquadAnswer},
        policy,
    },
    state::{App, created},
};

/// How far back in a thread a message that was just posted is looked for.
const RECENT_MESSAGES: usize = 16;

/// Which entity an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityRef {
    /// A project.
    Project(ProjectId),
    /// An agent.
    Agent(AgentId),
    /// A task.
    Task(TaskId),
    /// A run.
    Run(RunId),
    /// An approval.
    Approval(ApprovalId),
    /// An alert.
    Alert(AlertId),
    /// A notification.
    Notification(NotificationId),
}

/// What a write answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// `201`: the entity that was created.
    Created(EntityRef),
    /// `200`: the entity as it now is.
    Changed(EntityRef),
    /// `201`: the message that was posted to a task, and the names it mentions that nobody has.
    Posted(TaskId, MessageId, #[serde(default)] Vec<String>),
    /// `200`: the answer to a heartbeat.
    Heartbeat(AgentId, Vec<Directive>, Offer),
    /// `201`: the use of a tool in a run, by its number.
    ToolCalled(RunId, u32),
    /// `200`: what became of a squad.
    Squad(SquadAnswer),
    /// `200`: what followed from a halt.
    Halted(emergency::Ordered),
    /// `200`: the tasks that were archived.
    Archived(Vec<TaskId>),
    /// `200`: the policy of a project, or the one for all, as it was published.
    Policy(Option<ProjectId>),
    /// A refusal that had consequences.
    Refused(Problem),
}

/// What an agent is offered with the answer to its heartbeat, most urgent first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The tasks it has.
    pub assigned: Vec<TaskId>,
    /// The tasks it may take.
    pub claimable: Vec<TaskId>,
    /// What it waits for a decision on.
    pub pending: Vec<ApprovalId>,
    /// What it was told and has not read.
    pub unread: Vec<NotificationId>,
    /// What it has spent today.
    pub spent: Usd,
    /// What is left of its day, what is set aside for open runs left out.
    pub remaining: Usd,
}

/// An answer as it is kept with its commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredReply {
    /// What is answered.
    pub reply: Reply,
    /// When.
    pub at: DateTime<Utc>,
    /// When the agent it shows was last heard of, where that is not in the log.
    pub heard: Option<DateTime<Utc>>,
}

/// What an answer is rendered from: views of one position of the log, and the time.
#[derive(Clone, Copy)]
pub(crate) struct RenderContext<'a> {
    pub(crate) views: &'a Views,
    pub(crate) now: DateTime<Utc>,
    pub(crate) heard: Option<DateTime<Utc>>,
}

impl StoredReply {
    /// The response, as of `position`. It is rendered from the views, unless it is `exact`, which is to be the same
    /// whenever it is rendered, and they have gone on.
    pub(crate) async fn render(&self, app: &App, position: u64, exact: bool) -> Result<Response, Problem> {
        app.projected().wait_for(position).await.map_err(|stopped| refusal::stopped(&stopped))?;
        let message = match self.reply {
            Reply::Posted(task, message, _) => Some(self.message(app, task, message, position).await?),
            Reply::ToolCalled(run, number) => return tool_called(app, run, number).await,
            Reply::Policy(project) => return policy::published(app, project, position).await,
            Reply::Halted(ref ordered) => return emergency::halted(app, ordered).await,
            _ => None,
        };
        let message = message.as_ref();
        let at_once = app.projected().read(|views| {
            let is_then = !exact || views.position() == position;
            is_then.then(|| self.shown(self.scene(views), message))
        });
        match at_once {
            Some(response) => response,
            None => {
                let then = Then::fold(&self.reply, message, app, position).await?;
                self.shown(self.scene(&then.0), message)
            }
        }
    }

    fn scene<'a>(&self, views: &'a Views) -> RenderContext<'a> {
        RenderContext { views, now: self.at, heard: self.heard }
    }

    fn shown(&self, scene: RenderContext<'_>, message: Option<&Posted>) -> Result<Response, Problem> {
        match &self.reply {
            Reply::Created(shown) => Ok(created(shown.entity(scene)?.1, &shown.address())),
            Reply::Changed(shown) => Ok(shown.entity(scene)?.1),
            Reply::Posted(task, id, unknown_mentions) => {
                let view = message.and_then(|event| messages::message(event, &scene.views.agents));
                let view = view.ok_or_else(|| Problem::not_found("message", id))?;
                let answer = PostedAnswer { message: view, unknown_mentions };
                Ok(created(Json(answer).into_response(), &format!("/api/tasks/{task}/messages")))
            }
            Reply::Heartbeat(agent, directives, offer) => heartbeat_answer(scene, *agent, directives, offer),
            Reply::Squad(answer) => Ok(Json(answer).into_response()),
            Reply::Archived(tasks) => {
                Ok(Json(json!({ "archived": tasks.len(), "taskIds": tasks })).into_response())
            }
            Reply::Refused(problem) => Ok(problem.clone().into_response()),
            Reply::ToolCalled(..) | Reply::Policy(_) | Reply::Halted(_) => Err(Problem::internal()),
        }
    }

    /// The event that a message was posted with.
    async fn message(
        &self,
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
}

/// A message that was posted, with a hint at whom it did not reach.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PostedAnswer<'a> {
    #[serde(flatten)]
    message: MessageView,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unknown_mentions: &'a [String],
}

/// An event with a message.
type Posted = Recorded<AnyEvent>;

impl Reply {
    /// The agent it shows, whose last sign of life may not be in the log.
    pub(crate) fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Created(shown) | Self::Changed(shown) => shown.agent(),
            Self::Heartbeat(agent, ..) => Some(*agent),
            Self::Posted(..)
            | Self::ToolCalled(..)
            | Self::Squad(_)
            | Self::Halted(_)
            | Self::Archived(_)
            | Self::Policy(_)
            | Self::Refused(_) => None,
        }
    }
}

impl EntityRef {
    fn address(self) -> String {
        match self {
            Self::Project(id) => format!("/api/projects/{id}"),
            Self::Agent(id) => format!("/api/agents/{id}"),
            Self::Task(id) => format!("/api/tasks/{id}"),
            Self::Run(id) => format!("/api/runs/{id}"),
            Self::Approval(id) => format!("/api/approvals/{id}"),
            Self::Alert(id) => format!("/api/alerts/{id}"),
            Self::Notification(id) => format!("/api/notifications/{id}"),
        }
    }

    /// The agent, if it is one.
    pub(crate) fn agent(self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(agent),
            Self::Project(_)
            | Self::Task(_)
            | Self::Run(_)
            | Self::Approval(_)
            | Self::Alert(_)
            | Self::Notification(_) => None,
        }
    }

    /// Whether its answer changes only with its version. What is told of an agent changes with its budget, with the day, and
    /// with heartbeats too routine to be recorded.
    pub(crate) fn is_its_stream(self) -> bool {
        self.agent().is_none()
    }

    fn subject(self, views: &Views) -> Result<Subject, Problem> {
        Ok(match self {
            Self::Project(id) => Subject::Project(id),
            Self::Agent(id) => Subject::Agent(id),
            Self::Task(id) => Subject::Task(id),
            Self::Run(id) => Subject::Run(id),
            Self::Approval(id) => Subject::Approval(id),
            Self::Notification(id) => Subject::Notification(id),
            Self::Alert(id) => {
                Subject::Alert(views.alerts.key(id).ok_or_else(|| Problem::not_found("alert", id))?)
            }
        })
    }

    /// The entity with its version.
    pub(crate) fn entity(self, scene: RenderContext<'_>) -> Result<(u64, Response), Problem> {
        let Views { projects, agents, tasks, runs, approvals, alerts, notifications, .. } = scene.views;
        match self {
            Self::Project(id) => {
                let view = projects.view(id).ok_or_else(|| Problem::not_found("project", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Agent(id) => {
                let view = agents.view(id, scene.now, scene.heard);
                let view = view.ok_or_else(|| Problem::not_found("agent", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Task(id) => {
                let view = tasks.view(id, agents).ok_or_else(|| Problem::not_found("task", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Run(id) => {
                let view = runs.view(id).ok_or_else(|| Problem::not_found("run", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Approval(id) => {
                let view = approvals.view(id, agents).ok_or_else(|| Problem::not_found("approval", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Alert(id) => {
                let view = alerts.view(id, agents).ok_or_else(|| Problem::not_found("alert", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Notification(id) => {
                let view = notifications.view(id, agents);
                let view = view.ok_or_else(|| Problem::not_found("notification", id))?;
                Ok(tagged(view.version, Json(view)))
            }
        }
    }
}

/// What an answer shows, as it was at a position of the log: views of nothing else.
#[derive(Default)]
struct Then(Views);

impl Then {
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

    /// The agents whose names the answer gives, beside those it shows.
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

/// A response with the entity tag of the version it shows.
fn tagged(version: u64, body: impl IntoResponse) -> (u64, Response) {
    let mut response = body.into_response();
    response.headers_mut().insert(header::ETAG, etag(version));
    (version, response)
}
