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
    /// Somebody asked for the approval.
    #[serde(rename = "requested")]
    Requested {
        /// Who asked, and may never decide it.
        requestor: Actor,
        /// The project, task, agent and kind of action, which never change.
        subject: Subject,
        /// The action on its terms, bound to its hashes.
        ask: Ask,
        /// How many different deciders must say yes: 1 or 2.
        required_decisions: Quorum,
        /// When it expires where nobody has decided, UTC.
        expires_at: DateTime<Utc>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// One of two deciders said yes.
    #[serde(rename = "endorsed")]
    Endorsed {
        /// The decider who said yes first.
        by: Actor,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// The request hash that the endorsement is for.
        #[serde(rename = "content")]
        request_hash: ContentHash,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It was given: exactly this request may be carried out.
    #[serde(rename = "approved")]
    Approved {
        /// The decider whose yes was the last one needed.
        by: Actor,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// The request hash that the approval is for.
        #[serde(rename = "content")]
        request_hash: ContentHash,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A decider refused the approval.
    #[serde(rename = "denied")]
    Denied {
        /// Who gave the command.
        by: Actor,
        /// Why it was refused; the requestor is told.
        reason: Reason,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// The requestor was asked to ask for something else.
    #[serde(rename = "revision_requested")]
    RevisionRequested {
        /// Who gave the command.
        by: Actor,
        /// What the requestor is to change before asking again.
        note: Reason,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// The requestor asked again, for what is here now. What was endorsed before no longer counts.
    #[serde(rename = "resubmitted")]
    Resubmitted {
        /// The action on its terms, bound to its hashes.
        ask: Ask,
        /// How many must say yes to that; as many as before where that is not recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        required_decisions: Option<Quorum>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It is no longer asked for.
    #[serde(rename = "withdrawn")]
    Withdrawn {
        /// Who gave the command.
        by: Actor,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It waited long for a decision, and still does.
    #[serde(rename = "escalated")]
    Escalated {
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Nobody decided before it ran out.
    #[serde(rename = "expired")]
    Expired {
        /// When the expiry was noticed, which may be after the time it was due, UTC.
        at: DateTime<Utc>,
    },
    /// What was approved was done, which it permits once.
    #[serde(rename = "used")]
    Used {
        /// The agent that acted under it.
        by: AgentId,
        /// The run in which the tool was used.
        run: RunId,
        /// When the command was decided, UTC.
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
