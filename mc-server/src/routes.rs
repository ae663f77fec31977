//! Every route, a line each.

pub(crate) mod agents;
mod alerts;
mod approvals;
mod audit;
mod board;
mod costs;
pub(crate) mod emergency;
mod events;
mod handed_in;
mod lifetime;
mod maintenance;
mod messages;
mod notifications;
pub(crate) mod policy;
mod projects;
mod prometheus;
mod reports;
mod runs;
mod said;
mod scope;
mod tasks;

use std::sync::{Arc, OnceLock};

use axum::{
    Json, Router,
    extract::Request,
    handler::Handler,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{self, MethodRouter},
};
use mc_domain::ids::ProjectId;
use mc_projections::{
    history::HistoryError,
    page::{InvalidCursor, Page},
    views::Views,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use tower::ServiceExt;

use self::scope::Scope;
use crate::{
    answer::EntityRef,
    extract::{Contract, Contracted, Honours, IfNoneMatch, MC_POSITION, NEVER_NULL, etag},
    health::{self, Health},
    layers::{self, HostPolicy},
    lookup::DEFAULT_PROJECT,
    problem::{self, Excerpt, FieldError, Kind, Problem},
    requests::Requests,
    state::App,
};

/// The routes that answer from the moment the server listens, also while it recovers.
fn early() -> Vec<Route<Health>> {
    vec![
        get("/health", health::health),
        get("/livez", health::livez),
        get("/readyz", health::readyz),
        get("/problems", problem::index),
        get("/problems/{code}", problem::page),
    ]
}

/// The routes of the recovered server.
fn recovered() -> Vec<Route<App>> {
    vec![
        get("/api/events", events::follow),
        get("/api/projects", projects::list),
        post("/api/projects", projects::create),
        get("/api/projects/{project}", projects::show),
        patch("/api/projects/{project}", projects::edit),
        get("/api/agents", agents::list),
        post("/api/agents", agents::register),
        get("/api/agents/{agent}", agents::show),
        patch("/api/agents/{agent}", agents::edit),
        post("/api/agents/{agent}/heartbeat", agents::beat),
        post("/api/agents/{agent}/pause", agents::pause),
        post("/api/agents/{agent}/resume", agents::resume),
        post("/api/agents/{agent}/drain", agents::drain),
        post("/api/agents/{agent}/quarantine", agents::quarantine),
        post("/api/agents/{agent}/restart", agents::restart),
        post("/api/agents/{agent}/spawn", agents::spawn),
        get("/api/tasks", tasks::list),
        post("/api/tasks", tasks::create),
        get("/api/tasks/{task}", tasks::show),
        patch("/api/tasks/{task}", tasks::edit),
        post("/api/tasks/{task}/claim", tasks::claim),
        post("/api/tasks/{task}/transition", tasks::transition),
        post("/api/tasks/{task}/subscribe", tasks::subscribe),
        post("/api/tasks/{task}/unsubscribe", tasks::unsubscribe),
        post("/api/tasks/{task}/archive", maintenance::archive),
        post("/api/tasks/{task}/restore", maintenance::restore),
        get("/api/tasks/{task}/timeline", messages::timeline),
        get("/api/tasks/{task}/messages", messages::list),
        post("/api/tasks/{task}/messages", messages::post),
        post("/api/maintenance/archive", maintenance::archive_old),
        get("/api/runs", runs::list),
        post("/api/runs", runs::start),
        get("/api/runs/{run}", runs::show),
        post("/api/runs/{run}/complete", runs::complete),
        get("/api/runs/{run}/tool-calls", runs::list_tool_calls),
        post("/api/runs/{run}/tool-calls", runs::call_tool),
        get("/api/costs/daily", costs::daily),
        get("/api/costs/agent/{agent}", costs::of_agent),
        get("/api/approvals", approvals::list),
        post("/api/approvals", approvals::create),
        get("/api/approvals/{approval}", approvals::show),
        post("/api/approvals/{approval}/approve", approvals::approve),
        post("/api/approvals/{approval}/deny", approvals::deny),
        post("/api/approvals/{approval}/request-revision", approvals::request_revision),
        post("/api/approvals/{approval}/resubmit", approvals::resubmit),
        post("/api/approvals/{approval}/withdraw", approvals::withdraw),
        get("/api/alerts", alerts::list),
        get("/api/alerts/{alert}", alerts::show),
        post("/api/alerts/{alert}/acknowledge", alerts::acknowledge),
        post("/api/alerts/{alert}/resolve", alerts::resolve),
        post("/api/alerts/{alert}/ignore", alerts::ignore),
        get("/api/policy", policy::show),
        put("/api/policy", policy::publish),
        post("/api/policy/evaluate", policy::evaluate),
        get("/api/notifications", notifications::list),
        get("/api/notifications/{notification}", notifications::show),
        post("/api/notifications/{notification}/read", notifications::read),
        get("/api/standup", reports::daily),
        get("/api/metrics", reports::key_metrics),
        get("/api/tasks/{task}/report", reports::incident),
        get("/metrics", prometheus::metrics),
        post("/api/emergency/pause-squad", emergency::pause),
        post("/api/emergency/resume-squad", emergency::resume),
        post("/api/emergency/stop", emergency::stop),
        get("/api/board", board::show),
        get("/api/activity", board::activity),
        get("/api/audit/export", audit::export),
    ]
}

/// The method and the path of every route, for tests that want to see each of them.
pub fn endpoints() -> Vec<(Method, &'static str)> {
    fn of<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = (Method, &'static str)> {
        routes.into_iter().map(|route| (route.method, route.path))
    }
    of(early()).chain(of(recovered())).collect()
}

/// The same with what each of them honours.
pub fn contracts() -> Vec<(Method, &'static str, Contract)> {
    fn of<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = (Method, &'static str, Contract)> {
        routes.into_iter().map(|route| (route.method, route.path, Contract::clone(&route.contract)))
    }
    of(early()).chain(of(recovered())).collect()
}

/// A field that may be absent, `null`, or have a value, which are three things.
fn double_option<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// The project in which something is created: the one that is named, in the query or in the body, else the default one.
fn home(scope: &Scope, views: &Views, in_body: Option<&str>) -> Result<ProjectId, Problem> {
    let named = scope.with(views, "projectId", in_body)?;
    let unknown = || Problem::not_found("project", DEFAULT_PROJECT);
    named.or_else(|| views.projects.named(DEFAULT_PROJECT)).ok_or_else(unknown)
}

/// A field that may be absent or have a value. A null asks for something to be taken away, which this field cannot lose.
fn never_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(field)?.map(Some).ok_or_else(|| D::Error::custom(NEVER_NULL))
}

