//! `/api/runs`: what agents execute, and what it costs.

mod ended;
mod tool_calls;

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    actor::Actor,
    ids::{AgentId, RunId, TaskId},
    operation::{CompleteRun, StartRun, complete_run, start_run},
    run::{Bill, Outcome, Run, Status, Tokens, Usage},
    values::Label,
};
use mc_projections::{
    dollars::Cost,
    page::Order,
    runs::{RunQuery, RunSort},
    views::Views,
};
use serde::Deserialize;
use uuid::Uuid;

pub use self::tool_calls::{call_tool, list_tool_calls};
use super::{listed, said, scope::Scope, shown};
use crate::{
    answer::{EntityRef, Reply},
    decide::ask,
    extract::{ActorClaim, Body, IfMatch, IfNoneMatch, Limit, List, OnlyNew, Path, Query},
    lookup,
    problem::Problem,
    state::App,
};
use ended::Ended;

/// Which runs are asked for.
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

/// A run that is to begin.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRun {
    agent_id: String,
    task_id: Option<TaskId>,
    model: Label,
    session_key: Option<Label>,
    estimated_cost: Option<Cost>,
}

/// How a run ended, what it used, and what it cost: nobody knows when that is `null` or absent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunEnd {
    status: Ended<Outcome>,
    #[serde(default)]
    input_tokens: Tokens,
    #[serde(default)]
    output_tokens: Tokens,
    #[serde(default)]
    cache_read_tokens: Tokens,
    #[serde(default)]
    cache_write_tokens: Tokens,
    cost: Option<Cost>,
    error: Option<String>,
}

/// `GET /api/runs`: runs, newest first unless sorted.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(query): Query<ListRuns>,
) -> Result<Response, Problem> {
    app.answer(|views| listed(&uri, views.runs.list(&query.resolved(views)?))).await
}

/// `GET /api/runs/{run}`: one run.
///
/// Problems: `not-found`.
pub async fn show(
    State(app): State<App>,
    Path(run): Path<RunId>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, condition, |_| Ok(EntityRef::Run(run))).await
}

/// `POST /api/runs`: an agent begins a run. What it is expected to cost is set aside; when that is more than there is
/// left, it is refused, the agent is paused, and `approvalId` names the way on.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `agent-not-active`, `squad-stopped`, `budget-exceeded`,
/// `conflict`, `forbidden`, `not-found`.
pub async fn start(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    _: OnlyNew,
    body: Body<NewRun>,
) -> Result<Response, Problem> {
    let NewRun { agent_id, task_id: task, model, session_key, estimated_cost } = body.value;
    let (agent, project) = app.find(|views| scope.agent_in_field(views, "agentId", &agent_id)).await?;
    if let Some(task) = task {
        let known = |views: &Views| views.tasks.project_of(task);
        let unknown = || Problem::invalid_field("taskId", "there is no such task");
        app.find(|views| known(views).ok_or_else(unknown)).await?;
    }
    let actor = app.actor(body.actor, Some(("agentId", &agent.to_string())), None).await?;
    let call = app.call(Some(project), actor, body.keyed, IfMatch::Any);
    let estimate = estimated_cost.map(|cost| cost.0);
    let wish = StartRun { task, model, session_key, estimate };
    let id = RunId::new(Uuid::now_v7());
    app.write(&call, |unit| {
        let run = unit.fresh::<Run>(id);
        let started = ask(unit, |cast| start_run(&run, agent, wish.clone(), cast, &call.context))?;
        Ok((started, Reply::Created(EntityRef::Run(id))))
    })
    .await
}

/// `POST /api/runs/{run}/complete`: the end of a run, which is final. It is by the run's agent unless the body names
/// another actor. Of a run that others have ended, its agent tells once what it used and cost: the run stays ended as it
/// is, and the cost is charged.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `conflict`, `forbidden`, `precondition-failed`.
pub async fn complete(
    State(app): State<App>,
    Path(id): Path<RunId>,
    condition: IfMatch,
    body: Body<RunEnd>,
) -> Result<Response, Problem> {
    let actor = actor_in(&app, id, body.actor).await?;
    let project = app.projected().read(|views| views.runs.project_of(id));
    let call = app.call(project, actor, body.keyed, condition);
    let wish = body.value.told();
    app.write(&call, |unit| {
        let run = unit.load::<Run>(&id)?;
        call.condition.check(run.version)?;
        let completed = ask(unit, |cast| complete_run(&run, wish.clone(), cast, &call.context))?;
        Ok((completed, Reply::Changed(EntityRef::Run(id))))
    })
    .await
}

/// Who acts in a run: its agent, unless somebody else is named.
async fn actor_in(app: &App, run: RunId, claim: Option<ActorClaim>) -> Result<Actor, Problem> {
    let run = app.repository().load::<Run>(&run).await?;
    let own: Option<AgentId> = run.terms().map(|terms| terms.agent);
    let own = own.map(|agent| agent.to_string());
    app.actor(claim, own.as_deref().map(|agent| ("agentId", agent)), None).await
}

impl ListRuns {
    fn resolved(&self, views: &Views) -> Result<RunQuery, Problem> {
        let project = lookup::scope(views, self.project.as_deref())?;
        let agent = self.agent_id.0.iter().map(|agent| lookup::agent(views, agent, project));
        let agent = agent.collect::<Result<_, _>>().map_err(|unknown| unknown.in_query("agentId"))?;
        Ok(RunQuery {
            project,
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

impl RunEnd {
    fn told(self) -> CompleteRun {
        let usage = Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens,
        };
        let bill =
            Bill { usage, cost: self.cost.map(|cost| cost.0), error: said::error(self.error.as_deref()) };
        CompleteRun { outcome: self.status.0, bill }
    }
}
