//! `/api/policy`: what agents may do, and the limits that budgets, risks and times are measured against.

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use mc_domain::{
    agent::{Agent, Status},
    aggregate::Aggregate,
    approval::{self, Approval, ToolUse},
    budget::{Budget, Key},
    ids::{AgentId, ApprovalId, ProjectId, TaskId},
    operation::is_halted,
    policy::{
        self, Command, Policy,
        document::{Document, DocumentError},
        evaluate::{self, Request, Risk, Room, Spawned, Subject},
        reason::Reason,
    },
    project::Project,
    reach::Reach,
    task::Task,
};
use mc_projections::{dollars::Cost, history::HistoryQuery, page::Page, views::Views};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::scope::Scope;
use crate::{
    access::Caller,
    answer::{
        Reply,
        policy::{scope_of, shown},
    },
    app::App,
    extract::{AsSent, Body, IfMatch, IfNoneMatch, Limit, OnlyNew, Query},
    headers::at_position,
    headers::not_modified,
    lookup,
    page::{history_problem, listed},
    problem::{FieldError, Problem},
    refusal::Refused,
};

/// The body of an evaluation: the use of a tool that an agent intends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intention {
    agent_id: Option<String>,
    #[serde(alias = "action")]
    tool: String,
    params: Option<AsSent>,
    estimated_cost: Option<Cost>,
    task_id: Option<TaskId>,
    approval_id: Option<ApprovalId>,
}

/// The body of the answer to an evaluation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Judgement {
    decision: evaluate::Decision,
    risk: Risk,
    reasons: Vec<Reason>,
    approval_required: bool,
}

/// `GET /api/policy`: the active policy, money in dollars. Version 0 is what holds before one was published, and the
/// entity tag of a project without a policy of its own, whose body says of what scope and version the one shown is.
///
/// Problems: `malformed-query`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    let position = app.log().head();
    let project = app.read(|views| scope.project(views, caller.reach())).await??;
    let scope = scope_of(project);
    let own = app.repository().load::<Policy>(&scope).await?;
    let response = match own.document() {
        Some(_) if condition.has(own.version().into()) => not_modified(own.version().into()),
        Some(_) => shown(own.id, &own, own.version()),
        None => {
            let global = app.repository().load::<Policy>(&policy::Scope::Global).await?;
            shown(policy::Scope::Global, &global, own.version())
        }
    };
    Ok(at_position(response, position))
}

/// `PUT /api/policy`: a new version of the whole document; what is left out is as by default. Everything that is wrong
/// with it is told at once. The project may be named in the body as well.
///
/// Problems: `malformed-body`, `invalid-fields`, `malformed-query`, `forbidden`, `precondition-failed`,
/// `actor-mismatch`.
pub async fn publish(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    only_new: OnlyNew,
    body: Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    let mut written = body.value;
    let in_body = Named::take(&mut written)?;
    written.remove("version");
    let reach = caller.reach();
    let named = |views: &Views| {
        let in_body = Named::project(&in_body, views, reach)?;
        scope.agrees_with(views, reach, in_body, "the body does")
    };
    let project = app.find(named).await?;
    let scope = scope_of(project);
    let document = Document::from_rest(&Value::Object(written)).map_err(malformed)?;
    let actor = app.actor(&caller, body.actor, None, project).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    app.write(&call, |tx| {
        let policy = call.expected::<Policy>(tx, &scope)?;
        only_new.check("a policy", (policy.version > 0).then_some(policy.version))?;
        let events = policy.decide(Command::Publish { document: Box::new(document.clone()) }, &call.context);
        tx.record_in(project, &policy, events.map_err(refused)?)?;
        Ok(Reply::Policy(project))
    })
    .await
}

/// The parameters of the list of versions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListVersions {
    project: Option<String>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// `GET /api/policy/versions`: the versions of the policy of a project, or of the one for all, the newest first: who
/// published each, and what it changed. The versions of the one for all are news of all projects, which a caller of some of
/// them is not told.
///
/// Problems: `malformed-query`.
pub async fn versions(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListVersions>,
) -> Result<Response, Problem> {
    let named = query.project.as_deref();
    let project = app.read(|views| lookup::scope(views, caller.reach(), named)).await??;
    let history = HistoryQuery { order: None, limit: query.limit.map(Limit::rows), cursor: query.cursor };
    let page = match caller.reach().covers(project) {
        true => app.projected().policy_versions(scope_of(project), &history).await,
        false => Ok(Page { items: vec![], next: None }),
    };
    let page = page.map_err(history_problem)?;
    app.answer(|_| listed(&uri, Ok(page))).await
}

/// `POST /api/policy/evaluate`: how the policy judges what an agent would do. What needs an approval is allowed where
/// `approvalId` names one that was given to this agent for exactly this tool and these parameters, and was not made use of
/// yet. Nothing is recorded.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `actor-mismatch`.
pub async fn evaluate(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    body: Body<Intention>,
) -> Result<Response, Problem> {
    let Intention { agent_id, tool, params, estimated_cost, task_id, approval_id } = body.value;
    let (agent, _) =
        app.find(|views| scope.agent_in_field(views, &caller, "agentId", agent_id.as_deref())).await?;
    if let Some(task) = task_id {
        app.check_task(caller.reach(), task).await?;
    }
    let (subject, project) = subject(&app, agent, task_id).await?;
    let room = room(&app, agent, project, task_id).await?;
    let document = app.policy(project).await?;
    let estimated_cost = estimated_cost.map(|cost| cost.0);
    let params = params.unwrap_or_default().0;
    let request = Request { tool, params, estimated_cost, room };
    let mut judged = evaluate::evaluate(&document, &subject, &request);
    if let Some(approval) = approval_id {
        let Request { tool, params, .. } = request;
        let wanted = ToolUse { agent, task: task_id, tool, params: Some(params) };
        judged = judged.under(approval, permitted(&app, &caller, approval, &wanted).await?);
    }
    let approval_required = judged.approval_required();
    let evaluate::Evaluation { decision, risk, reasons } = judged;
    Ok(Json(Judgement { decision, risk, reasons, approval_required }).into_response())
}

