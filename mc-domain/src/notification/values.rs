//! What a notification is made of.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    actor::Actor,
    ids::{AgentId, EventId, NotificationId, ProjectId, TaskId},
    values::{Name, Text, Title, string_enum},
};

string_enum! {
    /// What a notification is about, which recipients may filter by.
    Kind {
        /// The recipient was named in a message.
        Mention = "mention",
        /// The recipient was given a task.
        Assignment = "assignment",
        /// An approval waits for the recipient.
        ApprovalRequested = "approval_requested",
        /// What the recipient asked for was decided.
        ApprovalDecided = "approval_decided",
        /// Work waits for the recipient's review.
        ReviewRequested = "review_requested",
        /// An alert was raised that operators should look at.
        Alert = "alert",
        /// The recipient is told what to do.
        Directive = "directive",
        /// Something happened to a task that the recipient follows.
        Update = "update",
    }
}

string_enum! {
    /// How far the delivery of a notification has come.
    Status {
        /// It is queued for its recipient.
        Queued = "queued",
        /// It has arrived at its recipient.
        Delivered = "delivered",
        /// Its recipient has read it.
        Read = "read",
        /// It was given up after its last attempt.
        Failed = "failed",
        /// It is too late for it.
        Expired = "expired",
    }
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Recipient {
    /// An operator, by name.
    #[serde(rename = "operator")]
    Operator(Name),
    /// An agent, by its identity.
    #[serde(rename = "agent")]
    Agent(AgentId),
}

impl Recipient {
    /// The actor as a recipient; a worker is notified of nothing.
    pub fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::Human(name) => Some(Self::Operator(name.clone())),
            Actor::Agent(agent) => Some(Self::Agent(*agent)),
            Actor::System(_) => None,
        }
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Operator(_) => None,
            Self::Agent(agent) => Some(*agent),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(name) => write!(f, "operator/{name}"),
            Self::Agent(agent) => write!(f, "agent/{agent}"),
        }
    }
}

/// What a notification says, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The event that calls for it.
    pub cause: EventId,
    /// The project that it belongs to; none where it is about all of them.
    pub project: Option<ProjectId>,
    /// Who is told.
    pub recipient: Recipient,
    /// What it is about, which recipients may filter by.
    pub kind: Kind,
    /// What it says, in a line.
    pub subject: Title,
    /// What it says beyond its title.
    pub text: Option<Text>,
    /// The task that it concerns, to go there from it.
    pub task: Option<TaskId>,
    /// The position of the log up to which everything that calls for a notification has one once this one is queued: who
    /// queues them sets it on the last of a batch.
    pub through: Option<u64>,
    /// When what it is about happened: it expires some time after that.
    pub at: DateTime<Utc>,
}

impl Notice {
    /// The identity of the notification: the same for the same event, recipient and kind, so that whoever notifies twice
    /// notifies once. A UUID of version 8 (RFC 9562).
    pub fn id(&self) -> NotificationId {
        let text = format!("{}/{}/{}", self.cause, self.recipient, self.kind);
        NotificationId::new(
            uuid::Builder::from_custom_bytes(fnv1a(text.as_bytes()).to_be_bytes()).into_uuid(),
        )
    }
}

/// The 128-bit FNV-1a hash (draft-eastlake-fnv): it tells names apart, and keeps no secret.
fn fnv1a(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}
