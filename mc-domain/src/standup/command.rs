//! What may be asked of a standup, and why it may refuse.

use super::values::Report;

/// What may be asked of a standup.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Records the report of the day, once.
    Record {
        /// The report, as the worker counted it.
        report: Report,
    },
}

/// Why a standup refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Invariant 2: an agent tried to record a standup.
    #[error("agents do not record standups")]
    OperatorOnly,
}
