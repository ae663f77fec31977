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
    alert::Alert,
    approval::Approval,
    ids::{AgentId, AlertId, ApprovalId, MessageId, ProjectId, RunId, TaskId},
    project::Project,
    recorded::StreamId,
    run::Run,
    task::Task,
};
use mc_projections::{
    agents::Agents,
    alerts::Alerts,
    approvals::Approvals,
    history, messages,
    projection::Projection,
    projects::Projects,
    runs::{self, Runs},
    tasks::Tasks,
    views::Views,
};
use mc_store::{codec, log::MAX_PAGE_EVENTS};
use serde::{Deserialize, Serialize};

use crate::{
    extract::etag,
    problem::Problem,
    refusal,
    routes::{agents::heartbeat_answer, emergency::SquadAnswer, policy},
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
    /// A run.
    Run(RunId),
    /// An approval.
    Approval(ApprovalId),
    /// An alert.
    Alert(AlertId),
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
    /// `201`: the use of a tool in a run, by its number.
    ToolCalled(RunId, u32),
    /// `200`: what became of a squad.
    Squad(SquadAnswer),
    /// `200`: the policy of a project, or the one for all, as it was published.
    Policy(Option<ProjectId>),
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
            Self::ToolCalled(run, number) => tool_called(app, *run, *number).await,
            Self::Squad(answer) => Ok(Json(answer).into_response()),
            Self::Policy(project) => policy::published(app, *project).await,
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
            Self::Run(id) => format!("/api/runs/{id}"),
            Self::Approval(id) => format!("/api/approvals/{id}"),
            Self::Alert(id) => format!("/api/alerts/{id}"),
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
            Self::Run(id) => {
                let runs = then.map_or(&views.runs, |then| &then.runs);
                let view = runs.view(id).ok_or_else(|| Problem::not_found("run", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Approval(id) => {
                let approvals = then.map_or(&views.approvals, |then| &then.approvals);
                let view = approvals.view(id, &views.agents);
                let view = view.ok_or_else(|| Problem::not_found("approval", id))?;
                Ok(tagged(view.version, Json(view)))
            }
            Self::Alert(id) => {
                let alerts = then.map_or(&views.alerts, |then| &then.alerts);
                let view = alerts.view(id, &views.agents);
                let view = view.ok_or_else(|| Problem::not_found("alert", id))?;
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
    runs: Runs,
    approvals: Approvals,
    alerts: Alerts,
}

impl Then {
    async fn fold(shown: Shown, app: &App, position: u64) -> Result<Self, Problem> {
        let stream = match shown {
            Shown::Project(id) => StreamId::of::<Project>(&id),
            Shown::Agent(id) => StreamId::of::<Agent>(&id),
            Shown::Task(id) => StreamId::of::<Task>(&id),
            Shown::Run(id) => StreamId::of::<Run>(&id),
            Shown::Approval(id) => StreamId::of::<Approval>(&id),
            Shown::Alert(id) => {
                let key = app.projected().read(|views| views.alerts.key(id));
                StreamId::of::<Alert>(&key.ok_or_else(|| Problem::not_found("alert", id))?)
            }
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
                    then.runs.apply(&event);
                    then.approvals.apply(&event);
                    then.alerts.apply(&event);
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
