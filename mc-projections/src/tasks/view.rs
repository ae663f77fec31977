//! A task as it is answered.

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

/// A task, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskView<'a> {
    /// Its identity.
    pub id: TaskId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Its title.
    pub title: &'a Title,
    /// What is to be done.
    pub description: Option<&'a Text>,
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// How urgent it is: 1 critical to 4 low.
    pub priority: Priority,
    /// Where it stands.
    pub status: Status,
    /// Why it stands there, when someone said so.
    pub status_reason: Option<&'a Reason>,
    /// Why work on it cannot go on, when it is blocked.
    pub blocked_reason: Option<&'a Reason>,
    /// Where an approval sends it back to, when it waits for one.
    pub held_from: Option<Status>,
    /// The approvals it waits for.
    pub awaited_approval_ids: &'a BTreeSet<ApprovalId>,
    /// The loop that blocked it, until it is unblocked.
    #[serde(rename = "loop")]
    pub found_loop: Option<LoopView>,
    /// Everyone it is assigned to.
    pub assignee_ids: &'a BTreeSet<AgentId>,
    /// Agents that may send it back from review; nobody named means any of the project that is not assigned.
    pub reviewer_ids: &'a BTreeSet<AgentId>,
    /// Its labels.
    pub labels: &'a BTreeSet<Label>,
    /// What it is expected to cost.
    pub estimated_cost: Option<Dollars>,
    /// What it may cost.
    pub budget: Dollars,
    /// What it has cost, with what sub-agents spent for it.
    pub cost: Dollars,
    /// When it is due.
    pub due_at: Option<Millis>,
    /// The task it is part of.
    pub parent_task_id: Option<TaskId>,
    /// Who created it.
    pub created_by: ActorView<'a>,
    /// What will be done, bullet by bullet.
    pub work_plan: Option<&'a WorkPlan>,
    /// How many messages its thread has.
    pub message_count: u32,
    /// How many artifacts are attached in its thread.
    pub artifact_count: u32,
    /// How often it was sent back from review.
    pub review_cycles: u32,
    /// The agent that works on it.
    pub holder_id: Option<AgentId>,
    /// The lease that agent holds it under.
    pub lease_id: Option<LeaseId>,
    /// The runs for it that are under way.
    pub open_run_ids: &'a BTreeSet<RunId>,
    /// How its result was accepted, when it is done.
    pub approval: Option<AcceptanceView<'a>>,
    /// When it was created.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// Since when it stands where it stands.
    pub status_since: Millis,
    /// When work on it first began.
    pub started_at: Option<Millis>,
    /// When its result was accepted, when it is done.
    pub completed_at: Option<Millis>,
    /// When it was archived, while it is.
    pub archived_at: Option<Millis>,
    /// Who asked to hear of whatever happens to it.
    pub subscribers: Vec<ActorView<'a>>,
    /// The version of its stream.
    pub version: u64,
}

/// How the result of a task was accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptanceView<'a> {
    /// Who accepted it.
    pub approved_by: ActorView<'a>,
    /// What was noted with it.
    pub note: Option<&'a Reason>,
    /// When.
    pub at: Millis,
}

/// A loop that blocked a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopView {
    /// What repeated.
    pub kind: LoopKind,
    /// How often.
    pub count: u32,
    /// The most that is allowed.
    pub limit: u32,
    /// The span in which it was counted, in seconds, where there is one.
    pub within_secs: Option<u32>,
    /// When it was found.
    pub at: Millis,
}

impl Tasks {
    /// One task; the agents give names to those who acted.
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

    /// What it has cost, sub-agents included.
    pub(crate) fn cost(&self) -> Dollars {
        Dollars(self.own_cost.plus(self.sub_agents_cost))
    }
}
