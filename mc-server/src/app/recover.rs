//! The start of a server: reads the log into the views, and on the first start creates the default project.

use std::sync::Arc;

use mc_domain::{
    aggregate::CommandContext,
    ids::ProjectId,
    operation::create_project,
    project::{Profile, Project},
    reservation::{Key, Reservation},
    values::{Name, Slug},
};
use mc_projections::runner::Runner;
use mc_store::{
    error::StoreError,
    log::EventLog,
    repository::{CommandEnvelope, Repository},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::handle::{App, Clock, Parts};
use crate::{
    access::Access,
    events::EventStreams,
    health::Health,
    latency::Latencies,
    lookup::DEFAULT_PROJECT,
    nodes::{self, Heartbeats, Turns},
    own_identity,
    refusal::Refused,
};

impl App {
    /// Reads the log, and creates the default project where it is missing; of several nodes that start at once, one does. A write that names no actor is recorded as
    /// the operator's.
    ///
    /// # Errors
    /// The error of a log that cannot be read or written, or `Unavailable` with what stopped the views.
    pub async fn recover(
        log: Arc<dyn EventLog>,
        operator: Name,
        clock: Clock,
        health: Health,
        shutdown: CancellationToken,
    ) -> Result<Self, StoreError> {
        health.observe(Arc::clone(&log));
        let projected = Runner::start(Arc::clone(&log));
        projected
            .catch_up(|position, head| {
                tracing::debug!(position, head, "reading the log");
                health.has_read(position, head);
            })
            .await
            .map_err(|stopped| StoreError::Unavailable(stopped.into()))?;
        let is_shared = log.nodes().is_some();
        let app = Self(Arc::new(Parts {
            repository: Repository::new(Arc::clone(&log)),
            projected,
            operator,
            clock,
            commits: Latencies::default(),
            turns: Turns::default(),
            heartbeats: Heartbeats::new(is_shared),
            streams: EventStreams::new(log, shutdown.clone()),
            health,
            shutdown,
            access: Access::new(is_shared),
        }));
        app.create_default_project().await?;
        nodes::begin_exchange(&app);
        Ok(app)
    }

    async fn create_default_project(&self) -> Result<(), StoreError> {
        let id = ProjectId::new(Uuid::now_v7());
        let slug = Slug::new(DEFAULT_PROJECT).expect("the default project's slug is one");
        let profile = Profile::new(Name::new("OpenClaw").expect("the default project's name is one"));
        let context = CommandContext::new(self.now(), own_identity::server());
        let envelope = CommandEnvelope::new(context);
        let created = self.0.repository.execute(&envelope, |tx| {
            if *tx.get::<Reservation>(&Key::project(&slug))? == Reservation::Free {
                tx.create::<Project>(id);
                create_project(tx, id, slug.clone(), profile.clone())?;
            }
            Ok::<_, Refused>(())
        });
        match created.await {
            Ok(_) => Ok(()),
            Err(Refused::Store(error)) => Err(error),
            Err(refused) => Err(StoreError::Invalid { reason: refused.to_string() }),
        }
    }
}
