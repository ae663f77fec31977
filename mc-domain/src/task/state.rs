//! The state of a task: what its events fold to, and what others read of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    command::Rejection,
    containment::{Loop, Traffic},
    event::Event,
    transitions::mover,
    values::{ArtifactKind, Details, Status, WorkPlan},
};
use crate::{
    actor::{Actor, ActorKind},
    aggregate::CommandContext,
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, RunId, TaskId},
    money::Usd,
    run::OpenRun,
};

/// A task, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     ids::ProjectId,
///     task::{Command, Details, Move, Rejection, Status, Task, TaskType},
///     values::Name,
/// };
///
/// let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let project = ProjectId::new(uuid::Uuid::from_u128(1));
/// let details = Details::titled("Write the blog post", TaskType::Content)?;
/// let task = Task::fold(&Task::default().decide(Command::Create { project, details, parent: None }, &sofie)?);
///
/// let refused = task.decide(Command::Move(Move::to(Status::Done)), &sofie);
/// assert!(matches!(refused, Err(Rejection::IllegalTransition { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// The task was not created yet; every command but creation is refused.
    #[default]
    Absent,
    /// The task exists, and never ceases to.
    Present(Box<Present>),
}

/// What the rules read of a task that exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Present {
    /// The project that the task belongs to for good.
    pub(crate) project: ProjectId,
    /// Title, type, budget and whatever else an edit may change.
    pub(crate) details: Details,
    /// The task it is part of.
    pub(crate) parent: Option<TaskId>,
    /// The agents that it is assigned to; one of them may hold it.
    pub(crate) assignees: BTreeSet<AgentId>,
    /// The status, with what only that status knows.
    pub(crate) stage: Stage,
    /// The plan that work was started with, until others get the task.
    pub(crate) plan: Option<WorkPlan>,
    /// The kinds of artifact handed in by operators and assignees since the work was last sent back, given back or given up.
    pub(crate) handed_in: BTreeSet<ArtifactKind>,
    /// How many messages its thread has.
    #[serde(default)]
    pub(crate) messages: u32,
    /// Whether a loop blocked it, and nobody unblocked it since.
    #[serde(default)]
    pub(crate) looped: bool,
    /// How often it was sent back.
    pub(crate) review_cycles: u32,
    /// The approvals that it waits for while it needs approval.
    #[serde(default)]
    pub(crate) awaits: BTreeSet<ApprovalId>,
    /// The runs for it that are under way.
    #[serde(default)]
    pub(crate) open_runs: BTreeMap<RunId, OpenRun>,
    /// What all runs for it have cost so far.
    #[serde(default)]
    pub(crate) cost: Usd,
    /// What of its recent traffic is watched for loops.
    #[serde(default)]
    pub(crate) traffic: Traffic,
    /// Whether an operator gave it to its assignees with a reason, which sets their accepted task types aside.
    #[serde(default)]
    pub(crate) types_waived: bool,
    /// Whether it has left the views that show what is going on.
    #[serde(default)]
    pub(crate) archived: bool,
    /// Who asked to hear of whatever happens to it.
    #[serde(default)]
    pub(crate) subscribers: BTreeSet<Actor>,
}

/// Where a task stands, with what only that status knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The task is assigned to nobody.
    Inbox,
    /// Someone has it and has not begun.
    Assigned,
    /// An agent works on it, under a lease.
    InProgress(Hold),
    /// The work was handed in, and waits for a judgement.
    Review,
    /// The task waits for approvals.
    NeedsApproval {
        /// The status that it had before, and returns to when the approvals are granted.
        from: Status,
        /// Who held it, when it came from in_progress.
        holder: Option<AgentId>,
    },
    /// Work on it cannot go on.
    Blocked,
    /// The work failed; an operator may give the task to somebody again.
    Failed,
    /// An operator accepted the result.
    Done,
    /// An operator called it off. No command leads out of this.
    Canceled,
}

/// An agent's hold on the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The agent that works on the task.
    pub holder: AgentId,
    /// The lease that writes of the holder name, drawn anew for each hold.
    pub lease: LeaseId,
}

impl Stage {
    /// The status by name, as views show it.
    pub fn status(self) -> Status {
        match self {
            Self::Inbox => Status::Inbox,
            Self::Assigned => Status::Assigned,
            Self::InProgress(_) => Status::InProgress,
            Self::Review => Status::Review,
            Self::NeedsApproval { .. } => Status::NeedsApproval,
            Self::Blocked => Status::Blocked,
            Self::Failed => Status::Failed,
            Self::Done => Status::Done,
            Self::Canceled => Status::Canceled,
        }
    }
}

impl Task {
    /// What the rules read of it.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] before its creation.
    pub fn present(&self) -> Result<&Present, Rejection> {
        match self {
            Self::Absent => Err(Rejection::NotFound),
            Self::Present(task) => Ok(task),
        }
    }

    /// Where it stands, if it exists.
    pub fn status(&self) -> Option<Status> {
        self.present().ok().map(Present::status)
    }
}

