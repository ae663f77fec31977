//! `/api/events`: the log as a stream of server-sent events.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    access::Caller,
    app::App,
    events::{EventStreams, Listener},
    extract::{LastEventId, Query},
    lookup,
    problem::Problem,
};

/// Where to start, and of which project.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    after: Option<u64>,
    project: Option<String>,
}

/// `GET /api/events`: every recorded event from a position on, then those to come, as server-sent events. Where both
/// `Last-Event-ID` and `after` say where, the header counts: a browser that connects again sends both. A position that another
/// node has reached is waited for, like that of `Mc-Position`.
///
/// Problems: `malformed-header`, `malformed-query`, `position-not-reached`, `too-many-streams`.
pub async fn follow(
    State(app): State<App>,
    caller: Caller,
    Query(follow): Query<Follow>,
    last: LastEventId,
) -> Result<Response, Problem> {
    let reach = app.read(|views| lookup::listed(views, caller.reach(), follow.project.as_deref())).await??;
    if let Some(position) = EventStreams::named(last, follow.after).filter(|_| app.log().nodes().is_some()) {
        app.reach_position(position).await?;
    }
    let start = app.streams().start(last, follow.after)?;
    app.streams().open(start, reach, Some(Listener::new(app.clone(), caller)))
}
