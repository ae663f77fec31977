//! What may have happened to a project. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Halt, Profile};
use crate::values::{Reason, Slug};

/// A fact about one project. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// The project was created.
    #[serde(rename = "created")]
    Created {
        /// What it is called in addresses; never changes.
        slug: Slug,
        /// Name, description and cap, as they are from here on.
        profile: Profile,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// What it is about was edited.
    #[serde(rename = "edited")]
    Edited {
        /// The whole profile as it is now.
        profile: Profile,
    },
    /// Its squad was stopped. This alone is the barrier: from here on none of its agents starts, claims or moves anything,
    /// but who is excepted from this halt, whether or not the agent's own stream says already that it is paused.
    #[serde(rename = "squad_paused")]
    SquadPaused {
        /// How the squad is stopped from here on.
        halt: Halt,
        /// Which halt of the project it is, from 1. Older ones do not say, and are no barrier: they came in one commit with
        /// the pauses of the agents.
        #[serde(default, skip_serializing_if = "is_unnumbered")]
        number: u64,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An operator let the squad work again.
    #[serde(rename = "squad_resumed")]
    SquadResumed {
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_unnumbered(number: &u64) -> bool {
    *number == 0
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "project.created",
            Self::Edited { .. } => "project.edited",
            Self::SquadPaused { .. } => "project.squad_paused",
            Self::SquadResumed { .. } => "project.squad_resumed",
        }
    }
}