impl Present {
    /// How often it was sent back.
    pub fn review_cycles(&self) -> u32 {
        self.review_cycles
    }

    /// Whether it has left the views that show what is going on.
    pub fn archived(&self) -> bool {
        self.archived
    }

    /// Who asked to hear of whatever happens to it.
    pub fn subscribers(&self) -> &BTreeSet<Actor> {
        &self.subscribers
    }

    /// The approvals that it waits for while it needs approval.
    pub fn awaits(&self) -> &BTreeSet<ApprovalId> {
        &self.awaits
    }

    /// Title, type, budget and whatever else an edit may change.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// The status, with what only that status knows.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// What all runs for it have cost so far.
    pub fn cost(&self) -> Usd {
        self.cost
    }

    /// The runs for it that are under way.
    pub fn open_runs(&self) -> &BTreeMap<RunId, OpenRun> {
        &self.open_runs
    }

    /// The agents that it is assigned to; one of them may hold it.
    pub fn assignees(&self) -> &BTreeSet<AgentId> {
        &self.assignees
    }

    /// The project that the task belongs to for good.
    pub fn project(&self) -> ProjectId {
        self.project
    }

    pub(super) fn new(project: ProjectId, details: Details, parent: Option<TaskId>) -> Self {
        Self {
            project,
            details,
            parent,
            assignees: BTreeSet::new(),
            stage: Stage::Inbox,
            plan: None,
            handed_in: BTreeSet::new(),
            messages: 0,
            looped: false,
            review_cycles: 0,
            awaits: BTreeSet::new(),
            open_runs: BTreeMap::new(),
            cost: Usd::ZERO,
            traffic: Traffic::default(),
            types_waived: false,
            archived: false,
            subscribers: BTreeSet::new(),
        }
    }

    /// The status by name, as views show it.
    pub fn status(&self) -> Status {
        self.stage.status()
    }

    /// Who holds it, while it is in progress.
    pub fn hold(&self) -> Option<Hold> {
        match self.stage {
            Stage::InProgress(hold) => Some(hold),
            Stage::Inbox
            | Stage::Assigned
            | Stage::Review
            | Stage::NeedsApproval { .. }
            | Stage::Blocked
            | Stage::Failed
            | Stage::Done
            | Stage::Canceled => None,
        }
    }

    /// Who held it before it began to wait for an approval, when it came from in_progress.
    pub fn waiting_holder(&self) -> Option<AgentId> {
        match self.stage {
            Stage::NeedsApproval { holder, .. } => holder,
            Stage::Inbox
            | Stage::Assigned
            | Stage::InProgress(_)
            | Stage::Review
            | Stage::Blocked
            | Stage::Failed
            | Stage::Done
            | Stage::Canceled => None,
        }
    }

    pub(super) fn is_reviewed_by(&self, context: &CommandContext) -> bool {
        let reviewers = &self.details.reviewers;
        reviewers.is_empty() || context.actor.agent().is_some_and(|agent| reviewers.contains(&agent))
    }

    /// The loop that its traffic is in, where it stands so that it can be blocked.
    pub fn loop_found(&self, context: &CommandContext) -> Option<Loop> {
        mover(self.status(), Status::Blocked, ActorKind::System)?;
        self.traffic.crossed(&context.policy.loops, &self.assignees, context.now)
    }

