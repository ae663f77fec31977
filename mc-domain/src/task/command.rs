//! What may be asked of a task, and why it may refuse.

use std::collections::{BTreeMap, BTreeSet};

use super::containment::Loop;
use super::values::{Artifact, Checklist, Details, MessageKind, Status, WorkPlan};
use crate::{
    actor::{Actor, ActorKind},
    agent::Assignee,
    approval::Verdict,
    ids::{AgentId, ApprovalId, LeaseId, MessageId, ProjectId, RunId, TaskId},
    money::Usd,
    run::{OpenRun, Outcome},
    values::{Name, Reason, Text},
};

/// The most artifacts one message may carry.
pub const MAX_ARTIFACTS: usize = 20;

/// What may be asked of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Create it, in the inbox.
    Create {
        /// The project it belongs to.
        project: ProjectId,
        /// What it is about.
        details: Details,
        /// The task it is part of.
        parent: Option<TaskId>,
    },
    /// Change what it is about.
    Edit(Details),
    /// Take it from the inbox, by an agent for itself.
    Claim(Assignee),
    /// Give it to these agents, whoever has it now.
    Assign {
        /// Who is to have it.
        crew: Crew,
        /// Why.
        reason: Option<Reason>,
    },
    /// Move it to another status.
    Move(Move),
    /// Let it wait for an approval, by the system.
    AwaitApproval {
        /// Which one.
        approval: ApprovalId,
        /// What for.
        reason: Option<Reason>,
    },
    /// Let an approval that has ended take its effect, whoever brings the verdict.
    Settle(Settlement),
    /// Stop a loop that was found, by the system.
    Contain(Containment),
    /// Begin a run for it, by who holds it or has it.
    BeginRun {
        /// The run.
        run: RunId,
        /// What is to be known of it.
        open_run: OpenRun,
    },
    /// Take note of the end of a run.
    EndRun {
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
        /// What it was charged.
        charged: Usd,
    },
    /// Take note of what a run has cost that was over without anybody knowing that.
    BillRun {
        /// The run.
        run: RunId,
        /// What it was charged.
        charged: Usd,
    },
    /// Take it out of the views that show what is going on.
    Archive,
    /// Whoever gives it wants to hear of whatever happens to the task, without having it.
    Subscribe,
    /// Whoever gives it does so no longer.
    Unsubscribe,
    /// Take it back into them.
    Restore,
    /// Say something in its thread.
    Post(Message),
}

/// A move to another status, with all that the move may need.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// Where to.
    pub to: Status,
    /// Why; what is to change, when it is sent back; what was noted, when it is accepted.
    pub reason: Option<Reason>,
    /// What will be done.
    pub plan: Option<WorkPlan>,
    /// What was made.
    pub deliverable: Option<Artifact>,
    /// The self-review.
    pub checklist: Option<Checklist>,
    /// The lease the mover works under, if it names one: a write under a lease that is over is refused.
    pub lease: Option<LeaseId>,
    /// Who is to have the task afterwards; read only on the way to assigned and in_progress.
    pub crew: Crew,
}

impl Move {
    /// A move that brings nothing along.
    pub fn to(to: Status) -> Self {
        Self {
            to,
            reason: None,
            plan: None,
            deliverable: None,
            checklist: None,
            lease: None,
            crew: Crew::default(),
        }
    }
}

/// The end of an approval, and what the task needs to go on after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// How the approval ended.
    pub verdict: Verdict,
    /// The agent that held the task before, when it is free to go on.
    pub ready: Option<Assignee>,
    /// The lease to hold it under, drawn by the caller.
    pub lease: Option<LeaseId>,
    /// Those it is assigned to who could take it up.
    pub crew: Vec<Assignee>,
}

/// A loop that was found, and what is needed to tell about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Containment {
    /// The loop.
    pub found: Loop,
    /// The identity of the message that tells about it.
    pub message: MessageId,
    /// The names of agents that took part, as far as they are known.
    pub names: BTreeMap<AgentId, Name>,
}

/// Who is to have a task, and which of them stand ready to work on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Crew {
    /// Everyone the task is assigned to.
    pub assignees: BTreeSet<AgentId>,
    /// Those of them that may take it, as their aggregates vouch; the first one would hold it.
    pub ready: Vec<Assignee>,
    /// The lease to hold it under, drawn by the caller.
    pub lease: Option<LeaseId>,
}

