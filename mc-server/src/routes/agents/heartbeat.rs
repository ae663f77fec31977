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
    notification::Recipient,
    operation::{Entity, directives, heartbeat, sign_off_agent},
    task,
    values::Label,
};
use mc_projections::{
    agents::AgentView,
    approvals::{ApprovalQuery, ApprovalView},
    dollars::Dollars,
    notifications::{NotificationQuery, NotificationView},
    tasks::{TaskQuery, TaskSort, TaskView},
};
use mc_store::repository::UnitOfWork;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::work_of;
use crate::{
    answer::{Offer, RenderContext, Reply},
    decide::ask,
    extract::{Body, IfMatch, Path, Query},
    problem::{Excerpt, Problem},
    routes::{invalid_cursor, said, scope::Scope},
    state::{App, Refused},
};

/// How many tasks of each kind are offered with the answer.
const OFFERED_TASKS: usize = 20;
/// Where the tasks stand that an agent has to see to.
const TO_DO: [task::Status; 2] = [task::Status::InProgress, task::Status::Assigned];
/// Where the tasks stand that an agent may take.
const TO_CLAIM: [task::Status; 1] = [task::Status::Inbox];

/// A sign of life.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignOfLife {
    session_key: Option<Label>,
    status: Option<OwnStatus>,
    /// What the agent believes it works on; the log knows better, and the answer says so.
    #[serde(rename = "currentTaskId")]
    _current_task_id: Option<TaskId>,
    error_message: Option<String>,
}

/// What an agent says of itself. What else it is, the control plane and its operators decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnStatus {
    /// It is there, which lifts nothing that was imposed on it.
    Active,
    /// It goes.
    Offline,
}

impl<'de> Deserialize<'de> for OwnStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let said = String::deserialize(deserializer)?;
        match said.to_ascii_lowercase().as_str() {
            "active" => Ok(Self::Active),
            "offline" => Ok(Self::Offline),
            _ => Err(D::Error::custom(format!(
                "must be active or offline, was {}: whether an agent is paused, draining or quarantined is not its own to say",
                Excerpt(&said)
            ))),
        }
    }
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
    let (id, project) = app.find(|views| scope.agent(views, &agent)).await?;
    let own = id.to_string();
    let actor = app.actor(body.actor, Some(("agentId", &own)), None).await?;
    let call = app.call(Some(project), actor, body.keyed, condition);
    let SignOfLife { session_key, status, error_message, .. } = body.value;
    let sign = Heartbeat { session_key, error: said::error(error_message.as_deref()) };
    app.write(&call, |unit| {
        let agent = unit.load::<Agent>(&id)?;
        call.condition.check(agent.version)?;
        let task = work_of(unit, &agent)?;
        if status == Some(OwnStatus::Offline) {
            let note = sign.error.clone();
            let decision =
                ask(unit, |cast| sign_off_agent(&agent, task.as_ref(), note.clone(), cast, &call.context))?;
            let offer = offer(&app, unit, &agent.after_decision(&decision))?;
            return Ok((decision, Reply::Heartbeat(id, vec![], offer)));
        }
        let decision = ask(unit, |cast| heartbeat(&agent, task.as_ref(), sign.clone(), cast, &call.context))?;
        app.note_heartbeat(id, call.context.now);
        let told = directives(&agent, &decision);
        let offer = offer(&app, unit, &agent.after_decision(&decision))?;
        Ok((decision, Reply::Heartbeat(id, told, offer)))
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
    notifications: Vec<NotificationView<'a>>,
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
/// `not-found` when there is no such agent.
pub(crate) fn answer(
    scene: RenderContext<'_>,
    id: AgentId,
    directives: &[Directive],
    offer: &Offer,
) -> Result<Response, Problem> {
    let agent = scene.views.agents.view(id, scene.now, scene.heard);
    let agent = agent.ok_or_else(|| Problem::not_found("agent", id))?;
    let tasks = |offered: &[TaskId], statuses: &[task::Status]| {
        let tasks = offered.iter().filter_map(|task| scene.views.tasks.view(*task, &scene.views.agents));
        tasks.filter(|task| statuses.contains(&task.status)).collect::<Vec<_>>()
    };
    let answer = HeartbeatAnswer {
        assigned_tasks: tasks(&offer.assigned, &TO_DO),
        claimable_tasks: tasks(&offer.claimable, &TO_CLAIM),
        pending_approvals: offer
            .pending
            .iter()
            .filter_map(|approval| scene.views.approvals.view(*approval, &scene.views.agents))
            .collect(),
        notifications: offer
            .unread
            .iter()
            .filter_map(|unread| scene.views.notifications.view(*unread, &scene.views.agents))
            .collect(),
        budget: BudgetLeft {
            daily_cap: agent.budgets.daily_cap,
            today_spend: Dollars(offer.spent),
            remaining: Dollars(offer.remaining),
        },
        agent,
        directives,
    };
    Ok(Json(answer).into_response())
}

/// What there is for an agent, most urgent first, and what it may still spend on it.
fn offer(app: &App, unit: &mut UnitOfWork<'_>, agent: &Entity<Agent>) -> Result<Offer, Refused> {
    let registered = agent.registered()?;
    let budget = unit.load::<Budget>(&Key::AgentDay(agent.id, app.now().date_naive()))?;
    let urgent = |status: &[task::Status]| TaskQuery {
        project: Some(registered.project()),
        status: status.to_vec(),
        sort: Some(TaskSort::Priority),
        limit: Some(OFFERED_TASKS),
        ..TaskQuery::default()
    };
    let assigned = TaskQuery { assignee: vec![agent.id], ..urgent(&TO_DO) };
    let kind = registered.profile().allowed_task_types.iter().copied().collect();
    let claimable = TaskQuery { kind, ..urgent(&TO_CLAIM) };
    let status = approval::Status::ALL.iter().copied().filter(|status| status.is_open()).collect();
    let waiting = ApprovalQuery {
        status,
        agent: vec![agent.id],
        limit: Some(OFFERED_TASKS),
        ..ApprovalQuery::default()
    };
    let told = NotificationQuery {
        recipient: vec![Recipient::Agent(agent.id)],
        unread: Some(true),
        limit: Some(OFFERED_TASKS),
        ..NotificationQuery::default()
    };
    app.projected().read(|views| {
        let unread = views.notifications.list(&told, &views.agents).map_err(invalid_cursor)?;
        let pending = views.approvals.list(&waiting, &views.agents).map_err(invalid_cursor)?;
        let offered = |query| {
            let page = views.tasks.list(query, app.now(), &views.agents).map_err(invalid_cursor)?;
            Ok::<_, Problem>(page.items.iter().map(|task| task.id).collect())
        };
        Ok(Offer {
            assigned: offered(&assigned)?,
            claimable: if registered.status() == Status::Active { offered(&claimable)? } else { vec![] },
            pending: pending.items.iter().map(|approval| approval.id).collect(),
            unread: unread.items.iter().map(|notification| notification.id).collect(),
            spent: budget.spent(),
            remaining: budget.remaining(registered.profile().caps.daily),
        })
    })
}
