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
    /// It is queued for its recipient.
    #[serde(rename = "queued")]
    Queued {
        /// The event that called for it.
        cause: EventId,
        /// The project that it belongs to for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<ProjectId>,
        /// Who is told.
        recipient: Recipient,
        /// What it is about, which recipients may filter by.
        kind: Kind,
        /// What it says, in a line.
        subject: Title,
        /// What it says beyond its title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
        /// The task that it concerns, to go there from it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// The position of the log up to which everything that calls for a notification has one, with this one; on the
        /// last of those that are queued together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<u64>,
        /// From when on it is too late for it.
        expires_at: DateTime<Utc>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It has arrived at its recipient.
    #[serde(rename = "delivered")]
    Delivered {
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Its recipient has read it.
    #[serde(rename = "read")]
    Read {
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It has not arrived, and is tried again.
    #[serde(rename = "attempt_failed")]
    AttemptFailed {
        /// Which attempt it was, from 1.
        attempt: u32,
        /// What went wrong, for the record.
        error: Reason,
        /// When delivery is tried again, UTC.
        retry_at: DateTime<Utc>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It has not arrived, and is not tried again.
    #[serde(rename = "failed")]
    Failed {
        /// How many attempts have failed, this one included.
        attempt: u32,
        /// What went wrong, for the record.
        error: Reason,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It was too late for it.
    #[serde(rename = "expired")]
    Expired {
        /// When the command was decided, which may be after it was due, UTC.
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
