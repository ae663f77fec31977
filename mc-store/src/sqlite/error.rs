//! Errors of the database and of the operating system, as errors of the log.

use std::{any::Any, error::Error, io};

use rusqlite::ErrorCode;

use crate::error::StoreError;

/// The error that callers of the log get: `Damaged`, `Full`, or else `Unavailable`, with `error` as its source.
pub(super) fn store_error(error: impl Error + Send + Sync + 'static) -> StoreError {
    let any: &dyn Any = &error;
    let code = any.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    let kind = any.downcast_ref::<io::Error>().map(io::Error::kind);
    match (code, kind) {
        (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), _) => {
            StoreError::Damaged(Box::new(error))
        }
        (Some(ErrorCode::DiskFull), _) | (_, Some(io::ErrorKind::StorageFull)) => StoreError::Full,
        _ => StoreError::Unavailable(Box::new(error)),
    }
}
