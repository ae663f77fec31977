//! What may have happened to a standup. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::Report;

/// A fact about one standup. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// The report of the day was recorded, for good.
    #[serde(rename = "recorded")]
    Recorded {
        /// The report, as the worker counted it.
        report: Report,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Recorded { .. } => "standup.recorded",
        }
    }
}
