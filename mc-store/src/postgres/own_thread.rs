//! Asking the database from code that blocks.

use std::{future::Future, panic::resume_unwind, thread};

use tokio::runtime::{Builder, Runtime};

use crate::error::StoreError;

/// A runtime of its own, for a connection that belongs to code without one.
#[derive(Debug)]
pub(super) struct OwnThread(Option<Runtime>);

impl OwnThread {
    pub(super) fn new() -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|error| StoreError::Unavailable(error.into()))
    }

    /// Waits for `work`, on a thread of its own: the caller may be a thread of another runtime, which must not wait itself.
    pub(super) fn wait<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.0.as_ref().expect("it is there until it is dropped");
        let waited = thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join());
        waited.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for OwnThread {
    /// In the background: a thread of another runtime must not wait for it.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
