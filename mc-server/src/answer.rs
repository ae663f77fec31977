//! What a write answers: small enough to be kept with the commit, enough to render the same answer again.
//!
//! An answer is a fold too. A repeat under an idempotency key is answered by folding the entity's stream up to the
//! position of the first answer, so it survives restarts and restores without a copy of any body.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use mc_domain::{
    agent::{Agent, Directive},
    ids::{AgentId, MessageId, ProjectId, TaskId},
    project::Project,
    recorded::StreamId,
    task::Task,
};
use mc_projections::{
    agents::Agents, history, messages, projection::Projection, projects::Projects, tasks::Tasks, views::Views,
};
use mc_store::{codec, log::MAX_PAGE_EVENTS};
use serde::{Deserialize, Serialize};

use crate::{
    extract::etag,
    problem::Problem,
    refusal,
    routes::{agents::heartbeat_answer, emergency::SquadAnswer},
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
    Heartbeat(AgentId, Vec<Directive>),
    /// `200`: what became of a squad.
    Squad(SquadAnswer),
    /// A refusal that had consequences.
    Refused(Problem),
}

impl Reply {
    /// The response, as of `position`: the views as they are for a first answer, folded anew for a repeated one.
    pub(crate) async fn render(&self, app: &App, position: u64, replayed: bool) -> Result<Response, Problem> {
        app.projected().wait_for(position).await.map_err(|stopped| refusal::stopped(&stopped))?;
        match self {
            Self::Created(shown) => {
                Ok(created(shown.render(app, position, replayed).await?, &shown.address()))
            }
            Self::Changed(shown) => shown.render(app, position, replayed).await,
            Self::Posted(task, message) => posted(app, *task, *message, position).await,
            Self::Heartbeat(agent, directives) => heartbeat_answer(app, *agent, directives).await,
            Self::Squad(answer) => Ok(Json(answer).into_response()),
            Self::Refused(problem) => Ok(problem.clone().into_response()),
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

    async fn render(self, app: &App, position: u64, replayed: bool) -> Result<Response, Problem> {
        let then = if replayed { Some(Then::fold(self, app, position).await?) } else { None };
        app.projected().read(|views| Ok(self.entity(app, views, then.as_ref())?.1))
    }

    /// The entity with its version: as the views know it, or as it was.
    pub(crate) fn entity(
        self,
        app: &App,
        views: &Views,
        then: Option<&Then>,
    ) -> Result<(u64, Response), Problem> {
        match self {
            Self::Project(id) => {
                let projects = then.map_or(&views.projects, |then| &then.projects);
                let view = projects.view(id).ok_or_else(|| Problem::not_found("project", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Agent(id) => {
                let (agents, heard) =
                    then.map_or((&views.agents, app.last_heard(id)), |then| (&then.agents, None));
                let view =
                    agents.view(id, app.now(), heard).ok_or_else(|| Problem::not_found("agent", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Task(id) => {
                let tasks = then.map_or(&views.tasks, |then| &then.tasks);
                let view = tasks.view(id, &views.agents).ok_or_else(|| Problem::not_found("task", id))?;
                Ok(tagged(view.version, Json(view)))
            }
        }
    }
}

/// One entity as it was at a position of the log.
#[derive(Default)]
pub(crate) struct Then {
    projects: Projects,
    agents: Agents,
    tasks: Tasks,
}

impl Then {
    async fn fold(shown: Shown, app: &App, position: u64) -> Result<Self, Problem> {
        let stream = match shown {
            Shown::Project(id) => StreamId::of::<Project>(&id),
            Shown::Agent(id) => StreamId::of::<Agent>(&id),
            Shown::Task(id) => StreamId::of::<Task>(&id),
        };
        let mut then = Self::default();
        let mut version = 0;
        loop {
            let page = app.log().read_stream(&stream, version, MAX_PAGE_EVENTS).await?;
            for stored in page.iter().take_while(|stored| stored.position <= position) {
                if let Some(event) = codec::decode_any(stored)? {
                    then.projects.apply(&event);
                    then.agents.apply(&event);
                    then.tasks.apply(&event);
                }
            }
            match page.last() {
                Some(last) if last.position < position && page.len() == MAX_PAGE_EVENTS => {
                    version = last.version;
                }
                _ => return Ok(then),
            }
        }
    }
}

async fn posted(app: &App, task: TaskId, message: MessageId, position: u64) -> Result<Response, Problem> {
    let positions: Vec<_> = app.projected().read(|views| {
        let thread = views.threads.positions(task);
        let recent = thread.iter().rev().copied().skip_while(|message| *message > position);
        recent.take(RECENT_MESSAGES).collect()
    });
    let events = history::recall(app.log().as_ref(), &positions).await?;
    let view = app.projected().read(|views| {
        events
            .iter()
            .filter_map(|event| messages::message(event, &views.agents))
            .find(|view| view.id == message)
    });
    let view = view.ok_or_else(|| Problem::not_found("message", message))?;
    Ok(created(Json(view).into_response(), &format!("/api/tasks/{task}/messages")))
}

/// A response with the entity tag of the version it shows.
fn tagged(version: u64, body: impl IntoResponse) -> (u64, Response) {
    let mut response = body.into_response();
    response.headers_mut().insert(header::ETAG, etag(version));
    (version, response)
}
