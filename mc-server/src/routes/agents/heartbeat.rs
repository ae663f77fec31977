//! `POST /api/agents/{agent}/heartbeat`: records a heartbeat and answers with the work there is.

use axum::{extract::State, response::Response};
use mc_domain::{
    agent::{Agent, Heartbeat, Status},
    approval,
    budget::{Budget, Key},
    ids::{AgentId, TaskId},
    notification::Recipient,
    operation::{directives, heartbeat, sign_off_agent},
    reach::Reach,
    task,
    transaction::Transaction,
    values::Label,
};
use mc_projections::{
    approvals::ApprovalQuery,
    notifications::NotificationQuery,
    tasks::{TaskQuery, TaskSort},
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::{
    access::Caller,
    answer::{Offer, Reply, TO_CLAIM, TO_DO},
    app::App,
    extract::{Body, IfMatch, Path, Query},
    page::invalid_cursor,
    problem::{Excerpt, Problem},
    refusal::Refused,
    routes::{sanitize, scope::Scope},
};

/// How many tasks of each kind are offered with the answer.
const OFFERED_TASKS: usize = 20;

/// The body of a heartbeat; every field is optional.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeartbeatBody {
    session_key: Option<Label>,
    status: Option<OwnStatus>,
    /// What the agent believes it works on; the log knows better, and the answer says so.
    #[serde(rename = "currentTaskId")]
    _current_task_id: Option<TaskId>,
    error_message: Option<String>,
}

/// The status that an agent may report of itself; every other status is set by rules and operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnStatus {
    /// It works. A pause or a quarantine stays in force.
    Active,
    /// It signs off, and counts as offline from now on.
    Offline,
}

impl<'de> Deserialize<'de> for OwnStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let status = String::deserialize(deserializer)?;
        match status.to_ascii_lowercase().as_str() {
            "active" => Ok(Self::Active),
            "offline" => Ok(Self::Offline),
            _ => Err(D::Error::custom(format!(
                "must be active or offline, was {}: whether an agent is paused, draining or quarantined is not its own to say",
                Excerpt(&status)
            ))),
        }
    }
}

/// `POST /api/agents/{agent}/heartbeat`: the agent lives. The answer says what there is to do.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `actor-mismatch`.
pub async fn record_heartbeat(
    State(app): State<App>,
    caller: Caller,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<HeartbeatBody>,
) -> Result<Response, Problem> {
    let (id, project) = app.find(|views| scope.agent_to_change(views, &caller, &agent)).await?;
    let own = id.to_string();
    let actor = app.actor(&caller, body.actor, Some(("agentId", &own)), None).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, condition);
    let HeartbeatBody { session_key, status, error_message, .. } = body.value;
    let sign = Heartbeat { session_key, error: sanitize::error(error_message.as_deref()) };
    app.write(&call, |tx| {
        let before = call.expected::<Agent>(tx, &id)?;
        let directives = if status == Some(OwnStatus::Offline) {
            sign_off_agent(tx, id, sign.error.clone())?;
            vec![]
        } else {
            heartbeat(tx, id, sign.clone())?;
            app.note_heartbeat(id, call.context.now);
            directives(&before, &*tx.get::<Agent>(&id)?)
        };
        Ok(Reply::Heartbeat(id, directives, offer(&app, tx, id)?))
    })
    .await
}

/// Collects the work there is for an agent, most urgent first, and what it may still spend.
fn offer(app: &App, tx: &mut Transaction<'_>, agent: AgentId) -> Result<Offer, Refused> {
    let agent = tx.get::<Agent>(&agent)?;
    let registered = agent.registered()?;
    let budget = tx.get::<Budget>(&Key::AgentDay(agent.id, app.now().date_naive()))?;
    let urgent = |status: &[task::Status]| TaskQuery {
        reach: Reach::of(registered.project()),
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
    let unread = NotificationQuery {
        recipient: vec![Recipient::Agent(agent.id)],
        unread: Some(true),
        limit: Some(OFFERED_TASKS),
        ..NotificationQuery::default()
    };
    app.projected().read(|views| {
        let unread = views.notifications.list(&unread, &views.agents).map_err(invalid_cursor)?;
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
