//! The destination of a copy in a PostgreSQL database: filled in several transactions while it is marked as unfinished, or a log
//! that the copy continues in one transaction.

use super::{filling::Filling, queries};
use crate::{
    copy::Target,
    error::StoreError,
    log::{Answered, RecordedKey, StoredEvent},
};

const BEGIN: &str = "BEGIN";
const COMMIT: &str = "COMMIT";
const MARK: &str = "INSERT INTO mc_unfinished DEFAULT VALUES";
const UNMARK: &str = "DELETE FROM mc_unfinished";
/// Around each page of a copy in one transaction, which goes on after a page that is refused.
const BEGIN_PAGE: &str = "SAVEPOINT page";
const END_PAGE: &str = "RELEASE page";
const UNDO_PAGE: &str = "ROLLBACK TO page";

/// A database while a copy fills it. Nobody else can have the log open meanwhile.
#[derive(Debug)]
pub(crate) struct PostgresCopy {
    filling: Filling,
    /// Whether everything is in one transaction.
    is_whole: bool,
}

impl PostgresCopy {
    /// Opens the log in the database at `url` to continue it, or begins one, or goes on with one that a copy has begun.
    ///
    /// # Errors
    /// Those of [`Filling::open`].
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let mut filling = Filling::open(url, "mission-control copy").await?;
        let is_whole = !filling.is_empty() && !filling.is_unfinished;
        if is_whole {
            filling.execute(BEGIN).await?;
        } else if !filling.is_unfinished {
            filling.execute(MARK).await?;
        }
        Ok(Self { filling, is_whole })
    }

    async fn add_page(
        &mut self,
        events: &[StoredEvent],
        keys: &[(&str, &Answered)],
    ) -> Result<(), StoreError> {
        if !self.is_whole {
            return self.filling.add(events, keys).await;
        }
        self.filling.execute(BEGIN_PAGE).await?;
        let added = self.filling.add(events, keys).await;
        self.filling.execute(if added.is_ok() { END_PAGE } else { UNDO_PAGE }).await?;
        added
    }
}

impl Target for PostgresCopy {
    fn position(&self) -> u64 {
        self.filling.end.position
    }

    async fn read_all(&mut self, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let Filling { connection, address, end, .. } = &mut self.filling;
        let read = queries::read_all(connection, address, after, limit, end.position).await;
        read.map_err(|error| error.for_caller(&address.shown))
    }

    async fn keys(&mut self, after: u64, limit: usize) -> Result<Vec<RecordedKey>, StoreError> {
        let Filling { connection, address, end, .. } = &mut self.filling;
        let read = queries::keys(connection, after, limit, end.position).await;
        read.map_err(|error| error.for_caller(&address.shown))
    }

    async fn add(&mut self, events: &[StoredEvent]) -> Result<(), StoreError> {
        self.add_page(events, &[]).await
    }

    async fn add_keys(&mut self, keys: &[RecordedKey]) -> Result<(), StoreError> {
        let keys: Vec<_> = keys.iter().map(|recorded| (recorded.key.as_str(), &recorded.answered)).collect();
        self.add_page(&[], &keys).await
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        self.filling.execute(if self.is_whole { COMMIT } else { UNMARK }).await
    }
}
