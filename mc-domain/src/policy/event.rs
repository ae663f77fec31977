//! What may have happened to a policy. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::document::Document;

/// A fact about one policy. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A document became the active one.
    #[serde(rename = "published")]
    Published {
        /// The number of the version, from 1.
        version: u32,
        /// The whole document, which holds from here on.
        document: Box<Document>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Published { .. } => "policy.published",
        }
    }
}
