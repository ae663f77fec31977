//! Identities, one type each, so that an agent is never taken for a task.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an identity of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct InvalidId(&'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an identifier drawn by the caller; the domain draws none.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The identifier without its kind, for storage.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId($what))
            }
        }
    };
}

id!(
    /// The identity of a project.
    ProjectId, "project id"
);
id!(
    /// The identity of an agent, the same in all its runs and sessions.
    AgentId, "agent id"
);
id!(
    /// The identity of a task.
    TaskId, "task id"
);
id!(
    /// A lease: one agent's hold on one task, from its start to whatever ends the work.
    LeaseId, "lease id"
);
id!(
    /// A message in a task's thread.
    MessageId, "message id"
);
id!(
    /// A run: one execution turn of an agent.
    RunId, "run id"
);
id!(
    /// The identity of an approval.
    ApprovalId, "approval id"
);
id!(
    /// The identity of one episode of an alert.
    AlertId, "alert id"
);
id!(
    /// The identity of a notification, derived from its event and recipient.
    NotificationId, "notification id"
);
id!(
    /// The identity of a credential, which is no secret.
    CredentialId, "credential id"
);
id!(
    /// One command, as given: all events of one commit carry the same.
    CommandId, "command id"
);
id!(
    /// The identity of one recorded event.
    EventId, "event id"
);
