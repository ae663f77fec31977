//! `GET /api/agents`: the agents, and one of them.

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::agent::{Role, Status};
use mc_projections::{
    agents::{AgentQuery, AgentSort},
    page::Order,
};
use serde::Deserialize;

use crate::{
    access::Caller,
    answer::{EntityRef, shown},
    app::App,
    extract::{IfNoneMatch, Limit, List, Path, Query},
    lookup,
    page::listed,
    problem::Problem,
    routes::scope::Scope,
};

/// The parameters of `GET /api/agents`; lists of values mean any of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListAgents {
    project: Option<String>,
    #[serde(default)]
    status: List<Status>,
    #[serde(default)]
    role: List<Role>,
    stale: Option<bool>,
    sort_by: Option<AgentSort>,
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// `GET /api/agents`: agents, newest first unless sorted.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListAgents>,
) -> Result<Response, Problem> {
    let now = app.now();
    app.answer(|views| {
        let query = AgentQuery {
            reach: lookup::listed(views, caller.reach(), query.project.as_deref())?,
            status: query.status.0,
            role: query.role.0,
            stale: query.stale,
            sort: query.sort_by,
            order: query.order,
            limit: query.limit.map(Limit::rows),
            cursor: query.cursor,
        };
        listed(&uri, views.agents.list(&query, now, |id| app.last_heartbeat(id)))
    })
    .await
}

/// `GET /api/agents/{agent}`: one agent, by id or name.
///
/// Problems: `not-found`, `conflict`, `malformed-query`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, &caller, condition, |views| {
        Ok(EntityRef::Agent(scope.agent(views, caller.reach(), &agent)?.0))
    })
    .await
}
