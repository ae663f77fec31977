//! The whole interface as one service: the routes, the gate before those of the recovered server, the layers around all.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::Request,
    http::{Method, request::Parts},
    response::{IntoResponse, Response},
};
use tower::ServiceExt;

use crate::{
    access::Needs,
    app::App,
    extract::{Contract, MC_POSITION},
    health::{Health, Insider},
    layers::{self, HostPolicy},
    problem::{Kind, Problem},
    requests::Requests,
    route::{Route, router},
    routes::{early, recovered},
    web,
};

/// The method and the path of every route, for tests that cover each of them.
pub fn endpoints() -> Vec<(Method, &'static str)> {
    fn of<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = (Method, &'static str)> {
        routes.into_iter().map(|route| (route.method, route.path))
    }
    of(early()).chain(of(recovered())).collect()
}

/// The method and the path of every route, with what it asks of its caller.
pub fn needs() -> Vec<(Method, &'static str, Needs)> {
    fn of<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = (Method, &'static str, Needs)> {
        routes.into_iter().map(|route| (route.method, route.path, route.needs))
    }
    of(early()).chain(of(recovered())).collect()
}

/// The address of every page, the methods that it answers, and what it asks of its visitor, for tests that visit each.
pub fn pages() -> Vec<(&'static str, &'static [Method], Needs)> {
    web::pages().into_iter().map(|page| (page.path, page.methods, page.needs)).collect()
}

/// The method, the path and the contract of every route.
pub fn contracts() -> Vec<(Method, &'static str, Contract)> {
    fn of<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = (Method, &'static str, Contract)> {
        routes.into_iter().map(|route| (route.method, route.path, Contract::clone(&route.contract)))
    }
    of(early()).chain(of(recovered())).collect()
}

/// Holds back requests until the log is read, and answers them with `starting` until then.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<(App, Router)>>);

impl Gate {
    /// Lets the requests through to the recovered server.
    pub fn open(&self, state: App) {
        // Opened twice, the first server stays: requests may be in it already.
        let routes = router(recovered()).with_state(state.clone());
        let router = web::router(&state, routes);
        let app = state.downgrade();
        let insider =
            move |request: &Parts| app.upgrade().map_or_else(Insider::nobody, |app| app.insider(request));
        state.health().tell_insiders(insider);
        let _ = self.0.set((state, router));
    }

    async fn pass(self, mut request: Request) -> Response {
        match self.0.get() {
            Some((app, recovered)) => {
                let admission = app.admit(&request);
                let is_admitted = admission.0.is_ok();
                request.extensions_mut().insert(admission);
                if let Some(position) = request.headers().get(MC_POSITION).filter(|_| is_admitted)
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

/// The whole interface with all its layers; the routes of the recovered server stand behind the gate.
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

#[cfg(test)]
mod tests;
