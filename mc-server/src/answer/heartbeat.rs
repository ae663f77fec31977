//! The answer to a heartbeat.

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

/// Where the tasks stand that an agent has to see to.
pub(crate) const TO_DO: [task::Status; 2] = [task::Status::InProgress, task::Status::Assigned];
/// Where the tasks stand that an agent may take.
pub(crate) const TO_CLAIM: [task::Status; 1] = [task::Status::Inbox];

/// What an agent is offered with the answer to its heartbeat, most urgent first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The tasks it has.
    pub assigned: Vec<TaskId>,
    /// The tasks it may take.
    pub claimable: Vec<TaskId>,
    /// What it waits for a decision on.
    pub pending: Vec<ApprovalId>,
    /// What it was told and has not read.
    pub unread: Vec<NotificationId>,
    /// What it has spent today.
    pub spent: Usd,
    /// What is left of its day, what is set aside for open runs left out.
    pub remaining: Usd,
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
