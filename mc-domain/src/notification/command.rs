//! What may be asked of a notification, and why it may refuse.

use chrono::{DateTime, Utc};

use super::values::{Notice, Status};
use crate::values::Reason;

/// What may be asked of a notification.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Queues it for its recipient.
    Queue(Notice),
    /// Takes note that it has arrived.
    Deliver,
    /// Takes note that its recipient has read it.
    Read,
    /// Have not arrived this time, by the system.
    Fail {
        /// What went wrong, for the record.
        error: Reason,
    },
    /// Be given up, by the system, when it is too late for it.
    Expire,
}

/// Why a notification refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The notification was never queued.
    #[error("there is no such notification")]
    NotFound,
    /// Invariant 2: an agent takes or reads what is another's.
    #[error("the notification is another's")]
    NotRecipient,
    /// Only a worker of the control plane does this.
    #[error("only the system may do this")]
    SystemOnly,
    /// Invariant 3: its delivery is over.
    #[error("the notification is {status} already")]
    Over {
        /// How its delivery ended.
        status: Status,
    },
    /// A worker came before its time.
    #[error("not due before {at}")]
    NotDue {
        /// When it is due, UTC.
        at: DateTime<Utc>,
    },
}
