//! Draws attention to approvals that wait long, and ends those that nobody decided in time.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use mc_domain::{
    approval::Approval,
    ids::{ApprovalId, ProjectId},
    operation::{escalate_approval, expire_approval},
    process::{ApprovalDue, approvals_due},
    transaction::Entity,
};
use mc_store::error::StoreError;

use super::{Worker, context::WorkerContext};

/// The worker that ends approvals whose time has run out.
pub(super) struct ApprovalSweeper(Arc<WorkerContext>);

impl ApprovalSweeper {
    pub(super) fn new(context: Arc<WorkerContext>) -> Self {
        Self(context)
    }
}

impl Worker for ApprovalSweeper {
    const NAME: &'static str = "approval-sweeper";
    const SAYS: &'static str = "[ApprovalSweeper] Sweeping approvals...";
    const TELLS_EVERY_TICK: bool = false;
    const EVERY: Duration = Duration::from_secs(60);

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let watch = self.0.watch().await?;
        let mut approvals = Vec::new();
        for id in watch.approvals.keys() {
            approvals.push(self.0.app().repository().load::<Approval>(id).await?);
        }
        let mut done = 0;
        let limits = |project| self.0.app().policy_limits(Some(project));
        for (id, due) in approvals_due(&approvals, now, limits) {
            let project = watch.approvals.get(&id).copied();
            done += match due {
                ApprovalDue::Escalation => self.escalate(id, project, &approvals, now).await?,
                ApprovalDue::Expiry => self.expire(id, project, now).await?,
            };
        }
        Ok(done)
    }
}

impl ApprovalSweeper {
    /// Once for each time that it was asked for: asked anew, it waits anew.
    async fn escalate(
        &self,
        id: ApprovalId,
        project: Option<ProjectId>,
        approvals: &[Entity<Approval>],
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let version = approvals.iter().find(|approval| approval.id == id).map_or(0, |known| known.version);
        let key = format!("escalate/{id}/{version}");
        let command = self.0.command(Self::NAME, project, now, key, |tx| Ok(escalate_approval(tx, id)?));
        command.await
    }

    async fn expire(
        &self,
        id: ApprovalId,
        project: Option<ProjectId>,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let command = self
            .0
            .command(Self::NAME, project, now, format!("expire/{id}"), |tx| Ok(expire_approval(tx, id)?));
        command.await
    }
}
