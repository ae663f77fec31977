//! Connections for reading.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{Error, PgConnection, PgPool, postgres::PgPoolOptions};

use super::{
    connection::{Address, in_time},
    error::Failure,
    queries::ReadError,
};
use crate::error::StoreError;

/// The most connections for reads, and the most for each other purpose that shares this code.
pub(super) const MAX_READERS: u32 = 8;
/// How long a read waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// A pool of connections for reading.
#[derive(Debug)]
pub(super) struct Readers {
    pool: PgPool,
    is_closed: AtomicBool,
}

impl Readers {
    pub(super) fn new(address: &Address) -> Self {
        Self { pool: pool(address, MAX_READERS), is_closed: AtomicBool::new(false) }
    }

    /// Runs `read` with a connection. A read that fails because its connection broke runs once more, with another one.
    pub(super) async fn run<T>(
        &self,
        address: &Address,
        read: impl Fn(&mut PgConnection) -> BoxFuture<'_, Result<T, ReadError>>,
    ) -> Result<T, StoreError> {
        let mut attempts = 0..2;
        loop {
            self.check_open()?;
            attempts.next();
            match self.attempt(&read).await {
                Err(ReadError::Database(error))
                    if Failure::of(&error) == Failure::Broken && !attempts.is_empty() => {}
                done => return done.map_err(|error| error.for_caller(&address.shown)),
            }
        }
    }

    async fn attempt<T>(
        &self,
        read: impl Fn(&mut PgConnection) -> BoxFuture<'_, Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let mut connection = self.pool.acquire().await?;
        let done =
            in_time(async { Ok(read(&mut connection).await) }).await.unwrap_or_else(|late| Err(late.into()));
        if let Err(ReadError::Database(error)) = &done
            && Failure::of(error) == Failure::Broken
        {
            // What is broken, or still busy with a statement, does not go back into the pool.
            drop(connection.detach());
        }
        done
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// # Errors
    /// [`StoreError::Unavailable`] once [`Readers::close`] was called.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::Relaxed) { Err(StoreError::closed()) } else { Ok(()) }
    }

    /// Refuses every read that has not begun yet.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

/// A pool that connects when somebody asks.
pub(super) fn pool(address: &Address, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .idle_timeout(Duration::from_secs(60))
        .connect_lazy_with(address.options())
}

impl From<tokio::time::error::Elapsed> for ReadError {
    fn from(late: tokio::time::error::Elapsed) -> Self {
        Self::Database(Error::Io(std::io::Error::other(late)))
    }
}
