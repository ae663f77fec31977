//! What the handlers work with.

use std::sync::Arc;

use mc_domain::values::Name;
use mc_store::{error::StoreError, log::EventLog};
use tokio_util::sync::CancellationToken;

use crate::{events::EventStreams, health::Health};

/// The recovered server: whoever holds it may ask anything. Clones share everything.
#[derive(Clone)]
pub struct App {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The streams of the log that are open.
    pub streams: EventStreams,
    /// The operator, by whom a write is that names nobody.
    pub operator: Name,
    /// What the health routes report; workers give their signs of life here.
    pub health: Health,
    /// Ends whatever would go on forever.
    pub shutdown: CancellationToken,
}

impl App {
    /// Reads what has to be read of the log before the first request is answered.
    ///
    /// # Errors
    /// What the log says when it cannot be read.
    pub async fn recover(
        log: Arc<dyn EventLog>,
        operator: Name,
        health: Health,
        shutdown: CancellationToken,
    ) -> Result<Self, StoreError> {
        health.observe(Arc::clone(&log));
        let streams = EventStreams::new(Arc::clone(&log), shutdown.clone());
        Ok(Self { log, streams, operator, health, shutdown })
    }
}
