//! `/api/costs`: what was spent, and on what.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use mc_projections::costs::{agent_costs, daily_costs};
use serde::Deserialize;

use super::scope::Scope;
use crate::{
    access::Caller,
    app::App,
    extract::{Day, Path, Query},
    lookup,
    problem::Problem,
};

/// Which day's costs are asked for, today's when none is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichDay {
    date: Option<Day>,
    project: Option<String>,
}

/// `GET /api/costs/daily`: what the runs of a UTC day cost, by agent, task, task type, project and model.
///
/// Problems: `malformed-query`.
pub async fn daily(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<WhichDay>,
) -> Result<Response, Problem> {
    let date = query.date.map_or_else(|| app.now().date_naive(), |day| day.0);
    app.answer(|views| {
        let reach = lookup::listed(views, caller.reach(), query.project.as_deref())?;
        Ok(Json(daily_costs(views, date, &reach)).into_response())
    })
    .await
}

/// `GET /api/costs/agent/{agent}`: what an agent spent today and ever, by day and by task, and what is left of its day.
///
/// Problems: `not-found`, `malformed-query`, `conflict`.
pub async fn of_agent(
    State(app): State<App>,
    caller: Caller,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
) -> Result<Response, Problem> {
    let now = app.now();
    app.answer(|views| {
        let (id, _) = scope.agent(views, caller.reach(), &agent)?;
        let costs = agent_costs(views, id, now).ok_or_else(|| Problem::not_found("agent", id))?;
        Ok(Json(costs).into_response())
    })
    .await
}
