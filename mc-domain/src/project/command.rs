//! What may be asked of a project, and why it may refuse.

use super::values::{Halt, Profile};
use crate::values::{Reason, Slug};

/// What may be asked of a project.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Creates the project.
    Create {
        /// What it is called in addresses.
        slug: Slug,
        /// Name, description and cap, which an edit may change later.
        profile: Profile,
    },
    /// Replaces the profile.
    Edit {
        /// The whole new profile; what it leaves out is no longer set.
        profile: Profile,
    },
    /// Stop its squad, to be resumed later. Each time is a halt of its own, which stops those too who were let go on from
    /// the one before.
    PauseSquad {
        /// How the squad is stopped; a pause does not soften an emergency stop.
        halt: Halt,
        /// Why, for the record and the agents.
        reason: Option<Reason>,
    },
    /// Let its squad work again, by an operator.
    ResumeSquad {
        /// Why, for the record and the agents.
        reason: Option<Reason>,
    },
}

/// Why a project refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The project was never created.
    #[error("there is no such project")]
    NotFound,
    /// A project with this identity was created before.
    #[error("the project exists already")]
    AlreadyExists,
    /// Invariant 2: the command is an operator's.
    #[error("only an operator may create, change, stop or resume a project")]
    OperatorOnly,
}