/// Whether an approval permits an agent what it would do.
async fn permitted(
    app: &App,
    caller: &Caller,
    approval: ApprovalId,
    of: &ToolUse,
) -> Result<Result<(), approval::Rejection>, Problem> {
    let approval = app.repository().load::<Approval>(&approval).await?;
    let requested = approval.requested().ok();
    let known = requested.filter(|requested| caller.reach().includes(requested.subject().project));
    let unknown = || Problem::invalid_field("approvalId", "there is no such approval");
    Ok(known.ok_or_else(unknown)?.permits(of))
}

/// A project as a field of the body names it.
struct Named {
    field: &'static str,
    written: String,
}

impl Named {
    /// Takes every name of a project out of the body.
    fn take(body: &mut Map<String, Value>) -> Result<Vec<Self>, Problem> {
        let mut named = Vec::new();
        for field in ["project", "projectId"] {
            match body.remove(field) {
                None | Some(Value::Null) => {}
                Some(Value::String(written)) => named.push(Self { field, written }),
                Some(_) => {
                    return Err(Problem::invalid_field(field, "must be the slug or the id of a project"));
                }
            }
        }
        Ok(named)
    }

    /// The project that all of them mean; nothing when there are none.
    fn project(named: &[Self], views: &Views, reach: &Reach) -> Result<Option<ProjectId>, Problem> {
        let mut meant = None;
        for Self { field, written } in named {
            let found = lookup::project(views, reach, written).map_err(|unknown| unknown.in_field(field))?;
            if meant.is_some_and(|meant| meant != found) {
                return Err(Problem::invalid_field(*field, "is another project than that in project"));
            }
            meant = Some(found);
        }
        Ok(meant)
    }
}

fn refused(rejection: mc_domain::policy::Rejection) -> Refused {
    match rejection {
        mc_domain::policy::Rejection::Malformed(errors) => malformed(errors).into(),
        mc_domain::policy::Rejection::OperatorOnly => Problem::new(
            crate::problem::Kind::Forbidden,
            "Only an operator may publish a policy. Ask an operator.",
        )
        .into(),
    }
}

fn malformed(errors: Vec<DocumentError>) -> Problem {
    let field = |error: DocumentError| FieldError {
        field: error.pointer.trim_start_matches('/').replace('/', "."),
        message: error.message.trim_end_matches('.').to_owned(),
        pointer: Some(error.pointer),
    };
    Problem::invalid_fields(errors.into_iter().map(field).collect())
}

async fn subject(app: &App, id: AgentId, task: Option<TaskId>) -> Result<(Subject, ProjectId), Problem> {
    let agent = app.repository().load::<Agent>(&id).await?;
    let agent = agent.registered().map_err(|_| Problem::not_found("agent", id))?;
    let project = app.repository().load::<Project>(&agent.project()).await?;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let spawned = Spawned {
        children: count(agent.children().len()),
        depth: agent.depth(),
        active_agents: app.active_agents().await?,
    };
    let subject = Subject {
        role: agent.profile().role,
        status: agent.standing_on(app.now().date_naive()).status(),
        on_current_task: task.map_or(agent.work().is_some(), |task| agent.works_on(task))
            && agent.status() != Status::Offline,
        squad_stopped: is_halted(&project, agent),
        allowed_tools: agent.profile().allowed_tools.clone(),
        spawned,
    };
    Ok((subject, agent.project()))
}

async fn room(app: &App, id: AgentId, project: ProjectId, task: Option<TaskId>) -> Result<Room, Problem> {
    let (repository, today) = (app.repository(), app.now().date_naive());
    let agent = repository.load::<Agent>(&id).await?;
    let caps = agent.registered().map_err(|_| Problem::not_found("agent", id))?.profile().caps;
    let day = repository.load::<Budget>(&Key::AgentDay(id, today)).await?;
    let of_project = match &*repository.load::<Project>(&project).await?.state {
        Project::Present { profile, .. } => profile.daily_cap,
        Project::Absent => None,
    };
    let project_day = repository.load::<Budget>(&Key::ProjectDay(project, today)).await?;
    let of_task = match task {
        None => None,
        Some(task) => {
            let budget = repository.load::<Budget>(&Key::Task(task)).await?;
            let unknown = || Problem::invalid_field("taskId", "there is no such task");
            let task = repository.load::<Task>(&task).await?;
            Some(budget.remaining(task.present().map_err(|_| unknown())?.details().budget))
        }
    };
    Ok(Room {
        per_run: Some(caps.per_run_in_force().max(day.run_allowance())),
        task: of_task,
        day: Some(day.remaining(caps.daily)),
        project: of_project.map(|cap| project_day.remaining(cap)),
    })
}
