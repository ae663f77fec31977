//! Following a log by eventually's trait.

use std::sync::atomic::{AtomicU32, Ordering};

use eventually::subscription::{Subscription, SubscriptionStream};
use futures_util::{FutureExt, StreamExt, future, future::BoxFuture};

use super::{
    Error, LogStore, Subject,
    events::{persisted, stored_after},
};

/// Every event above a checkpoint, each once and in order: first those in the log, then new ones, also those of others.
///
/// The stream ends when the log is closed, and after an error. The checkpoint lasts as long as this value: whoever keeps
/// the sequence number with a view of its own begins there again.
///
/// It takes the place of eventually's `Transient`, which begins again with the event of the checkpoint itself.
pub struct LogSubscription<S> {
    store: LogStore<S>,
    checkpoint: AtomicU32,
}

impl<S> LogSubscription<S> {
    /// A subscription to the events of `store` with a sequence number above `checkpoint`; 0 is before the first event.
    pub fn after(store: LogStore<S>, checkpoint: u32) -> Self {
        Self { store, checkpoint: checkpoint.into() }
    }

    /// The sequence number of the last event that was processed.
    pub fn position(&self) -> u32 {
        self.checkpoint.load(Ordering::Acquire)
    }
}

impl<S: Subject> Subscription for LogSubscription<S> {
    type SourceId = S::Id;
    type Event = S::Event;
    type Error = Error;

    fn resume(&self) -> BoxFuture<'_, Result<SubscriptionStream<'_, Self>, Error>> {
        let stored = stored_after(&self.store.log, self.position().into());
        future::ready(Ok(persisted::<S>(stored).boxed())).boxed()
    }

    fn checkpoint(&self, version: u32) -> BoxFuture<'_, Result<(), Error>> {
        self.checkpoint.store(version, Ordering::Release);
        future::ready(Ok(())).boxed()
    }
}
