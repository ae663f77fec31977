//! The table of the pages.

use axum::{
    Router,
    extract::{RawPathParams, Request},
    routing::{get, post},
};
use tower_http::compression::CompressionLayer;

use super::{
    Visit, assets, costs, credentials, emergency, feed, form, form_body, health, live, login, policy, runs,
    standup,
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

/// The pages of a recovered server whose REST interface is `routes`.
pub(crate) fn router(app: &App, routes: Router) -> Router {
    let pages = Pages { app: app.clone(), routes };
    let compressed = Router::new()
        .route("/", get(health::home))
        .route("/emergency/pause", form!(emergency::pause))
        .route("/emergency/resume", form!(emergency::resume))
        .route("/emergency/stop", form!(emergency::stop))
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
    Router::new().route("/live", get(live::follow)).merge(compressed).with_state(pages)
}
