//! Draws attention to approvals that wait long, and ends those that nobody decided in time.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use mc_domain::{
    approval::Approval,
    ids::{ApprovalId, ProjectId},
    operation::{Decision, Entity, Outcome, escalate_approval, expire_approval},
    process::{ApprovalDue, approvals_due},
};
use mc_store::error::StoreError;

use super::{Worker, context::WorkerContext};
use crate::decide::{Case, ask};

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
        let command = self.0.command(Self::NAME, project, now, key, |unit, context| {
            let approval = unit.load::<Approval>(&id)?;
            Ok::<Decision, _>(escalate_approval(&approval, context)?)
        });
        command.await
    }

    async fn expire(
        &self,
        id: ApprovalId,
        project: Option<ProjectId>,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let command = self.0.command(Self::NAME, project, now, format!("expire/{id}"), |unit, context| {
            let case = Case::load(unit, id)?;
            let concluded = ask(unit, |cast| expire_approval(case.scope(cast), context))?;
            Ok::<Outcome, _>(concluded.outcome)
        });
        command.await
    }
}
