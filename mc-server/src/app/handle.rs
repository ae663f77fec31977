//! The handle of the recovered server, and how handlers and workers read through it.

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{extract::FromRef, http::HeaderValue, response::Response};
use chrono::{DateTime, SubsecRound, Utc};
use mc_domain::{ids::AgentId, values::Name};
use mc_projections::{runner::Projected, views::Views};
use mc_store::{log::EventLog, repository::Repository};
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    events::EventStreams,
    headers::at_position,
    health::Health,
    latency::Latencies,
    nodes::{Heartbeats, Turns},
    problem::{Excerpt, Kind, Problem},
    refusal::{self, Refused},
};

/// How long a request waits for the position it names.
const TIME_TO_REACH: Duration = Duration::from_secs(5);
/// How often a read that waits for the views looks whether the database answers at all.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// The source of the time; tests bring a clock of their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The handle of the recovered server. Clones are cheap and share everything.
#[derive(Clone)]
pub struct App(pub(super) Arc<Parts>);

pub(super) struct Parts {
    pub(super) repository: Repository,
    pub(super) projected: Projected,
    pub(super) operator: Name,
    pub(super) clock: Clock,
    pub(super) commits: Latencies,
    pub(super) turns: Turns,
    pub(super) heartbeats: Heartbeats,
    pub(super) streams: EventStreams,
    pub(super) health: Health,
    pub(super) shutdown: CancellationToken,
    pub(super) access: Access,
}

/// The clock of a real server: the machine's time in UTC.
pub fn system_clock() -> Clock {
    Arc::new(Utc::now)
}

impl App {
    /// The log of events, for reads that bypass the views.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        self.0.repository.log()
    }

    /// The repository that loads aggregates and commits decisions.
    pub fn repository(&self) -> &Repository {
        &self.0.repository
    }

    /// The views with the task that keeps them current with the log.
    pub fn projected(&self) -> &Projected {
        &self.0.projected
    }

    /// The event streams that are open.
    pub fn streams(&self) -> &EventStreams {
        &self.0.streams
    }

    /// The state that the health routes report; workers record their heartbeats in it.
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// The token that ends workers and event streams when it is cancelled.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// The same handle, which keeps nothing alive.
    pub(crate) fn downgrade(&self) -> WeakApp {
        WeakApp(Arc::downgrade(&self.0))
    }

    /// What the server knows of its callers beside the log.
    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    /// The operator, in whose name a write is recorded that names no actor.
    pub fn operator(&self) -> &Name {
        &self.0.operator
    }

    /// The turns of those that a rule counts together, so that two of them never pass a limit at once.
    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// The durations of commits, which `/metrics` reports.
    pub(crate) fn commits(&self) -> &Latencies {
        &self.0.commits
    }

    /// The time, to the microsecond, as the log keeps it.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0.clock)().trunc_subsecs(6)
    }

    /// The time of an agent's last heartbeat since the server started, whichever node it reached. Most heartbeats are not in
    /// the log: one without news is recorded at most once a minute.
    pub fn last_heartbeat(&self, agent: AgentId) -> Option<DateTime<Utc>> {
        self.heartbeats().last(agent)
    }

    /// Notes a heartbeat of an agent, in memory alone; other nodes are told.
    pub fn note_heartbeat(&self, agent: AgentId, at: DateTime<Utc>) {
        self.heartbeats().note(agent, at);
    }

    pub(crate) fn heartbeats(&self) -> &Heartbeats {
        &self.0.heartbeats
    }

    /// Reads the views once they reflect everything that was committed before this call; as they are while the node is out
    /// of touch with the database.
    ///
    /// # Errors
    /// `store-damaged` or `store-unavailable` when the views can no longer follow the log.
    pub async fn read<T>(&self, ask: impl FnOnce(&Views) -> T) -> Result<T, Problem> {
        self.catch_up().await?;
        Ok(self.0.projected.read(ask))
    }

    async fn catch_up(&self) -> Result<(), Problem> {
        let mut caught_up = pin!(self.0.projected.caught_up());
        while self.0.projected.lag() > 0 && self.out_of_touch().is_none() {
            if let Ok(caught_up) = tokio::time::timeout(LOOKS_EVERY, &mut caught_up).await {
                return caught_up.map_err(|stopped| refusal::stopped(&stopped));
            }
        }
        Ok(())
    }

    /// Waits until answers reflect the position that a client saw elsewhere and names in `Mc-Position`.
    ///
    /// # Errors
    /// `malformed-header`, `position-not-reached`, or as [`App::read`].
    pub async fn reach(&self, position: &HeaderValue) -> Result<(), Problem> {
        let written = position.to_str().unwrap_or("\u{fffd}");
        let position = written.parse().map_err(|_| {
            let detail = format!(
                "Mc-Position cannot be {}. Send the number that an answer had in its Mc-Position, or leave it out.",
                Excerpt(written)
            );
            Problem::new(Kind::MalformedHeader, detail)
        })?;
        self.reach_position(position).await
    }

    /// Waits until the views reflect a position that another node has reached.
    ///
    /// # Errors
    /// `position-not-reached`, or as [`App::read`].
    pub(crate) async fn reach_position(&self, position: u64) -> Result<(), Problem> {
        match tokio::time::timeout(TIME_TO_REACH, self.0.projected.wait_for(position)).await {
            Ok(reached) => reached.map_err(|stopped| refusal::stopped(&stopped)),
            Err(_) => {
                let (secs, head) = (TIME_TO_REACH.as_secs(), self.log().head());
                let detail = format!(
                    "The log has not reached position {position} within {secs} seconds: it is at {head}. Try again later, \
                     or leave Mc-Position out to read what there is."
                );
                Err(Problem::new(Kind::PositionNotReached, detail))
            }
        }
    }

    /// Looks up what a write names. The views are asked as they are, since they reflect every answer given; only when
    /// they do not know it are they asked again once they are current: the client may know it from the event stream.
    ///
    /// # Errors
    /// As [`App::read`], or what `ask` says.
    pub async fn find<T>(&self, ask: impl Fn(&Views) -> Result<T, Problem>) -> Result<T, Problem> {
        match self.0.projected.read(&ask) {
            Ok(found) => Ok(found),
            Err(_) => self.read(ask).await?,
        }
    }

    /// Answers a read, with the position it reflects. The answer is rendered under the lock of the views, so that it
    /// borrows from them instead of copying.
    ///
    /// # Errors
    /// As [`App::read`], or what `ask` says.
    pub async fn answer(
        &self,
        ask: impl FnOnce(&Views) -> Result<Response, Problem>,
    ) -> Result<Response, Problem> {
        self.read(|views| Ok(at_position(ask(views)?, views.position()))).await?
    }

    /// The problem that answers a refused write, with the names that the views have for ids.
    pub(crate) fn problem(&self, refused: Refused) -> Problem {
        self.0.projected.read(|views| refusal::problem(refused, views))
    }
}

/// A handle that keeps nothing alive, for what the server itself holds.
#[derive(Clone)]
pub(crate) struct WeakApp(Weak<Parts>);

impl WeakApp {
    /// The handle, as long as the server is there.
    pub(crate) fn upgrade(&self) -> Option<App> {
        self.0.upgrade().map(App)
    }
}

impl FromRef<App> for EventStreams {
    fn from_ref(app: &App) -> Self {
        app.0.streams.clone()
    }
}

impl FromRef<App> for Health {
    fn from_ref(app: &App) -> Self {
        app.0.health.clone()
    }
}
