//! What may have happened to an approval. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ask::Ask,
    values::{Quorum, Subject},
};
use crate::{
    actor::Actor,
    content_hash::ContentHash,
    ids::{AgentId, RunId},
    values::Reason,
};

/// A fact about one approval. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It was asked for.
    #[serde(rename = "requested")]
    Requested {
        /// Who asked.
        requestor: Actor,
        /// What it is about.
        subject: Subject,
        /// What is asked for.
        ask: Ask,
        /// How many must say yes.
        required_decisions: Quorum,
        /// When it ends by itself.
        expires_at: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// One of two deciders said yes.
    #[serde(rename = "endorsed")]
    Endorsed {
        /// Who.
        by: Actor,
        /// What was noted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// The request that was endorsed.
        #[serde(rename = "content")]
        request_hash: ContentHash,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was given: exactly this request may be carried out.
    #[serde(rename = "approved")]
    Approved {
        /// Who said the deciding yes.
        by: Actor,
        /// What was noted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// The request that was approved.
        #[serde(rename = "content")]
        request_hash: ContentHash,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was refused.
    #[serde(rename = "denied")]
    Denied {
        /// By whom.
        by: Actor,
        /// Why.
        reason: Reason,
        /// When.
        at: DateTime<Utc>,
    },
    /// The requestor was asked to ask for something else.
    #[serde(rename = "revision_requested")]
    RevisionRequested {
        /// By whom.
        by: Actor,
        /// What to change.
        note: Reason,
        /// When.
        at: DateTime<Utc>,
    },
    /// The requestor asked again, for what is here now. What was endorsed before no longer counts.
    #[serde(rename = "resubmitted")]
    Resubmitted {
        /// What is asked for.
        ask: Ask,
        /// How many must say yes to that; as many as before where that is not recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        required_decisions: Option<Quorum>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It is no longer asked for.
    #[serde(rename = "withdrawn")]
    Withdrawn {
        /// By whom.
        by: Actor,
        /// Why, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It waited long for a decision, and still does.
    #[serde(rename = "escalated")]
    Escalated {
        /// When.
        at: DateTime<Utc>,
    },
    /// Nobody decided in time.
    #[serde(rename = "expired")]
    Expired {
        /// When that was noticed.
        at: DateTime<Utc>,
    },
    /// What was approved was done, which it permits once.
    #[serde(rename = "used")]
    Used {
        /// By whom.
        by: AgentId,
        /// In which run.
        run: RunId,
        /// When.
        at: DateTime<Utc>,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "approval.requested",
            Self::Endorsed { .. } => "approval.endorsed",
            Self::Approved { .. } => "approval.approved",
            Self::Denied { .. } => "approval.denied",
            Self::RevisionRequested { .. } => "approval.revision_requested",
            Self::Resubmitted { .. } => "approval.resubmitted",
            Self::Withdrawn { .. } => "approval.withdrawn",
            Self::Escalated { .. } => "approval.escalated",
            Self::Expired { .. } => "approval.expired",
            Self::Used { .. } => "approval.used",
        }
    }
}
