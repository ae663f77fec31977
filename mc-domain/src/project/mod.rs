//! A project: the workspace that agents, tasks and everything else belong to.
//!
//! State: `Absent → Present`
//!
//! Invariants:
//! 1. The slug is given at creation and never changes; a reservation keeps it unique over all projects.
//! 2. Only an operator creates, edits, stops or resumes a project; a worker may create, edit and stop one.
//! 3. A stopped squad stays stopped until an operator resumes it; agents may still join it.
//! 4. Halts are numbered from 1, each one higher than the one before.

mod command;
mod event;
#[cfg(test)]
mod tests;
mod values;

use serde::{Deserialize, Serialize};

pub use command::{Command, Rejection};
pub use event::Event;
pub use values::{Halt, Profile};

use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
    ids::ProjectId,
    money::Usd,
    values::{Reason, Slug},
};

/// Whether a project's squad works or is stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Squad {
    /// The squad works.
    #[default]
    Working,
    /// It is stopped, and whoever comes into it is too; in an emergency nobody of it works, whoever lets one of them go on.
    Stopped(Halt),
}

/// A project, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     project::{Command, Event, Profile, Project},
///     values::{Name, Slug},
/// };
///
/// let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let create = Command::Create { slug: Slug::new("openclaw")?, profile: Profile::new(Name::new("OpenClaw")?) };
/// let events = Project::default().decide(create, &sofie)?;
/// assert!(matches!(events[..], [Event::Created { .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Project {
    /// The project was not created yet; every command but creation is refused.
    #[default]
    Absent,
    /// As it was created and edited.
    Present {
        /// What it is called in addresses.
        slug: Slug,
        /// Name, description and cap, which an edit may change.
        profile: Profile,
        /// Whether its squad works or is stopped.
        #[serde(default)]
        squad: Squad,
        /// How often the squad was stopped.
        #[serde(default)]
        halts: u64,
        /// Why the squad was stopped last, when someone said so.
        #[serde(default)]
        halt_reason: Option<Reason>,
    },
}

impl Project {
    /// What all its runs together may cost in one UTC day, where that is limited.
    pub fn daily_cap(&self) -> Option<Usd> {
        match self {
            Self::Absent => None,
            Self::Present { profile, .. } => profile.daily_cap,
        }
    }

    /// Whether its squad works; that of no project does.
    pub fn squad(&self) -> Squad {
        match self {
            Self::Absent => Squad::Working,
            Self::Present { squad, .. } => *squad,
        }
    }

    /// The number of its latest halt; 0 before the first, and after one of before halts were numbered.
    pub fn halts(&self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Present { halts, .. } => *halts,
        }
    }

    /// Why its squad was stopped last, when someone said so.
    pub fn halt_reason(&self) -> Option<&Reason> {
        match self {
            Self::Absent => None,
            Self::Present { halt_reason, .. } => halt_reason.as_ref(),
        }
    }
}

impl Aggregate for Project {
    const TYPE: &'static str = "project";
    type Id = ProjectId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() == ActorKind::Agent {
            return Err(Rejection::OperatorOnly);
        }
        match (self, command) {
            (Self::Absent, Command::Create { slug, profile }) => {
                Ok(vec![Event::Created { slug, profile, at: context.now }])
            }
            (Self::Present { .. }, Command::Create { .. }) => Err(Rejection::AlreadyExists),
            (
                Self::Absent,
                Command::Edit { .. } | Command::PauseSquad { .. } | Command::ResumeSquad { .. },
            ) => Err(Rejection::NotFound),
            (Self::Present { profile: current, .. }, Command::Edit { profile }) if *current == profile => {
                Ok(vec![])
            }
            (Self::Present { .. }, Command::Edit { profile }) => Ok(vec![Event::Edited { profile }]),
            (Self::Present { squad, halts, .. }, Command::PauseSquad { halt, reason }) => {
                let (halt, number) = (hardest(*squad, halt), halts.saturating_add(1));
                Ok(vec![Event::SquadPaused { halt, number, reason, at: context.now }])
            }
            (Self::Present { squad, .. }, Command::ResumeSquad { reason }) => {
                resume_squad(*squad, reason, context)
            }
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Created { slug, profile, .. }) => Self::Present {
                slug: slug.clone(),
                profile: profile.clone(),
                squad: Squad::Working,
                halts: 0,
                halt_reason: None,
            },
            (Self::Absent, Event::Edited { .. } | Event::SquadPaused { .. } | Event::SquadResumed { .. }) => {
                Self::Absent
            }
            (Self::Present { slug, squad, halts, halt_reason, .. }, Event::Edited { profile }) => {
                Self::Present { slug, profile: profile.clone(), squad, halts, halt_reason }
            }
            (Self::Present { slug, profile, .. }, Event::SquadPaused { halt, number, reason, .. }) => {
                let (squad, halt_reason) = (Squad::Stopped(*halt), reason.clone());
                Self::Present { slug, profile, squad, halts: *number, halt_reason }
            }
            (Self::Present { slug, profile, halts, .. }, Event::SquadResumed { .. }) => {
                Self::Present { slug, profile, squad: Squad::Working, halts, halt_reason: None }
            }
        }
    }
}

/// A pause does not soften an emergency stop.
fn hardest(squad: Squad, halt: Halt) -> Halt {
    match squad {
        Squad::Working | Squad::Stopped(Halt::Pause) => halt,
        Squad::Stopped(Halt::Emergency) => Halt::Emergency,
    }
}

/// Invariant 3: only an operator lets a stopped squad work again.
fn resume_squad(
    squad: Squad,
    reason: Option<Reason>,
    context: &CommandContext,
) -> Result<Vec<Event>, Rejection> {
    match (squad, context.actor.kind()) {
        (_, ActorKind::Agent | ActorKind::System) => Err(Rejection::OperatorOnly),
        (Squad::Working, ActorKind::Human) => Ok(vec![]),
        (Squad::Stopped(_), ActorKind::Human) => Ok(vec![Event::SquadResumed { reason, at: context.now }]),
    }
}
