//! The whole interface as one service: the routes, the gate before those of the recovered server, the layers around all.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::Request,
    http::{Method, request::Parts},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower::ServiceExt;

use crate::{
    access::{Needs, address},
    app::App,
    extract::{Contract, MC_POSITION},
    health::{Health, Insider},
    layers::{self, HostPolicy},
    nodes,
    problem::{Kind, Problem},
    requests::Requests,
    route::{Route, router},
    routes::{early, recovered},
    web,
};

/// A line of the table of routes, without its handler.
struct Line {
    method: Method,
    path: &'static str,
    needs: Needs,
    contract: Arc<Contract>,
}

/// Every line of the table.
fn table() -> impl Iterator<Item = Line> {
    fn of<S>(routes: Vec<Route<S>>) -> impl Iterator<Item = Line> {
        routes.into_iter().map(|Route { method, path, needs, contract, .. }| Line {
            method,
            path,
            needs,
            contract,
        })
    }
    of(early()).chain(of(recovered()))
}

/// The method and the path of every route, for tests that cover each of them.
pub fn endpoints() -> Vec<(Method, &'static str)> {
    table().map(|line| (line.method, line.path)).collect()
}

/// The method and the path of every route, with what it asks of its caller.
pub fn needs() -> Vec<(Method, &'static str, Needs)> {
    table().map(|line| (line.method, line.path, line.needs)).collect()
}

/// The address of every page, the methods that it answers, and what it asks of its visitor, for tests that visit each.
pub fn pages() -> Vec<(&'static str, &'static [Method], Needs)> {
    web::pages().into_iter().map(|page| (page.path, page.methods, page.needs)).collect()
}

/// The method, the path and the contract of every route.
pub fn contracts() -> Vec<(Method, &'static str, Contract)> {
    table().map(|line| (line.method, line.path, Contract::clone(&line.contract))).collect()
}

/// Holds back requests until the log is read, and answers them with `starting` until then.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<(App, Router)>>);

impl Gate {
    /// Lets the requests through to the recovered server.
    pub fn open(&self, state: App) {
        // Opened twice, the first server stays: requests may be in it already.
        let mut routes = router(recovered()).with_state(state.clone());
        if state.log().nodes().is_some() {
            routes = routes.layer(from_fn_with_state(state.clone(), nodes::refuse_writes));
        }
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
                if let Err(problem) = app.check_address(&request) {
                    return problem.into_response();
                }
                let admission = app.admit(&request);
                let is_admitted = admission.0.is_ok();
                request.extensions_mut().insert(admission);
                if let Some(position) = request.headers().get(MC_POSITION).filter(|_| is_admitted)
                    && let Err(problem) = app.reach(position).await
                {
                    return problem.into_response();
                }
                let (is_read, age) = (request.method().is_safe(), app.out_of_touch());
                let mut response = recovered.clone().oneshot(request).await.into_response();
                // What was out of touch before or after was so, as far as anybody knows, when it read.
                if let Some(age) = age.or_else(|| app.out_of_touch()).filter(|_| is_read) {
                    nodes::mark_stale(&mut response, age);
                }
                if response.extensions().get::<Problem>().map(Problem::kind) == Some(Kind::CredentialMissing)
                {
                    app.access().note_missing();
                }
                response
            }
            None => Problem::of(Kind::Starting).into_response(),
        }
    }
}

/// The whole interface with all its layers; the routes of the recovered server stand behind the gate.
pub fn service(health: Health, gate: Gate, hosts: HostPolicy) -> Router {
    let early = router(early()).with_state(health).route_layer(from_fn(without_credential_in_address));
    let requests =
        Requests::of(table().map(|line| line.path).chain(web::pages().into_iter().map(|page| page.path)));
    layers::around(early.fallback(|request| gate.pass(request)), hosts, Arc::new(requests))
}

/// What the gate refuses in an address, the routes before it refuse too.
async fn without_credential_in_address(request: Request, next: Next) -> Response {
    match address::check(request.uri()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The whole interface of a recovered server, for tests.
pub fn recovered_service(state: App) -> Router {
    let (health, gate) = (state.health().clone(), Gate::default());
    gate.open(state);
    service(health, gate, HostPolicy::new(true, &[]))
}

#[cfg(test)]
mod tests;
