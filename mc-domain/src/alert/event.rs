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
    /// A new episode began.
    #[serde(rename = "raised")]
    Raised {
        /// The episode.
        id: AlertId,
        /// The type.
        #[serde(rename = "type")]
        kind: Kind,
        /// How bad it is.
        severity: Severity,
        /// What happened, in a line.
        title: Title,
        /// What happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Text>,
        /// The agent concerned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        /// The task concerned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// The run concerned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The project it belongs to.
        project: ProjectId,
        /// When.
        at: DateTime<Utc>,
    },
    /// It happened again while the alert was open.
    #[serde(rename = "repeated")]
    Repeated {
        /// The episode.
        id: AlertId,
        /// How often it has happened, this time included.
        count: u32,
        /// What happened this time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Text>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody looks after it.
    #[serde(rename = "acknowledged")]
    Acknowledged {
        /// The episode.
        id: AlertId,
        /// What was noted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Its cause is gone.
    #[serde(rename = "resolved")]
    Resolved {
        /// The episode.
        id: AlertId,
        /// What was noted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Nobody will do anything about it.
    #[serde(rename = "ignored")]
    Ignored {
        /// The episode.
        id: AlertId,
        /// What was noted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When.
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
