//! `POST /api/agents/{agent}/heartbeat`: a sign of life, answered with what there is to do.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use mc_domain::{
    agent::{Agent, Directive, Heartbeat, Status},
    approval,
    budget::{Budget, Key},
    ids::{AgentId, TaskId},
    operation::{directives, heartbeat, sign_off_agent},
    task,
    values::{Label, Reason},
};
use mc_projections::{
    agents::AgentView,
    approvals::{ApprovalQuery, ApprovalView},
    dollars::Dollars,
    tasks::{TaskQuery, TaskSort, TaskView},
    views::Views,
};
use serde::{Deserialize, Serialize};

use super::{Scope, work_of};
use crate::{
    answer::Reply,
    decide::ask,
    extract::{Body, IfMatch, Path, Query},
    problem::Problem,
    routes::invalid_cursor,
    state::App,
};

/// How many tasks of each kind are offered with the answer.
const OFFERED_TASKS: usize = 20;

/// A sign of life.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignOfLife {
    session_key: Option<Label>,
    status: Option<Status>,
    /// What the agent believes it works on; the log knows better, and the answer says so.
    #[serde(rename = "currentTaskId")]
    _current_task_id: Option<TaskId>,
    error_message: Option<Reason>,
}

/// `POST /api/agents/{agent}/heartbeat`: the agent lives. The answer says what there is to do.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`.
pub async fn beat(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<SignOfLife>,
) -> Result<Response, Problem> {
    let id = app.find(|views| scope.agent(views, &agent)).await?;
    let own = id.to_string();
    let actor = app.actor(body.actor, Some(("agentId", &own)), None).await?;
    let call = app.call(actor, body.keyed, condition);
    let SignOfLife { session_key, status, error_message, .. } = body.value;
    let sign = Heartbeat { session_key, error: error_message };
    app.write(&call, |unit| {
        let agent = unit.load::<Agent>(&id)?;
        call.condition.check(agent.version)?;
        let task = work_of(unit, &agent)?;
        if status == Some(Status::Offline) {
            let note = sign.error.clone();
            let decision =
                ask(unit, |cast| sign_off_agent(&agent, task.as_ref(), note.clone(), cast, &call.moment))?;
            return Ok((decision, Reply::Heartbeat(id, vec![])));
        }
        let decision = ask(unit, |cast| heartbeat(&agent, task.as_ref(), sign.clone(), cast, &call.moment))?;
        app.hear(id, call.moment.now);
        let told = directives(&agent, &decision);
        Ok((decision, Reply::Heartbeat(id, told)))
    })
    .await
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeartbeatAnswer<'a> {
    agent: AgentView<'a>,
    assigned_tasks: Vec<TaskView<'a>>,
    claimable_tasks: Vec<TaskView<'a>>,
    pending_approvals: Vec<ApprovalView<'a>>,
    budget: BudgetLeft,
    directives: &'a [Directive],
}

/// What is left of an agent's day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetLeft {
    daily_cap: Dollars,
    today_spend: Dollars,
    remaining: Dollars,
}

/// The answer to a heartbeat: how the agent stands, and what there is for it.
///
/// # Errors
/// What the log says when its budget cannot be read.
pub(crate) async fn answer(app: &App, id: AgentId, directives: &[Directive]) -> Result<Response, Problem> {
    let now = app.now();
    let budget = app.repository().load::<Budget>(&Key::AgentDay(id, now.date_naive())).await?;
    app.projected().read(|views| {
        let agent = views.agents.view(id, now, app.last_heard(id));
        let agent = agent.ok_or_else(|| Problem::not_found("agent", id))?;
        let cap = agent.budgets.daily_cap.0;
        let answer = HeartbeatAnswer {
            assigned_tasks: offered(views, &assigned_to(&agent), app)?,
            claimable_tasks: match agent.status {
                Status::Active => offered(views, &claimable_by(&agent), app)?,
                _ => vec![],
            },
            pending_approvals: pending(views, id)?,
            budget: BudgetLeft {
                daily_cap: Dollars(cap),
                today_spend: Dollars(budget.spent),
                remaining: Dollars(budget.remaining(cap)),
            },
            agent,
            directives,
        };
        Ok(Json(answer).into_response())
    })
}

/// What the agent waits for a decision on, newest first.
fn pending(views: &Views, agent: AgentId) -> Result<Vec<ApprovalView<'_>>, Problem> {
    let status = approval::Status::ALL.iter().copied().filter(|status| status.is_open()).collect();
    let query =
        ApprovalQuery { status, agent: vec![agent], limit: Some(OFFERED_TASKS), ..ApprovalQuery::default() };
    views.approvals.list(&query, &views.agents).map(|page| page.items).map_err(invalid_cursor)
}

/// Everything the agent has, most urgent first.
fn assigned_to(agent: &AgentView<'_>) -> TaskQuery {
    let status = vec![task::Status::InProgress, task::Status::Assigned];
    TaskQuery { status, assignee: vec![agent.id], ..urgent(agent) }
}

/// What the agent may take, most urgent first.
fn claimable_by(agent: &AgentView<'_>) -> TaskQuery {
    let kind = agent.allowed_task_types.iter().copied().collect();
    TaskQuery { status: vec![task::Status::Inbox], kind, ..urgent(agent) }
}

fn urgent(agent: &AgentView<'_>) -> TaskQuery {
    TaskQuery {
        project: Some(agent.project_id),
        sort: Some(TaskSort::Priority),
        limit: Some(OFFERED_TASKS),
        ..TaskQuery::default()
    }
}

fn offered<'a>(views: &'a Views, query: &TaskQuery, app: &App) -> Result<Vec<TaskView<'a>>, Problem> {
    let page = views.tasks.list(query, app.now(), &views.agents);
    page.map(|page| page.items).map_err(invalid_cursor)
}
