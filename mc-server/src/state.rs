//! What the handlers of the recovered server work with.

use std::sync::Arc;

use axum::extract::FromRef;
use mc_domain::values::Name;
use mc_store::{error::StoreError, log::EventLog};
use tokio_util::sync::CancellationToken;

use crate::{events::EventStreams, health::Health};

/// The recovered server. A handler takes the part it works with: `State<EventStreams>`, `State<Health>`.
#[derive(Clone)]
pub struct Recovered {
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

impl Recovered {
    /// Reads what has to be read of the log before the first request is answered.
    ///
    /// # Errors
    /// What the log says when it cannot be read.
    pub async fn from(
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

impl FromRef<Recovered> for EventStreams {
    fn from_ref(state: &Recovered) -> Self {
        state.streams.clone()
    }
}

impl FromRef<Recovered> for Health {
    fn from_ref(state: &Recovered) -> Self {
        state.health.clone()
    }
}
