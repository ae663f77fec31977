//! The state of the server: whether it lives, whether it is ready, and which of its parts fail.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use mc_projections::instant::Millis;
use mc_store::{log::EventLog, sqlite::LONG_BYTES};
use serde::Serialize;
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use crate::problem::{Kind, Problem, RETRY_AFTER};

/// How long the store may take to answer until it counts as failing.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// How long what a worker has to do may wait until the worker counts as late, in seconds.
pub const MAX_BEHIND_SECS: u64 = 60;

/// Where the server is between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It listens, and reads its log.
    Starting,
    /// The log is read, and every route answers.
    Ready,
    /// It finishes what it has begun, and takes nothing new.
    Draining,
}

/// What the health routes report; clones report the same.
#[derive(Clone)]
pub struct Health(Arc<Known>);

/// Tells by the head of a request what its caller may know.
type WhoKnows = Box<dyn Fn(&Parts) -> Insider + Send + Sync>;

struct Known {
    phase: watch::Sender<Phase>,
    log: OnceLock<Arc<dyn EventLog>>,
    /// An id of this opening of the store, which is also in its lock.
    opening: OnceLock<Uuid>,
    read: watch::Sender<Progress>,
    workers: Mutex<BTreeMap<&'static str, Pulse>>,
    /// Whether the workers run here.
    leads: AtomicBool,
    /// Tells who may know more than whether the server works; nobody asks before the log is read.
    insiders: OnceLock<WhoKnows>,
}

/// How far the server has read its log while it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The position of the last event it has read.
    pub position: u64,
    /// The position it reads up to; nothing as long as the store is being opened.
    pub head: Option<u64>,
    /// How much of the log that is, in whole percent, rounded down.
    pub percent: u8,
}

impl Progress {
    fn of(position: u64, head: u64) -> Self {
        let percent = (u128::from(position) * 100).checked_div(head.into()).unwrap_or(100).min(100);
        Self { position, head: Some(head), percent: u8::try_from(percent).unwrap_or(100) }
    }
}

/// When a worker last gave a sign of life, and how long it may be silent.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    last: Instant,
    /// The time of the last turn that was done, if there was one.
    last_tick: Option<DateTime<Utc>>,
    patience: Duration,
    /// How many pieces of work its last turn left, and how long the first of them had waited by then.
    left: (u64, Duration),
}

/// What a worker has left to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The number of pieces of work that wait.
    pub items: u64,
    /// Since when the first of those that are due has been due; nothing when none is.
    pub since: Option<DateTime<Utc>>,
}

/// What is known of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerReport {
    /// When it last did its turn; nothing before the first time.
    pub last_tick: Option<Millis>,
    /// Whether it has been silent for too long, or is behind by more than [`MAX_BEHIND_SECS`].
    pub late: bool,
    /// How many pieces of work its last turn left for the next.
    pub backlog: u64,
    /// How long the first of them that is due has waited, in whole seconds.
    pub behind_secs: u64,
}

/// A worker's sign of life. A worker that drops it has ended as planned and is no longer waited for.
#[must_use = "the worker is forgotten as soon as it drops its heartbeat"]
pub struct Heartbeat {
    health: Health,
    name: &'static str,
}

impl Health {
    /// The health of a server that starts; [`Health::observe`] and the workers fill it.
    pub fn starting() -> Self {
        Self(Arc::new(Known {
            phase: watch::Sender::new(Phase::Starting),
            log: OnceLock::new(),
            opening: OnceLock::new(),
            read: watch::Sender::default(),
            workers: Mutex::default(),
            leads: AtomicBool::new(false),
            insiders: OnceLock::new(),
        }))
    }

    /// Asks `insider` from now on who may know more than whether the server works; once.
    pub(crate) fn tell_insiders(&self, insider: impl Fn(&Parts) -> Insider + Send + Sync + 'static) {
        let _ = self.0.insiders.set(Box::new(insider));
    }

