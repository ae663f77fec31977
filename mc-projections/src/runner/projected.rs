//! The handle to the views: for reading them, and for waiting until they are current.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use mc_store::{error::StoreError, log::EventLog};
use tokio::{sync::watch, task::AbortHandle};

use super::Progress;
use crate::views::Views;

/// A handle to the views that a runner keeps current. Clones share the views; the runner ends with the last clone.
#[derive(Clone)]
pub struct Projected(Arc<Shared>);

struct Shared {
    log: Arc<dyn EventLog>,
    views: Arc<RwLock<Views>>,
    progress: watch::Receiver<Progress>,
    runner: AbortHandle,
}

/// The views no longer follow the log; they stay as they were.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the views stopped after position {position}")]
pub struct Stopped {
    /// The position of the last event that they reflect.
    pub position: u64,
    /// What stopped them; absent when the runner itself broke down.
    #[source]
    pub cause: Option<Arc<StoreError>>,
}

impl Projected {
    pub(super) fn new(
        log: Arc<dyn EventLog>,
        views: Arc<RwLock<Views>>,
        progress: watch::Receiver<Progress>,
        runner: AbortHandle,
    ) -> Self {
        Self(Arc::new(Shared { log, views, progress, runner }))
    }

    /// Reads the views. No event is applied meanwhile, so the answer is of one position; `ask` must be quick.
    pub fn read<T>(&self, ask: impl FnOnce(&Views) -> T) -> T {
        ask(&self.lock())
    }

    /// The position of the last event that the views reflect.
    pub fn position(&self) -> u64 {
        self.0.progress.borrow().position
    }

    /// Waits until the views reflect `position`, so that a caller reads its own writes. For a position that is never
    /// committed it waits without end.
    ///
    /// # Errors
    /// [`Stopped`] when the views have stopped before that.
    pub async fn wait_for(&self, position: u64) -> Result<(), Stopped> {
        if self.position() >= position {
            return Ok(());
        }
        let mut progress = self.0.progress.clone();
        let arrived = progress.wait_for(|progress| progress.stopped || progress.position >= position).await;
        let arrived = arrived.is_ok_and(|progress| progress.position >= position);
        if arrived { Ok(()) } else { Err(self.stopped()) }
    }

    /// Waits until the views reflect everything that is in the log now.
    ///
    /// # Errors
    /// [`Stopped`] when the views have stopped before that.
    pub async fn caught_up(&self) -> Result<(), Stopped> {
        self.wait_for(self.0.log.head()).await
    }

    /// The same, and calls `report` after each batch with the position reached and the head to reach.
    ///
    /// # Errors
    /// [`Stopped`] when the views have stopped before that.
    pub async fn catch_up(&self, mut report: impl FnMut(u64, u64)) -> Result<(), Stopped> {
        let head = self.0.log.head();
        let mut progress = self.0.progress.clone();
        loop {
            let Progress { position, stopped, .. } = progress.borrow_and_update().clone();
            report(position.min(head), head);
            if position >= head {
                return Ok(());
            }
            if stopped || progress.changed().await.is_err() {
                return Err(self.stopped());
            }
        }
    }

    /// How many positions the views are behind the log.
    pub fn lag(&self) -> u64 {
        self.0.log.head().saturating_sub(self.position())
    }

    /// What is wrong, if something is: the views have stopped, or the log does not answer and is asked again.
    pub fn trouble(&self) -> Option<Stopped> {
        let progress = self.0.progress.borrow();
        let broken = self.0.runner.is_finished() || progress.trouble.is_some();
        broken.then(|| Stopped { position: progress.position, cause: progress.trouble.clone() })
    }

    pub(crate) fn log(&self) -> &dyn EventLog {
        &*self.0.log
    }

    #[cfg(test)]
    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.0.progress.clone()
    }

    fn stopped(&self) -> Stopped {
        let progress = self.0.progress.borrow();
        Stopped { position: progress.position, cause: progress.trouble.clone() }
    }

    /// A projection that panics stops the runner and poisons the lock; what was applied before is still readable.
    fn lock(&self) -> RwLockReadGuard<'_, Views> {
        self.0.views.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Projected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projected").field("position", &self.position()).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.runner.abort();
    }
}
