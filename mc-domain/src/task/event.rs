//! What may have happened to a task. Names and shapes here are a stored contract: see the golden files.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::containment::LoopKind;
use super::values::{Artifact, Checklist, Details, MessageKind, Status, WorkPlan};
use crate::{
    actor::Actor,
    ids::{AgentId, ApprovalId, LeaseId, MessageId, ProjectId, RunId, TaskId},
    money::Usd,
    run::{OpenRun, Outcome},
    values::{Reason, Text},
};

/// A fact about one task. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It was created, in the inbox.
    #[serde(rename = "created")]
    Created {
        /// The project it belongs to.
        project: ProjectId,
        /// What it is about.
        details: Details,
        /// The task it is part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<TaskId>,
        /// Who created it.
        creator: Actor,
        /// When.
        at: DateTime<Utc>,
    },
    /// What it is about was edited.
    #[serde(rename = "edited")]
    Edited {
        /// All details as they are now.
        details: Details,
    },
    /// An agent took it from the inbox for itself.
    #[serde(rename = "claimed")]
    Claimed {
        /// The claimer, now the only assignee.
        agent: AgentId,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was given to agents and waits for one of them to start.
    #[serde(rename = "assigned")]
    Assigned {
        /// Where it came from.
        from: Status,
        /// Everyone it is assigned to.
        assignees: BTreeSet<AgentId>,
        /// Why, when someone said so: the reason for lifting the agent's task types, or for unblocking.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Who it is assigned to changed, and nothing else.
    #[serde(rename = "assignees_changed")]
    AssigneesChanged {
        /// Everyone it is assigned to.
        assignees: BTreeSet<AgentId>,
        /// Why, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// It went back to the inbox; nobody is assigned any more.
    #[serde(rename = "returned_to_inbox")]
    ReturnedToInbox {
        /// Where it came from.
        from: Status,
        /// Why, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// An agent began to work on it, under a lease.
    #[serde(rename = "started")]
    Started {
        /// Where it came from.
        from: Status,
        /// The agent that works.
        holder: AgentId,
        /// Its lease.
        lease: LeaseId,
        /// What it will do, where a plan came with the start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<WorkPlan>,
        /// Why, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The work was handed in for review.
    #[serde(rename = "submitted")]
    Submitted {
        /// What was made, where it came with the submission.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deliverable: Option<Artifact>,
        /// The self-review, where it came with the submission.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checklist: Option<Checklist>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A reviewer asked for changes: work goes on under a new lease.
    #[serde(rename = "sent_back")]
    SentBack {
        /// What to change.
        feedback: Reason,
        /// How often this task has been sent back, this time included.
        review_cycle: u32,
        /// The agent that works.
        holder: AgentId,
        /// Its lease.
        lease: LeaseId,
        /// When.
        at: DateTime<Utc>,
    },
    /// It returned to review without new work.
    #[serde(rename = "returned_to_review")]
    ReturnedToReview {
        /// Where it came from: `needs_approval`, or `done` when it was reopened.
        from: Status,
        /// Why, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It waits for a decision of the operator.
    #[serde(rename = "held_for_approval")]
    HeldForApproval {
        /// Where it came from, and where an approval sends it back to.
        from: Status,
        /// What for, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// From now on it waits for this approval: held for it in the same commit, or held for another already.
    #[serde(rename = "approval_awaited")]
    ApprovalAwaited {
        /// Which one.
        approval: ApprovalId,
        /// When.
        at: DateTime<Utc>,
    },
    /// One approval it waited for is settled; it still waits for others.
    #[serde(rename = "approval_settled")]
    ApprovalSettled {
        /// Which one.
        approval: ApprovalId,
        /// When.
        at: DateTime<Utc>,
    },
    /// Work on it cannot go on.
    #[serde(rename = "blocked")]
    Blocked {
        /// Where it came from.
        from: Status,
        /// Why.
        reason: Reason,
        /// When.
        at: DateTime<Utc>,
    },
    /// The work did not succeed.
    #[serde(rename = "failed")]
    Failed {
        /// Where it came from.
        from: Status,
        /// Why, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// An operator accepted the result.
    #[serde(rename = "completed")]
    Completed {
        /// Where it came from.
        from: Status,
        /// Who accepted it.
        approved_by: Actor,
        /// What was noted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// An operator called it off, for good.
    #[serde(rename = "canceled")]
    Canceled {
        /// Where it came from.
        from: Status,
        /// Why, when someone said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It is over for long, and leaves the views that show what is going on.
    #[serde(rename = "archived")]
    Archived {
        /// When.
        at: DateTime<Utc>,
    },
    /// It is back in the views that show what is going on.
    #[serde(rename = "restored")]
    Restored {
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody wants to hear of whatever happens to it.
    #[serde(rename = "subscribed")]
    Subscribed {
        /// Who.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody who had asked to hear of it does so no longer.
    #[serde(rename = "unsubscribed")]
    Unsubscribed {
        /// Who.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
    },
    /// A loop was found; the same commit stops it.
    #[serde(rename = "loop_detected")]
    LoopDetected {
        /// What repeated.
        kind: LoopKind,
        /// How often.
        count: u32,
        /// The most that is allowed.
        limit: u32,
        /// The span in which it was counted, in seconds; all the time since the task was last unblocked when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_secs: Option<u32>,
        /// Who took part.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        participants: BTreeSet<Actor>,
        /// When.
        at: DateTime<Utc>,
    },
    /// An agent began a run for it.
    #[serde(rename = "run_began")]
    RunBegan {
        /// The run.
        run: RunId,
        /// What is to be known of it.
        open_run: OpenRun,
        /// When.
        at: DateTime<Utc>,
    },
    /// A run for it is over.
    #[serde(rename = "run_ended")]
    RunEnded {
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
        /// What it was charged.
        #[serde(rename = "chargedMicroUsd")]
        charged: Usd,
        /// What all runs for the task have cost so far.
        #[serde(rename = "costAfterMicroUsd")]
        cost_after: Usd,
        /// When.
        at: DateTime<Utc>,
    },
    /// What a run for it has cost became known after it was over.
    #[serde(rename = "run_billed")]
    RunBilled {
        /// The run.
        run: RunId,
        /// What it was charged.
        #[serde(rename = "chargedMicroUsd")]
        charged: Usd,
        /// What all runs for the task have cost so far.
        #[serde(rename = "costAfterMicroUsd")]
        cost_after: Usd,
        /// When.
        at: DateTime<Utc>,
    },
    /// Something was said in its thread.
    #[serde(rename = "message_posted")]
    MessagePosted {
        /// The message.
        id: MessageId,
        /// What kind of message.
        kind: MessageKind,
        /// Who said it.
        author: Actor,
        /// What was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Text>,
        /// What was attached.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        artifacts: Vec<Artifact>,
        /// Who is notified by name; never the author.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        mentions: BTreeSet<Actor>,
        /// The message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// When.
        at: DateTime<Utc>,
    },
}

impl Event {
    /// The status this event moves the task to, if it moves it.
    pub fn moves_to(&self) -> Option<Status> {
        match self {
            Self::Created { .. } | Self::ReturnedToInbox { .. } => Some(Status::Inbox),
            Self::Claimed { .. } | Self::Assigned { .. } => Some(Status::Assigned),
            Self::Started { .. } | Self::SentBack { .. } => Some(Status::InProgress),
            Self::Submitted { .. } | Self::ReturnedToReview { .. } => Some(Status::Review),
            Self::HeldForApproval { .. } => Some(Status::NeedsApproval),
            Self::Blocked { .. } => Some(Status::Blocked),
            Self::Failed { .. } => Some(Status::Failed),
            Self::Completed { .. } => Some(Status::Done),
            Self::Canceled { .. } => Some(Status::Canceled),
            Self::Edited { .. }
            | Self::AssigneesChanged { .. }
            | Self::ApprovalAwaited { .. }
            | Self::ApprovalSettled { .. }
            | Self::Archived { .. }
            | Self::Restored { .. }
            | Self::Subscribed { .. }
            | Self::Unsubscribed { .. }
            | Self::LoopDetected { .. }
            | Self::RunBegan { .. }
            | Self::RunEnded { .. }
            | Self::RunBilled { .. }
            | Self::MessagePosted { .. } => None,
        }
    }
}

impl Event {
    /// When it moved the task, if it did.
    pub(super) fn moved_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Created { at, .. }
            | Self::Claimed { at, .. }
            | Self::Assigned { at, .. }
            | Self::ReturnedToInbox { at, .. }
            | Self::Started { at, .. }
            | Self::SentBack { at, .. }
            | Self::Submitted { at, .. }
            | Self::ReturnedToReview { at, .. }
            | Self::HeldForApproval { at, .. }
            | Self::Blocked { at, .. }
            | Self::Failed { at, .. }
            | Self::Completed { at, .. }
            | Self::Canceled { at, .. } => Some(*at),
            Self::Edited { .. }
            | Self::AssigneesChanged { .. }
            | Self::ApprovalAwaited { .. }
            | Self::ApprovalSettled { .. }
            | Self::Archived { .. }
            | Self::Restored { .. }
            | Self::Subscribed { .. }
            | Self::Unsubscribed { .. }
            | Self::LoopDetected { .. }
            | Self::RunBegan { .. }
            | Self::RunEnded { .. }
            | Self::RunBilled { .. }
            | Self::MessagePosted { .. } => None,
        }
    }
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "task.created",
            Self::Edited { .. } => "task.edited",
            Self::Claimed { .. } => "task.claimed",
            Self::Assigned { .. } => "task.assigned",
            Self::AssigneesChanged { .. } => "task.assignees_changed",
            Self::ReturnedToInbox { .. } => "task.returned_to_inbox",
            Self::Started { .. } => "task.started",
            Self::Submitted { .. } => "task.submitted",
            Self::SentBack { .. } => "task.sent_back",
            Self::ReturnedToReview { .. } => "task.returned_to_review",
            Self::HeldForApproval { .. } => "task.held_for_approval",
            Self::ApprovalAwaited { .. } => "task.approval_awaited",
            Self::ApprovalSettled { .. } => "task.approval_settled",
            Self::Blocked { .. } => "task.blocked",
            Self::Failed { .. } => "task.failed",
            Self::Completed { .. } => "task.completed",
            Self::Canceled { .. } => "task.canceled",
            Self::Archived { .. } => "task.archived",
            Self::Restored { .. } => "task.restored",
            Self::Subscribed { .. } => "task.subscribed",
            Self::Unsubscribed { .. } => "task.unsubscribed",
            Self::LoopDetected { .. } => "task.loop_detected",
            Self::RunBegan { .. } => "task.run_began",
            Self::RunEnded { .. } => "task.run_ended",
            Self::RunBilled { .. } => "task.run_billed",
            Self::MessagePosted { .. } => "task.message_posted",
        }
    }
}
