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

use std::fmt;

use serde::{Deserialize, Serialize};

pub use event::Event;

use crate::{
    aggregate::{Aggregate, CommandContext},
    approval::ContentHash,
    ids::{AgentId, ApprovalId, ProjectId},
    text,
    values::{Name, Slug},
};

/// What is reserved: a project's slug, what an agent's name looks like in its project, or what an open approval is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The slug of a project.
    pub fn project(slug: &Slug) -> Self {
        Self(format!("project/{slug}"))
    }

    /// The name of an agent in `project`: the first of [`Key::of_agent`], which is the same for names that are the same.
    pub fn agent(project: ProjectId, name: &Name) -> Self {
        Self::of_agent(project, name).swap_remove(0)
    }

    /// All that the name of an agent in `project` is taken for, in one key or two ([`text::looks`]).
    pub fn of_agent(project: ProjectId, name: &Name) -> Vec<Self> {
        text::looks(name.as_str()).iter().map(|look| Self(format!("agent/{project}/{look}"))).collect()
    }

    /// The key of the same name as it was when only upper and lower case were the same, unless it still is that.
    pub fn of_agent_before(project: ProjectId, name: &Name) -> Option<Self> {
        let before = Self(format!("agent/{project}/{}", name.as_str().to_lowercase()));
        (!Self::of_agent(project, name).contains(&before)).then_some(before)
    }

    /// What is asked for in `project` about one subject: a task, or where none is named an agent.
    pub(crate) fn approval(project: ProjectId, about: impl fmt::Display, content: &ContentHash) -> Self {
        Self(format!("approval/{project}/{about}/{content}"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who holds a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// A project.
    #[serde(rename = "project")]
    Project(ProjectId),
    /// An agent.
    #[serde(rename = "agent")]
    Agent(AgentId),
    /// An open approval.
    #[serde(rename = "approval")]
    Approval(ApprovalId),
}

/// What may be asked of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Hold the name.
    Reserve(Holder),
    /// Give it back.
    Release(Holder),
}

/// Why a reservation refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Invariant 1.
    #[error("the name is taken")]
    Taken {
        /// Who holds it.
        by: Holder,
    },
    /// Invariant 2.
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
    /// Nobody holds it.
    #[default]
    Free,
    /// Someone holds it.
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
