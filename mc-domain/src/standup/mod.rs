//! A standup: the report on one day of one project, recorded once.
//!
//! State: `Unrecorded → Recorded`
//!
//! Invariants:
//! 1. A day of a project has one report; recording it again changes nothing, so a worker may come twice.
//! 2. Agents record none.

mod command;
mod event;
#[cfg(test)]
mod tests;
mod values;

use serde::{Deserialize, Serialize};

pub use command::{Command, Rejection};
pub use event::Event;
pub use values::{InvalidKey, Key, MAX_NAMED, Report};

use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
};

/// A standup, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     standup::{Command, Report, Standup},
///     values::Name,
/// };
///
/// let worker = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::System(Name::new("standup")?));
/// let record = || Command::Record { report: Report::default() };
/// let recorded = Standup::default().decide(record(), &worker)?;
/// assert_eq!(Standup::fold(&recorded).decide(record(), &worker)?, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standup {
    /// The day has no report yet.
    #[default]
    Unrecorded,
    /// The day has its report, and takes no other.
    Recorded,
}

impl Aggregate for Standup {
    const TYPE: &'static str = "standup";
    type Id = Key;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() == ActorKind::Agent {
            return Err(Rejection::OperatorOnly);
        }
        let Command::Record { report } = command;
        Ok(match self {
            Self::Unrecorded => vec![Event::Recorded { report, at: context.now }],
            Self::Recorded => vec![],
        })
    }

    fn evolve(self, event: &Event) -> Self {
        let Event::Recorded { .. } = event;
        Self::Recorded
    }
}
