//! The table of the pages.

use axum::{
    Router,
    extract::{RawPathParams, Request},
    middleware::map_response,
    routing::{get, post},
};
use tower_http::compression::CompressionLayer;

use super::{
    Visit, agents, alerts, approvals, assets, costs, credentials, emergency, feed, form, form_body, health,
    html, live, login, notifications, policy, runs, standup, tasks,
    visit::{Names, Pages},
};
use crate::app::App;

/// The two ends of a form at one address: `GET` shows it, `POST` does what it is for.
macro_rules! form {
    ($make:path) => {
        get(async |visit: Visit, path: RawPathParams| {
            let form = $make(&visit, &Names::of(&path)).await?;
            form::show(&visit, &form).await
        })
        .post(async |visit: Visit, path: RawPathParams, request: Request| {
            let sent = form_body(request).await?;
            let form = $make(&visit, &Names::of(&path)).await?;
            form::submit(&visit, form, &sent).await
        })
    };
}

/// The path of every page, by which requests for it are counted.
pub(crate) const PATHS: [&str; 54] = [
    "/",
    "/emergency/pause",
    "/emergency/resume",
    "/emergency/stop",
    "/tasks",
    "/tasks/new",
    "/tasks/{task}",
    "/tasks/{task}/edit",
    "/tasks/{task}/assign",
    "/tasks/{task}/message",
    "/tasks/{task}/subscribe",
    "/tasks/{task}/unsubscribe",
    "/tasks/{task}/archive",
    "/tasks/{task}/restore",
    "/tasks/{task}/move",
    "/tasks/{task}/move/{to}",
    "/approvals",
    "/approvals/decide",
    "/approvals/{approval}",
    "/approvals/{approval}/approve",
    "/approvals/{approval}/deny",
    "/approvals/{approval}/revision",
    "/alerts",
    "/alerts/{alert}/acknowledge",
    "/alerts/{alert}/resolve",
    "/alerts/{alert}/ignore",
    "/notifications",
    "/notifications/{notification}/read",
    "/agents",
    "/agents/new",
    "/agents/{agent}",
    "/agents/{agent}/edit",
    "/agents/{agent}/pause",
    "/agents/{agent}/resume",
    "/agents/{agent}/drain",
    "/agents/{agent}/restart",
    "/agents/{agent}/quarantine",
    "/costs",
    "/standup",
    "/feed",
    "/runs",
    "/runs/{run}",
    "/policy",
    "/policy/edit",
    "/policy/try",
    "/credentials",
    "/credentials/new",
    "/credentials/{credential}/edit",
    "/credentials/{credential}/revoke",
    "/health-and-workers",
    "/login",
    "/logout",
    "/assets/{version}/{name}",
    "/live",
];

/// The pages of a recovered server whose REST interface is `routes`.
pub(crate) fn router(app: &App, routes: Router) -> Router {
    let pages = Pages { app: app.clone(), routes };
    let compressed = Router::new()
        .route("/", get(health::home))
        .route("/emergency/pause", form!(emergency::pause))
        .route("/emergency/resume", form!(emergency::resume))
        .route("/emergency/stop", form!(emergency::stop))
        // Tasks.
        .route("/tasks", get(tasks::list::show))
        .route("/tasks/new", form!(tasks::forms::create))
        .route("/tasks/{task}", get(tasks::page::show))
        .route("/tasks/{task}/edit", form!(tasks::forms::edit))
        .route("/tasks/{task}/assign", form!(tasks::forms::assign))
        .route("/tasks/{task}/message", form!(tasks::forms::message))
        .route("/tasks/{task}/subscribe", form!(tasks::forms::subscribe))
        .route("/tasks/{task}/unsubscribe", form!(tasks::forms::unsubscribe))
        .route("/tasks/{task}/archive", form!(tasks::forms::archive))
        .route("/tasks/{task}/restore", form!(tasks::forms::restore))
        .route("/tasks/{task}/move", get(tasks::moves::choose))
        .route("/tasks/{task}/move/{to}", get(tasks::moves::show).post(tasks::moves::submit))
        // Approvals, alerts, notifications, agents.
        .route("/approvals", get(approvals::list))
        .route("/approvals/decide", get(approvals::show_several).post(approvals::decide_several))
        .route("/approvals/{approval}", get(approvals::show))
        .route("/approvals/{approval}/approve", form!(approvals::approve))
        .route("/approvals/{approval}/deny", form!(approvals::deny))
        .route("/approvals/{approval}/revision", form!(approvals::request_revision))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{alert}/acknowledge", form!(alerts::acknowledge))
        .route("/alerts/{alert}/resolve", form!(alerts::resolve))
        .route("/alerts/{alert}/ignore", form!(alerts::ignore))
        .route("/notifications", get(notifications::list))
        .route("/notifications/{notification}/read", form!(notifications::read))
        .route("/agents", get(agents::list))
        .route("/agents/new", form!(agents::register))
        .route("/agents/{agent}", get(agents::show))
        .route("/agents/{agent}/edit", form!(agents::edit))
        .route("/agents/{agent}/pause", form!(agents::pause))
        .route("/agents/{agent}/resume", form!(agents::resume))
        .route("/agents/{agent}/drain", form!(agents::drain))
        .route("/agents/{agent}/restart", form!(agents::restart))
        .route("/agents/{agent}/quarantine", form!(agents::quarantine))
        // What is spent, reported and allowed.
        .route("/costs", get(costs::show))
        .route("/standup", get(standup::show))
        .route("/feed", get(feed::show))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::show))
        .route("/policy", get(policy::show))
        .route("/policy/edit", form!(policy::edit))
        .route("/policy/try", form!(policy::try_action))
        .route("/credentials", get(credentials::list))
        .route("/credentials/new", form!(credentials::issue))
        .route("/credentials/{credential}/edit", form!(credentials::rename))
        .route("/credentials/{credential}/revoke", form!(credentials::revoke))
        .route("/health-and-workers", get(health::show))
        .route("/login", get(login::show).post(login::open))
        .route("/logout", post(login::end))
        .route("/assets/{version}/{name}", get(assets::show))
        .layer(CompressionLayer::new());
    // A stream of events is sent as it comes.
    let all = Router::new().route("/live", get(live::follow)).merge(compressed);
    all.route_layer(map_response(html::harmless)).with_state(pages)
}
