//! What may have happened to a notification. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Kind, Recipient};
use crate::{
    ids::{EventId, ProjectId, TaskId},
    values::{Reason, Text, Title},
};

/// A fact about one notification. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It is on its way.
    #[serde(rename = "queued")]
    Queued {
        /// The event that called for it.
        cause: EventId,
        /// The project it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<ProjectId>,
        /// Who is notified.
        recipient: Recipient,
        /// What it is about.
        kind: Kind,
        /// What it says, in a line.
        subject: Title,
        /// What it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
        /// The task concerned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// The position of the log up to which everything that calls for a notification has one, with this one; on the
        /// last of those that are queued together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<u64>,
        /// From when on it is too late for it.
        expires_at: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It has arrived.
    #[serde(rename = "delivered")]
    Delivered {
        /// When.
        at: DateTime<Utc>,
    },
    /// It was read.
    #[serde(rename = "read")]
    Read {
        /// When.
        at: DateTime<Utc>,
    },
    /// It has not arrived, and is tried again.
    #[serde(rename = "attempt_failed")]
    AttemptFailed {
        /// Which attempt it was, from 1.
        attempt: u32,
        /// What went wrong.
        error: Reason,
        /// When it is tried again.
        retry_at: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It has not arrived, and is not tried again.
    #[serde(rename = "failed")]
    Failed {
        /// How many attempts there were.
        attempt: u32,
        /// What went wrong.
        error: Reason,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was too late for it.
    #[serde(rename = "expired")]
    Expired {
        /// When that was noticed.
        at: DateTime<Utc>,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "notification.queued",
            Self::Delivered { .. } => "notification.delivered",
            Self::Read { .. } => "notification.read",
            Self::AttemptFailed { .. } => "notification.attempt_failed",
            Self::Failed { .. } => "notification.failed",
            Self::Expired { .. } => "notification.expired",
        }
    }
}
