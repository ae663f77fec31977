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
    /// Asks for the approval.
    Request(Request),
    /// Says yes, by a decider.
    Approve {
        /// A note for the record and the requestor.
        note: Option<Reason>,
        /// The request that was read before deciding, where that is told.
        request_hash: Option<ContentHash>,
    },
    /// Says no, by a decider.
    Deny {
        /// Why it is refused; the requestor is told.
        reason: Reason,
        /// The request that was read before deciding, where that is told.
        request_hash: Option<ContentHash>,
    },
    /// Ask the requestor to ask for something else.
    RequestRevision {
        /// What the requestor is to change before asking again.
        note: Reason,
        /// The request that was read before answering, where that is told.
        request_hash: Option<ContentHash>,
    },
    /// Ask for something else, by the requestor.
    Resubmit {
        /// The action on its terms, bound to its hashes.
        ask: Ask,
        /// How many must say yes to that.
        required: Quorum,
    },
    /// Take it back, by the requestor; or by the system, when what it was for is over.
    Withdraw {
        /// Why it is taken back, for the record.
        reason: Option<Reason>,
    },
    /// Draw attention to it, by the system.
    Escalate,
    /// End it, by the system, when nobody decided in time.
    Expire,
    /// Uses the approval up, which only what it permits can do.
    Use {
        /// The use of a tool that the approval is shown for.
        of: ToolUse,
        /// The run in which the tool is used.
        run: RunId,
    },
}

/// A request for an approval, with all that is fixed when it is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Who asks. Only the system may name another than itself.
    pub requestor: Actor,
    /// The project, task, agent and kind of action, which never change.
    pub subject: Subject,
    /// The action on its terms, bound to its hashes.
    pub ask: Ask,
    /// How long it stays open before it expires.
    pub lifetime: Lifetime,
    /// How many different deciders must say yes, by the policy in force.
    pub required: Quorum,
}

/// Why an approval refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The approval was never asked for.
    #[error("there is no such approval")]
    NotFound,
    /// An approval with this identity was asked for before.
    #[error("the approval exists already")]
    AlreadyExists,
    /// Invariant 1: the decider asked for it.
    #[error("nobody decides what they asked for themselves")]
    OwnRequest,
    /// Invariant 1: an agent tried to decide.
    #[error("only an operator or a policy rule decides an approval")]
    OperatorOnly,
    /// Only the requestor asks for something else, or takes it back.
    #[error("only {requestor}, who asked for it, may do this")]
    NotRequestor {
        /// Who asked for it.
        requestor: Actor,
    },
    /// Only a worker of the control plane does this.
    #[error("only the system may do this")]
    SystemOnly,
    /// Invariant 2: the first decision stands.
    #[error("the approval is {status} already")]
    AlreadyDecided {
        /// How it was decided: approved or denied.
        status: Status,
    },
    /// Invariants 2 and 3: time ran out.
    #[error("the approval expired at {at}")]
    Expired {
        /// When it ran out, UTC.
        at: DateTime<Utc>,
    },
    /// Invariant 2: the requestor took it back.
    #[error("the approval was withdrawn")]
    Withdrawn,
    /// Invariant 4: the decision was taken on a request that is no longer the current one.
    #[error("something else is asked for now")]
    ContentChanged {
        /// The request hash of what is asked for now.
        current: ContentHash,
    },
    /// Invariant 6: the approval is undecided, or ended otherwise.
    #[error("the approval is {status}")]
    NotApproved {
        /// The status that it has.
        status: Status,
    },
    /// Invariant 6: the action differs from the one that was approved.
    #[error("something else was approved, by its {difference}")]
    PermitsElse {
        /// The first difference that was found.
        difference: Difference,
    },
    /// Invariant 6: the approval was used up before.
    #[error("the approval was made use of in run {run}")]
    Used {
        /// The run in which the tool is used.
        run: RunId,
    },
    /// A worker came before its time.
    #[error("not due before {at}")]
    NotDue {
        /// When the command is due, UTC.
        at: DateTime<Utc>,
    },
}
