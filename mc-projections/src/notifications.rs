//! Who was told what, what is still unread, and what is to be delivered?

mod query;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    ids::{NotificationId, ProjectId, TaskId},
    notification::{Event, Kind, Recipient, Status},
    recorded::{AnyEvent, Recorded},
    values::{Reason, Text, Title},
};
use serde::{Deserialize, Serialize};

pub use query::NotificationQuery;
pub use view::NotificationView;

use crate::{births::Births, projection::Projection};

/// All notifications, by identity, in their order by recipient, and those that are unread or on their way.
///
/// ```
/// use mc_domain::{notification::{Event, Kind, Notification, Recipient}, values::{Name, Title}};
/// use mc_projections::{notifications::NotificationQuery, script::Script};
///
/// let mut script = Script::new();
/// let recipient = Recipient::Operator(Name::new("Sofie")?);
/// let (kind, subject, cause) = (Kind::Mention, Title::new("Scout mentioned you")?, uuid::Uuid::nil().into());
/// let (project, text, task) = (None, None, None);
/// script.record::<Notification>(&uuid::Uuid::nil().into(), |at| {
///     Event::Queued { cause, project, recipient, kind, subject, text, task, expires_at: at, at }
/// });
///
/// let views = script.views();
/// let unread = NotificationQuery { unread: Some(true), ..NotificationQuery::default() };
/// assert_eq!(views.notifications.list(&unread, &views.agents)?.items.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Notifications {
    rows: BTreeMap<NotificationId, Row>,
    /// By recipient, as text: an enum is no key of a JSON object.
    by_recipient: Births<String, NotificationId>,
    unread: Births<String, NotificationId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: NotificationId,
    project: Option<ProjectId>,
    recipient: Actor,
    key: String,
    kind: Kind,
    subject: Title,
    text: Option<Text>,
    task: Option<TaskId>,
    status: Status,
    attempts: u32,
    last_error: Option<Reason>,
    due_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    delivered_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    version: u64,
}

impl Notifications {
    /// The project a notification belongs to.
    pub fn project_of(&self, id: NotificationId) -> Option<ProjectId> {
        self.rows.get(&id)?.project
    }

    fn queue(&mut self, row: Row) {
        if self.rows.contains_key(&row.id) {
            return;
        }
        self.by_recipient.insert(row.key.clone(), row.created_at, row.id);
        self.unread.insert(row.key.clone(), row.created_at, row.id);
        self.rows.insert(row.id, row);
    }
}

impl Projection for Notifications {
    const NAME: &'static str = "notifications";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Notification(fact) = &event.event else { return };
        let Ok(id) = event.stream.aggregate_id.parse::<NotificationId>() else { return };
        if let Some(row) = Row::queued(id, fact) {
            self.queue(row);
        }
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.apply(fact);
        row.version = event.version;
        if row.read_at.is_some() {
            self.unread.remove(row.key.clone(), row.created_at, id);
        }
    }
}

impl Row {
    fn queued(id: NotificationId, fact: &Event) -> Option<Self> {
        let Event::Queued { project, recipient, kind, subject, text, task, expires_at, at, cause: _ } = fact
        else {
            return None;
        };
        Some(Self {
            id,
            project: *project,
            recipient: actor(recipient),
            key: recipient.to_string(),
            kind: *kind,
            subject: subject.clone(),
            text: text.clone(),
            task: *task,
            status: Status::Queued,
            attempts: 0,
            last_error: None,
            due_at: *at,
            created_at: *at,
            expires_at: *expires_at,
            delivered_at: None,
            read_at: None,
            version: 0,
        })
    }

    fn apply(&mut self, fact: &Event) {
        match fact {
            Event::Queued { .. } => {}
            Event::Delivered { at } => {
                self.status = Status::Delivered;
                self.delivered_at = Some(*at);
            }
            Event::Read { at } => {
                self.status = Status::Read;
                self.read_at = Some(*at);
            }
            Event::AttemptFailed { attempt, error, retry_at, .. } => {
                self.attempts = *attempt;
                self.last_error = Some(error.clone());
                self.due_at = *retry_at;
            }
            Event::Failed { attempt, error, .. } => {
                self.attempts = *attempt;
                self.last_error = Some(error.clone());
                self.status = Status::Failed;
            }
            Event::Expired { .. } => self.status = Status::Expired,
        }
    }
}

fn actor(recipient: &Recipient) -> Actor {
    match recipient {
        Recipient::Operator(name) => Actor::Human(name.clone()),
        Recipient::Agent(id) => Actor::Agent(*id),
    }
}
