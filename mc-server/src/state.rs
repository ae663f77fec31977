//! What the handlers of the recovered server work with: the repository to write through, the views to read from,
//! the time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::FromRef,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, SubsecRound, Utc};
use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    ids::{AgentId, MessageId, ProjectId, TaskId},
    operation::{Claims, Decision, Outcome, Rejection, create_project},
    policy::document::{Document, PolicyLimits},
    project::{Profile, Project},
    reservation::{Key, Reservation},
    values::{InvalidText, Name, Slug},
};
use mc_projections::{
    history::HistoryQuery,
    page::MAX_LIMIT,
    runner::{Projected, Runner},
    views::Views,
};
use mc_store::{
    error::StoreError,
    log::{Answered, EventLog, Fingerprint},
    repository::{CommandEnvelope, Repository, UnitOfWork},
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    answer::{RenderContext, Reply, StoredReply},
    events::EventStreams,
    extract::{ActorClaim, IfMatch, Keyed, MC_POSITION, Remembers},
    health::Health,
    latency::Latencies,
    lookup::{self, DEFAULT_PROJECT},
    problem::{Excerpt, Kind, Problem},
    refusal,
    routes::history_problem,
    turns::Turns,
};

/// Set to `true` on the answer to a repeated request.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long a request waits for the position it names.
const TIME_TO_REACH: Duration = Duration::from_secs(5);

/// Tells the time; tests bring their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The name under which the server itself acts.
pub const SERVER: &str = "mission-control";

/// The recovered server: cheap to clone, one for all requests.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    repository: Repository,
    projected: Projected,
    operator: Name,
    clock: Clock,
    commits: Latencies,
    turns: Turns,
    heartbeats: Mutex<HashMap<AgentId, DateTime<Utc>>>,
    streams: EventStreams,
    health: Health,
    shutdown: CancellationToken,
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

impl From<InvalidText> for Refused {
    fn from(error: InvalidText) -> Self {
        Self::Request(Problem::invalid_field("", error.to_string()))
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
refused_by!(agent, alert, approval, notification, project, run, task);

/// A key of the server's own, for what `who` in it does, with its fingerprint. Keys of clients have no space in them, so
/// none of them is ever one of these.
pub(crate) fn own_key(who: &str, what: &str) -> (String, Fingerprint) {
    let key = format!("{SERVER} {who}/{what}");
    let fingerprint = Sha256::digest(&key).into();
    (key, fingerprint)
}

/// A write as it came in: who, when, under which key.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who and when.
    pub context: CommandContext,
    /// The version the caller expects.
    pub condition: IfMatch,
    keyed: Option<Keyed>,
}

impl App {
    /// Reads the log, and makes sure that the default project is there. Writes that name nobody are by `operator`.
    ///
    /// # Errors
    /// What the log says when it cannot be read or written, or the problem that stopped the views.
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
        let app = Self(Arc::new(Parts {
            repository: Repository::new(Arc::clone(&log)),
            projected,
            operator,
            clock,
            commits: Latencies::default(),
            turns: Turns::default(),
            heartbeats: Mutex::default(),
            streams: EventStreams::new(log, shutdown.clone()),
            health,
            shutdown,
        }));
        app.create_default_project().await?;
        Ok(app)
    }

    async fn create_default_project(&self) -> Result<(), StoreError> {
        let id = ProjectId::new(Uuid::now_v7());
        let slug = Slug::new(DEFAULT_PROJECT).expect("the default project's slug is one");
        let profile = Profile::new(Name::new("OpenClaw").expect("the default project's name is one"));
        let server = Actor::System(Name::new(SERVER).expect("the server's name is one"));
        let context = CommandContext::new(self.now(), server);
        let order = CommandEnvelope::new(context.clone());
        let created = self.0.repository.execute(&order, |unit| {
            let name = unit.load::<Reservation>(&Key::project(&slug))?;
            if *name != Reservation::Free {
                return Ok((Decision::default(), ()));
            }
            let project = unit.fresh::<Project>(id);
            let decision = create_project(&project, &name, slug.clone(), profile.clone(), &context)?;
            Ok::<_, Refused>((decision, ()))
        });
        match created.await {
            Ok(_) => Ok(()),
            Err(Refused::Store(error)) => Err(error),
            Err(refused) => Err(StoreError::Invalid { reason: refused.to_string() }),
        }
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

    /// The event streams that are open.
    pub fn streams(&self) -> &EventStreams {
        &self.0.streams
    }

    /// What the health routes report; workers give their signs of life here.
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// Ends whatever would go on forever.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// The operator on whose behalf unattributed writes are made.
    pub fn operator(&self) -> &Name {
        &self.0.operator
    }

    /// Whose name `name` is taken for in a project, as far as reservations do not tell.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn claims(&self, project: ProjectId, name: &Name) -> Result<Claims, Problem> {
        let operators = vec![self.operator().clone()];
        self.read(|views| Claims { operators, bearers: views.agents.passing_for(project, name) }).await
    }

