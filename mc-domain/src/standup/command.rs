//! What may be asked of a standup, and why it may refuse.

use super::values::Report;

/// What may be asked of a standup.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Record the day's report.
    Record {
        /// What it says.
        report: Report,
    },
}

/// Why a standup refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Invariant 2.
    #[error("agents do not record standups")]
    OperatorOnly,
}
