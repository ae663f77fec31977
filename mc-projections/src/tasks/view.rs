//! A task as REST answers it.

use std::collections::BTreeSet;

use mc_domain::{
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, RunId, TaskId},
    task::{LoopKind, Priority, Status, TaskType, WorkPlan},
    values::{Label, Reason, Text, Title},
};
use serde::Serialize;

use super::{Row, Tasks};
use crate::{
    agents::{ActorView, Agents},
    dollars::Dollars,
    instant::Millis,
};

/// A task, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskView<'a> {
    /// The identity of the task, which stays through all edits.
    pub id: TaskId,
    /// The project that the task belongs to.
    pub project_id: ProjectId,
    /// The title of the task, as it was last edited.
    pub title: &'a Title,
    /// What is to be done, in more words than the title.
    pub description: Option<&'a Text>,
    /// The type of the task, which decides which agents may take it.
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// The urgency of the task, from 1 critical to 4 low.
    pub priority: Priority,
    /// The column of the board that the task is in.
    pub status: Status,
    /// Why the task is in its status, when someone said so.
    pub status_reason: Option<&'a Reason>,
    /// Why work on it cannot go on; absent unless it is blocked.
    pub blocked_reason: Option<&'a Reason>,
    /// The status that a decision sends it back to; absent unless it waits for an approval.
    pub held_from: Option<Status>,
    /// The approvals that the task waits for.
    pub awaited_approval_ids: &'a BTreeSet<ApprovalId>,
    /// The loop that blocked the task, until it is unblocked.
    #[serde(rename = "loop")]
    pub found_loop: Option<LoopView>,
    /// The agents that the task is assigned to.
    pub assignee_ids: &'a BTreeSet<AgentId>,
    /// The agents that may send it back from review; when empty, every agent of the project that is not assigned.
    pub reviewer_ids: &'a BTreeSet<AgentId>,
    /// The labels of the task, in alphabetical order.
    pub labels: &'a BTreeSet<Label>,
    /// What the task is expected to cost.
    pub estimated_cost: Option<Dollars>,
    /// What the task may cost, sub-agents included.
    pub budget: Dollars,
    /// What the task has cost so far, sub-agents included.
    pub cost: Dollars,
    /// When the task is due; absent when it never is.
    pub due_at: Option<Millis>,
    /// The task that this one is part of.
    pub parent_task_id: Option<TaskId>,
    /// Who created the task: an operator or an agent.
    pub created_by: ActorView<'a>,
    /// What its holder plans to do, bullet by bullet.
    pub work_plan: Option<&'a WorkPlan>,
    /// How many messages its thread has.
    pub message_count: u32,
    /// How many artifacts its thread has.
    pub artifact_count: u32,
    /// How often it was sent back from review.
    pub review_cycles: u32,
    /// The agent that works on it; absent unless it is in progress.
    pub holder_id: Option<AgentId>,
    /// The lease under which that agent holds it.
    pub lease_id: Option<LeaseId>,
    /// The runs under way that work on it.
    pub open_run_ids: &'a BTreeSet<RunId>,
    /// How its result was accepted; absent unless it is done.
    pub approval: Option<AcceptanceView<'a>>,
    /// When the task was created, in the inbox.
    pub created_at: Millis,
    /// The time of the last event of its stream.
    pub updated_at: Millis,
    /// When the task came to its status.
    pub status_since: Millis,
    /// When work on it first began.
    pub started_at: Option<Millis>,
    /// When its result was accepted; absent unless it is done.
    pub completed_at: Option<Millis>,
    /// When it was archived; absent unless it is archived.
    pub archived_at: Option<Millis>,
    /// The actors that asked to be notified of the task.
    pub subscribers: Vec<ActorView<'a>>,
    /// The version of its stream, which changes must name.
    pub version: u64,
}

/// How the result of a task was accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptanceView<'a> {
    /// Who accepted the result: an operator or a reviewer.
    pub approved_by: ActorView<'a>,
    /// The note with which the result was accepted.
    pub note: Option<&'a Reason>,
    /// When the result was accepted as done.
    pub at: Millis,
}

/// A loop that blocked a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopView {
    /// What went on repeating, such as messages.
    pub kind: LoopKind,
    /// How often it was counted when the loop was found.
    pub count: u32,
    /// The most that the policy allows.
    pub limit: u32,
    /// The seconds within which it was counted; absent where time plays no part.
    pub within_secs: Option<u32>,
    /// When the loop was found and the task blocked.
    pub at: Millis,
}

impl Tasks {
    /// One task; the agents give names to those who acted on it.
    pub fn view<'a>(&'a self, id: TaskId, agents: &'a Agents) -> Option<TaskView<'a>> {
        self.rows.get(id).map(|row| row.view(agents))
    }
}

impl Row {
    pub(crate) fn view<'a>(&'a self, agents: &'a Agents) -> TaskView<'a> {
        let details = &self.details;
        TaskView {
            id: self.id,
            project_id: self.project,
            title: &details.title,
            description: details.description.as_ref(),
            kind: details.kind,
            priority: details.priority,
            status: self.status,
            status_reason: self.status_reason.as_ref(),
            blocked_reason: self.blocked_reason(),
            held_from: self.held_from,
            awaited_approval_ids: &self.awaited_approvals,
            found_loop: self.found_loop.map(|found| LoopView {
                kind: found.kind,
                count: found.count,
                limit: found.limit,
                within_secs: found.within_secs,
                at: Millis(found.at),
            }),
            assignee_ids: &self.assignees,
            reviewer_ids: &details.reviewers,
            labels: &details.labels,
            estimated_cost: details.estimated_cost.map(Dollars),
            budget: Dollars(details.budget),
            cost: self.cost(),
            due_at: details.due_at.map(Millis),
            parent_task_id: self.parent,
            created_by: agents.actor(&self.creator),
            work_plan: self.work_plan.as_ref(),
            message_count: self.message_count,
            artifact_count: self.artifact_count,
            review_cycles: self.review_cycles,
            holder_id: self.hold.map(|hold| hold.holder),
            lease_id: self.hold.map(|hold| hold.lease),
            open_run_ids: &self.open_runs,
            approval: self.approval.as_ref().map(|approval| AcceptanceView {
                approved_by: agents.actor(&approval.by),
                note: approval.note.as_ref(),
                at: Millis(approval.at),
            }),
            created_at: Millis(self.created_at),
            updated_at: Millis(self.updated_at),
            status_since: Millis(self.status_since),
            started_at: self.started_at.map(Millis),
            archived_at: self.archived_at.map(Millis),
            subscribers: self.subscribers.iter().map(|by| agents.actor(by)).collect(),
            completed_at: self.approval.as_ref().map(|approval| Millis(approval.at)),
            version: self.version,
        }
    }

    /// What the task has cost so far, sub-agents included.
    pub(crate) fn cost(&self) -> Dollars {
        Dollars(self.own_cost.plus(self.sub_agents_cost))
    }
}
