//! What may be asked of an approval, and why it may refuse.

use chrono::{DateTime, Utc};

use super::{
    ask::{Ask, ToolUse},
    values::{Difference, Quorum, Status, Subject},
};
use crate::{actor::Actor, content_hash::ContentHash, ids::RunId, policy_limits::Lifetime, values::Reason};

/// What may be asked of an approval.
///
/// A decision may name the request it was taken on: it is refused when the requestor has asked for something else in
/// the meantime.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Ask for it.
    Request(Request),
    /// Say yes.
    Approve {
        /// What to note with it.
        note: Option<Reason>,
        /// The request that was read before deciding, where that is told.
        request_hash: Option<ContentHash>,
    },
    /// Say no.
    Deny {
        /// Why.
        reason: Reason,
        /// The request that was read before deciding, where that is told.
        request_hash: Option<ContentHash>,
    },
    /// Ask the requestor to ask for something else.
    RequestRevision {
        /// What to change.
        note: Reason,
        /// The request that was read before answering, where that is told.
        request_hash: Option<ContentHash>,
    },
    /// Ask for something else, by the requestor.
    Resubmit {
        /// What is asked for.
        ask: Ask,
        /// How many must say yes to that.
        required: Quorum,
    },
    /// Take it back, by the requestor; or by the system, when what it was for is over.
    Withdraw {
        /// Why.
        reason: Option<Reason>,
    },
    /// Draw attention to it, by the system.
    Escalate,
    /// End it, by the system, when nobody decided in time.
    Expire,
    /// Make use of it, once.
    Use {
        /// What is done under it.
        of: ToolUse,
        /// In which run.
        run: RunId,
    },
}

/// A request for an approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Who asks. Only the system may name another than itself.
    pub requestor: Actor,
    /// What it is about.
    pub subject: Subject,
    /// What is asked for.
    pub ask: Ask,
    /// How long it stays open.
    pub lifetime: Lifetime,
    /// How many must say yes.
    pub required: Quorum,
}

/// Why an approval refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such approval.
    #[error("there is no such approval")]
    NotFound,
    /// The identity is taken.
    #[error("the approval exists already")]
    AlreadyExists,
    /// Invariant 1.
    #[error("nobody decides what they asked for themselves")]
    OwnRequest,
    /// Invariant 1.
    #[error("only an operator or a policy rule decides an approval")]
    OperatorOnly,
    /// Only the requestor asks for something else, or takes it back.
    #[error("only {requestor}, who asked for it, may do this")]
    NotRequestor {
        /// Who asked.
        requestor: Actor,
    },
    /// Only a worker of the control plane does this.
    #[error("only the system may do this")]
    SystemOnly,
    /// Invariant 2: the first decision stands.
    #[error("the approval is {status} already")]
    AlreadyDecided {
        /// How it was decided.
        status: Status,
    },
    /// Invariants 2 and 3: time ran out.
    #[error("the approval expired at {at}")]
    Expired {
        /// When it did.
        at: DateTime<Utc>,
    },
    /// Invariant 2: the requestor took it back.
    #[error("the approval was withdrawn")]
    Withdrawn,
    /// Invariant 4.
    #[error("something else is asked for now")]
    ContentChanged {
        /// What is asked for now.
        current: ContentHash,
    },
    /// Invariant 6.
    #[error("the approval is {status}")]
    NotApproved {
        /// Where it stands.
        status: Status,
    },
    /// Invariant 6.
    #[error("something else was approved, by its {difference}")]
    PermitsElse {
        /// In what.
        difference: Difference,
    },
    /// Invariant 6.
    #[error("the approval was made use of in run {run}")]
    Used {
        /// In which run.
        run: RunId,
    },
    /// A worker came before its time.
    #[error("not due before {at}")]
    NotDue {
        /// When it is.
        at: DateTime<Utc>,
    },
}
