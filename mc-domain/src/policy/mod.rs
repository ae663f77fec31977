//! A policy: what agents may do by themselves, published as numbered versions for one project or for all.
//!
//! State: `Unpublished → Published`
//!
//! Invariants:
//! 1. Only an operator or a worker of ours publishes; no agent raises its own autonomy.
//! 2. A malformed document is refused with everything that is wrong with it.
//! 3. Versions count up from 1; publishing what is active already adds none.
//!
//! How a request is judged by a document is pure and apart from the aggregate: [`evaluate::evaluate`].

mod command;
pub mod document;
pub mod evaluate;
mod event;
pub mod files;
pub mod network;
pub mod reason;
pub mod secrets;
pub mod shell;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use command::{Command, Rejection};
use document::Document;
pub use event::Event;

use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
    ids::{InvalidId, ProjectId},
};

/// The scope that a policy holds in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// In every project that has none of its own.
    Global,
    /// In one project, before the global policy.
    Project(ProjectId),
}

impl Scope {
    const GLOBAL: &'static str = "global";

    /// The project that it holds in; none for the global one.
    pub fn project(self) -> Option<ProjectId> {
        match self {
            Self::Global => None,
            Self::Project(project) => Some(project),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str(Self::GLOBAL),
            Self::Project(project) => project.fmt(f),
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text == Self::GLOBAL { Ok(Self::Global) } else { text.parse().map(Self::Project) }
    }
}

/// A policy, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     policy::{Command, Policy, document::Document},
///     values::Name,
/// };
///
/// let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let publish = || Command::Publish { document: Box::new(Document::default()) };
/// let events = Policy::default().decide(publish(), &sofie)?;
/// let policy = Policy::fold(&events);
/// assert_eq!(policy.version(), 1);
/// assert_eq!(policy.decide(publish(), &sofie), Ok(vec![]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Policy {
    /// No version was published yet, so the next wider scope decides.
    #[default]
    Unpublished,
    /// The version that was published last is in force.
    Published {
        /// The number of the version, from 1.
        version: u32,
        /// The document of that version.
        document: Box<Document>,
    },
}

impl Policy {
    /// The number of the active version; 0 before the first.
    pub fn version(&self) -> u32 {
        match self {
            Self::Unpublished => 0,
            Self::Published { version, .. } => *version,
        }
    }

    /// The active document, if one was published; otherwise the next wider scope decides.
    pub fn document(&self) -> Option<&Document> {
        match self {
            Self::Unpublished => None,
            Self::Published { document, .. } => Some(document),
        }
    }
}

impl Aggregate for Policy {
    const TYPE: &'static str = "policy";
    type Id = Scope;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() == ActorKind::Agent {
            return Err(Rejection::OperatorOnly);
        }
        match (self, command) {
            (Self::Published { document: active, .. }, Command::Publish { document })
                if *active == document =>
            {
                Ok(vec![])
            }
            (Self::Unpublished | Self::Published { .. }, Command::Publish { document }) => {
                document.validate().map_err(Rejection::Malformed)?;
                Ok(vec![Event::Published {
                    version: self.version().saturating_add(1),
                    document,
                    at: context.now,
                }])
            }
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::Published { version, document, .. } => {
                Self::Published { version: *version, document: document.clone() }
            }
        }
    }
}
