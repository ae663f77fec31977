//! `/api/maintenance` and the archive of tasks: what keeps the views small.

use axum::{extract::State, response::Response};
use mc_domain::{
    ids::TaskId,
    task::{Command, Task},
};
use serde::Deserialize;

use super::scope::Scope;
use crate::{
    access::Caller,
    answer::{EntityRef, Reply},
    app::App,
    archive::archive_closed,
    extract::{Body, IfMatch, Nothing, Path, Query},
    problem::{Kind, Problem},
    span::Span,
};

/// The body of a call to archive: how long ago a task must have been closed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OldTasks {
    older_than: Span,
}

/// `POST /api/tasks/{task}/archive`: a task that is done or canceled leaves the board and the lists; it is still there
/// by its id, in `GET /api/tasks?archived=true` and in every export.
///
/// Problems: `not-found`, `malformed-body`, `conflict`, `forbidden`, `precondition-failed`, `actor-mismatch`.
pub async fn archive(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<Nothing>,
) -> Result<Response, Problem> {
    command(app, caller, id, condition, body, Command::Archive).await
}

/// `POST /api/tasks/{task}/restore`: an archived task comes back into the board and the lists.
///
/// Problems: `not-found`, `malformed-body`, `forbidden`, `precondition-failed`, `actor-mismatch`.
pub async fn restore(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<Nothing>,
) -> Result<Response, Problem> {
    command(app, caller, id, condition, body, Command::Restore).await
}

async fn command(
    app: App,
    caller: Caller,
    id: TaskId,
    condition: IfMatch,
    body: Body<Nothing>,
    command: Command,
) -> Result<Response, Problem> {
    let project = app.project_of(caller.reach(), EntityRef::Task(id)).await?;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    app.change::<Task, _>(&call, id, |tx, task| {
        task.present()?;
        tx.execute(task, command.clone())?;
        Ok(())
    })
    .await
}

/// `POST /api/maintenance/archive`: every task of the project, or of all the caller's, that has been done or canceled for
/// longer than `olderThan` (such as `90d`) is archived, a commit each: `{archived, taskIds}`.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`, `actor-mismatch`.
pub async fn archive_old(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    body: Body<OldTasks>,
) -> Result<Response, Problem> {
    let reach = app.find(|views| scope.reach(views, caller.reach())).await?;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    if actor.agent().is_some() {
        return Err(Problem::new(Kind::Forbidden, "Agents do not archive tasks. Ask an operator."));
    }
    // What is left to commit in the end is the key, with the answer that a repeat gets.
    let call = app.call(&caller, None, actor, body.keyed, IfMatch::Any);
    let archived = archive_closed(&app, body.value.older_than, &reach, &call).await;
    let archived = archived.map_err(|refused| app.problem(refused))?;
    app.write(&call, |_| Ok(Reply::Archived(archived.clone()))).await
}
