//! What may have happened to a credential. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Grant, SecretHash};
use crate::values::{Name, Reason};

/// A fact about one credential. `at` is the time of the decision. None of them holds a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It was issued.
    #[serde(rename = "issued")]
    Issued {
        /// What it is good for.
        grant: Grant,
        /// The hash of its secret.
        secret_hash: SecretHash,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It got another name.
    #[serde(rename = "renamed")]
    Renamed {
        /// The name from here on.
        name: Name,
    },
    /// It was ended for good, with all its sessions.
    #[serde(rename = "revoked")]
    Revoked {
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It was used; recorded once an hour at most.
    #[serde(rename = "used")]
    Used {
        /// When it was used, UTC.
        at: DateTime<Utc>,
    },
    /// A browser was let in by it.
    #[serde(rename = "session_opened")]
    SessionOpened {
        /// The hash of the session's secret.
        session_hash: SecretHash,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A session was used; recorded once an hour at most.
    #[serde(rename = "session_used")]
    SessionUsed {
        /// The hash of the session's secret.
        session_hash: SecretHash,
        /// When it was used, UTC.
        at: DateTime<Utc>,
    },
    /// A session was ended before its time.
    #[serde(rename = "session_ended")]
    SessionEnded {
        /// The hash of the session's secret.
        session_hash: SecretHash,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Issued { .. } => "credential.issued",
            Self::Renamed { .. } => "credential.renamed",
            Self::Revoked { .. } => "credential.revoked",
            Self::Used { .. } => "credential.used",
            Self::SessionOpened { .. } => "credential.session_opened",
            Self::SessionUsed { .. } => "credential.session_used",
            Self::SessionEnded { .. } => "credential.session_ended",
        }
    }
}
