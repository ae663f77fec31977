//! An alert as it is answered.

use mc_domain::{
    alert::{Kind, Severity, Status},
    ids::{AgentId, AlertId, ProjectId, RunId, TaskId},
    values::{Reason, Text, Title},
};
use serde::Serialize;

use super::{Alerts, Mark, Row};
use crate::{
    agents::{ActorView, Agents},
    instant::Millis,
};

/// An alert, as it is answered: one episode, from when it was raised until its cause is gone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertView<'a> {
    /// The episode.
    pub id: AlertId,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// What happened, in a line.
    pub title: &'a Title,
    /// What happened, the last time.
    pub description: Option<&'a Text>,
    /// The agent concerned.
    pub agent_id: Option<AgentId>,
    /// The task concerned.
    pub task_id: Option<TaskId>,
    /// The run concerned.
    pub run_id: Option<RunId>,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// What has been done about it.
    pub status: Status,
    /// How often it has happened.
    pub count: u32,
    /// When it was raised.
    pub created_at: Millis,
    /// When it last happened.
    pub last_at: Millis,
    /// Since when somebody looks after it.
    pub acknowledged_at: Option<Millis>,
    /// Who.
    pub acknowledged_by: Option<ActorView<'a>>,
    /// When it was resolved or ignored.
    pub resolved_at: Option<Millis>,
    /// By whom.
    pub resolved_by: Option<ActorView<'a>>,
    /// What was last noted about it.
    pub note: Option<&'a Reason>,
    /// The version of its stream when the episode last changed.
    pub version: u64,
}

impl Alerts {
    /// One alert; the agents give names to those who looked after it.
    pub fn view<'a>(&'a self, id: AlertId, agents: &'a Agents) -> Option<AlertView<'a>> {
        self.rows.get(id).map(|row| row.view(agents))
    }
}

impl Row {
    pub(super) fn view<'a>(&'a self, agents: &'a Agents) -> AlertView<'a> {
        let at = |mark: Option<&Mark>| mark.map(|mark| Millis(mark.at));
        let by = |mark: Option<&'a Mark>| mark.map(|mark| agents.actor(&mark.by));
        let (acknowledged, closed) = (self.acknowledged.as_ref(), self.closed.as_ref());
        AlertView {
            id: self.id,
            kind: self.kind,
            severity: self.severity,
            title: &self.title,
            description: self.description.as_ref(),
            agent_id: self.agent,
            task_id: self.task,
            run_id: self.run,
            project_id: self.project,
            status: self.status,
            count: self.count,
            created_at: Millis(self.created_at),
            last_at: Millis(self.last_at),
            acknowledged_at: at(acknowledged),
            acknowledged_by: by(acknowledged),
            resolved_at: at(closed),
            resolved_by: by(closed),
            note: self.note.as_ref(),
            version: self.version,
        }
    }
}
