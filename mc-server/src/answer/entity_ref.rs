//! A reference to the entity that an answer shows, by id, and how the views render it.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use mc_domain::{
    agent::Agent,
    approval::Approval,
    credential::Credential,
    ids::{AgentId, AlertId, ApprovalId, CredentialId, NotificationId, ProjectId, RunId, TaskId},
    notification::Notification,
    project::Project,
    reach::Reach,
    recorded::Streamed,
    run::Run,
    task::Task,
};
use mc_projections::{as_of::Subject, views::Views};
use serde::{Deserialize, Serialize};

use super::render_context::RenderContext;
use crate::{headers::tagged, problem::Problem};

/// The entity that an answer shows, by id. Its tags are stored with every kept answer, so they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityRef {
    /// A project, rendered as `GET /api/projects/{id}` renders it.
    Project(ProjectId),
    /// Shown as at `/api/agents/{id}`, with what the server knows of its last heartbeat.
    Agent(AgentId),
    /// A task, rendered as `GET /api/tasks/{id}` renders it.
    Task(TaskId),
    /// A run, rendered as `GET /api/runs/{id}` renders it.
    Run(RunId),
    /// An approval, rendered as `GET /api/approvals/{id}` renders it.
    Approval(ApprovalId),
    /// Shown as at `/api/alerts/{id}`; the views turn its id into the key of its stream.
    Alert(AlertId),
    /// A notification, rendered as `GET /api/notifications/{id}` renders it.
    Notification(NotificationId),
    /// A credential, rendered as `GET /api/credentials/{id}` renders it, without its secret.
    Credential(CredentialId),
}

/// An aggregate that an answer may show.
pub trait Shown: Streamed {
    /// How an answer names the one known as `id`.
    fn shown(id: &Self::Id) -> EntityRef;
}

macro_rules! shown {
    ($($aggregate:ident),+) => {
        $(impl Shown for $aggregate {
            fn shown(id: &Self::Id) -> EntityRef {
                EntityRef::$aggregate(*id)
            }
        })+
    };
}
shown!(Project, Agent, Task, Run, Approval, Notification, Credential);

impl EntityRef {
    pub(super) fn address(self) -> String {
        match self {
            Self::Project(id) => format!("/api/projects/{id}"),
            Self::Agent(id) => format!("/api/agents/{id}"),
            Self::Task(id) => format!("/api/tasks/{id}"),
            Self::Run(id) => format!("/api/runs/{id}"),
            Self::Approval(id) => format!("/api/approvals/{id}"),
            Self::Alert(id) => format!("/api/alerts/{id}"),
            Self::Notification(id) => format!("/api/notifications/{id}"),
            Self::Credential(id) => format!("/api/credentials/{id}"),
        }
    }

    /// The project that it belongs to, where it is within `reach`; none for what concerns all projects.
    ///
    /// # Errors
    /// `not-found`, in the same words whether it does not exist or is outside.
    pub(crate) fn within(self, views: &Views, reach: &Reach) -> Result<Option<ProjectId>, Problem> {
        self.project(views).filter(|project| reach.covers(*project)).ok_or_else(|| self.not_found())
    }

    /// The project that it belongs to; nothing where the views do not have it.
    fn project(self, views: &Views) -> Option<Option<ProjectId>> {
        match self {
            Self::Project(id) => views.projects.view(id).map(|_| Some(id)),
            Self::Agent(id) => views.agents.project_of(id).map(Some),
            Self::Task(id) => views.tasks.project_of(id).map(Some),
            Self::Run(id) => views.runs.project_of(id).map(Some),
            Self::Approval(id) => views.approvals.project_of(id).map(Some),
            Self::Alert(id) => views.alerts.project_of(id).map(Some),
            Self::Notification(id) => {
                views.notifications.contains(id).then(|| views.notifications.project_of(id))
            }
            Self::Credential(id) => views.credentials.get(id).map(|_| None),
        }
    }

    fn not_found(self) -> Problem {
        match self {
            Self::Project(id) => Problem::not_found("project", id),
            Self::Agent(id) => Problem::not_found("agent", id),
            Self::Task(id) => Problem::not_found("task", id),
            Self::Run(id) => Problem::not_found("run", id),
            Self::Approval(id) => Problem::not_found("approval", id),
            Self::Alert(id) => Problem::not_found("alert", id),
            Self::Notification(id) => Problem::not_found("notification", id),
            Self::Credential(id) => Problem::not_found("credential", id),
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
            | Self::Notification(_)
            | Self::Credential(_) => None,
        }
    }

    /// Whether its rendering changes only with its version. An agent's changes also with its budget, with the day, and
    /// with heartbeats that are not recorded.
    pub(crate) fn is_its_stream(self) -> bool {
        self.agent().is_none()
    }

    pub(super) fn subject(self, views: &Views) -> Result<Subject, Problem> {
        Ok(match self {
            Self::Project(id) => Subject::Project(id),
            Self::Agent(id) => Subject::Agent(id),
            Self::Task(id) => Subject::Task(id),
            Self::Run(id) => Subject::Run(id),
            Self::Approval(id) => Subject::Approval(id),
            Self::Notification(id) => Subject::Notification(id),
            Self::Credential(id) => Subject::Credential(id),
            Self::Alert(id) => Subject::Alert(views.alerts.key(id).ok_or_else(|| self.not_found())?),
        })
    }

    /// The rendered entity, with the version that conditions compare; `not-found` when the views do not have it.
    pub(crate) fn entity(self, context: RenderContext<'_>) -> Result<(u64, Response), Problem> {
        let Views { projects, agents, tasks, runs, approvals, alerts, notifications, credentials, .. } =
            context.views;
        match self {
            Self::Project(id) => {
                let view = projects.view(id).ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
            Self::Agent(id) => {
                let view = agents.view(id, context.now, context.last_heartbeat);
                let view = view.ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
            Self::Task(id) => {
                let view = tasks.view(id, agents).ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
            Self::Run(id) => {
                let view = runs.view(id).ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
            Self::Approval(id) => {
                let view = approvals.view(id, agents).ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
            Self::Alert(id) => {
                let view = alerts.view(id, agents).ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
            Self::Notification(id) => {
                let view = notifications.view(id, agents);
                let view = view.ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
            Self::Credential(id) => {
                let view = credentials.view(id, agents, context.now, None);
                let view = view.ok_or_else(|| self.not_found())?;
                Ok(versioned(view.version, Json(view)))
            }
        }
    }
}

/// The body that shows an entity, tagged with its version.
fn versioned(version: u64, body: impl IntoResponse) -> (u64, Response) {
    (version, tagged(version, body))
}
