//! Every route, a line each.

mod events;

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{self, MethodRouter},
};
use tower::ServiceExt;

use crate::{
    health::{self, Health},
    layers::{self, HostPolicy},
    problem::{self, Excerpt, Kind, Problem},
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
    vec![get("/api/events", events::follow)]
}

/// The method and the path of every route, for tests that want to see each of them.
pub fn endpoints() -> Vec<(Method, &'static str)> {
    fn of<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = (Method, &'static str)> {
        routes.into_iter().map(|route| (route.method, route.path))
    }
    of(early()).chain(of(recovered())).collect()
}

/// A line of the table.
struct Route<S> {
    method: Method,
    path: &'static str,
    handler: MethodRouter<S>,
}

macro_rules! methods {
    ($($function:ident = $method:ident,)+) => {
        $(
            #[allow(dead_code, reason = "the table says which methods are in use")]
            fn $function<S, H, T>(path: &'static str, handler: H) -> Route<S>
            where
                S: Clone + Send + Sync + 'static,
                H: Handler<T, S>,
                T: 'static,
            {
                Route { method: Method::$method, path, handler: routing::$function(handler) }
            }
        )+
    };
}

methods! {
    get = GET,
    post = POST,
    put = PUT,
    patch = PATCH,
    delete = DELETE,
}

/// The recovered server, once it is there.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<Router>>);

impl Gate {
    /// Lets the requests through to the recovered server.
    pub fn open(&self, app: App) {
        // Opened twice, the first server stays: requests may be in it already.
        let _ = self.0.set(router(recovered()).with_state(app));
    }

    async fn pass(self, request: Request) -> Response {
        match self.0.get() {
            Some(recovered) => recovered.clone().oneshot(request).await.into_response(),
            None => Problem::new(Kind::Starting, Kind::Starting.about()).into_response(),
        }
    }
}

/// The whole interface with all its layers; what needs the recovered server waits behind the gate.
pub fn service(health: Health, gate: Gate, hosts: HostPolicy) -> Router {
    let early = router(early()).with_state(health);
    layers::around(early.fallback(|request| gate.pass(request)), hosts)
}

/// The whole interface of a recovered server, for tests.
pub fn recovered_service(app: App) -> Router {
    let (health, gate) = (app.health.clone(), Gate::default());
    gate.open(app);
    service(health, gate, HostPolicy::new(true, &[]))
}

fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let router =
        routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    // After the routes: it concerns those that are there already.
    router.fallback(no_such_route).method_not_allowed_fallback(method_not_allowed)
}

async fn no_such_route(request: Request) -> Problem {
    let path = Excerpt(request.uri().path());
    Problem::new(
        Kind::NoSuchRoute,
        format!(
            "There is nothing at {path}. The interface starts at /api; check the path for a missing part or a trailing slash."
        ),
    )
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
