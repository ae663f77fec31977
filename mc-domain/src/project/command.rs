//! What may be asked of a project, and why it may refuse.

use super::values::{Halt, Profile};
use crate::values::{Reason, Slug};

/// What may be asked of a project.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Create it.
    Create {
        /// What it is called in addresses.
        slug: Slug,
        /// What it is about.
        profile: Profile,
    },
    /// Change what it is about.
    Edit {
        /// The whole new profile.
        profile: Profile,
    },
    /// Stop its squad, to be resumed later. Each time is a halt of its own, which stops those too who were let go on from
    /// the one before.
    PauseSquad {
        /// How it is stopped.
        halt: Halt,
        /// Why.
        reason: Option<Reason>,
    },
    /// Let its squad work again, by an operator.
    ResumeSquad {
        /// Why.
        reason: Option<Reason>,
    },
}

/// Why a project refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such project.
    #[error("there is no such project")]
    NotFound,
    /// The identity is taken.
    #[error("the project exists already")]
    AlreadyExists,
    /// Invariant 2.
    #[error("only an operator may create, change, stop or resume a project")]
    OperatorOnly,
}
