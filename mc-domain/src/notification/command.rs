//! What may be asked of a notification, and why it may refuse.

use chrono::{DateTime, Utc};

use super::values::{Notice, Status};
use crate::values::Reason;

/// What may be asked of a notification.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Be on its way.
    Queue(Notice),
    /// Have arrived.
    Deliver,
    /// Have been read.
    Read,
    /// Have not arrived this time, by the system.
    Fail {
        /// What went wrong.
        error: Reason,
    },
    /// Be given up, by the system, when it is too late for it.
    Expire,
}

/// Why a notification refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such notification.
    #[error("there is no such notification")]
    NotFound,
    /// Invariant 2.
    #[error("the notification is another's")]
    NotRecipient,
    /// Only a worker of the control plane does this.
    #[error("only the system may do this")]
    SystemOnly,
    /// Invariant 3.
    #[error("the notification is {status} already")]
    Over {
        /// How it ended.
        status: Status,
    },
    /// A worker came before its time.
    #[error("not due before {at}")]
    NotDue {
        /// When it is.
        at: DateTime<Utc>,
    },
}
