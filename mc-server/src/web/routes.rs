//! The table of the pages: a line each, with what it asks of its visitor ([`Needs`]).

use axum::{
    Extension, Router,
    extract::Request,
    handler::Handler,
    http::{Method, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use tower_http::compression::CompressionLayer;

use super::{
    Visit, agents, alerts, approvals, assets, costs, credentials, emergency, feed, form, form_body, health,
    html::{self, Refused},
    live, login, notifications, policy, runs, standup, tasks,
    visit::{self, Names, Pages},
};
use crate::{
    access::Needs::{self, AuditingAll, Credential, Governing, Nothing, Operating, Reading, Working},
    app::App,
    problem::Problem,
    route::{method_not_allowed, no_such_route},
};

/// A line of the table: an address, what it asks of its visitor, by which methods, and what answers there. A form asks for
/// what the route of the interface asks for that does what the form is for.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    pub(crate) methods: &'static [Method],
    answers: MethodRouter<Pages>,
}

/// A page to look at.
fn show<H: Handler<T, Pages>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Page {
    Page { path, needs, methods: &[Method::GET], answers: get(handler) }
}

/// The two ends of a form at one address: `GET` shows it, `POST` does what it is for.
fn both(path: &'static str, needs: Needs, answers: MethodRouter<Pages>) -> Page {
    Page { path, needs, methods: &[Method::GET, Method::POST], answers }
}

/// A form that one function makes, whichever end of it is asked.
macro_rules! form {
    ($path:literal, $needs:ident, $make:path) => {
        both(
            $path,
            $needs,
            get(async |visit: Visit, names: Names| {
                let form = $make(&visit, &names).await?;
                form::show(&visit, &form).await
            })
            .post(async |visit: Visit, names: Names, request: Request| {
                let sent = form_body(request).await?;
                let form = $make(&visit, &names).await?;
                form::submit(&visit, form, &sent).await
            }),
        )
    };
}

/// All pages, but for the stream that tells them to look again.
pub(crate) fn pages() -> Vec<Page> {
    vec![
        show("/", Credential, health::home),
        form!("/emergency/pause", Operating, emergency::pause),
        form!("/emergency/resume", Operating, emergency::resume),
        form!("/emergency/stop", Operating, emergency::stop),
        // Tasks.
        show("/tasks", Reading, tasks::list::show),
        form!("/tasks/new", Working, tasks::forms::create),
        show("/tasks/{task}", Reading, tasks::page::show),
        form!("/tasks/{task}/edit", Working, tasks::forms::edit),
        form!("/tasks/{task}/assign", Working, tasks::forms::assign),
        form!("/tasks/{task}/message", Working, tasks::forms::message),
        form!("/tasks/{task}/subscribe", Working, tasks::forms::subscribe),
        form!("/tasks/{task}/unsubscribe", Working, tasks::forms::unsubscribe),
        form!("/tasks/{task}/archive", Operating, tasks::forms::archive),
        form!("/tasks/{task}/restore", Operating, tasks::forms::restore),
        show("/tasks/{task}/move", Operating, tasks::moves::choose),
        both("/tasks/{task}/move/{to}", Operating, get(tasks::moves::show).post(tasks::moves::submit)),
        // Approvals, alerts, notifications, agents.
        show("/approvals", Reading, approvals::list),
        both("/approvals/decide", Operating, get(approvals::show_several).post(approvals::decide_several)),
        show("/approvals/{approval}", Reading, approvals::show),
        form!("/approvals/{approval}/approve", Operating, approvals::approve),
        form!("/approvals/{approval}/deny", Operating, approvals::deny),
        form!("/approvals/{approval}/revision", Operating, approvals::request_revision),
        show("/alerts", Reading, alerts::list),
        form!("/alerts/{alert}/acknowledge", Operating, alerts::acknowledge),
        form!("/alerts/{alert}/resolve", Operating, alerts::resolve),
        form!("/alerts/{alert}/ignore", Operating, alerts::ignore),
        show("/notifications", Reading, notifications::list),
        form!("/notifications/{notification}/read", Working, notifications::read),
        show("/agents", Reading, agents::list),
        form!("/agents/new", Working, agents::register),
        show("/agents/{agent}", Reading, agents::show),
        form!("/agents/{agent}/edit", Working, agents::edit),
        form!("/agents/{agent}/pause", Operating, agents::pause),
        form!("/agents/{agent}/resume", Operating, agents::resume),
        form!("/agents/{agent}/drain", Operating, agents::drain),
        form!("/agents/{agent}/restart", Operating, agents::restart),
        form!("/agents/{agent}/quarantine", Operating, agents::quarantine),
        // What is spent, reported and allowed.
        show("/costs", Reading, costs::show),
        show("/standup", Reading, standup::show),
        show("/feed", Reading, feed::show),
        show("/runs", Reading, runs::list),
        show("/runs/{run}", Reading, runs::show),
        show("/policy", Reading, policy::show),
        form!("/policy/edit", Governing, policy::edit),
        form!("/policy/try", Working, policy::try_action),
        show("/credentials", AuditingAll, credentials::list),
        form!("/credentials/new", Governing, credentials::issue),
        form!("/credentials/{credential}/edit", Governing, credentials::rename),
        form!("/credentials/{credential}/revoke", Governing, credentials::revoke),
        show("/health-and-workers", Credential, health::show),
        both("/login", Nothing, get(login::show).post(login::open)),
        Page { path: "/logout", needs: Credential, methods: &[Method::POST], answers: post(login::end) },
        show("/assets/{version}/{name}", Nothing, assets::show),
    ]
}

/// The pages of a recovered server whose REST interface is `routes`, with that interface.
pub(crate) fn router(app: &App, routes: Router) -> Router {
    let add = |router: Router<Pages>, page: Page| {
        router.route(page.path, page.answers.route_layer(Extension(page.needs)))
    };
    let compressed = pages().into_iter().fold(Router::new(), add).layer(CompressionLayer::new());
    // A stream of events is sent as it comes.
    let pages = add(compressed, show("/live", Reading, live::follow))
        .route_layer(map_response(html::harmless))
        .method_not_allowed_fallback(async |request: Request| refuse(request, method_not_allowed).await)
        .with_state(Pages { app: app.clone(), routes: routes.clone() });
    pages.merge(routes).fallback(async |request: Request| refuse(request, no_such_route).await)
}

/// A refusal of an address or a method: as a page for a browser, as it is for a program.
async fn refuse(request: Request, by: impl AsyncFnOnce(Request) -> Response) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok());
    let is_browser = accepts.is_some_and(|kinds| kinds.contains("text/html"));
    let (address, is_scripted) = (request.uri().to_string(), visit::is_scripted(request.headers()));
    let refused = by(request).await;
    match refused.extensions().get::<Problem>() {
        Some(problem) if is_browser => {
            html::harmless(Refused::not_admitted(problem, &address, is_scripted).into_response()).await
        }
        _ => refused,
    }
}