/// A message for the thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its identity, drawn by the caller.
    pub id: MessageId,
    /// What kind of message.
    pub kind: MessageKind,
    /// What is said.
    pub content: Option<Text>,
    /// What is attached.
    pub artifacts: Vec<Artifact>,
    /// Who is to be notified; the author is left out.
    pub mentions: BTreeSet<Actor>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The lease the author works under, if it names one.
    pub lease: Option<LeaseId>,
}

/// Something a move needs and did not bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// What will be done.
    WorkPlan,
    /// What was made.
    Deliverable,
    /// The self-review.
    ReviewChecklist,
    /// What is to change.
    Feedback,
    /// Why work cannot go on.
    BlockedReason,
    /// What is noted with the acceptance of the result.
    Note,
}

impl Requirement {
    /// What is missing, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkPlan => "a work plan of 3 to 6 bullets",
            Self::Deliverable => "a deliverable",
            Self::ReviewChecklist => "a self-review checklist",
            Self::Feedback => "feedback that says what to change",
            Self::BlockedReason => "a reason",
            Self::Note => "a note that says why the result is accepted",
        }
    }
}

/// Why a task refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such task.
    #[error("there is no such task")]
    NotFound,
    /// The identity is taken.
    #[error("the task exists already")]
    AlreadyExists,
    /// Invariant 1: the table has no such move for this kind of actor.
    #[error("a task cannot go from {from} to {to} by {by}")]
    IllegalTransition {
        /// Where it stands.
        from: Status,
        /// Where it was to go.
        to: Status,
        /// Who asked.
        by: ActorKind,
        /// Where this actor could move it instead.
        allowed: Vec<Status>,
    },
    /// Invariant 2: an agent moves only what is assigned to it.
    #[error("the agent is not assigned to this task")]
    NotAssignee,
    /// Invariant 2: an agent reviews only what is not its own, and where reviewers are named, only as one of them.
    #[error("the agent is not a reviewer of this task")]
    NotReviewer,
    /// Invariant 3: the lease named is over.
    #[error("the lease is over")]
    LeaseLost {
        /// The lease it is held under now.
        current: Option<LeaseId>,
    },
    /// Invariant 4: something the move needs is not there.
    #[error("moving to {to} needs {}", list(.what))]
    Missing {
        /// Where it was to go.
        to: Status,
        /// What is missing, all of it.
        what: Vec<Requirement>,
    },
    /// Invariant 5: nobody is there to take it.
    #[error("the task needs an assignee first")]
    NoAssignee,
    /// Someone else has it.
    #[error("the task is taken")]
    AlreadyClaimed {
        /// Who has it.
        by: BTreeSet<AgentId>,
    },
    /// An agent asked for what is the operator's.
    #[error("only an operator may {what}")]
    OperatorOnly {
        /// What it asked for.
        what: &'static str,
    },
    /// It is done or canceled.
    #[error("the task is {status} and no longer changes")]
    Closed {
        /// Which of the two.
        status: Status,
    },
    /// Invariant 8: it may still change.
    #[error("only a task that is done or canceled can be archived, this one is {status}")]
    NotClosed {
        /// Where it stands.
        status: Status,
    },
    /// It is not assigned, and nobody works on it.
    #[error("a run needs a task that is assigned or in progress, this one is {status}")]
    NotRunnable {
        /// Where it stands.
        status: Status,
    },
    /// Invariant 3: another agent holds it.
    #[error("another agent holds the task")]
    NotHolder {
        /// Who does.
        holder: AgentId,
    },
    /// A message that says nothing.
    #[error("a message needs content or an artifact")]
    EmptyMessage,
    /// The thread has as many messages as the policy allows: only operators and the rules still post.
    #[error("the thread has {limit} messages, and takes no more from agents")]
    ThreadFull {
        /// The most messages that agents may post into, as the policy has it.
        limit: u32,
    },
    /// A loop blocked the task: until a human unblocks it, only operators and the rules post.
    #[error(
        "a loop blocked the task, and its thread takes no more from agents until an operator unblocks it"
    )]
    ThreadBlocked,
    /// The agent created as many tasks that are still open as the policy allows.
    #[error("{limit} tasks that the agent created are open, and it may create no more")]
    TooManyOpen {
        /// The most there may be.
        limit: u32,
    },
    /// More than [`MAX_ARTIFACTS`].
    #[error("a message carries at most {MAX_ARTIFACTS} artifacts")]
    TooManyArtifacts,
}

fn list(what: &[Requirement]) -> String {
    what.iter().map(|requirement| requirement.as_str()).collect::<Vec<_>>().join(" and ")
}
