//! The answer to a heartbeat: how the agent stands, what it is to do, and what it may still spend.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use mc_domain::{
    agent::Directive,
    ids::{AgentId, ApprovalId, NotificationId, TaskId},
    money::Usd,
    task,
};
use mc_projections::{
    agents::AgentView, approvals::ApprovalView, dollars::Dollars, notifications::NotificationView,
    tasks::TaskView,
};
use serde::{Deserialize, Serialize};

use super::render_context::RenderContext;
use crate::problem::Problem;

/// The statuses of tasks that an agent has to work on, most urgent first.
pub(crate) const TO_DO: [task::Status; 2] = [task::Status::InProgress, task::Status::Assigned];
/// The statuses of tasks that an agent may claim.
pub(crate) const TO_CLAIM: [task::Status; 1] = [task::Status::Inbox];

/// The ids of what the answer to a heartbeat offers the agent, most urgent first, and what it may spend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Tasks assigned to it that are open.
    pub assigned: Vec<TaskId>,
    /// Tasks in the inbox that it is allowed to claim; none unless it is active.
    pub claimable: Vec<TaskId>,
    /// Its approvals that wait for a decision.
    pub pending: Vec<ApprovalId>,
    /// Its notifications that it has not read.
    pub unread: Vec<NotificationId>,
    /// What it has spent on the UTC day of the heartbeat.
    pub spent: Usd,
    /// What is left of its daily cap, less what is set aside for open runs.
    pub remaining: Usd,
}

/// The body of the answer, as the REST contract has it.
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

/// The agent's daily cap, and what is spent and left of it, in dollars.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetLeft {
    daily_cap: Dollars,
    today_spend: Dollars,
    remaining: Dollars,
}

/// Renders the answer. What was offered and has moved on since, by the views of `context`, is left out.
///
/// # Errors
/// `not-found` when there is no such agent.
pub(super) fn answer(
    context: RenderContext<'_>,
    id: AgentId,
    directives: &[Directive],
    offer: &Offer,
) -> Result<Response, Problem> {
    let agent = context.views.agents.view(id, context.now, context.last_heartbeat);
    let agent = agent.ok_or_else(|| Problem::not_found("agent", id))?;
    let tasks = |offered: &[TaskId], statuses: &[task::Status]| {
        let tasks = offered.iter().filter_map(|task| context.views.tasks.view(*task, &context.views.agents));
        tasks.filter(|task| statuses.contains(&task.status)).collect::<Vec<_>>()
    };
    let answer = HeartbeatAnswer {
        assigned_tasks: tasks(&offer.assigned, &TO_DO),
        claimable_tasks: tasks(&offer.claimable, &TO_CLAIM),
        pending_approvals: offer
            .pending
            .iter()
            .filter_map(|approval| context.views.approvals.view(*approval, &context.views.agents))
            .collect(),
        notifications: offer
            .unread
            .iter()
            .filter_map(|unread| context.views.notifications.view(*unread, &context.views.agents))
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
