//! What every handler works with: the repository to write through, the views to read from, the time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SubsecRound, Utc};
use mc_domain::{
    actor::Actor,
    aggregate::Moment,
    ids::AgentId,
    operation::{Decision, Rejection},
    values::Name,
};
use mc_projections::{runner::Projected, views::Views};
use mc_store::{
    error::StoreError,
    log::EventLog,
    repository::{Order, Repository, Unit},
};
use serde::Serialize;

use crate::{
    answer::Reply,
    extract::{IfMatch, Keyed},
    problem::Problem,
    refusal,
};

/// The log position an answer reflects.
pub const MC_POSITION: HeaderName = HeaderName::from_static("mc-position");
/// Set to `true` on the answer to a repeated request.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Tells the time; tests bring their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The application: cheap to clone, one for all requests.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    repository: Repository,
    projected: Projected,
    operator: Name,
    clock: Clock,
    heartbeats: Mutex<HashMap<AgentId, DateTime<Utc>>>,
}

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(Utc::now)
}

/// Why a write was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A rule is against it.
    #[error(transparent)]
    Rule(#[from] Rejection),
    /// The log could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request itself is at fault.
    #[error("{}", .0.detail())]
    Request(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Request(problem)
    }
}

macro_rules! refused_by {
    ($($aggregate:ident),+) => {
        $(impl From<mc_domain::$aggregate::Rejection> for Refused {
            fn from(rejection: mc_domain::$aggregate::Rejection) -> Self {
                Self::Rule(rejection.into())
            }
        })+
    };
}
refused_by!(agent, project, task);

/// A write as it came in: who, when, under which key.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who and when.
    pub moment: Moment,
    /// The version the caller expects.
    pub condition: IfMatch,
    keyed: Option<Keyed>,
}

impl App {
    /// An application on a log whose views are kept by `projected`. Writes without another actor are by `operator`.
    pub fn new(log: Arc<dyn EventLog>, projected: Projected, operator: Name, clock: Clock) -> Self {
        let repository = Repository::new(log);
        Self(Arc::new(Parts { repository, projected, operator, clock, heartbeats: Mutex::default() }))
    }

    /// The log.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        self.0.repository.log()
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.0.repository
    }

    /// What keeps the views current.
    pub fn projected(&self) -> &Projected {
        &self.0.projected
    }

    /// The operator on whose behalf unattributed writes are made.
    pub fn operator(&self) -> &Name {
        &self.0.operator
    }

    /// The time, to the microsecond, as the log keeps it.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0.clock)().trunc_subsecs(6)
    }

    /// When an agent was last heard of, where that was too routine to be recorded.
    pub fn last_heard(&self, agent: AgentId) -> Option<DateTime<Utc>> {
        self.heartbeats().get(&agent).copied()
    }

    /// Notes that an agent was heard of.
    pub fn hear(&self, agent: AgentId, at: DateTime<Utc>) {
        self.heartbeats().insert(agent, at);
    }

    fn heartbeats(&self) -> std::sync::MutexGuard<'_, HashMap<AgentId, DateTime<Utc>>> {
        self.0.heartbeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the views once they reflect everything that was committed before this call.
    ///
    /// # Errors
    /// `store-damaged` or `store-unavailable` when the views can no longer follow the log.
    pub async fn read<T>(&self, ask: impl FnOnce(&Views) -> T) -> Result<T, Problem> {
        self.0.projected.caught_up().await.map_err(|stopped| refusal::stopped(&stopped))?;
        Ok(self.0.projected.read(ask))
    }

    /// The answer to a read: `200` with the position it reflects.
    ///
    /// # Errors
    /// As [`App::read`], or what `ask` says.
    pub async fn answer<T: Serialize>(
        &self,
        ask: impl FnOnce(&Views) -> Result<T, Problem>,
    ) -> Result<Response, Problem> {
        // Rendered under the lock, so that what borrows from the views need not be copied first.
        let rendered = self
            .read(|views| {
                let value = ask(views)?;
                Ok::<_, Problem>((views.position(), Json(value).into_response()))
            })
            .await??;
        Ok(at_position(rendered.1, rendered.0))
    }

    /// A write by `actor`, as of now.
    pub fn call(&self, actor: Actor, keyed: Option<Keyed>, condition: IfMatch) -> Call {
        Call { moment: Moment::new(self.now(), actor), condition, keyed }
    }

    /// Carries out a write and renders its answer.
    ///
    /// # Errors
    /// What `decide` refuses, and what the log says.
    pub async fn write(
        &self,
        call: &Call,
        mut decide: impl FnMut(&mut Unit<'_>) -> Result<(Decision, Reply), Refused> + Send,
    ) -> Result<Response, Problem> {
        let key = call.keyed.as_ref().map(|keyed| (keyed.key.as_str().to_owned(), keyed.fingerprint));
        let order = Order { moment: call.moment.clone(), key };
        let executed = self
            .0
            .repository
            .execute(&order, |unit| decide(unit))
            .await
            .map_err(|refused| self.0.projected.read(|views| refusal::problem(refused, views)))?;
        let mut response = executed.value.render(self, executed.position, executed.replayed).await?;
        if executed.replayed {
            response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(at_position(response, executed.position))
    }
}

/// The same answer with the log position it reflects.
pub fn at_position(mut response: Response, position: u64) -> Response {
    response.headers_mut().insert(MC_POSITION, HeaderValue::from(position));
    response
}

/// `201` with the address of what was created.
pub fn created(mut response: Response, location: &str) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
