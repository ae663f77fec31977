//! Records the standup of every project, once a day.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use mc_domain::{
    agent::{Agent, Status},
    aggregate::Aggregate,
    budget::{self, Budget},
    ids::ProjectId,
    process::Watch,
    standup::{Command, Key, MAX_NAMED, Report, Standup},
    task,
};
use mc_store::error::StoreError;

use super::{Worker, context::WorkerContext};

/// When a day's standup is recorded, UTC. A server that was down then records it as soon as it is up, the same day.
const RECORDED_AT: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("nine o'clock exists");

/// The worker that records each day's standup at 09:00 UTC.
pub(super) struct StandupRecorder(Arc<WorkerContext>);

impl StandupRecorder {
    pub(super) fn new(context: Arc<WorkerContext>) -> Self {
        Self(context)
    }
}

impl Worker for StandupRecorder {
    const NAME: &'static str = "standup";
    const SAYS: &'static str = "[Standup] Looking for standups to record...";
    const TELLS_EVERY_TICK: bool = false;
    const EVERY: Duration = Duration::from_secs(60);

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let due_since = now.date_naive().and_time(RECORDED_AT).and_utc();
        if now < due_since {
            return Ok(0);
        }
        let watch = self.0.watch().await?;
        let mut done = 0;
        // A project that came later has its first standup tomorrow.
        for (project, _) in watch.projects.iter().filter(|(_, created)| **created < due_since) {
            done += self.record(Key { project: *project, day: now.date_naive() }, &watch, now).await?;
        }
        Ok(done)
    }
}

impl StandupRecorder {
    async fn record(&self, key: Key, watch: &Watch, now: DateTime<Utc>) -> Result<usize, StoreError> {
        if watch.standups.get(&key.project).is_some_and(|last| *last >= key.day) {
            return Ok(0);
        }
        let report = self.report(key.project, watch, now).await?;
        let command = self.0.command(Self::NAME, Some(key.project), now, key.to_string(), |tx| {
            let standup = tx.get::<Standup>(&key)?;
            let record = Command::Record { report: report.clone() };
            let events = standup.decide(record, tx.context()).unwrap_or_default();
            tx.record_in(Some(key.project), &standup, events)?;
            Ok(())
        });
        command.await
    }

    async fn report(
        &self,
        project: ProjectId,
        watch: &Watch,
        now: DateTime<Utc>,
    ) -> Result<Report, StoreError> {
        let mut report = Report {
            completed: watch.just_completed(project, now).take(MAX_NAMED).collect(),
            blocked: watch.in_status(project, task::Status::Blocked).take(MAX_NAMED).collect(),
            waiting_approvals: of(project, &watch.approvals).take(MAX_NAMED).collect(),
            open_alerts: u32::try_from(of(project, &watch.alerts).count()).unwrap_or(u32::MAX),
            ..Report::default()
        };
        for status in task::Status::ALL {
            let count = u32::try_from(watch.count(project, *status)).unwrap_or(u32::MAX);
            if count > 0 {
                report.tasks.insert(*status, count);
            }
        }
        self.count_agents(&mut report, project, watch, now.date_naive()).await?;
        Ok(report)
    }

    async fn count_agents(
        &self,
        report: &mut Report,
        project: ProjectId,
        watch: &Watch,
        day: NaiveDate,
    ) -> Result<(), StoreError> {
        let repository = self.0.app().repository();
        for id in watch.agents_of(project) {
            let agent = repository.load::<Agent>(&id).await?;
            let Ok(agent) = agent.registered() else { continue };
            *report.agents.entry(agent.status()).or_default() += 1;
            let spent = repository.load::<Budget>(&budget::Key::AgentDay(id, day)).await?.spent();
            report.spent = report.spent.plus(spent);
            if agent.status() != Status::Offline {
                report.cap = report.cap.plus(agent.profile().caps.daily);
            }
        }
        Ok(())
    }
}

/// What of a project is in a map from anything to its project.
fn of<K: Copy>(project: ProjectId, map: &BTreeMap<K, ProjectId>) -> impl Iterator<Item = K> {
    map.iter().filter(move |(_, of)| **of == project).map(|(key, _)| *key)
}
