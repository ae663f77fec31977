//! A notification as REST answers it.

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

/// A notification, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView<'a> {
    /// The identity of the notification, which follows from its cause and its recipient.
    pub id: NotificationId,
    /// What it tells of, such as `mention`.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The project that it belongs to; absent when it concerns all projects.
    pub project_id: Option<ProjectId>,
    /// The operator or agent that is notified.
    pub recipient: ActorView<'a>,
    /// What it says, in one line.
    pub subject: &'a Title,
    /// What it says beyond the subject.
    pub text: Option<&'a Text>,
    /// The task that it is about.
    pub task_id: Option<TaskId>,
    /// Whether it waits, has arrived, was read, or was given up.
    pub status: Status,
    /// Whether its recipient has not read it yet.
    pub unread: bool,
    /// How many attempts to deliver it have failed.
    pub attempts: u32,
    /// Why the last attempt failed; absent when none has.
    pub last_error: Option<&'a Reason>,
    /// When the next attempt is due; absent unless one has failed and it still waits.
    pub retry_at: Option<Millis>,
    /// When it was queued for delivery.
    pub created_at: Millis,
    /// When it was delivered to its recipient.
    pub delivered_at: Option<Millis>,
    /// When its recipient read it; absent while it is unread.
    pub read_at: Option<Millis>,
    /// When it expires unless it was delivered before.
    pub expires_at: Millis,
    /// The version of its stream, which changes must name.
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