    /// The phase of its life the server is in.
    pub fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// Goes on to a later phase; never back to an earlier one.
    pub fn reach(&self, phase: Phase) {
        self.0.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }

    /// Reports on this log from now on. Until then the store counts as failing.
    pub fn observe(&self, log: Arc<dyn EventLog>) {
        // A second log is a defect of the caller, but no reason to report on neither.
        let _ = self.0.log.set(log);
    }

    /// Tells whoever asks which opening of which store this is: the id that stands in the lock of the store.
    pub fn identify(&self, opening: Uuid) {
        // A server opens its store once.
        let _ = self.0.opening.set(opening);
    }

    /// Records how far the server has read the log before it is ready.
    pub fn has_read(&self, position: u64, head: u64) {
        self.0.read.send_replace(Progress::of(position, head));
    }

    /// How far the log is read.
    pub fn progress(&self) -> Progress {
        *self.0.read.borrow()
    }

    /// Waits for signs of life of a worker, at least one in every `patience`.
    pub fn expect(&self, name: &'static str, patience: Duration) -> Heartbeat {
        let heartbeat = Heartbeat { health: self.clone(), name };
        self.pulses().insert(name, Pulse::new(patience));
        heartbeat
    }

    /// What is known of every worker that is waited for.
    pub fn workers(&self) -> BTreeMap<&'static str, WorkerReport> {
        self.pulses().iter().map(|(name, pulse)| (*name, pulse.report())).collect()
    }

    /// Notes whether the workers run on this node from now on.
    pub(crate) fn lead(&self, leads: bool) {
        self.0.leads.store(leads, Relaxed);
    }

    /// Whether the workers run on this node: always, unless other nodes may have the log open too.
    pub fn leads(&self) -> bool {
        self.0.leads.load(Relaxed)
    }

    /// Whether other nodes may have the log open too.
    fn is_one_of_several(&self) -> bool {
        self.0.log.get().is_some_and(|log| log.nodes().is_some())
    }

    /// What keeps the store from answering, or from taking commits, if something does.
    pub async fn store_problem(&self) -> Option<Kind> {
        let Some(log) = self.0.log.get() else { return Some(Kind::StoreUnavailable) };
        let out_of_touch = log.nodes().is_some_and(|nodes| nodes.out_of_touch().is_some());
        if out_of_touch || log.watch_head().has_changed().is_err() {
            return Some(Kind::StoreUnavailable);
        }
        let asked = async {
            log.read_all(log.head().saturating_sub(1), 1).await?;
            log.probe().await
        };
        match tokio::time::timeout(STORE_PATIENCE, asked).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Problem::of_store(&error).kind()),
            Err(_) => Some(Kind::StoreUnavailable),
        }
    }

    /// Whether more is written ahead than there is without somebody who keeps it from starting over.
    fn is_written_far_ahead(&self) -> bool {
        self.0.log.get().is_some_and(|log| log.written_ahead_bytes() >= LONG_BYTES)
    }

    fn pulses(&self) -> MutexGuard<'_, BTreeMap<&'static str, Pulse>> {
        self.0.workers.lock().expect("nothing panics while it holds the pulses")
    }
}

impl Pulse {
    fn new(patience: Duration) -> Self {
        Self { last: Instant::now(), last_tick: None, patience, left: (0, Duration::ZERO) }
    }

    fn report(&self) -> WorkerReport {
        let (backlog, behind) = self.left;
        let silent = self.last.elapsed();
        // What was left by the last turn goes on waiting until the next.
        let behind_secs = if behind.is_zero() { 0 } else { (behind + silent).as_secs() };
        WorkerReport {
            last_tick: self.last_tick.map(Millis),
            late: silent > self.patience || behind_secs > MAX_BEHIND_SECS,
            backlog,
            behind_secs,
        }
    }
}

impl Heartbeat {
    /// Records that the worker has done its turn.
    pub fn record(&self) {
        if let Some(pulse) = self.health.pulses().get_mut(self.name) {
            pulse.last = Instant::now();
            pulse.last_tick = Some(Utc::now());
        }
    }
}

