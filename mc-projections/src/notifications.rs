//! Who was told what, what is still unread, and what is to be delivered?

mod address_book;
mod query;
#[cfg(test)]
mod tests;
mod view;
mod waiting;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    ids::{NotificationId, ProjectId, TaskId},
    notification::{Event, Kind, Recipient, Status},
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    values::{Reason, Text, Title},
};
use serde::{Deserialize, Serialize};

pub use address_book::AddressBook;
pub use query::NotificationQuery;
pub use view::NotificationView;
pub use waiting::{Due, Lane};

use crate::{
    ordered_index::{CreationKey, OrderedIndex},
    projection::Projection,
    table::{self, Table},
};
use waiting::{Place, Waiting};

/// All notifications, by identity and in order of creation by recipient and by project, unread or read.
///
/// ```
/// use mc_domain::{notification::{Event, Kind, Notification, Recipient}, values::{Name, Title}};
/// use mc_projections::{notifications::NotificationQuery, script::Script};
///
/// let mut script = Script::new();
/// let recipient = Recipient::Operator(Name::new("Sofie")?);
/// let (kind, subject, cause) = (Kind::Mention, Title::new("Scout mentioned you")?, uuid::Uuid::nil().into());
/// let (project, text, task, through) = (None, None, None, None);
/// script.record::<Notification>(&uuid::Uuid::nil().into(), |at| {
///     Event::Queued { cause, project, recipient, kind, subject, text, task, through, expires_at: at, at }
/// });
///
/// let views = script.views();
/// let unread = NotificationQuery { unread: Some(true), ..NotificationQuery::default() };
/// assert_eq!(views.notifications.list(&unread, &views.agents)?.items.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Notifications {
    rows: Table<Index>,
    waiting: Waiting,
    /// The position up to which everything that calls for a notification has one, 0 at first.
    through: u64,
}

/// Where each notification stands in every order that is asked for. A notification is created when it is queued.
#[derive(Debug, Clone, Default, PartialEq)]
struct Index {
    /// By recipient, as text, and whether they are unread; in order of creation.
    by_recipient: OrderedIndex<(String, bool), CreationKey<NotificationId>>,
    /// By project and whether they are unread; in order of creation.
    by_project: OrderedIndex<(Option<ProjectId>, bool), CreationKey<NotificationId>>,
}

impl table::Index for Index {
    type Id = NotificationId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        Keys {
            created: (row.created_at.timestamp_micros(), row.id),
            recipient: row.key.clone(),
            project: row.project,
            is_unread: row.read_at.is_none(),
        }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        let was = before.as_ref();
        self.by_recipient.shift(was.map(Keys::to_recipient), Some(after.to_recipient()));
        self.by_project.shift(was.map(Keys::in_project), Some(after.in_project()));
    }
}

/// Everything of a notification that decides where it stands.
struct Keys {
    created: CreationKey<NotificationId>,
    recipient: String,
    project: Option<ProjectId>,
    is_unread: bool,
}

impl Keys {
    fn to_recipient(&self) -> ((String, bool), CreationKey<NotificationId>) {
        ((self.recipient.clone(), self.is_unread), self.created)
    }

    fn in_project(&self) -> ((Option<ProjectId>, bool), CreationKey<NotificationId>) {
        ((self.project, self.is_unread), self.created)
    }
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
    /// The position of the event that queued it.
    position: u64,
    delivered_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    version: u64,
}

impl Notifications {
    /// The project that a notification belongs to; nothing when it is unknown or belongs to none.
    pub fn project_of(&self, id: NotificationId) -> Option<ProjectId> {
        self.rows.get(id)?.project
    }

    /// Whether a notification of this identity was ever queued.
    pub fn contains(&self, id: NotificationId) -> bool {
        self.rows.get(id).is_some()
    }

    /// The position of the log up to which everything that calls for a notification has one, as far as that was
    /// recorded; 0 at first.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// How many notifications within a reach are queued and have not arrived.
    pub fn waiting(&self, reach: &Reach) -> usize {
        match reach {
            Reach::All => self.waiting.len(),
            Reach::Only(_) => self.waiting.ids().filter(|id| reach.covers(self.project_of(*id))).count(),
        }
    }

    /// The time since which the longest waiting notification within a reach has been due; in the future when all that
    /// wait are retries.
    pub fn due_since(&self, reach: &Reach) -> Option<DateTime<Utc>> {
        match reach {
            Reach::All => self.waiting.first_due(),
            Reach::Only(_) => self.waiting.first_due_of(|id| reach.covers(self.project_of(id))),
        }
    }

    /// The notifications that are due at `now`: for each recipient the first `each`, in the order in which they are
    /// due.
    pub fn due(&self, now: DateTime<Utc>, each: usize) -> Vec<Lane> {
        self.waiting.due(now, each, |id| self.rows.get(id).map(|row| row.due()))
    }
}

impl Projection for Notifications {
    const NAME: &'static str = "notifications";
    const VERSION: u32 = 3;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Notification(fact) = &event.event else { return };
        let Ok(id) = event.stream.aggregate_id.parse::<NotificationId>() else { return };
        if let Some(row) = Row::queued(id, fact, event.position).filter(|_| !self.contains(id)) {
            self.rows.insert(id, row);
        }
        if let Event::Queued { through: Some(through), .. } = fact {
            self.through = self.through.max(*through);
        }
        // Of all keys of a notification, only whether it is unread ever changes.
        if matches!(fact, Event::Read { .. }) {
            self.rows.change(id, |row| row.apply(fact));
        } else if let Some(row) = self.rows.get_mut_unindexed(id) {
            row.apply(fact);
        }
        if let Some(row) = self.rows.get_mut_unindexed(id) {
            row.version = event.version;
            self.waiting.note(&row.key, id, row.place());
        }
    }
}

impl Row {
    fn queued(id: NotificationId, fact: &Event, position: u64) -> Option<Self> {
        let Event::Queued { project, recipient, kind, subject, text, task, expires_at, at, .. } = fact else {
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
            position,
            delivered_at: None,
            read_at: None,
            version: 0,
        })
    }

    /// Where it stands among those that wait; nothing once it has arrived or was given up.
    fn place(&self) -> Option<Place> {
        let waits = self.status == Status::Queued;
        waits.then(|| Place { due_at_micros: self.due_at.timestamp_micros(), position: self.position })
    }

    fn due(&self) -> Due {
        let Self { id, project, expires_at, .. } = *self;
        Due { id, project, expires_at }
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
