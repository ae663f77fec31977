//! What may be asked of a run, and why it may refuse.

use chrono::{DateTime, Utc};

use super::values::{Bill, MAX_TOOL_CALLS, Outcome, Start, Status, ToolCall};
use crate::money::Usd;

/// What may be asked of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begin it.
    Start(Start),
    /// Note the use of a tool.
    CallTool(ToolCall),
    /// End it.
    End {
        /// How.
        outcome: Outcome,
        /// What it used and cost.
        bill: Bill,
    },
    /// Tell what it used and cost after others than its agent have ended it.
    Bill {
        /// How it ended for its agent.
        told: Outcome,
        /// What it used and cost.
        bill: Bill,
    },
}

/// Why a run refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such run.
    #[error("there is no such run")]
    NotFound,
    /// The identity is taken.
    #[error("the run exists already")]
    AlreadyExists,
    /// Invariant 1.
    #[error("the run is over already: {status}")]
    AlreadyEnded {
        /// How it ended.
        status: Status,
        /// What it was charged.
        charged: Usd,
    },
    /// Invariant 1: others than its agent have ended it, and only that one's report of what it cost is missing.
    #[error("the run was ended already: {status}")]
    Unbilled {
        /// How it ended.
        status: Status,
    },
    /// It is under way: its end tells what it cost.
    #[error("the run is under way")]
    NotEnded,
    /// Invariant 2.
    #[error("the run is another agent's")]
    OtherAgent,
    /// Invariant 2.
    #[error("only an operator or a worker may break a run off")]
    OperatorOnly,
    /// A worker came before its time.
    #[error("the run has until {deadline}")]
    NotDue {
        /// The deadline.
        deadline: DateTime<Utc>,
    },
    /// More than [`MAX_TOOL_CALLS`].
    #[error("a run may use tools at most {MAX_TOOL_CALLS} times")]
    TooManyToolCalls,
}
