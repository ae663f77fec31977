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
    ids::{AgentId, MessageId, ProjectId, TaskId},
    project::Project,
    recorded::{AnyEvent, Recorded, StreamId},
    task::Task,
};
use mc_projections::{
    agents::{ActorId, ActorView, Agents},
    history, messages,
    projection::Projection,
    projects::Projects,
    tasks::Tasks,
};
use mc_store::{codec, log::MAX_PAGE_EVENTS};
use serde::{Deserialize, Serialize};

use crate::{
    extract::etag,
    problem::Problem,
    refusal,
    routes::agents::heartbeat_answer,
    state::{App, created},
};

/// How far back in a thread a message that was just posted is looked for.
const RECENT_MESSAGES: usize = 16;

/// Which entity an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// A project.
    Project(ProjectId),
    /// An agent.
    Agent(AgentId),
    /// A task.
    Task(TaskId),
}

/// What a write answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// `201`: the entity that was created.
    Created(Shown),
    /// `200`: the entity as it now is.
    Changed(Shown),
    /// `201`: the message that was posted to a task.
    Posted(TaskId, MessageId),
    /// `200`: the answer to a heartbeat.
    Heartbeat(AgentId, Vec<Directive>, Offer),
}

/// What an agent is offered with the answer to its heartbeat, most urgent first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The tasks it has.
    pub assigned: Vec<TaskId>,
    /// The tasks it may take.
    pub claimable: Vec<TaskId>,
}

/// An answer as it is kept with its commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What is answered.
    pub reply: Reply,
    /// When.
    pub at: DateTime<Utc>,
    /// When the agent it shows was last heard of, where that is not in the log.
    pub heard: Option<DateTime<Utc>>,
}

/// What an answer is rendered from: views of one position of the log, and the time.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) projects: &'a Projects,
    pub(crate) agents: &'a Agents,
    pub(crate) tasks: &'a Tasks,
    pub(crate) now: DateTime<Utc>,
    pub(crate) heard: Option<DateTime<Utc>>,
}

impl Kept {
    /// The response, as of `position`. It is rendered from the views, unless it is `exact`, which is to be the same
    /// whenever it is rendered, and they have gone on.
    pub(crate) async fn render(&self, app: &App, position: u64, exact: bool) -> Result<Response, Problem> {
        app.projected().wait_for(position).await.map_err(|stopped| refusal::stopped(&stopped))?;
        let message = match self.reply {
            Reply::Posted(task, message) => Some(self.message(app, task, message, position).await?),
            _ => None,
        };
        let message = message.as_ref();
        let at_once = app.projected().read(|views| {
            let is_then = !exact || views.position() == position;
            is_then.then(|| self.shown(self.scene(&views.projects, &views.agents, &views.tasks), message))
        });
        match at_once {
            Some(response) => response,
            None => {
                let then = Then::fold(&self.reply, message, app, position).await?;
                self.shown(self.scene(&then.projects, &then.agents, &then.tasks), message)
            }
        }
    }

    fn scene<'a>(&self, projects: &'a Projects, agents: &'a Agents, tasks: &'a Tasks) -> Scene<'a> {
        Scene { projects, agents, tasks, now: self.at, heard: self.heard }
    }

    fn shown(&self, scene: Scene<'_>, message: Option<&Posted>) -> Result<Response, Problem> {
        match &self.reply {
            Reply::Created(shown) => Ok(created(shown.entity(scene)?.1, &shown.address())),
            Reply::Changed(shown) => Ok(shown.entity(scene)?.1),
            Reply::Posted(task, id) => {
                let view = message.and_then(|event| messages::message(event, scene.agents));
                let view = view.ok_or_else(|| Problem::not_found("message", id))?;
                Ok(created(Json(view).into_response(), &format!("/api/tasks/{task}/messages")))
            }
            Reply::Heartbeat(agent, directives, offer) => heartbeat_answer(scene, *agent, directives, offer),
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

/// An event with a message.
type Posted = Recorded<AnyEvent>;

impl Reply {
    /// The agent it shows, whose last sign of life may not be in the log.
    pub(crate) fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Created(shown) | Self::Changed(shown) => shown.agent(),
            Self::Heartbeat(agent, ..) => Some(*agent),
            Self::Posted(..) => None,
        }
    }
}