impl Heartbeat {
    /// Records what the turn left to do, as of `now`.
    pub fn left(&self, backlog: Backlog, now: DateTime<Utc>) {
        let behind = backlog.since.and_then(|since| (now - since).to_std().ok()).unwrap_or_default();
        if let Some(pulse) = self.health.pulses().get_mut(self.name) {
            pulse.left = (backlog.items, behind);
        }
    }
}

impl Drop for Heartbeat {
    /// A worker that unwinds from a panic stays expected: it is late until it was restarted.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.health.pulses().remove(self.name);
        }
    }
}

/// The word for what works.
const OK: &str = "ok";

/// The body of `GET /health`.
#[derive(Debug, Serialize)]
struct Report {
    status: &'static str,
    /// Milliseconds since 1970, as the runbook has it.
    timestamp: i64,
    services: Services,
    /// Each worker, for those who may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<BTreeMap<&'static str, WorkerReport>>,
    /// Whether this node runs the workers, for those who may know, where there may be other nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    leads: Option<bool>,
    /// What an operator has to do something about; left out where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<Notice>,
    /// How far it is, while it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

/// Something an operator has to do something about.
#[derive(Debug, Serialize)]
struct Notice {
    /// The code of the problem that writes are answered with, or what else it is.
    code: String,
    detail: &'static str,
}

impl Notice {
    fn of(problem: Kind) -> Self {
        Self { code: problem.code(), detail: problem.about() }
    }

    fn written_ahead() -> Self {
        let detail = "The write-ahead log of the store cannot start over and grows: another program has been reading the \
                      database for long. End that program; nothing is lost.";
        Self { code: "write_ahead_log_long".to_owned(), detail }
    }

    fn exposed() -> Self {
        let detail = "The server listens on another address than loopback and asks for no credentials: whoever reaches it may \
                      do everything. Issue one with: mission-control credential issue --name Sofie --role operator.";
        Self { code: "no_credentials".to_owned(), detail }
    }
}

#[derive(Debug, Serialize)]
struct Services {
    api: &'static str,
    store: &'static str,
    workers: &'static str,
}

/// `GET /health`: what of the server works; 503 when a part fails, and while it starts.
///
/// Where the server asks for credentials, those who show none are told no more than which of its parts work.
pub async fn health(State(health): State<Health>, insider: Insider) -> Response {
    match health.phase() {
        Phase::Starting => starting(&health),
        Phase::Ready | Phase::Draining => working(&health, insider).await,
    }
}

/// Whether who asks may know more than whether the server works: an operator, an auditor or a monitor, or everybody where
/// the server asks for no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insider {
    is_one: bool,
    /// Whether to tell that everybody is.
    is_exposed: bool,
}

impl FromRequestParts<Health> for Insider {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, health: &Health) -> Result<Self, Infallible> {
        let told = health.0.insiders.get().map(|insider| insider(parts));
        Ok(told.unwrap_or(Self { is_one: true, is_exposed: false }))
    }
}

impl Insider {
    /// Somebody who may know everything, and whether to tell that everybody may.
    pub(crate) fn who_knows(is_exposed: bool) -> Self {
        Self { is_one: true, is_exposed }
    }

    /// Somebody who may know only whether the server works.
    pub(crate) fn nobody() -> Self {
        Self { is_one: false, is_exposed: false }
    }
}

/// What `GET /health` tells of a server that has read its log, to a page of it.
///
/// # Errors
/// `internal` when the report cannot be written.
pub(crate) async fn told(health: &Health, insider: Insider) -> Result<serde_json::Value, Problem> {
    serde_json::to_value(report(health, insider).await).map_err(|error| {
        tracing::error!(%error, "the report of health cannot be written");
        Problem::internal()
    })
}

async fn working(health: &Health, insider: Insider) -> Response {
    let report = report(health, insider).await;
    let code = if report.status == OK { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(report)).into_response()
}

