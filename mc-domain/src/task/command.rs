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
    /// Creates the task, in the inbox of its project.
    Create {
        /// The project that the task belongs to for good.
        project: ProjectId,
        /// Title, type, budget and whatever else an edit may change later.
        details: Details,
        /// The task it is part of.
        parent: Option<TaskId>,
    },
    /// Replaces the details; only an operator may.
    Edit(Details),
    /// Take it from the inbox, by an agent for itself.
    Claim(Assignee),
    /// Give it to these agents, whoever has it now.
    Assign {
        /// The new assignees, and which of them are ready to hold the task.
        crew: Crew,
        /// Why, for the record. A reason for assigning sets the agents' accepted task types aside.
        reason: Option<Reason>,
    },
    /// Moves the task to another status, as the transition table allows the actor.
    Move(Move),
    /// Let it wait for an approval, by the system.
    AwaitApproval {
        /// The approval, which is open.
        approval: ApprovalId,
        /// What the approval is for, kept in the task's record.
        reason: Option<Reason>,
    },
    /// Let an approval that has ended take its effect, whoever brings the verdict.
    Settle(Settlement),
    /// Stop a loop that was found, by the system.
    Contain(Containment),
    /// Begin a run for it, by who holds it or has it.
    BeginRun {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What is to be known of it.
        open_run: OpenRun,
    },
    /// Take note of the end of a run.
    EndRun {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// How the run ended; failed runs count towards loop containment.
        outcome: Outcome,
        /// What the run is charged on the task's budget, added to the cost so far.
        charged: Usd,
    },
    /// Take note of what a run has cost that was over without anybody knowing that.
    BillRun {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What the run is charged on the task's budget, added to the cost so far.
        charged: Usd,
    },
    /// Take it out of the views that show what is going on.
    Archive,
    /// Whoever gives it wants to hear of whatever happens to the task, without having it.
    Subscribe,
    /// Whoever gives it does so no longer.
    Unsubscribe,
    /// Takes the task back into the views that show what is going on.
    Restore,
    /// Posts a message in the task's thread.
    Post(Message),
}

/// A move to another status, with all that the move may need.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// The status to move to.
    pub to: Status,
    /// Why; what is to change, when it is sent back; what was noted, when it is accepted.
    pub reason: Option<Reason>,
    /// What will be done; needed to start work, unless the task has a plan already.
    pub plan: Option<WorkPlan>,
    /// The result; needed to hand work in, unless one was posted before.
    pub deliverable: Option<Artifact>,
    /// The self-review; needed to hand work in, unless one was posted before.
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
    /// How the approval ended, vouched for by the approval's own aggregate.
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
    /// The loop, as the task's traffic shows it.
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

/// A message to be posted in a task's thread. It needs content or an artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its identity, drawn by the caller.
    pub id: MessageId,
    /// The kind of message, which the thread is filtered by.
    pub kind: MessageKind,
    /// The text; it may be left out where artifacts are attached.
    pub content: Option<Text>,
    /// The artifacts to attach, at most [`MAX_ARTIFACTS`].
    pub artifacts: Vec<Artifact>,
    /// Who is to be notified; the author is left out.
    pub mentions: BTreeSet<Actor>,
    /// The message of the same thread that it answers.
    pub reply_to: Option<MessageId>,
    /// The lease the author works under, if it names one.
    pub lease: Option<LeaseId>,
}

/// Something a move needs and did not bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// A plan of what will be done, to start work with.
    WorkPlan,
    /// A result, to hand work in with.
    Deliverable,
    /// A self-review, to hand work in with.
    ReviewChecklist,
    /// Feedback that says what to change, to send work back with.
    Feedback,
    /// A reason why work cannot go on, to block a task with.
    BlockedReason,
    /// What is noted with the acceptance of the result.
    Note,
}

impl Requirement {
    /// What is missing, in the words of the refusal's message.
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
    /// The task was never created.
    #[error("there is no such task")]
    NotFound,
    /// A task with this identity was created before.
    #[error("the task exists already")]
    AlreadyExists,
    /// Invariant 1: the table has no such move for this kind of actor.
    #[error("a task cannot go from {from} to {to} by {by}")]
    IllegalTransition {
        /// The status that the task has.
        from: Status,
        /// The status that it was to move to.
        to: Status,
        /// The kind of actor that asked for the move.
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
        /// The status that it was to move to.
        to: Status,
        /// What is missing, all of it.
        what: Vec<Requirement>,
    },
    /// Invariant 5: nobody is there to take it.
    #[error("the task needs an assignee first")]
    NoAssignee,
    /// Another agent has claimed the task or was assigned to it.
    #[error("the task is taken")]
    AlreadyClaimed {
        /// The agents that the task is assigned to.
        by: BTreeSet<AgentId>,
    },
    /// An agent asked for what is the operator's.
    #[error("only an operator may {what}")]
    OperatorOnly {
        /// What was asked for, in the words of the refusal's message.
        what: &'static str,
    },
    /// The task is done or canceled, and takes no more changes.
    #[error("the task is {status} and no longer changes")]
    Closed {
        /// Done or canceled.
        status: Status,
    },
    /// Invariant 8: it may still change.
    #[error("only a task that is done or canceled can be archived, this one is {status}")]
    NotClosed {
        /// The status that the task has.
        status: Status,
    },
    /// It is not assigned, and nobody works on it.
    #[error("a run needs a task that is assigned or in progress, this one is {status}")]
    NotRunnable {
        /// The status that the task has.
        status: Status,
    },
    /// Invariant 3: another agent holds it.
    #[error("another agent holds the task")]
    NotHolder {
        /// The agent that holds the task.
        holder: AgentId,
    },
    /// The message has neither content nor an artifact.
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
        /// The most open tasks of one agent's making that the policy in force allows.
        limit: u32,
    },
    /// The message carries more than [`MAX_ARTIFACTS`] artifacts.
    #[error("a message carries at most {MAX_ARTIFACTS} artifacts")]
    TooManyArtifacts,
}

fn list(what: &[Requirement]) -> String {
    what.iter().map(|requirement| requirement.as_str()).collect::<Vec<_>>().join(" and ")
}
