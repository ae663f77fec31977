//! The time for which the workers run on this node: as long as it leads, or for good where there are no other nodes.

use mc_store::{error::StoreError, nodes::Lease};
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// The server while its workers run here. Once the term is over nothing more is begun; clones share their end.
#[derive(Clone)]
pub(super) struct Term {
    app: App,
    /// Carried by every commit of the workers, so that none is taken any more once another node leads.
    lease: Option<Lease>,
    over: CancellationToken,
}

impl Term {
    /// A term that ends with the server at the latest.
    pub(super) fn new(app: App, lease: Option<Lease>) -> Self {
        let over = app.shutdown().child_token();
        Self { app, lease, over }
    }

    /// The handle of the server.
    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// The lease of this node; nothing where there are no other nodes.
    pub(super) fn lease(&self) -> Option<Lease> {
        self.lease
    }

    /// Ends it: a turn that has begun ends with the command at hand.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// Whether nothing more may be begun.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// Waits until the views reflect all that this node knows of the log, and at least `position`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the views no longer follow the log.
    pub(super) async fn views_reach(&self, position: u64) -> Result<(), StoreError> {
        let reached = self.app.projected().wait_for(position.max(self.app.log().head())).await;
        reached.map_err(|stopped| StoreError::Unavailable(stopped.into()))
    }
}