async fn report(health: &Health, insider: Insider) -> Report {
    let word = |works: bool| if works { OK } else { "error" };
    let (problem, workers) = (health.store_problem().await, health.workers());
    let store = problem.is_none();
    let in_time = workers.values().all(|worker| !worker.late);
    let status = if store && in_time { OK } else { "degraded" };
    let services = Services { api: word(true), store: word(store), workers: word(in_time) };
    let timestamp = Utc::now().timestamp_millis();
    let ahead = health.is_written_far_ahead().then(Notice::written_ahead);
    let exposed = insider.is_exposed.then(Notice::exposed);
    let notices = problem.map(Notice::of).into_iter().chain(ahead).chain(exposed).collect();
    let (workers, notices) = if insider.is_one { (Some(workers), notices) } else { (None, Vec::new()) };
    let leads = (insider.is_one && health.is_one_of_several()).then(|| health.leads());
    Report { status, timestamp, services, workers, leads, notices, progress: None }
}

/// Store and workers neither work nor fail yet.
fn starting(health: &Health) -> Response {
    let report = Report {
        status: "starting",
        timestamp: Utc::now().timestamp_millis(),
        services: Services { api: "ok", store: "starting", workers: "starting" },
        workers: Some(BTreeMap::new()),
        leads: None,
        notices: Vec::new(),
        progress: Some(health.progress()),
    };
    let retry = [(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()))];
    (StatusCode::SERVICE_UNAVAILABLE, retry, Json(report)).into_response()
}

/// `GET /livez`: the process answers. It checks nothing else, so that a slow disk gets no server killed.
pub async fn livez() -> impl IntoResponse {
    Json(serde_json::json!({ "status": "ok" }))
}

/// The body of `GET /readyz`.
#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    /// The id of this opening of the store, which the lock beside the database has too.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Uuid>,
}

