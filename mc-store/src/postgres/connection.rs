//! Connecting to the database.

use std::{fmt, str::FromStr, time::Duration};

use sqlx::{ConnectOptions, Connection, Error, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::error::{store_error, timed_out};
use crate::{address::without_password, error::StoreError};

/// How long a connection may take to be there, and how long the database may take for a statement of the log.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a transaction may stand still: the locks of a node that stands still are free after that.
const IDLE_IN_TRANSACTION: &str = "5s";
/// How long a statement waits for a lock; somebody else's transaction may hold the log for so long.
const LOCK_WAIT: &str = "8s";

/// The address of a database, with what every connection of the log needs.
#[derive(Clone)]
pub(super) struct Address {
    options: PgConnectOptions,
    /// The address as it is shown, without its password.
    pub(super) shown: String,
}

impl Address {
    /// Reads an address such as `postgres://sofie@db.example.org/missions?sslmode=verify-full`. What it leaves out comes from
    /// the environment (`PGHOST`, `PGPASSFILE`, …), as with libpq. `name` tells operators whose connections they are.
    ///
    /// # Errors
    /// [`StoreError::UnknownStore`] when it is no address of a database.
    pub(super) fn parse(url: &str, name: &str) -> Result<Self, StoreError> {
        let shown = without_password(url).into_owned();
        // The parser's own error may quote the address.
        let options =
            PgConnectOptions::from_str(url).map_err(|_| StoreError::UnknownStore { url: shown.clone() })?;
        let options = options
            .application_name(name)
            .options([
                ("synchronous_commit", "on"),
                ("default_transaction_isolation", "read\\ committed"),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
                ("lock_timeout", LOCK_WAIT),
                ("client_min_messages", "warning"),
                ("jit", "off"),
                // Indexes have the order that is wanted; a sort of payloads needs room on the disk, also for reading.
                ("enable_sort", "off"),
            ])
            .disable_statement_logging();
        Ok(Self { options, shown })
    }

    /// The same address, with one setting more for its sessions.
    pub(super) fn with_setting(&self, name: &str, value: &str) -> Self {
        Self { options: self.options.clone().options([(name, value)]), shown: self.shown.clone() }
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Opens a connection, within [`PATIENCE`].
    pub(super) async fn connect(&self) -> Result<PgConnection, Error> {
        in_time(PgConnection::connect_with(&self.options)).await
    }

    /// The error that callers of the log get.
    pub(super) fn error(&self, error: Error) -> StoreError {
        store_error(error, &self.shown)
    }
}

/// What the database answers within [`PATIENCE`], else an error as if the connection had broken.
pub(super) async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(timed_out()))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