/// One entity with its entity tag, or `304` when the reader has this version already.
async fn shown(
    app: &App,
    condition: IfNoneMatch,
    find: impl FnOnce(&Views) -> Result<EntityRef, Problem>,
) -> Result<Response, Problem> {
    app.answer(|views| {
        let shown = find(views)?;
        let scene = app.scene(views, shown.agent());
        let (version, response) = shown.entity(scene)?;
        let told = shown.is_its_stream() || condition == IfNoneMatch::Any;
        if told && condition.has(version) {
            return Ok(not_modified(version));
        }
        Ok(response)
    })
    .await
}

/// The reader has this version already.
fn not_modified(version: u64) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(version))]).into_response()
}

/// A page of a list: a bare array, and where it goes on (RFC 8288).
fn listed<T: Serialize>(uri: &Uri, page: Result<Page<T>, InvalidCursor>) -> Result<Response, Problem> {
    let page = page.map_err(invalid_cursor)?;
    let mut response = Json(page.items).into_response();
    if let Some(cursor) = page.next {
        let kept = uri.query().unwrap_or_default().split('&');
        let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query = kept.chain([format!("cursor={cursor}").as_str()]).collect::<Vec<_>>().join("&");
        if let Ok(link) = HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

fn invalid_cursor(error: InvalidCursor) -> Problem {
    let detail = format!("The parameter cursor is of no use: {error}. Start again without it.");
    Problem::new(Kind::MalformedQuery, detail)
        .errors(vec![FieldError::of_parameter("cursor", error.to_string())])
}

pub(crate) fn history_problem(error: HistoryError) -> Problem {
    match error {
        HistoryError::Cursor(error) => invalid_cursor(error),
        HistoryError::Store(error) => error.into(),
    }
}

/// A line of the table.
struct Route<S> {
    method: Method,
    path: &'static str,
    contract: Arc<Contract>,
    handler: MethodRouter<S>,
}

/// What every route of these has, beside what its handler says.
trait Common {
    /// Adds that to a contract.
    fn common(contract: &mut Contract);
}

impl Common for Health {
    fn common(_: &mut Contract) {}
}

impl Common for App {
    /// The gate waits for the position before any of its routes is asked.
    fn common(contract: &mut Contract) {
        contract.headers.push(MC_POSITION);
    }
}

macro_rules! methods {
    ($($function:ident = $method:ident,)+) => {
        $(
            fn $function<S, H, T>(path: &'static str, handler: H) -> Route<S>
            where
                S: Common + Clone + Send + Sync + 'static,
                H: Handler<T, S>,
                T: Honours + 'static,
            {
                let mut contract = Contract::of::<T>();
                S::common(&mut contract);
                let contract = Arc::new(contract);
                let handler = routing::$function(Contracted::new(path, Arc::clone(&contract), handler));
                Route { method: Method::$method, path, contract, handler }
            }
        )+
    };
}

methods! {
    get = GET,
    post = POST,
    put = PUT,
    patch = PATCH,
}

/// The recovered server, once it is there.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<(App, Router)>>);

impl Gate {
    /// Lets the requests through to the recovered server.
    pub fn open(&self, state: App) {
        // Opened twice, the first server stays: requests may be in it already.
        let router = router(recovered()).with_state(state.clone());
        let _ = self.0.set((state, router));
    }

    async fn pass(self, request: Request) -> Response {
        match self.0.get() {
            Some((app, recovered)) => {
                if let Some(position) = request.headers().get(MC_POSITION)
                    && let Err(problem) = app.reach(position).await
                {
                    return problem.into_response();
                }
                recovered.clone().oneshot(request).await.into_response()
            }
            None => Problem::new(Kind::Starting, Kind::Starting.about()).into_response(),
        }
    }
}

/// The whole interface with all its layers; what needs the recovered server waits behind the gate.
pub fn service(health: Health, gate: Gate, hosts: HostPolicy) -> Router {
    let early = router(early()).with_state(health);
    let requests = Requests::of(endpoints().into_iter().map(|(_, path)| path));
    layers::around(early.fallback(|request| gate.pass(request)), hosts, Arc::new(requests))
}

/// The whole interface of a recovered server, for tests.
pub fn recovered_service(state: App) -> Router {
    let (health, gate) = (state.health().clone(), Gate::default());
    gate.open(state);
    service(health, gate, HostPolicy::new(true, &[]))
}

fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let router =
        routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    // After the routes: it concerns those that are there already.
    router.fallback(no_such_route).method_not_allowed_fallback(method_not_allowed)
}

/// `OPTIONS *` asks for the server as a whole, which has no options of its own.
async fn no_such_route(request: Request) -> Response {
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        return StatusCode::NO_CONTENT.into_response();
    }
    let path = Excerpt(request.uri().path());
    Problem::new(
        Kind::NoSuchRoute,
        format!(
            "There is nothing at {path}. The interface starts at /api; check the path for a missing part or a trailing slash."
        ),
    )
    .into_response()
}

/// The router adds the `Allow` header. Asked for its options, a path answers with nothing else.
async fn method_not_allowed(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let (method, path) = (request.method(), Excerpt(request.uri().path()));
    Problem::new(
        Kind::MethodNotAllowed,
        format!(
            "{path} exists, but not with the method {method}. The Allow header lists the methods it has."
        ),
    )
    .into_response()
}

#[cfg(test)]
mod tests;
