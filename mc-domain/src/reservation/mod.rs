//! A reservation: what must be unique is a stream of its own, so the log's version check keeps it unique.
//!
//! State: `Free ⇄ Held`
//!
//! Invariants:
//! 1. A name is held by at most one entity at a time.
//! 2. Only its holder gives it back.

mod event;
#[cfg(test)]
mod tests;
mod values;

use serde::{Deserialize, Serialize};

pub use event::Event;
pub use values::{Holder, Key};

use crate::{
    aggregate::{Aggregate, CommandContext},
    ids::{AgentId, ApprovalId, ProjectId},
};

/// What may be asked of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Holds the name for this holder.
    Reserve(Holder),
    /// Gives the name back, by its holder.
    Release(Holder),
}

/// Why a reservation refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Invariant 1: the name is held by another.
    #[error("the name is taken")]
    Taken {
        /// The holder of the name.
        by: Holder,
    },
    /// Invariant 2: another than the holder gave the name back.
    #[error("the name is held by another")]
    NotHolder,
}

/// A name and who holds it.
///
/// ```
/// use mc_domain::{actor::Actor, aggregate::{Aggregate, CommandContext}, ids::ProjectId, values::Name};
/// use mc_domain::reservation::{Command, Holder, Rejection, Reservation};
///
/// let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let (first, second) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
/// let (first, second) = (Holder::Project(first), Holder::Project(second));
/// let events = Reservation::default().decide(Command::Reserve(first), &sofie)?;
/// let refused = Reservation::fold(&events).decide(Command::Reserve(second), &sofie);
/// assert_eq!(refused, Err(Rejection::Taken { by: first }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reservation {
    /// Nobody holds the name.
    #[default]
    Free,
    /// The name is held by one entity.
    Held(Holder),
}

impl Reservation {
    /// The project that holds it, if one does.
    pub fn project(&self) -> Option<ProjectId> {
        match self {
            Self::Held(Holder::Project(project)) => Some(*project),
            Self::Held(Holder::Agent(_) | Holder::Approval(_)) | Self::Free => None,
        }
    }

    /// The agent that holds it, if one does.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Held(Holder::Agent(agent)) => Some(*agent),
            Self::Held(Holder::Project(_) | Holder::Approval(_)) | Self::Free => None,
        }
    }

    /// The open approval that holds it, if one does.
    pub fn approval(&self) -> Option<ApprovalId> {
        match self {
            Self::Held(Holder::Approval(approval)) => Some(*approval),
            Self::Held(Holder::Project(_) | Holder::Agent(_)) | Self::Free => None,
        }
    }
}

impl Aggregate for Reservation {
    const TYPE: &'static str = "reservation";
    type Id = Key;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Free, Command::Reserve(holder)) => Ok(vec![Event::Reserved { holder }]),
            (Self::Held(by), Command::Reserve(holder)) if *by == holder => Ok(vec![]),
            (Self::Held(by), Command::Reserve(_)) => Err(Rejection::Taken { by: *by }),
            (Self::Held(by), Command::Release(holder)) if *by == holder => {
                Ok(vec![Event::Released { holder }])
            }
            (Self::Held(_), Command::Release(_)) => Err(Rejection::NotHolder),
            (Self::Free, Command::Release(_)) => Ok(vec![]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::Reserved { holder } => Self::Held(*holder),
            Event::Released { .. } => Self::Free,
        }
    }
}