impl Shown {
    fn address(self) -> String {
        match self {
            Self::Project(id) => format!("/api/projects/{id}"),
            Self::Agent(id) => format!("/api/agents/{id}"),
            Self::Task(id) => format!("/api/tasks/{id}"),
        }
    }

    /// The agent, if it is one.
    pub(crate) fn agent(self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(agent),
            Self::Project(_) | Self::Task(_) => None,
        }
    }

    fn stream(self) -> StreamId {
        match self {
            Self::Project(id) => StreamId::of::<Project>(&id),
            Self::Agent(id) => StreamId::of::<Agent>(&id),
            Self::Task(id) => StreamId::of::<Task>(&id),
        }
    }

    /// The entity with its version.
    pub(crate) fn entity(self, scene: Scene<'_>) -> Result<(u64, Response), Problem> {
        match self {
            Self::Project(id) => {
                let view = scene.projects.view(id).ok_or_else(|| Problem::not_found("project", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Agent(id) => {
                let view = scene.agents.view(id, scene.now, scene.heard);
                let view = view.ok_or_else(|| Problem::not_found("agent", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Task(id) => {
                let view =
                    scene.tasks.view(id, scene.agents).ok_or_else(|| Problem::not_found("task", id))?;
                Ok(tagged(view.version, Json(view)))
            }
        }
    }
}

/// What an answer shows, as it was at a position of the log.
#[derive(Default)]
struct Then {
    projects: Projects,
    agents: Agents,
    tasks: Tasks,
}

impl Then {
    async fn fold(
        reply: &Reply,
        message: Option<&Posted>,
        app: &App,
        position: u64,
    ) -> Result<Self, Problem> {
        let mut then = Self::default();
        let shown: Vec<_> = match reply {
            Reply::Created(shown) | Reply::Changed(shown) => vec![*shown],
            Reply::Posted(..) => vec![],
            Reply::Heartbeat(agent, _, offer) => {
                let offered = offer.assigned.iter().chain(&offer.claimable).map(|task| Shown::Task(*task));
                [Shown::Agent(*agent)].into_iter().chain(offered).collect()
            }
        };
        for shown in &shown {
            then.take_in(&shown.stream(), app, position).await?;
        }
        for agent in then.named(&shown, message) {
            then.take_in(&Shown::Agent(agent).stream(), app, position).await?;
        }
        Ok(then)
    }

    /// The agents whose names the answer gives, beside those it shows.
    fn named(&self, shown: &[Shown], message: Option<&Posted>) -> BTreeSet<AgentId> {
        let tasks = shown.iter().filter_map(|shown| match shown {
            Shown::Task(task) => self.tasks.view(*task, &self.agents),
            Shown::Project(_) | Shown::Agent(_) => None,
        });
        let of_tasks = tasks.flat_map(|task| {
            let approved_by = task.approval.map(|approval| approval.approved_by);
            [Some(task.created_by), approved_by].into_iter().flatten()
        });
        let message = message.and_then(|event| messages::message(event, &self.agents));
        let of_message =
            message.into_iter().flat_map(|message| message.mentions.into_iter().chain([message.author]));
        let of_tasks = of_tasks.map(ActorView::into_owned);
        let is_shown = |agent: &AgentId| shown.contains(&Shown::Agent(*agent));
        of_tasks.chain(of_message).filter_map(agent_of).filter(|agent| !is_shown(agent)).collect()
    }

    async fn take_in(&mut self, stream: &StreamId, app: &App, position: u64) -> Result<(), Problem> {
        let mut version = 0;
        loop {
            let page = app.log().read_stream(stream, version, MAX_PAGE_EVENTS).await?;
            for stored in page.iter().take_while(|stored| stored.position <= position) {
                if let Some(event) = codec::decode_any(stored)? {
                    self.projects.apply(&event);
                    self.agents.apply(&event);
                    self.tasks.apply(&event);
                }
            }
            match page.last() {
                Some(last) if last.position < position && page.len() == MAX_PAGE_EVENTS => {
                    version = last.version;
                }
                _ => return Ok(()),
            }
        }
    }
}

fn agent_of(actor: ActorView<'_>) -> Option<AgentId> {
    match actor.id {
        ActorId::Agent(agent) => Some(agent),
        ActorId::Named(_) => None,
    }
}

/// A response with the entity tag of the version it shows.
fn tagged(version: u64, body: impl IntoResponse) -> (u64, Response) {
    let mut response = body.into_response();
    response.headers_mut().insert(header::ETAG, etag(version));
    (version, response)
}
