//! A notification as it is answered.

use mc_domain::{
    ids::{NotificationId, ProjectId, TaskId},
    notification::{Kind, Status},
    values::{Reason, Text, Title},
};
use serde::Serialize;

use super::{Notifications, Row};
use crate::{
    agents::{ActorView, Agents},
    instant::Millis,
};

/// A notification, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView<'a> {
    /// Its identity.
    pub id: NotificationId,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The project it belongs to.
    pub project_id: Option<ProjectId>,
    /// Who is told.
    pub recipient: ActorView<'a>,
    /// What it says, in a line.
    pub subject: &'a Title,
    /// What it says.
    pub text: Option<&'a Text>,
    /// The task concerned.
    pub task_id: Option<TaskId>,
    /// What became of it.
    pub status: Status,
    /// Whether it is still to be read.
    pub unread: bool,
    /// How many attempts to deliver it have failed.
    pub attempts: u32,
    /// What went wrong the last time.
    pub last_error: Option<&'a Reason>,
    /// When it is tried again, where it is.
    pub retry_at: Option<Millis>,
    /// When it was set on its way.
    pub created_at: Millis,
    /// When it arrived.
    pub delivered_at: Option<Millis>,
    /// When it was read.
    pub read_at: Option<Millis>,
    /// From when on it is too late for it.
    pub expires_at: Millis,
    /// The version of its stream.
    pub version: u64,
}

impl Notifications {
    /// One notification; the agents give a name to its recipient.
    pub fn view<'a>(&'a self, id: NotificationId, agents: &'a Agents) -> Option<NotificationView<'a>> {
        self.rows.get(id).map(|row| row.view(agents))
    }
}

impl Row {
    pub(super) fn view<'a>(&'a self, agents: &'a Agents) -> NotificationView<'a> {
        let retried = self.status == Status::Queued && self.attempts > 0;
        NotificationView {
            id: self.id,
            kind: self.kind,
            project_id: self.project,
            recipient: agents.actor(&self.recipient),
            subject: &self.subject,
            text: self.text.as_ref(),
            task_id: self.task,
            status: self.status,
            unread: self.read_at.is_none(),
            attempts: self.attempts,
            last_error: self.last_error.as_ref(),
            retry_at: retried.then_some(Millis(self.due_at)),
            created_at: Millis(self.created_at),
            delivered_at: self.delivered_at.map(Millis),
            read_at: self.read_at.map(Millis),
            expires_at: Millis(self.expires_at),
            version: self.version,
        }
    }
}
