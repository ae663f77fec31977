//! `GET /api/runs`: the runs, and one of them.

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    ids::{RunId, TaskId},
    reach::Reach,
    run::Status,
};
use mc_projections::{
    page::Order,
    runs::{RunQuery, RunSort},
    views::Views,
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
};

/// The parameters of `GET /api/runs`; lists of values mean any of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListRuns {
    project: Option<String>,
    #[serde(default)]
    agent_id: List<String>,
    #[serde(default)]
    task_id: List<TaskId>,
    #[serde(default)]
    status: List<Status>,
    sort_by: Option<RunSort>,
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// `GET /api/runs`: runs, newest first unless sorted.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListRuns>,
) -> Result<Response, Problem> {
    app.answer(|views| listed(&uri, views.runs.list(&query.resolved(views, caller.reach())?))).await
}

/// `GET /api/runs/{run}`: one run.
///
/// Problems: `not-found`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(run): Path<RunId>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, &caller, condition, |_| Ok(EntityRef::Run(run))).await
}

impl ListRuns {
    fn resolved(&self, views: &Views, reach: &Reach) -> Result<RunQuery, Problem> {
        let project = lookup::scope(views, reach, self.project.as_deref())?;
        let agent = lookup::agents_in_query(views, reach, &self.agent_id.0, project, "agentId")?;
        Ok(RunQuery {
            reach: reach.within(&project.into()),
            agent,
            task: self.task_id.0.clone(),
            status: self.status.0.clone(),
            sort: self.sort_by,
            order: self.order,
            limit: self.limit.map(Limit::rows),
            cursor: self.cursor.clone(),
        })
    }
}
