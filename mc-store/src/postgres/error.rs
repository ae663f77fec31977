//! Errors of the database, as errors of the log.

use sqlx::{
    Error,
    postgres::{PgDatabaseError, PgSeverity},
};

use crate::error::StoreError;

/// The SQLSTATE codes that mean something to the log (PostgreSQL, appendix A).
mod code {
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const NO_RIGHT: &str = "42501";
    pub(super) const WRONG_PASSWORD: &str = "28P01";
    pub(super) const NOT_ALLOWED_IN: &str = "28000";
    pub(super) const NO_DATABASE: &str = "3D000";
    pub(super) const NO_TABLE: &str = "42P01";
    pub(super) const NO_FUNCTION: &str = "42883";
}

/// Why a statement failed, as far as the log acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection broke, so that nobody knows whether the statement took effect.
    Broken,
    /// The database refuses the data of the statement, which took no effect.
    Data,
    /// The database refuses the statement, which took no effect.
    Refused,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Self {
        let Some(database) = reported(error) else { return Self::Broken };
        let is_over = matches!(database.severity(), PgSeverity::Fatal | PgSeverity::Panic);
        match database.code().get(..2) {
            _ if is_over => Self::Broken,
            // Connections, and interventions of an operator such as a shutdown.
            Some("08" | "57") => Self::Broken,
            // Data, constraints, and limits such as the length of an index entry.
            Some("22" | "23" | "54") => Self::Data,
            _ => Self::Refused,
        }
    }
}

/// What the database itself reports; nothing for an error of the connection.
fn reported(error: &Error) -> Option<&PgDatabaseError> {
    error.as_database_error().and_then(|error| error.try_downcast_ref())
}

/// The error that callers of the log get.
pub(super) fn store_error(error: Error, store: &str) -> StoreError {
    let Some(database) = reported(&error) else { return StoreError::Unavailable(Box::new(error)) };
    let reason = database.message().to_owned();
    let unsuitable = |reason| StoreError::Unsuitable { store: store.to_owned(), reason };
    match database.code() {
        code::DISK_FULL => StoreError::Full,
        code::READ_ONLY => StoreError::Protected { store: store.to_owned() },
        code::NO_RIGHT | code::WRONG_PASSWORD | code::NOT_ALLOWED_IN => StoreError::Unprivileged { reason },
        code::NO_DATABASE | code::NO_TABLE | code::NO_FUNCTION => unsuitable(reason),
        _ if Failure::of(&error) == Failure::Data => StoreError::Invalid { reason },
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

/// The error of a database that took too long.
pub(super) fn timed_out() -> Error {
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database did not answer in time"))
}
