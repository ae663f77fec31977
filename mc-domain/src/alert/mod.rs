//! An alert: something an operator should know of, told once per type and subject until it is dealt with.
//!
//! State: `Absent → open → acknowledged → resolved | ignored`, and raised again a new episode is open.
//!
//! Invariants:
//! 1. Per type and subject at most one episode is open; while it is, repeats count on it.
//! 2. Only an operator acknowledges or ignores it; a worker may resolve it, when the cause is gone.
//! 3. The end of an episode is final.

mod command;
mod event;
#[cfg(test)]
mod tests;
mod values;

use serde::{Deserialize, Serialize};

pub use command::{Command, Raise, Rejection};
pub use event::Event;
pub use values::{InvalidKey, Key, Kind, Severity, Status, Subject};

use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
    ids::{AlertId, ProjectId},
    values::Reason,
};

/// The alerts of one type about one subject, folded from their events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     alert::{Alert, Command, Kind, Raise, Status},
///     values::{Name, Title},
/// };
///
/// let monitor = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::System(Name::new("monitor")?));
/// let (id, project) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
/// let raise = Raise::new(id, Kind::AgentStale, project, Title::new("Scout is silent")?);
/// let alert = Alert::fold(&Alert::default().decide(Command::Raise(raise), &monitor)?);
/// assert_eq!(alert.episode()?.status(), Status::Open);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Alert {
    /// The alert was never raised.
    #[default]
    Absent,
    /// The latest episode, open or ended.
    Present(Episode),
}

/// From the raising of an alert to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// The identity of the episode.
    pub(crate) id: AlertId,
    /// The project whose operators were told.
    pub(crate) project: ProjectId,
    /// What has been done about it.
    pub(crate) status: Status,
    /// How often it has happened in this episode, the first time included.
    pub(crate) count: u32,
}

impl Aggregate for Alert {
    const TYPE: &'static str = "alert";
    type Id = Key;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (_, Command::Raise(raise)) => Ok(vec![match self.open() {
                Some(open) => repeated(open, raise, context),
                None => raised(raise, context),
            }]),
            (_, Command::RaiseOnce(_)) if self.open().is_some() => Ok(vec![]),
            (_, Command::RaiseOnce(raise)) => Ok(vec![raised(raise, context)]),
            (
                Self::Absent,
                Command::Acknowledge { .. } | Command::Resolve { .. } | Command::Ignore { .. },
            ) => Err(Rejection::NotFound),
            (Self::Present(episode), Command::Acknowledge { id, note }) => {
                episode.acknowledge(id, note, context)
            }
            (Self::Present(episode), Command::Resolve { id, note }) => episode.resolve(id, note, context),
            (Self::Present(episode), Command::Ignore { id, note }) => episode.ignore(id, note, context),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Raised { id, project, .. }) => {
                Self::Present(Episode { id: *id, project: *project, status: Status::Open, count: 1 })
            }
            (
                Self::Absent,
                Event::Repeated { .. }
                | Event::Acknowledged { .. }
                | Event::Resolved { .. }
                | Event::Ignored { .. },
            ) => Self::Absent,
            (Self::Present(episode), Event::Repeated { count, .. }) => {
                Self::Present(Episode { count: *count, ..episode })
            }
            (Self::Present(episode), Event::Acknowledged { .. }) => episode.becomes(Status::Acknowledged),
            (Self::Present(episode), Event::Resolved { .. }) => episode.becomes(Status::Resolved),
            (Self::Present(episode), Event::Ignored { .. }) => episode.becomes(Status::Ignored),
        }
    }
}

impl Alert {
    /// The latest episode.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when there was none.
    pub fn episode(&self) -> Result<&Episode, Rejection> {
        match self {
            Self::Absent => Err(Rejection::NotFound),
            Self::Present(episode) => Ok(episode),
        }
    }

    /// The latest episode while it is open or acknowledged.
    pub fn open(&self) -> Option<&Episode> {
        self.episode().ok().filter(|episode| episode.is_open())
    }
}

impl Episode {
    /// How often it has happened in this episode, the first time included.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// What has been done about it.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The identity of the episode.
    pub fn id(&self) -> AlertId {
        self.id
    }

    /// The project whose operators were told.
    pub fn project(&self) -> ProjectId {
        self.project
    }

    /// Whether somebody is still to deal with it: open or acknowledged.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Open | Status::Acknowledged)
    }

    fn becomes(self, status: Status) -> Alert {
        Alert::Present(Self { status, ..self })
    }

    fn acknowledge(
        &self,
        id: AlertId,
        note: Option<Reason>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        human_only("acknowledge", context)?;
        self.is_episode(id)?;
        match self.status {
            Status::Open => Ok(vec![Event::Acknowledged { id, note, at: context.now }]),
            Status::Acknowledged => Ok(vec![]),
            status @ (Status::Resolved | Status::Ignored) => Err(Rejection::Closed { status }),
        }
    }

    /// Invariant 2: only operators and the system end an episode.
    fn resolve(
        &self,
        id: AlertId,
        note: Option<Reason>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() == ActorKind::Agent {
            return Err(Rejection::OperatorOnly { what: "resolve" });
        }
        self.is_episode(id)?;
        match self.status {
            Status::Open | Status::Acknowledged => Ok(vec![Event::Resolved { id, note, at: context.now }]),
            Status::Resolved => Ok(vec![]),
            status @ Status::Ignored => Err(Rejection::Closed { status }),
        }
    }

    fn ignore(
        &self,
        id: AlertId,
        note: Option<Reason>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        human_only("ignore", context)?;
        self.is_episode(id)?;
        match self.status {
            Status::Open | Status::Acknowledged => Ok(vec![Event::Ignored { id, note, at: context.now }]),
            Status::Ignored => Ok(vec![]),
            status @ Status::Resolved => Err(Rejection::Closed { status }),
        }
    }

    fn is_episode(&self, id: AlertId) -> Result<(), Rejection> {
        if self.id == id { Ok(()) } else { Err(Rejection::NotFound) }
    }
}

fn raised(raise: Raise, context: &CommandContext) -> Event {
    let Raise { id, kind, project, severity, title, description, agent, task, run } = raise;
    Event::Raised { id, kind, severity, title, description, agent, task, run, project, at: context.now }
}

/// Invariant 1: while an episode is open, the same alert only counts up.
fn repeated(open: &Episode, raise: Raise, context: &CommandContext) -> Event {
    let count = open.count.saturating_add(1);
    Event::Repeated { id: open.id, count, description: raise.description, at: context.now }
}

fn human_only(what: &'static str, context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::Human => Ok(()),
        ActorKind::Agent | ActorKind::System => Err(Rejection::OperatorOnly { what }),
    }
}
