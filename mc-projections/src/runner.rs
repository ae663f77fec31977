//! Keeps the views current: follows the log, and gives each event to every projection once and in order.

mod projected;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use mc_domain::recorded::{AnyEvent, Recorded};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, StoredEvent},
    subscription::Subscription,
};
use tokio::sync::watch;

pub use projected::{Projected, Stopped};

use crate::views::Views;

/// The most events that are applied while readers wait, some hundred microseconds' worth.
const MAX_EVENTS_PER_LOCK: usize = 256;
/// How often in a row the log may fail to answer before the views stop; those of a log of several nodes never do.
const MAX_RETRIES: u32 = 10;
/// How long the first retry waits. Each further one waits twice as long, at most [`MAX_RETRY_DELAY`].
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(50);
/// The longest wait between two retries.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// The background task that keeps the views current.
pub struct Runner {
    log: Arc<dyn EventLog>,
    subscription: Subscription,
    views: Arc<RwLock<Views>>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    position: u64,
    /// Why the last read of the log failed; absent while reads succeed.
    trouble: Option<Arc<StoreError>>,
    stopped: bool,
}

impl Runner {
    /// Follows `log` from its beginning, on the current Tokio runtime, whose timer must be enabled.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mc_projections::runner::Runner;
    /// use mc_store::{log::EventLog, memory::MemoryLog};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    /// let views = Runner::start(log);
    /// views.caught_up().await?;
    /// assert_eq!(views.read(|views| views.position()), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(log: Arc<dyn EventLog>) -> Projected {
        let views = Arc::new(RwLock::new(Views::default()));
        let (sender, progress) = watch::channel(Progress::default());
        let runner = Self {
            subscription: Subscription::new(Arc::clone(&log), 0),
            log: Arc::clone(&log),
            views: Arc::clone(&views),
            progress: sender,
        };
        let runner = tokio::spawn(runner.run()).abort_handle();
        Projected::new(log, views, progress, runner)
    }

    async fn run(mut self) {
        let mut retries = 0;
        loop {
            match self.step().await {
                Ok(()) => retries = 0,
                Err(error) => {
                    retries += 1;
                    let stopped = (retries > MAX_RETRIES && !self.is_patient()) || self.is_final(&error);
                    self.report(error, stopped);
                    if stopped {
                        return;
                    }
                    tokio::time::sleep(delay(retries)).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), StoreError> {
        let page = self.subscription.next().await?;
        for batch in page.chunks(MAX_EVENTS_PER_LOCK) {
            self.apply_batch(batch)?;
            // Reading the past keeps the executor busy for long: other tasks go first.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Applies a batch up to the first event that cannot be read.
    fn apply_batch(&self, batch: &[StoredEvent]) -> Result<(), StoreError> {
        let mut decoded = Vec::with_capacity(batch.len());
        let outcome = batch.iter().try_for_each(|stored| {
            decoded.push((stored, codec::decode_any(stored)?));
            Ok(())
        });
        if let Some((last, _)) = decoded.last() {
            let position = last.position;
            self.apply(&decoded);
            self.progress.send_replace(Progress { position, ..Progress::default() });
        }
        outcome
    }

    fn apply(&self, events: &[(&StoredEvent, Option<Recorded<AnyEvent>>)]) {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        for (stored, event) in events {
            match event {
                Some(event) => views.apply(event),
                None => views.skip(stored.position, stored.metadata.recorded_at),
            }
        }
    }

    /// Whether to give up: a damaged log stays damaged, and one that was shut down answers no more. A log that does
    /// not answer is asked again.
    fn is_final(&self, error: &StoreError) -> bool {
        !matches!(error, StoreError::Unavailable(_)) || self.is_closed()
    }

    /// Whether it never gives up asking. A database that several nodes share comes back, and the views with it.
    fn is_patient(&self) -> bool {
        self.log.nodes().is_some()
    }

    fn report(&self, error: StoreError, stopped: bool) {
        match (&error, stopped) {
            (StoreError::Unavailable(_), true) if self.is_closed() => {
                tracing::debug!("the log is closed, and the views stay as they are");
            }
            (_, true) => tracing::error!(error = %Chain(&error), "the views stop following the log"),
            (_, false) => tracing::warn!(error = %Chain(&error), "the views ask the log again"),
        }
        self.progress.send_modify(|progress| {
            progress.trouble = Some(Arc::new(error));
            progress.stopped = stopped;
        });
    }

    fn is_closed(&self) -> bool {
        self.log.watch_head().has_changed().is_err()
    }
}

fn delay(retries: u32) -> Duration {
    FIRST_RETRY_DELAY.saturating_mul(2u32.saturating_pow(retries - 1)).min(MAX_RETRY_DELAY)
}

/// Prints an error with all its causes on one line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
