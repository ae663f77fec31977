//! A log that is only read: its events as they are at the opening.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use mc_domain::recorded::StreamId;
use sqlx::PgConnection;
use tokio::{runtime::Runtime, sync::watch};

use super::{
    connection::Address,
    queries::{self, ReadError},
    readers::Readers,
    runtime, schema, wait_for,
};
use crate::{
    error::StoreError,
    log::{Answered, Appended, Commit, EventLog, RecordedKey, StoredEvent},
};

const POSITION: &str = "SELECT position FROM mc_head";

/// The log in a PostgreSQL database, for reading. Servers may have it open and go on writing; what they append later does not
/// show. The database user needs no right but to read.
pub struct PostgresReader {
    address: Address,
    readers: Arc<Readers>,
    head: watch::Sender<u64>,
    /// Nothing while it is dropped.
    runtime: Option<Runtime>,
}

impl PostgresReader {
    /// Opens the log in the database at `url`, as it is now. It blocks.
    ///
    /// # Errors
    /// - [`StoreError::NotALog`] when there is no log in the database.
    /// - [`StoreError::Incomplete`] when a copy into it has not ended.
    /// - Those of [`PostgresLog::open`](super::PostgresLog::open).
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let address = Address::parse(url, "mission-control")?;
        let runtime = runtime()?;
        let here = address.clone();
        let head = wait_for(&runtime, async move {
            let mut connection = schema::open_to_read(&here).await?;
            let head: i64 = sqlx::query_scalar(POSITION)
                .fetch_one(&mut connection)
                .await
                .map_err(|error| here.error(error))?;
            Ok(head.cast_unsigned())
        });
        match head {
            Ok(head) => {
                let inside = runtime.enter();
                let readers = Arc::new(Readers::new(&address));
                drop(inside);
                Ok(Self { address, readers, head: watch::Sender::new(head), runtime: Some(runtime) })
            }
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> BoxFuture<'_, Result<T, ReadError>> + Send + Sync + 'static,
    {
        let (readers, address) = (Arc::clone(&self.readers), self.address.clone());
        let runtime = self.runtime.as_ref().expect("it is there until it is dropped");
        let read = runtime.spawn(async move { readers.run(&address, read).await });
        read.await.map_err(|broken| StoreError::Unavailable(broken.into()))?
    }
}

impl EventLog for PostgresReader {
    fn append(&self, _: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        std::future::ready(Err(StoreError::ReadOnly)).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        std::future::ready(Err(StoreError::ReadOnly)).boxed()
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        let key = key.to_owned();
        self.read(move |connection| {
            let key = key.clone();
            async move { queries::answered(connection, &key).await }.boxed()
        })
        .boxed()
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        let head = self.head();
        self.read(move |connection| queries::keys(connection, after, limit, head).boxed()).boxed()
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        let (stream, address, head) = (stream.clone(), self.address.clone(), self.head());
        self.read(move |connection| {
            let (stream, address) = (stream.clone(), address.clone());
            async move { queries::read_stream(connection, &address, &stream, after, limit, head).await }
                .boxed()
        })
        .boxed()
    }

    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        let (address, head) = (self.address.clone(), self.head());
        if after >= head {
            return std::future::ready(self.readers.check_open().map(|()| Vec::new())).boxed();
        }
        self.read(move |connection| {
            let address = address.clone();
            async move { queries::read_all(connection, &address, after, limit, head).await }.boxed()
        })
        .boxed()
    }

    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        let head = self.head();
        self.read(move |connection| queries::first_since(connection, at, head).boxed()).boxed()
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.readers.close();
        std::future::ready(()).boxed()
    }
}

impl Drop for PostgresReader {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for PostgresReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresReader").field("store", &self.address.shown).finish_non_exhaustive()
    }
}
