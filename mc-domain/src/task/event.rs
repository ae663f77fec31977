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
        /// The project that it belongs to for good.
        project: ProjectId,
        /// Title, type, budget and whatever else an edit may change, as they are from here on.
        details: Details,
        /// The task it is part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<TaskId>,
        /// Who gave the command: an operator, an agent or the system.
        creator: Actor,
        /// When the command was decided, UTC.
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
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It was given to agents and waits for one of them to start.
    #[serde(rename = "assigned")]
    Assigned {
        /// The status that it left.
        from: Status,
        /// All assignees from here on; those that are not named lose it.
        assignees: BTreeSet<AgentId>,
        /// Why, when someone said so: the reason for lifting the agent's task types, or for unblocking.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Who it is assigned to changed, and nothing else.
    #[serde(rename = "assignees_changed")]
    AssigneesChanged {
        /// All assignees from here on; those that are not named lose it.
        assignees: BTreeSet<AgentId>,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// It went back to the inbox; nobody is assigned any more.
    #[serde(rename = "returned_to_inbox")]
    ReturnedToInbox {
        /// The status that it left.
        from: Status,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An agent began to work on it, under a lease.
    #[serde(rename = "started")]
    Started {
        /// The status that it left.
        from: Status,
        /// The agent that holds the task from here on.
        holder: AgentId,
        /// The lease that it holds the task under. Writes that name another lease are refused.
        lease: LeaseId,
        /// What it will do, where a plan came with the start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<WorkPlan>,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
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
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A reviewer asked for changes: work goes on under a new lease.
    #[serde(rename = "sent_back")]
    SentBack {
        /// What the reviewer wants changed.
        feedback: Reason,
        /// How often this task has been sent back, this time included.
        review_cycle: u32,
        /// The agent that holds the task from here on.
        holder: AgentId,
        /// The lease that it holds the task under. Writes that name another lease are refused.
        lease: LeaseId,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It returned to review without new work.
    #[serde(rename = "returned_to_review")]
    ReturnedToReview {
        /// Where it came from: `needs_approval`, or `done` when it was reopened.
        from: Status,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
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
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// From now on it waits for this approval: held for it in the same commit, or held for another already.
    #[serde(rename = "approval_awaited")]
    ApprovalAwaited {
        /// The approval, which may be one of several that the task waits for.
        approval: ApprovalId,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// One approval it waited for is settled; it still waits for others.
    #[serde(rename = "approval_settled")]
    ApprovalSettled {
        /// The approval, which may be one of several that the task waits for.
        approval: ApprovalId,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Work on it cannot go on.
    #[serde(rename = "blocked")]
    Blocked {
        /// The status that it left.
        from: Status,
        /// Why work cannot go on, for whoever unblocks the task.
        reason: Reason,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// The work failed; an operator may give the task to somebody again.
    #[serde(rename = "failed")]
    Failed {
        /// The status that it left.
        from: Status,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An operator accepted the result, and the task is done.
    #[serde(rename = "completed")]
    Completed {
        /// The status that it left.
        from: Status,
        /// The operator who accepted the result.
        approved_by: Actor,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An operator called it off, for good.
    #[serde(rename = "canceled")]
    Canceled {
        /// The status that it left.
        from: Status,
        /// Why it was decided, where the command gave a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It is over for long, and leaves the views that show what is going on.
    #[serde(rename = "archived")]
    Archived {
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It is back in the views that show what is going on.
    #[serde(rename = "restored")]
    Restored {
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Somebody wants to hear of whatever happens to it.
    #[serde(rename = "subscribed")]
    Subscribed {
        /// Who gave the command, and is the one that follows or no longer does.
        by: Actor,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Somebody who had asked to hear of it does so no longer.
    #[serde(rename = "unsubscribed")]
    Unsubscribed {
        /// Who gave the command, and is the one that follows or no longer does.
        by: Actor,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A loop was found; the same commit stops it.
    #[serde(rename = "loop_detected")]
    LoopDetected {
        /// What the agents repeated.
        kind: LoopKind,
        /// How often it was counted within the window, the last time included.
        count: u32,
        /// The limit of the policy in force, which the count crossed.
        limit: u32,
        /// The span in which it was counted, in seconds; all the time since the task was last unblocked when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_secs: Option<u32>,
        /// The actors whose messages or moves were counted.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        participants: BTreeSet<Actor>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An agent began a run for it.
    #[serde(rename = "run_began")]
    RunBegan {
        /// The run, which the task knows as open until it ends.
        run: RunId,
        /// What is to be known of it.
        open_run: OpenRun,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A run for it is over.
    #[serde(rename = "run_ended")]
    RunEnded {
        /// The run, which the task knows as open until it ends.
        run: RunId,
        /// How the run ended; failed ones count towards loop containment.
        outcome: Outcome,
        /// What the run was charged on the task's budget.
        #[serde(rename = "chargedMicroUsd")]
        charged: Usd,
        /// What all runs for the task have cost so far.
        #[serde(rename = "costAfterMicroUsd")]
        cost_after: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// What a run for it has cost became known after it was over.
    #[serde(rename = "run_billed")]
    RunBilled {
        /// The run, which the task knows as open until it ends.
        run: RunId,
        /// What the run was charged on the task's budget.
        #[serde(rename = "chargedMicroUsd")]
        charged: Usd,
        /// What all runs for the task have cost so far.
        #[serde(rename = "costAfterMicroUsd")]
        cost_after: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Something was said in its thread.
    #[serde(rename = "message_posted")]
    MessagePosted {
        /// The identity of the message, drawn by the caller.
        id: MessageId,
        /// The kind of message, which the thread is filtered by.
        kind: MessageKind,
        /// Who posted it; an agent's post is refused while a loop blocks the thread.
        author: Actor,
        /// The text; it may be absent where artifacts are attached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Text>,
        /// The artifacts attached to it, at most 20.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        artifacts: Vec<Artifact>,
        /// Who is notified by name; never the author.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        mentions: BTreeSet<Actor>,
        /// The message of the same thread that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// When the command was decided, UTC.
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
