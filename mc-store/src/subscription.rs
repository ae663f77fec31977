//! A reader that never ends: the past first, then the present.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS, StoredEvent},
};

/// Every event above a position, in order, those to come included.
///
/// It reads pages of the log and waits for the head to move when it has seen everything, so a slow reader costs
/// nothing but its own delay: nothing is queued for it.
pub struct Subscription {
    log: Arc<dyn EventLog>,
    head: watch::Receiver<u64>,
    position: u64,
}

impl Subscription {
    /// Everything of `log` above position `after`.
    pub fn new(log: Arc<dyn EventLog>, after: u64) -> Self {
        let head = log.watch_head();
        Self { log, head, position: after }
    }

    /// The position of the last event handed out.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next events, at least one; waits for one to be committed. Dropping the future loses nothing.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when the log was shut down or does not answer.
    /// - [`StoreError::Corrupt`] when an event cannot be read.
    pub async fn next(&mut self) -> Result<Vec<StoredEvent>, StoreError> {
        loop {
            let after = self.position;
            self.head
                .wait_for(|head| *head > after)
                .await
                .map_err(|closed| StoreError::Unavailable(closed.into()))?;
            let page = self.log.read_all(after, MAX_PAGE_EVENTS).await?;
            if let Some(last) = page.last() {
                self.position = last.position;
                return Ok(page);
            }
        }
    }
}
