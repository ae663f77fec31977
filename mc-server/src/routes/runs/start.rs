//! `POST /api/runs`: the start of a run.

use axum::{extract::State, response::Response};
use mc_domain::{
    ids::{RunId, TaskId},
    operation::{StartRun, start_run},
    run::Run,
    values::Label,
};
use mc_projections::dollars::Cost;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    access::Caller,
    answer::{EntityRef, Reply},
    app::App,
    extract::{Body, IfMatch, OnlyNew, Query},
    problem::Problem,
    routes::scope::Scope,
};

/// A run that is to begin.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRun {
    agent_id: Option<String>,
    task_id: Option<TaskId>,
    model: Label,
    session_key: Option<Label>,
    estimated_cost: Option<Cost>,
}

/// `POST /api/runs`: an agent begins a run. What it is expected to cost is set aside; when that is more than there is
/// left, it is refused, the agent is paused, and `approvalId` names the way on.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `agent-not-active`, `squad-stopped`,
/// `budget-exceeded`, `conflict`, `forbidden`, `not-found`, `actor-mismatch`.
pub async fn start(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    _: OnlyNew,
    body: Body<NewRun>,
) -> Result<Response, Problem> {
    let NewRun { agent_id, task_id: task, model, session_key, estimated_cost } = body.value;
    let (agent, project) =
        app.find(|views| scope.agent_in_field(views, &caller, "agentId", agent_id.as_deref())).await?;
    if let Some(task) = task {
        app.check_task(caller.reach(), task).await?;
    }
    let actor = app.actor(&caller, body.actor, Some(("agentId", &agent.to_string())), None).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, IfMatch::Any);
    let estimate = estimated_cost.map(|cost| cost.0);
    let request = StartRun { task, model, session_key, estimate };
    let id = RunId::new(Uuid::now_v7());
    app.write(&call, |tx| {
        tx.create::<Run>(id);
        let outcome = start_run(tx, id, agent, request.clone())?;
        Ok(app.reply(outcome, Reply::Created(EntityRef::Run(id))))
    })
    .await
}
