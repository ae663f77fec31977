//! A notification: something that one agent or operator is told, once.
//!
//! State: `Unqueued → queued → delivered | failed | expired → read`
//!
//! Invariants:
//! 1. The same event is told the same recipient once, however often somebody sets out to ([`Notice::id`]).
//! 2. An agent takes and reads its own only.
//! 3. What failed [`RETRY_AFTER_SECS`] is given up; what is older than [`LASTS`] is not delivered any more. Both can still
//!    be read.

mod command;
mod event;
#[cfg(test)]
mod tests;
mod values;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use command::{Command, Rejection};
pub use event::Event;
pub use values::{Kind, Notice, Recipient, Status};

use crate::{
    actor::{Actor, ActorKind},
    aggregate::{Aggregate, CommandContext},
    ids::NotificationId,
    values::Reason,
};

/// How long a notification is delivered after what it is about happened.
pub const LASTS: TimeDelta = TimeDelta::hours(24);
/// How long to wait after each attempt that failed, in seconds: 30 s, 1, 2, 4, 8 min.
pub const RETRY_AFTER_SECS: [i64; 5] = [30, 60, 120, 240, 480];

/// A notification, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     notification::{Command, Kind, Notice, Notification, Recipient, Status},
///     values::{Name, Title},
/// };
///
/// let now = chrono::DateTime::UNIX_EPOCH;
/// let notice = Notice {
///     cause: uuid::Uuid::from_u128(1).into(),
///     project: None,
///     recipient: Recipient::Operator(Name::new("Sofie")?),
///     kind: Kind::Mention,
///     subject: Title::new("Scout mentioned you")?,
///     text: None,
///     task: None,
///     through: None,
///     at: now,
/// };
/// let dispatcher = CommandContext::new(now, Actor::System(Name::new("dispatcher")?));
/// let queued = Notification::fold(&Notification::default().decide(Command::Queue(notice.clone()), &dispatcher)?);
/// assert_eq!(queued.status(), Some(Status::Queued));
/// assert_eq!(queued.decide(Command::Queue(notice), &dispatcher)?, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Notification {
    /// It was never queued; every command but that is refused.
    #[default]
    Unqueued,
    /// It was queued, and stays on record however it ends.
    Queued(Box<Queued>),
}

/// What the rules read of a notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// Who is told.
    pub(crate) recipient: Recipient,
    /// From when on it is too late for it.
    pub(crate) expires_at: DateTime<Utc>,
    /// How far its delivery has come.
    pub(crate) status: Status,
    /// How many attempts to deliver it have failed.
    pub(crate) attempts: u32,
    /// When it is tried again, once an attempt has failed.
    pub(crate) retry_at: Option<DateTime<Utc>>,
}

impl Aggregate for Notification {
    const TYPE: &'static str = "notification";
    type Id = NotificationId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Unqueued, Command::Queue(notice)) => queue(notice, context),
            (Self::Queued(_), Command::Queue(_)) => Ok(vec![]),
            (Self::Unqueued, Command::Deliver | Command::Read | Command::Fail { .. } | Command::Expire) => {
                Err(Rejection::NotFound)
            }
            (Self::Queued(queued), Command::Deliver) => queued.deliver(context),
            (Self::Queued(queued), Command::Read) => queued.read(context),
            (Self::Queued(queued), Command::Fail { error }) => queued.fail(error, context),
            (Self::Queued(queued), Command::Expire) => queued.expire(context),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        if let Event::Queued { recipient, expires_at, .. } = event {
            return Self::Queued(Box::new(Queued {
                recipient: recipient.clone(),
                expires_at: *expires_at,
                status: Status::Queued,
                attempts: 0,
                retry_at: None,
            }));
        }
        match self {
            Self::Unqueued => Self::Unqueued,
            Self::Queued(mut queued) => {
                queued.evolve(event);
                Self::Queued(queued)
            }
        }
    }
}

