//! The newest pages of the log, kept for everybody who follows it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use mc_store::{error::StoreError, log::EventLog};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::page::Page;

/// How much of the newest pages is kept, in bytes: 16 MiB. The newest one stays, however long it is.
pub(super) const TAIL_BYTES: usize = 16 * 1024 * 1024;
/// The most pages of the past that are read at a time; whoever is that far behind waits for its turn.
const MAX_PAST_READS: usize = 4;

/// Reads pages of a log; those at its end once for all readers.
pub(super) struct Tail {
    log: Arc<dyn EventLog>,
    kept: Mutex<Kept>,
    /// Held by whoever reads the next page for all.
    reading: AsyncMutex<()>,
    past_reads: Semaphore,
}

/// The latest pages without a gap between them, oldest first.
#[derive(Default)]
struct Kept {
    pages: VecDeque<Arc<Page>>,
    bytes: usize,
}

impl Tail {
    pub(super) fn new(log: Arc<dyn EventLog>) -> Self {
        let (kept, reading) = (Mutex::default(), AsyncMutex::default());
        Self { log, kept, reading, past_reads: Semaphore::new(MAX_PAST_READS) }
    }

    /// A page with the event after `position`, which must be in the log.
    ///
    /// What is read is read by a task of its own: the future of a reader stands still as long as its client takes nothing,
    /// and whoever waits for the same page would stand still with it.
    ///
    /// # Errors
    /// What the log says.
    pub(super) async fn after(self: &Arc<Self>, position: u64) -> Result<Arc<Page>, StoreError> {
        if let Some(page) = self.kept().page_with(position + 1) {
            return Ok(page);
        }
        let tail = Arc::clone(self);
        let read = tokio::spawn(async move { tail.read(position).await });
        read.await.map_err(|broken| StoreError::Unavailable(broken.into()))?
    }

    async fn read(&self, position: u64) -> Result<Arc<Page>, StoreError> {
        if self.kept().begins_after(position + 1) {
            let _turn =
                self.past_reads.acquire().await.map_err(|closed| StoreError::Unavailable(closed.into()))?;
            return Ok(Arc::new(Page::read(&*self.log, position).await?));
        }
        let _turn = self.reading.lock().await;
        if let Some(page) = self.kept().page_with(position + 1) {
            return Ok(page);
        }
        let page = Arc::new(Page::read(&*self.log, position).await?);
        self.kept().keep(&page);
        Ok(page)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics while it holds the pages")
    }
}

impl Kept {
    fn page_with(&self, position: u64) -> Option<Arc<Page>> {
        let at = self.pages.partition_point(|page| page.last() < position);
        self.pages.get(at).filter(|page| page.first() <= position).cloned()
    }

    fn begins_after(&self, position: u64) -> bool {
        self.pages.front().is_some_and(|page| page.first() > position)
    }

    /// Keeps a page at the end. One that leaves a gap begins anew: nobody has followed the log meanwhile.
    fn keep(&mut self, page: &Arc<Page>) {
        let next = self.pages.back().map_or(page.first(), |page| page.last() + 1);
        if page.first() < next {
            return;
        }
        if page.first() > next {
            *self = Self::default();
        }
        self.bytes += page.bytes();
        self.pages.push_back(Arc::clone(page));
        while self.bytes > TAIL_BYTES && self.pages.len() > 1 {
            if let Some(oldest) = self.pages.pop_front() {
                self.bytes -= oldest.bytes();
            }
        }
    }
}
