//! An alert as REST answers it.

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

/// An alert, as REST answers it: one episode, from when it is raised until it is resolved or ignored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertView<'a> {
    /// The identity of the episode; the same cause raised again later gets another one.
    pub id: AlertId,
    /// The type of the alert, such as `loop_detected`.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The severity that its type had when it was raised.
    pub severity: Severity,
    /// What happened, in one line, as it was first raised.
    pub title: &'a Title,
    /// What happened the last time, in more detail.
    pub description: Option<&'a Text>,
    /// The agent that the alert concerns.
    pub agent_id: Option<AgentId>,
    /// The task that the alert concerns.
    pub task_id: Option<TaskId>,
    /// The run that the alert concerns.
    pub run_id: Option<RunId>,
    /// The project that the alert belongs to.
    pub project_id: ProjectId,
    /// Whether somebody looks after it, and how it ended.
    pub status: Status,
    /// How often its cause happened since it was raised, from 1.
    pub count: u32,
    /// When the alert was raised: its cause happened for the first time.
    pub created_at: Millis,
    /// When its cause last happened; the time of raising unless it was repeated.
    pub last_at: Millis,
    /// When somebody took over looking after it.
    pub acknowledged_at: Option<Millis>,
    /// The one who looks after it.
    pub acknowledged_by: Option<ActorView<'a>>,
    /// When it was resolved or ignored.
    pub resolved_at: Option<Millis>,
    /// Who resolved or ignored it; the system when its cause went away.
    pub resolved_by: Option<ActorView<'a>>,
    /// What was last noted when its status changed.
    pub note: Option<&'a Reason>,
    /// The version of its stream when the episode last changed, which changes must name.
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
