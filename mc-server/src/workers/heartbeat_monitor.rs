//! Looks after agents that fall silent, runs that do not end, leases that nobody uses, drains that are over, and
//! sub-agents whose time is up.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    agent::{Agent, Registered, Status},
    alert::{self, Alert},
    ids::{AgentId, LeaseId, ProjectId, RunId},
    operation::{end_lease, lease_ends_at, mark_heard, mark_stale, pause_agent, retire_agent, time_out_run},
    process::{Retirement, Watch, retirements},
    transaction::Entity,
    values::Name,
};
use mc_store::error::StoreError;

use super::{Worker, context::WorkerContext};
use crate::{
    halt::{self, By},
    refusal::Refused,
};

/// The worker that acts on silence: alerts, ends of leases, timeouts of runs, halts left undone.
pub(super) struct HeartbeatMonitor(Arc<WorkerContext>);

impl HeartbeatMonitor {
    pub(super) fn new(context: Arc<WorkerContext>) -> Self {
        Self(context)
    }
}

impl Worker for HeartbeatMonitor {
    const NAME: &'static str = "heartbeat-monitor";
    const SAYS: &'static str = "[HeartbeatMonitor] Checking agent liveness...";
    const TELLS_EVERY_TICK: bool = true;
    const EVERY: Duration = Duration::from_secs(30);

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut done = self.follow_halts().await?;
        let watch = self.0.watch().await?;
        for run in watch.overdue_runs(now) {
            let project = self.0.app().projected().read(|views| views.runs.project_of(run));
            done += self.time_out(run, project, now).await?;
        }
        let mut agents = Vec::new();
        for id in watch.agents_to_look_after() {
            agents.push(self.0.app().repository().load::<Agent>(&id).await?);
        }
        for agent in &agents {
            done += self.look_after(agent, &watch, now).await?;
        }
        for retirement in retirements(&agents, |task| watch.is_closed(task), now) {
            done += self.retire(retirement, &agents, now).await?;
        }
        Ok(done)
    }
}

impl HeartbeatMonitor {
    /// Completes halts whose consequences were not carried out with their answers, because the server ended in between.
    async fn follow_halts(&self) -> Result<usize, StoreError> {
        let app = self.0.app();
        self.0.term().views_reach(0).await?;
        let mut done = 0;
        for (project, number) in app.projected().read(|views| views.projects.halted()) {
            let itself = Actor::System(Name::new(Self::NAME).expect("a worker's name is one"));
            if self.0.term().is_over() {
                break;
            }
            let by = By { actor: &itself, credential: None, lease: self.0.term().lease() };
            match halt::follow(app, by, project, number).await {
                Ok(followed) => done += usize::from(followed.late),
                Err(Refused::Store(error)) => return Err(error),
                Err(refused) => tracing::warn!(%project, number, %refused, "a halt could not be followed"),
            }
        }
        Ok(done)
    }

    async fn look_after(
        &self,
        agent: &Entity<Agent>,
        watch: &Watch,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let Ok(known) = agent.registered() else { return Ok(0) };
        let limits = self.0.app().policy_limits(Some(known.project()));
        let silent = known.is_stale(now, &limits) && !self.has_recent_heartbeat(agent.id, known, now);
        let key = alert::Key::new(alert::Kind::AgentStale, alert::Subject::Agent(agent.id));
        let mut done = match (silent, watch.alerts.contains_key(&key)) {
            (true, false) => self.alert_silence(agent.id, known, now).await?,
            (false, true) => self.resolve_silence_alert(agent, known.project(), key, now).await?,
            (true, true) | (false, false) => 0,
        };
        if known.status() == Status::Draining && known.work().is_none() {
            done += self.end_drain(agent, known.project(), now).await?;
        }
        let signed = watch.signs.get(&agent.id).copied();
        let last_heartbeat = signed.into_iter().chain(self.0.app().last_heartbeat(agent.id)).max();
        if let Some((lease, end)) =
            lease_ends_at(agent, last_heartbeat.unwrap_or_default(), &limits).filter(|(_, end)| now >= *end)
        {
            done += self
                .end_lease(agent.id, known.project(), lease, end, last_heartbeat.unwrap_or_default(), now)
                .await?;
        }
        Ok(done)
    }

    /// Whether the server remembers a recent heartbeat. One without news is recorded at most once a minute.
    fn has_recent_heartbeat(&self, id: AgentId, agent: &Registered, now: DateTime<Utc>) -> bool {
        let patience = agent.patience(&self.0.app().policy_limits(Some(agent.project())));
        self.0.app().last_heartbeat(id).is_some_and(|at| now - at <= patience)
    }

    /// Raises the alert once for each silence. Its key names the last sign of life, so an alert that was resolved
    /// meanwhile stays resolved.
    async fn alert_silence(
        &self,
        id: AgentId,
        agent: &Registered,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let since = agent.last_sign().timestamp_micros();
        let command =
            self.0.command(Self::NAME, Some(agent.project()), now, format!("stale/{id}/{since}"), |tx| {
                Ok(mark_stale(tx, id)?)
            });
        command.await
    }

    /// Resolves the alert, at most once for each episode and each version of the agent.
    async fn resolve_silence_alert(
        &self,
        agent: &Entity<Agent>,
        project: ProjectId,
        key: alert::Key,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let alert = self.0.app().repository().load::<Alert>(&key).await?;
        let Some(episode) = alert.open().map(|episode| episode.id()) else { return Ok(0) };
        let (id, key) = (agent.id, format!("heard/{episode}/{}", agent.version));
        let command = self.0.command(Self::NAME, Some(project), now, key, |tx| Ok(mark_heard(tx, id)?));
        command.await
    }

    async fn end_drain(
        &self,
        agent: &Entity<Agent>,
        project: ProjectId,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let (id, version) = (agent.id, agent.version);
        let command =
            self.0.command(Self::NAME, Some(project), now, format!("drained/{id}/{version}"), |tx| {
                let agent = tx.get::<Agent>(&id)?;
                let known = agent.registered()?;
                let drained = known.status() == Status::Draining && known.work().is_none();
                if drained { Ok(pause_agent(tx, id, None)?) } else { Ok(()) }
            });
        command.await
    }

    async fn end_lease(
        &self,
        id: AgentId,
        project: ProjectId,
        lease: LeaseId,
        end: DateTime<Utc>,
        last_heartbeat: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let key = format!("lease/{lease}/{}", end.timestamp_micros());
        let command = self
            .0
            .command(Self::NAME, Some(project), now, key, |tx| Ok(end_lease(tx, id, lease, last_heartbeat)?));
        command.await
    }

    async fn time_out(
        &self,
        run: RunId,
        project: Option<ProjectId>,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let command = self
            .0
            .command(Self::NAME, project, now, format!("timeout/{run}"), |tx| Ok(time_out_run(tx, run)?));
        command.await
    }

    async fn retire(
        &self,
        retirement: Retirement,
        agents: &[Entity<Agent>],
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let Retirement { child, parent, cause } = retirement;
        let known = agents.iter().find(|agent| agent.id == child);
        let version = known.map_or(0, |agent| agent.version);
        let project = known.and_then(|agent| agent.registered().ok()).map(|agent| agent.project());
        let command = self.0.command(Self::NAME, project, now, format!("retire/{child}/{version}"), |tx| {
            Ok(retire_agent(tx, child, parent, cause)?)
        });
        command.await
    }
}
