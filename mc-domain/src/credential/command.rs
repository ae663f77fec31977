//! What may be asked of a credential, and why it may refuse.

use chrono::{DateTime, Utc};

use super::values::{Grant, SecretHash};
use crate::values::{Name, Reason};

/// What may be asked of a credential.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Issues it, by an operator or on the first start.
    Issue {
        /// What it is good for.
        grant: Grant,
        /// The hash of its secret, which only its bearer has.
        secret: SecretHash,
    },
    /// Gives it another name, by an operator.
    Rename {
        /// The new name.
        name: Name,
    },
    /// Ends it for good, by an operator, with all its sessions.
    Revoke {
        /// Why, for the record.
        reason: Option<Reason>,
    },
    /// Takes note that it was used, by the system; once an hour at most.
    NoteUse {
        /// When it was used last, UTC.
        at: DateTime<Utc>,
    },
    /// Opens a session, by its bearer: a browser shows the session's secret from now on instead of the credential's.
    OpenSession {
        /// The hash of the session's secret.
        session: SecretHash,
    },
    /// Takes note that a session was used, by the system; once an hour at most.
    NoteSession {
        /// The hash of the session's secret.
        session: SecretHash,
        /// When it was used last, UTC.
        at: DateTime<Utc>,
    },
    /// Ends a session, by its bearer.
    EndSession {
        /// The hash of the session's secret.
        session: SecretHash,
    },
}

/// Why a credential refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The credential was never issued.
    #[error("there is no such credential")]
    NotFound,
    /// A credential with this identity was issued before.
    #[error("the credential exists already")]
    AlreadyExists,
    /// Invariant 1: the command is an operator's.
    #[error("only an operator may issue, rename or revoke a credential")]
    OperatorOnly,
    /// Only a worker of the control plane does this.
    #[error("only the system may do this")]
    SystemOnly,
    /// Invariant 3: the command is its bearer's.
    #[error("only the bearer of a credential has sessions by it")]
    BearerOnly,
    /// Invariant 1: nobody gives themselves another name.
    #[error(
        "nobody renames a credential of the own name: another operator does, or issues another credential"
    )]
    OwnName,
    /// Invariant 2: it was revoked, and stays so.
    #[error("the credential is revoked")]
    Revoked,
    /// Its time was up at `at`.
    #[error("the credential has expired at {at}")]
    Expired {
        /// From when on it was no longer good, UTC.
        at: DateTime<Utc>,
    },
    /// It would never be good.
    #[error("the credential would be expired from the beginning")]
    ExpiresTooSoon,
    /// An agent's credential is good for the agent's own project and no other.
    #[error("the credential of an agent is good for the agent's own project alone")]
    OtherProject,
    /// From the first credential on every call needs one: without an operator's, nobody could issue another.
    #[error("the first credential must be an operator's, for all projects and without an end")]
    OperatorFirst,
    /// No operator of all projects would be left for as long as this one.
    #[error(
        "no other credential of an operator of all projects lasts as long as this one, and nobody could issue another"
    )]
    LastOperator,
}
