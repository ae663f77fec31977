//! Following a log: first the events it has, then every new one.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS, StoredEvent},
};

/// Every event above a position, in order, future ones included.
///
/// It reads the log page by page, and waits for the head to move once it has read everything. Nothing is queued for it, so
/// a slow subscriber delays only itself.
pub struct Subscription {
    log: Arc<dyn EventLog>,
    head: watch::Receiver<u64>,
    /// The position of the last event handed out.
    position: u64,
}

impl dyn EventLog {
    /// Every event above position `after`, in order and without gaps or repeats: first those in the log, then new ones.
    pub fn subscribe(self: &Arc<Self>, after: u64) -> Subscription {
        Subscription::new(Arc::clone(self), after)
    }
}

impl Subscription {
    /// A subscription to the events of `log` above position `after`.
    pub fn new(log: Arc<dyn EventLog>, after: u64) -> Self {
        let head = log.watch_head();
        Self { log, head, position: after }
    }

    /// The position of the last event handed out; the one it began after when there was none yet.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next events, 1 to [`MAX_PAGE_EVENTS`]; waits when there are none. Dropping the future loses no event.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when the log is closed or does not answer.
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