impl Notification {
    /// What the rules read of it.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] before it was queued.
    pub fn queued(&self) -> Result<&Queued, Rejection> {
        match self {
            Self::Unqueued => Err(Rejection::NotFound),
            Self::Queued(queued) => Ok(queued),
        }
    }

    /// What became of it, if it was queued.
    pub fn status(&self) -> Option<Status> {
        self.queued().ok().map(|queued| queued.status)
    }
}

/// A notification that comes too late from the start is not begun with.
fn queue(notice: Notice, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
    system_only(context)?;
    let Notice { cause, project, recipient, kind, subject, text, task, through, at } = notice;
    let expires_at = at + LASTS;
    if context.now >= expires_at {
        return Ok(vec![]);
    }
    let at = context.now;
    Ok(vec![Event::Queued { cause, project, recipient, kind, subject, text, task, through, expires_at, at }])
}

impl Queued {
    /// Who is told.
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// When it is tried again, once an attempt has failed.
    pub fn retry_at(&self) -> Option<DateTime<Utc>> {
        self.retry_at
    }

    /// From when on it is too late for it.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    fn deliver(&self, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.is_recipients(context)?;
        match self.status {
            Status::Queued if context.now >= self.expires_at => Ok(vec![Event::Expired { at: context.now }]),
            Status::Queued => Ok(vec![Event::Delivered { at: context.now }]),
            Status::Delivered | Status::Read => Ok(vec![]),
            status @ (Status::Failed | Status::Expired) => Err(Rejection::Over { status }),
        }
    }

    fn read(&self, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.is_recipients(context)?;
        match self.status {
            Status::Read => Ok(vec![]),
            Status::Queued | Status::Delivered | Status::Failed | Status::Expired => {
                Ok(vec![Event::Read { at: context.now }])
            }
        }
    }

    /// Invariant 3. Does nothing where it is over, so that a worker may come twice or late.
    fn fail(&self, error: Reason, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        system_only(context)?;
        if self.status != Status::Queued {
            return Ok(vec![]);
        }
        if let Some(at) = self.retry_at.filter(|at| context.now < *at) {
            return Err(Rejection::NotDue { at });
        }
        let (attempt, at) = (self.attempts.saturating_add(1), context.now);
        let waits = RETRY_AFTER_SECS.get(self.attempts as usize);
        Ok(vec![match waits {
            Some(secs) => {
                let retry_at = at + TimeDelta::seconds(*secs);
                Event::AttemptFailed { attempt, error, retry_at, at }
            }
            None => Event::Failed { attempt, error, at },
        }])
    }

    fn expire(&self, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        system_only(context)?;
        match self.status {
            Status::Queued if context.now < self.expires_at => Err(Rejection::NotDue { at: self.expires_at }),
            Status::Queued => Ok(vec![Event::Expired { at: context.now }]),
            Status::Delivered | Status::Read | Status::Failed | Status::Expired => Ok(vec![]),
        }
    }

    /// Invariant 2: refuses an agent that is not its recipient.
    fn is_recipients(&self, context: &CommandContext) -> Result<(), Rejection> {
        match context.actor {
            Actor::Agent(agent) if self.recipient.agent() != Some(agent) => Err(Rejection::NotRecipient),
            Actor::Agent(_) | Actor::Human(_) | Actor::System(_) => Ok(()),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Queued { .. } => {}
            Event::Delivered { .. } => self.status = Status::Delivered,
            Event::Read { .. } => self.status = Status::Read,
            Event::AttemptFailed { attempt, retry_at, .. } => {
                self.attempts = *attempt;
                self.retry_at = Some(*retry_at);
            }
            Event::Failed { attempt, .. } => {
                self.attempts = *attempt;
                self.status = Status::Failed;
            }
            Event::Expired { .. } => self.status = Status::Expired,
        }
    }
}

fn system_only(context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::System => Ok(()),
        ActorKind::Human | ActorKind::Agent => Err(Rejection::SystemOnly),
    }
}