/// `GET /readyz`: requests are welcome. On a disk that is nearly full they are: reading and containing go on.
///
/// Problems: `starting`, `draining`, `store-unavailable`, `store-displaced`, `store-damaged`.
pub async fn readyz(State(health): State<Health>) -> Result<impl IntoResponse, Problem> {
    match health.phase() {
        Phase::Starting => {
            let Progress { position, head, percent } = health.progress();
            let detail = match head {
                Some(head) => {
                    format!(
                        "The server has read {percent} % of its log: position {position} of {head}. Ask again soon."
                    )
                }
                None => "The server opens its store. Ask again soon.".to_owned(),
            };
            Err(Problem::new(Kind::Starting, detail))
        }
        Phase::Draining => Err(Problem::of(Kind::Draining)),
        Phase::Ready => match health.store_problem().await {
            None | Some(Kind::StorageFull) => {
                Ok(Json(Readiness { status: "ready", store: health.0.opening.get().copied() }))
            }
            Some(problem) => Err(Problem::new(problem, problem.about())),
        },
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use mc_store::memory::MemoryLog;
    use serde_json::Value;

    use super::*;

    async fn report(health: &Health) -> (u16, Value) {
        let response = super::health(State(health.clone()), Insider::who_knows(false)).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn ready() -> (Health, Arc<dyn EventLog>) {
        let (health, log): (_, Arc<dyn EventLog>) = (Health::starting(), Arc::new(MemoryLog::new()));
        health.observe(Arc::clone(&log));
        health.reach(Phase::Ready);
        (health, log)
    }

    #[tokio::test]
    async fn a_server_in_order_reports_ok() {
        let (status, report) = report(&ready().0).await;
        assert_eq!((status, &report["status"]), (200, &"ok".into()));
        assert_eq!(report["services"], serde_json::json!({"api": "ok", "store": "ok", "workers": "ok"}));
        assert!(report.get("notices").is_none());
        assert!(report["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    }

    #[tokio::test]
    async fn a_server_that_starts_says_how_far_it_is() {
        let health = Health::starting();
        let (status, opening) = report(&health).await;
        assert_eq!((status, &opening["status"]), (503, &"starting".into()));
        assert_eq!(
            opening["progress"],
            serde_json::json!({ "position": 0, "head": Value::Null, "percent": 0 })
        );
        health.observe(Arc::new(MemoryLog::new()));
        health.has_read(1_999, 4_000);
        let response = super::health(State(health.clone()), Insider::who_knows(false)).await;
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let (_, reading) = report(&health).await;
        assert_eq!(
            reading["services"],
            serde_json::json!({ "api": "ok", "store": "starting", "workers": "starting" })
        );
        assert_eq!(
            reading["progress"],
            serde_json::json!({ "position": 1_999, "head": 4_000, "percent": 49 })
        );
        let refused = readyz(State(health.clone())).await.err().unwrap();
        assert!(refused.detail().contains("49 % of its log: position 1999 of 4000"), "{}", refused.detail());
        health.reach(Phase::Ready);
        let (status, ready) = report(&health).await;
        assert_eq!((status, &ready["status"], ready.get("progress")), (200, &"ok".into(), None));
    }

    #[test]
    fn an_empty_log_is_read() {
        assert_eq!(Progress::of(0, 0).percent, 100);
    }

    #[tokio::test]
    async fn a_closed_store_is_reported() {
        let (health, log) = ready();
        log.close().await;
        let (status, report) = report(&health).await;
        assert_eq!(
            (status, &report["status"], &report["services"]["store"]),
            (503, &"degraded".into(), &"error".into())
        );
        assert_eq!(report["notices"][0]["code"], "store_unavailable");
        assert_eq!(readyz(State(health)).await.err().unwrap().kind(), Kind::StoreUnavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_worker_is_reported_until_it_beats_again() {
        let (health, _log) = ready();
        let heartbeat = health.expect("expiry", Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(health.workers()["expiry"].late);
        assert_eq!(report(&health).await.1["services"]["workers"], "error");
        let named = report(&health).await.1["workers"]["expiry"].clone();
        assert_eq!(
            named,
            serde_json::json!({ "lastTick": null, "late": true, "backlog": 0, "behindSecs": 0 })
        );
        heartbeat.record();
        let (status, report) = report(&health).await;
        assert_eq!(status, 200);
        let worker = &report["workers"]["expiry"];
        assert!(worker["lastTick"].as_str().unwrap().ends_with('Z') && worker["late"] == false, "{worker}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_is_behind_with_its_work_is_late() {
        let (health, _log) = ready();
        let heartbeat = health.expect("courier", Duration::from_secs(600));
        let now = Utc::now();
        let left = |secs| Backlog { items: 7, since: Some(now - chrono::TimeDelta::seconds(secs)) };
        heartbeat.left(left(50), now);
        assert_eq!(health.workers()["courier"].behind_secs, 50);
        assert_eq!(report(&health).await.0, 200);
        tokio::time::advance(Duration::from_secs(11)).await;
        let (status, body) = report(&health).await;
        assert_eq!((status, &body["services"]["workers"]), (503, &"error".into()));
        let expected = serde_json::json!({ "lastTick": null, "late": true, "backlog": 7, "behindSecs": 61 });
        assert_eq!(body["workers"]["courier"], expected);
        heartbeat.left(Backlog::default(), now);
        assert_eq!(report(&health).await.0, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_ended_is_no_longer_waited_for() {
        let (health, _log) = ready();
        drop(health.expect("expiry", Duration::ZERO));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(health.workers(), BTreeMap::new());
    }

    #[tokio::test]
    async fn readiness_follows_the_phases_and_never_goes_back() {
        let health = Health::starting();
        assert_eq!(readyz(State(health.clone())).await.err().unwrap().kind(), Kind::Starting);
        health.reach(Phase::Draining);
        health.reach(Phase::Ready);
        assert_eq!(readyz(State(health)).await.err().unwrap().kind(), Kind::Draining);
    }
}
