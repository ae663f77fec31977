//! What may be asked of a policy, and why it may refuse.

use super::document::{Document, DocumentError};

/// What may be asked of a policy.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make a document the active one.
    Publish {
        /// The whole document; nothing of the one before it stays.
        document: Box<Document>,
    },
}

/// Why a policy refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Invariant 1: an agent tried to publish.
    #[error("only an operator may publish a policy")]
    OperatorOnly,
    /// Invariant 2: the document is malformed.
    #[error("the policy document has {} errors", .0.len())]
    Malformed(
        /// Everything that is wrong with it.
        Vec<DocumentError>,
    ),
}
