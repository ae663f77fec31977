//! `/api/alerts`: listing alerts, and acknowledging, resolving or ignoring them.

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    alert::{Alert, Command, Kind, Severity, Status},
    ids::{AlertId, TaskId},
    reach::Reach,
    values::Reason,
};
use mc_projections::{
    alerts::{AlertQuery, AlertSort},
    page::Order,
    views::Views,
};
use serde::Deserialize;

use crate::{
    access::Caller,
    answer::shown,
    answer::{EntityRef, Reply},
    app::App,
    extract::{Body, IfMatch, IfNoneMatch, Limit, List, Path, Query},
    lookup,
    page::listed,
    problem::Problem,
};

/// The parameters of `GET /api/alerts`; lists of values mean any of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListAlerts {
    project: Option<String>,
    resolved: Option<bool>,
    #[serde(default)]
    status: List<Status>,
    #[serde(default)]
    severity: List<Severity>,
    #[serde(default, rename = "type")]
    kind: List<Kind>,
    #[serde(default)]
    agent_id: List<String>,
    #[serde(default)]
    task_id: List<TaskId>,
    sort_by: Option<AlertSort>,
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// The body of an operator's answer to an alert; the note is kept with it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Noted {
    #[serde(alias = "reason")]
    note: Option<Reason>,
}

/// `GET /api/alerts`: alerts, newest first unless sorted. `resolved=false` for those that are still to be dealt with.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListAlerts>,
) -> Result<Response, Problem> {
    app.answer(|views| {
        listed(&uri, views.alerts.list(&query.resolved(views, caller.reach())?, &views.agents))
    })
    .await
}

/// `GET /api/alerts/{alert}`: one alert.
///
/// Problems: `not-found`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(alert): Path<AlertId>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, &caller, condition, |_| Ok(EntityRef::Alert(alert))).await
}

/// `POST /api/alerts/{alert}/acknowledge`: an operator looks after it.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `conflict`, `forbidden`, `precondition-failed`,
/// `actor-mismatch`.
pub async fn acknowledge(
    app: State<App>,
    caller: Caller,
    alert: Path<AlertId>,
    condition: IfMatch,
    body: Body<Noted>,
) -> Result<Response, Problem> {
    command(app, caller, alert, condition, body, |id, note| Command::Acknowledge { id, note }).await
}

/// `POST /api/alerts/{alert}/resolve`: its cause is gone.
///
/// Problems: as for acknowledging.
pub async fn resolve(
    app: State<App>,
    caller: Caller,
    alert: Path<AlertId>,
    condition: IfMatch,
    body: Body<Noted>,
) -> Result<Response, Problem> {
    command(app, caller, alert, condition, body, |id, note| Command::Resolve { id, note }).await
}

/// `POST /api/alerts/{alert}/ignore`: nobody will do anything about it.
///
/// Problems: as for acknowledging.
pub async fn ignore(
    app: State<App>,
    caller: Caller,
    alert: Path<AlertId>,
    condition: IfMatch,
    body: Body<Noted>,
) -> Result<Response, Problem> {
    command(app, caller, alert, condition, body, |id, note| Command::Ignore { id, note }).await
}

async fn command(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AlertId>,
    condition: IfMatch,
    body: Body<Noted>,
    to: impl Fn(AlertId, Option<Reason>) -> Command + Send + Sync,
) -> Result<Response, Problem> {
    let known = |views: &Views| {
        let project = EntityRef::Alert(id).within(views, caller.reach())?;
        let key = views.alerts.key(id).ok_or_else(|| Problem::not_found("alert", id))?;
        Ok((key, project))
    };
    let (key, project) = app.find(known).await?;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    let note = body.value.note;
    app.write(&call, |tx| {
        let alert = call.expected::<Alert>(tx, &key)?;
        let project = alert.episode()?.project();
        tx.execute_in(Some(project), &alert, to(id, note.clone()))?;
        Ok(Reply::Changed(EntityRef::Alert(id)))
    })
    .await
}

impl ListAlerts {
    fn resolved(&self, views: &Views, reach: &Reach) -> Result<AlertQuery, Problem> {
        let project = lookup::scope(views, reach, self.project.as_deref())?;
        let agent = lookup::agents_in_query(views, reach, &self.agent_id.0, project, "agentId")?;
        Ok(AlertQuery {
            reach: reach.within(&project.into()),
            resolved: self.resolved,
            status: self.status.0.clone(),
            severity: self.severity.0.clone(),
            kind: self.kind.0.clone(),
            agent,
            task: self.task_id.0.clone(),
            sort: self.sort_by,
            order: self.order,
            limit: self.limit.map(Limit::rows),
            cursor: self.cursor.clone(),
        })
    }
}
