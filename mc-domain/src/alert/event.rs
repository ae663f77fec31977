//! What may have happened to an alert. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Kind, Severity};
use crate::{
    ids::{AgentId, AlertId, ProjectId, RunId, TaskId},
    values::{Reason, Text, Title},
};

/// A fact about the alerts of one type about one subject. `id` says which episode, `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// A new episode began: the first, or one after the last had ended.
    #[serde(rename = "raised")]
    Raised {
        /// The episode, by an identity of its own.
        id: AlertId,
        /// The type of alert, half of the key.
        #[serde(rename = "type")]
        kind: Kind,
        /// How urgent it is to look at.
        severity: Severity,
        /// What happened, in one line.
        title: Title,
        /// What happened, in as many words as that takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Text>,
        /// The agent that it concerns, to find it by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        /// The task that it concerns, to find it by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// The run that it concerns, to find it by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The project that it belongs to for good.
        project: ProjectId,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It happened again while the alert was open.
    #[serde(rename = "repeated")]
    Repeated {
        /// The episode, by an identity of its own.
        id: AlertId,
        /// How often it has happened, this time included.
        count: u32,
        /// What happened this time, in as many words as that takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Text>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An operator took it on. Repetitions still count on it.
    #[serde(rename = "acknowledged")]
    Acknowledged {
        /// The episode, by an identity of its own.
        id: AlertId,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// The cause is gone: an operator says so, or the rule that raised it.
    #[serde(rename = "resolved")]
    Resolved {
        /// The episode, by an identity of its own.
        id: AlertId,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Nobody will do anything about it.
    #[serde(rename = "ignored")]
    Ignored {
        /// The episode, by an identity of its own.
        id: AlertId,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Raised { .. } => "alert.raised",
            Self::Repeated { .. } => "alert.repeated",
            Self::Acknowledged { .. } => "alert.acknowledged",
            Self::Resolved { .. } => "alert.resolved",
            Self::Ignored { .. } => "alert.ignored",
        }
    }
}