    /// Those who may not overtake each other, because they are counted together.
    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// How many agents of a project are not offline.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn squad(&self, project: ProjectId) -> Result<u32, Problem> {
        let squad = self.read(|views| views.agents.in_service(project)).await?;
        Ok(u32::try_from(squad).unwrap_or(u32::MAX))
    }

    /// How many tasks are open that an agent created.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn open_tasks_of(&self, creator: AgentId) -> Result<u32, Problem> {
        let open = self.read(|views| views.tasks.open_of(creator)).await?;
        Ok(u32::try_from(open).unwrap_or(u32::MAX))
    }

    /// How long commits took.
    pub(crate) fn commits(&self) -> &Latencies {
        &self.0.commits
    }

    /// The time, to the microsecond, as the log keeps it.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0.clock)().trunc_subsecs(6)
    }

    /// What the policy that holds in a project says in numbers.
    pub fn policy_limits(&self, project: Option<ProjectId>) -> PolicyLimits {
        let published =
            self.0.projected.read(|views| views.policy.active(project).map(Document::policy_limits));
        published.unwrap_or_default()
    }

    /// When an agent was last heard of, where that was too routine to be recorded.
    pub fn last_heartbeat(&self, agent: AgentId) -> Option<DateTime<Utc>> {
        self.heartbeats().get(&agent).copied()
    }

    /// Notes that an agent was heard of.
    pub fn note_heartbeat(&self, agent: AgentId, at: DateTime<Utc>) {
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

    /// Looks up what a write names. Whatever was answered is in the views already, so they are asked as they are, and
    /// once more only when they do not know it: it may have been learned from the event stream a moment ago.
    ///
    /// # Errors
    /// As [`App::read`], or what `ask` says.
    pub async fn find<T>(&self, ask: impl Fn(&Views) -> Result<T, Problem>) -> Result<T, Problem> {
        match self.0.projected.read(&ask) {
            Ok(found) => Ok(found),
            Err(_) => self.read(ask).await?,
        }
    }

    /// The answer to a read, with the position it reflects. It is rendered while the views hold still, so that what
    /// borrows from them need not be copied first.
    ///
    /// # Errors
    /// As [`App::read`], or what `ask` says.
    pub async fn answer(
        &self,
        ask: impl FnOnce(&Views) -> Result<Response, Problem>,
    ) -> Result<Response, Problem> {
        self.read(|views| Ok(at_position(ask(views)?, views.position()))).await?
    }

    /// Who acts: whom the body claims, else the agent whose own call it is (the field that names it, and what it says),
    /// else the operator.
    ///
    /// # Errors
    /// - `invalid-fields` when there is no such agent.
    /// - `forbidden` when an agent's own call is claimed by another agent.
    pub async fn actor(
        &self,
        claim: Option<ActorClaim>,
        own: Option<(&str, &str)>,
        scope: Option<ProjectId>,
    ) -> Result<Actor, Problem> {
        let own = match own {
            Some((field, agent)) => Some(self.agent_in_field(agent, scope, field).await?),
            None => None,
        };
        let named = |name: Option<String>, otherwise: &Name| match name {
            Some(name) => {
                Name::new(&name).map_err(|error| Problem::invalid_field("actor.id", error.to_string()))
            }
            None => Ok(otherwise.clone()),
        };
        match claim {
            None => Ok(own.map_or_else(|| Actor::Human(self.0.operator.clone()), Actor::Agent)),
            Some(ActorClaim::Human(name)) => Ok(Actor::Human(named(name, &self.0.operator)?)),
            Some(ActorClaim::System(name)) => {
                let server = Name::new(SERVER).expect("the server's name is one");
                Ok(Actor::System(named(name, &server)?))
            }
            Some(ActorClaim::Agent(None)) => own.map(Actor::Agent).ok_or_else(|| {
                Problem::invalid_field("actor.id", "say which agent: {\"type\": \"agent\", \"id\": …}")
            }),
            Some(ActorClaim::Agent(Some(agent))) => {
                let agent = self.agent_in_field(&agent, scope, "actor.id").await?;
                match own {
                    Some(own) if own != agent => Err(Problem::new(
                        Kind::Forbidden,
                        "One agent cannot act for another. Name the same agent in both places, or leave one out.",
                    )),
                    _ => Ok(Actor::Agent(agent)),
                }
            }
        }
    }

    async fn agent_in_field(
        &self,
        agent: &str,
        scope: Option<ProjectId>,
        field: &str,
    ) -> Result<AgentId, Problem> {
        self.find(|views| lookup::agent(views, agent, scope).map_err(|unknown| unknown.in_field(field))).await
    }

    /// Checks that a message which is answered is in the task's thread.
    ///
    /// # Errors
    /// `invalid-fields` when it is not.
    pub async fn message_exists(&self, task: TaskId, message: MessageId) -> Result<(), Problem> {
        let mut query = HistoryQuery { limit: Some(MAX_LIMIT), ..HistoryQuery::default() };
        loop {
            let page = self.0.projected.thread(task, &query).await.map_err(history_problem)?;
            if page.items.iter().any(|known| known.id == message) {
                return Ok(());
            }
            if page.next.is_none() {
                return Err(Problem::invalid_field("replyTo", "there is no such message in the thread"));
            }
            query.cursor = page.next;
        }
    }

    /// A write by `actor`, as of now, under the policy of the project it is about.
    pub fn call(
        &self,
        project: Option<ProjectId>,
        actor: Actor,
        keyed: Option<Keyed>,
        condition: IfMatch,
    ) -> Call {
        Call {
            context: CommandContext::new(self.now(), actor).under(self.policy_limits(project)),
            condition,
            keyed,
        }
    }

    /// Carries out a write and renders its answer. Where a refusal has consequences, those are committed, and the
    /// refusal is the answer, also to a repeat.
    ///
    /// # Errors
    /// What `decide` refuses, and what the log says.
    pub async fn write<D: Into<Outcome>>(
        &self,
        call: &Call,
        mut decide: impl FnMut(&mut UnitOfWork<'_>) -> Result<(D, Reply), Refused> + Send,
    ) -> Result<Response, Problem> {
        let at = call.context.now;
        let key = call.keyed.as_ref().map(|keyed| (keyed.key.as_str().to_owned(), keyed.fingerprint));
        let order = CommandEnvelope { context: call.context.clone(), key };
        let begun = Instant::now();
        let executed = self
            .0
            .repository
            .execute(&order, |unit| {
                let (outcome, reply) = decide(unit)?;
                let Outcome { decision, refusal } = outcome.into();
                let reply = refusal.map_or(reply, |refusal| Reply::Refused(self.problem(refusal.into())));
                let heard = reply.agent().and_then(|agent| self.last_heartbeat(agent));
                Ok::<_, Refused>((decision, StoredReply { reply, at, heard }))
            })
            .await
            .map_err(|refused| self.problem(refused))?;
        self.0.commits.record(begun.elapsed());
        let response = executed.value.render(self, executed.position, order.key.is_some()).await?;
        let response = if executed.replayed { replayed(response) } else { response };
        Ok(at_position(response, executed.position))
    }

    /// What a refusal says over HTTP, with the names the views know.
    pub(crate) fn problem(&self, refused: Refused) -> Problem {
        self.0.projected.read(|views| refusal::problem(refused, views))
    }

    /// What views show now.
    pub(crate) fn scene<'a>(&self, views: &'a Views, agent: Option<AgentId>) -> RenderContext<'a> {
        RenderContext { views, now: self.now(), heard: agent.and_then(|agent| self.last_heartbeat(agent)) }
    }
}

impl Remembers for App {
    /// The first answer comes before anything else is looked at: what the request names may have another name by now.
    async fn first_answer(&self, keyed: &Keyed) -> Result<Option<Response>, Problem> {
        let key = keyed.key.as_str();
        let Some(first) = self.log().answered(key).await? else { return Ok(None) };
        if first.fingerprint != keyed.fingerprint {
            return Err(StoreError::KeyReused { key: key.to_owned() }.into());
        }
        let Answered { position, answer, .. } = first;
        let kept: StoredReply = serde_json::from_str(&answer).map_err(|error| StoreError::Corrupt {
            position,
            reason: format!("answer of a command: {error}"),
        })?;
        Ok(Some(at_position(replayed(kept.render(self, position, true).await?), position)))
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

fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    response
}

/// The same answer with the log position it reflects, unless it says that itself.
pub fn at_position(mut response: Response, position: u64) -> Response {
    response.headers_mut().entry(MC_POSITION).or_insert_with(|| HeaderValue::from(position));
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