    /// Whether `agent` may run for it: it holds the task, or has it and nobody has begun.
    ///
    /// # Errors
    /// - [`Rejection::NotAssignee`]
    /// - [`Rejection::NotHolder`]
    /// - [`Rejection::NotRunnable`]
    pub fn may_run(&self, agent: AgentId) -> Result<(), Rejection> {
        match self.stage {
            Stage::InProgress(hold) if hold.holder == agent => Ok(()),
            Stage::InProgress(hold) => Err(Rejection::NotHolder { holder: hold.holder }),
            Stage::Assigned if self.assignees.contains(&agent) => Ok(()),
            Stage::Assigned => Err(Rejection::NotAssignee),
            Stage::Inbox
            | Stage::Review
            | Stage::NeedsApproval { .. }
            | Stage::Blocked
            | Stage::Failed
            | Stage::Done
            | Stage::Canceled => Err(Rejection::NotRunnable { status: self.status() }),
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        self.watch(event);
        if event.moves_to().is_some_and(|to| to != Status::NeedsApproval) {
            self.awaits.clear();
        }
        self.archived &= event.moves_to().is_none();
        self.looped &= event.moves_to().is_none_or(|to| to == Status::Blocked);
        match event {
            Event::Created { .. } => {}
            Event::Edited { details } => self.details = details.clone(),
            Event::Claimed { agent, .. } => {
                self.pass_to(&BTreeSet::from([*agent]));
                self.stage = Stage::Assigned;
            }
            Event::Assigned { from, assignees, reason, .. } => {
                self.types_waived = reason.is_some() || (self.types_waived && *assignees == self.assignees);
                self.pass_to(assignees);
                if matches!(from, Status::InProgress | Status::Review | Status::Failed) {
                    self.handed_in.clear();
                }
                self.stage = Stage::Assigned;
            }
            Event::AssigneesChanged { assignees, reason } => {
                self.types_waived |= reason.is_some();
                match self.hold() {
                    Some(_) => self.assignees = assignees.clone(),
                    None => self.pass_to(assignees),
                }
            }
            Event::ReturnedToInbox { .. } => {
                self.assignees.clear();
                self.plan = None;
                self.handed_in.clear();
                self.types_waived = false;
                self.stage = Stage::Inbox;
            }
            Event::Started { holder, lease, plan, .. } => {
                self.plan = plan.clone().or(self.plan.take());
                self.stage = Stage::InProgress(Hold { holder: *holder, lease: *lease });
            }
            Event::SentBack { holder, lease, review_cycle, .. } => {
                self.handed_in.clear();
                self.review_cycles = *review_cycle;
                self.stage = Stage::InProgress(Hold { holder: *holder, lease: *lease });
            }
            Event::Submitted { .. } | Event::ReturnedToReview { .. } => self.stage = Stage::Review,
            Event::HeldForApproval { from, .. } => {
                let holder = self.hold().map(|hold| hold.holder);
                self.stage = Stage::NeedsApproval { from: *from, holder };
            }
            Event::ApprovalAwaited { approval, .. } => {
                self.awaits.insert(*approval);
            }
            Event::ApprovalSettled { approval, .. } => {
                self.awaits.remove(approval);
            }
            Event::Blocked { .. } => self.stage = Stage::Blocked,
            Event::Failed { .. } => self.stage = Stage::Failed,
            Event::Completed { .. } => self.stage = Stage::Done,
            Event::Canceled { .. } => self.stage = Stage::Canceled,
            Event::Archived { .. } => self.archived = true,
            Event::Subscribed { by, .. } => drop(self.subscribers.insert(by.clone())),
            Event::Unsubscribed { by, .. } => drop(self.subscribers.remove(by)),
            Event::Restored { .. } => self.archived = false,
            Event::LoopDetected { .. } => self.looped = true,
            Event::RunBegan { run, open_run, .. } => {
                self.open_runs.insert(*run, *open_run);
            }
            Event::RunEnded { run, cost_after, .. } => {
                self.open_runs.remove(run);
                self.cost = *cost_after;
            }
            Event::RunBilled { cost_after, .. } => self.cost = *cost_after,
            Event::MessagePosted { author, artifacts, .. } => {
                self.messages = self.messages.saturating_add(1);
                if author.agent().is_none_or(|agent| self.assignees.contains(&agent)) {
                    self.handed_in.extend(artifacts.iter().map(|artifact| artifact.kind));
                }
            }
        }
    }

    /// Others make a plan of their own, and hand their own work in.
    fn pass_to(&mut self, assignees: &BTreeSet<AgentId>) {
        if *assignees != self.assignees {
            self.plan = None;
            self.handed_in.clear();
        }
        self.assignees = assignees.clone();
    }

    /// Keeps what containment reads of an event, before the event takes its effect.
    fn watch(&mut self, event: &Event) {
        let from = self.status();
        let at_rest = matches!(from, Status::Blocked | Status::Failed | Status::Done | Status::Canceled);
        if at_rest || matches!(event, Event::Blocked { .. }) {
            if event.moves_to().is_some() {
                self.traffic = Traffic::default();
            }
            return;
        }
        match event {
            Event::MessagePosted { author, content, at, .. } => {
                self.traffic.said(author, content.as_ref(), *at);
            }
            Event::RunEnded { outcome, .. } => self.traffic.ran(*outcome),
            Event::Created { .. }
            | Event::Edited { .. }
            | Event::Claimed { .. }
            | Event::Assigned { .. }
            | Event::AssigneesChanged { .. }
            | Event::ReturnedToInbox { .. }
            | Event::Started { .. }
            | Event::Submitted { .. }
            | Event::SentBack { .. }
            | Event::ReturnedToReview { .. }
            | Event::HeldForApproval { .. }
            | Event::ApprovalAwaited { .. }
            | Event::ApprovalSettled { .. }
            | Event::Blocked { .. }
            | Event::Failed { .. }
            | Event::Completed { .. }
            | Event::Canceled { .. }
            | Event::Archived { .. }
            | Event::Restored { .. }
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. }
            | Event::LoopDetected { .. }
            | Event::RunBegan { .. }
            | Event::RunBilled { .. } => self.watch_move(from, event),
        }
    }

    /// What an approval moves is not watched: an operator has judged each such move.
    fn watch_move(&mut self, from: Status, event: &Event) {
        let (Some(to), Some(at), true) = (event.moves_to(), event.moved_at(), self.awaits.is_empty()) else {
            return;
        };
        self.traffic.moved(from, to, at);
        if let Event::SentBack { feedback, at, .. } = event {
            self.traffic.sent_back(feedback, *at);
        }
    }
}
