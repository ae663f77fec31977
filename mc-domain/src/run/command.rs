//! What may be asked of a run, and why it may refuse.

use chrono::{DateTime, Utc};

use super::values::{Bill, MAX_TOOL_CALLS, Outcome, Start, Status, ToolCall};
use crate::money::Usd;

/// What may be asked of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begins the run, with its terms for good.
    Start(Start),
    /// Note the use of a tool.
    CallTool(ToolCall),
    /// Ends the run and charges it.
    End {
        /// How the run ends.
        outcome: Outcome,
        /// What the run used and cost, as far as its agent knows.
        bill: Bill,
    },
    /// Tell what it used and cost after others than its agent have ended it.
    Bill {
        /// How it ended for its agent.
        told: Outcome,
        /// What the run used and cost, as far as its agent knows.
        bill: Bill,
    },
}

/// Why a run refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The run was never started.
    #[error("there is no such run")]
    NotFound,
    /// A run with this identity was started before.
    #[error("the run exists already")]
    AlreadyExists,
    /// Invariant 1: the end of a run is final.
    #[error("the run is over already: {status}")]
    AlreadyEnded {
        /// How the run ended.
        status: Status,
        /// What the run was charged.
        charged: Usd,
    },
    /// Invariant 1: others than its agent have ended it, and only that one's report of what it cost is missing.
    #[error("the run was ended already: {status}")]
    Unbilled {
        /// How the run ended.
        status: Status,
    },
    /// It is under way: its end tells what it cost.
    #[error("the run is under way")]
    NotEnded,
    /// Invariant 2: an agent acts on a run of another.
    #[error("the run is another agent's")]
    OtherAgent,
    /// Invariant 2: an agent tried to break a run off.
    #[error("only an operator or a worker may break a run off")]
    OperatorOnly,
    /// A worker came before its time.
    #[error("the run has until {deadline}")]
    NotDue {
        /// The deadline of the run, UTC.
        deadline: DateTime<Utc>,
    },
    /// The run has recorded [`MAX_TOOL_CALLS`] uses of tools.
    #[error("a run may use tools at most {MAX_TOOL_CALLS} times")]
    TooManyToolCalls,
}
