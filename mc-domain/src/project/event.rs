//! What may have happened to a project. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Profile;
use crate::values::Slug;

/// A fact about one project. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It was created.
    #[serde(rename = "created")]
    Created {
        /// What it is called in addresses; never changes.
        slug: Slug,
        /// What it is about.
        profile: Profile,
        /// When.
        at: DateTime<Utc>,
    },
    /// What it is about was edited.
    #[serde(rename = "edited")]
    Edited {
        /// The whole profile as it is now.
        profile: Profile,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "project.created",
            Self::Edited { .. } => "project.edited",
        }
    }
}
