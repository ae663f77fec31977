//! A task: a piece of work, from the inbox to done.
//!
//! State: `Absent → inbox → assigned → in_progress → review → done`, with `needs_approval`, `blocked` and `failed`
//! beside the way and `canceled` at its end.
//!
//! Invariants:
//! 1. The status moves only along the table in `transitions.rs`, and `canceled` is final.
//! 2. An agent moves only what is assigned to it, and sends back only what is not.
//! 3. In progress means held: by one agent, under one lease. A write that names a lease which is over is refused.
//! 4. Work starts with a plan, is handed in with a deliverable and a self-review, is sent back with feedback, and is
//!    blocked with a reason, and accepted with a note. What was handed in counts until the work is sent back or given back, a plan until others get it.
//! 5. Whoever gets it is vouched for by the agent's own aggregate ([`crate::agent::Assignee`]).
//! 6. What waits for approvals is moved by an operator, or by the verdicts of just these approvals, each vouched for by
//!    the approval's own aggregate ([`crate::approval::Verdict`]): back to where it came from by the last yes or
//!    withdrawal, to blocked by the first no or expiry.
//! 7. Traffic or runs that cross a limit of the policy's block it in the commit that crosses it. What is blocked, failed,
//!    done or canceled is not watched, and whoever moves it on from there starts the counts anew.
//! 8. Only what is done or canceled is archived; whatever moves it again restores it.

mod command;
mod containment;
mod event;
#[cfg(test)]
mod tests;
mod transitions;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use command::{
    Command, Containment, Crew, MAX_ARTIFACTS, Message, Move, Rejection, Requirement, Settlement,
};
pub use containment::{
    LAST_EXCHANGES, Loop, LoopKind, MAX_EXCERPT_CHARS, MAX_MESSAGES_WATCHED, MAX_MOVES_WATCHED,
    MAX_RUNS_WATCHED, Traffic,
};
pub use event::Event;
pub use transitions::allowed_transitions;
pub use values::{
    Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Details, InvalidShape, MessageKind,
    Priority, Status, WorkPlan,
};

pub use crate::task_type::TaskType;
use crate::{
    actor::{Actor, ActorKind},
    agent::Assignee,
    aggregate::{Aggregate, CommandContext},
    approval::Ruling,
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, RunId, TaskId},
    money::Usd,
    run::{OpenRun, Outcome},
    values::{Reason, Text},
};
use transitions::{Mover, mover};

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
    /// The status by name.
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

impl Aggregate for Task {
    const TYPE: &'static str = "task";
    type Id = TaskId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Absent, Command::Create { project, details, parent }) => {
                create(project, details, parent, context)
            }
            (Self::Present(_), Command::Create { .. }) => Err(Rejection::AlreadyExists),
            (
                Self::Absent,
                Command::Edit(_)
                | Command::Claim(_)
                | Command::Assign { .. }
                | Command::Move(_)
                | Command::AwaitApproval { .. }
                | Command::Settle(_)
                | Command::Contain(_)
                | Command::BeginRun { .. }
                | Command::EndRun { .. }
                | Command::BillRun { .. }
                | Command::Archive
                | Command::Restore
                | Command::Subscribe
                | Command::Unsubscribe
                | Command::Post(_),
            ) => Err(Rejection::NotFound),
            (Self::Present(task), Command::Edit(details)) => task.edit(details, context),
            (Self::Present(task), Command::Claim(by)) => task.claim(by, context),
            (Self::Present(task), Command::Assign { crew, reason }) => task.assign(crew, reason, context),
            (Self::Present(task), Command::Move(to)) => task.move_to(to, context),
            (Self::Present(task), Command::AwaitApproval { approval, reason }) => {
                task.await_approval(approval, reason, context)
            }
            (Self::Present(task), Command::Settle(settlement)) => Ok(task.settle(settlement, context)),
            (Self::Present(task), Command::Contain(containment)) => task.contain(containment, context),
            (Self::Present(task), Command::BeginRun { run, open_run }) => {
                task.begin_run(run, open_run, context)
            }
            (Self::Present(task), Command::EndRun { run, outcome, charged }) => {
                Ok(task.end_run(run, outcome, charged, context))
            }
            (Self::Present(task), Command::BillRun { run, charged }) => {
                Ok(vec![task.bill_run(run, charged, context)])
            }
            (Self::Present(task), Command::Archive) => task.archive(context),
            (Self::Present(task), Command::Restore) => task.restore(context),
            (Self::Present(task), Command::Subscribe) => Ok(task.subscribe(context)),
            (Self::Present(task), Command::Unsubscribe) => Ok(task.unsubscribe(context)),
            (Self::Present(task), Command::Post(message)) => task.post(message, context),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        if let Event::Created { project, details, parent, .. } = event {
            return Self::Present(Box::new(Present::new(*project, details.clone(), *parent)));
        }
        match self {
            Self::Absent => Self::Absent,
            Self::Present(mut task) => {
                task.evolve(event);
                Self::Present(task)
            }
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

fn create(
    project: ProjectId,
    details: Details,
    parent: Option<TaskId>,
    context: &CommandContext,
) -> Result<Vec<Event>, Rejection> {
    let by_agent = context.actor.kind() == ActorKind::Agent;
    if by_agent && details.budget > context.policy.task_budgets.of(details.kind) {
        return Err(Rejection::OperatorOnly { what: "give a task more than its type's default budget" });
    }
    Ok(vec![Event::Created { project, details, parent, creator: context.actor.clone(), at: context.now }])
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

    fn new(project: ProjectId, details: Details, parent: Option<TaskId>) -> Self {
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

    /// The status by name.
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

    fn edit(&self, details: Details, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        operator_only(context, "edit a task")?;
        let status = self.status();
        match () {
            () if self.details == details => Ok(vec![]),
            () if status.is_closed() => Err(Rejection::Closed { status }),
            () => Ok(vec![Event::Edited { details }]),
        }
    }

    fn claim(&self, by: Assignee, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor != Actor::Agent(by.id()) {
            return Err(Rejection::NotAssignee);
        }
        match self.stage {
            Stage::Inbox => Ok(vec![Event::Claimed { agent: by.id(), at: context.now }]),
            Stage::Assigned | Stage::InProgress(_) if self.assignees.contains(&by.id()) => Ok(vec![]),
            Stage::Assigned | Stage::InProgress(_) => {
                Err(Rejection::AlreadyClaimed { by: self.assignees.clone() })
            }
            Stage::Review
            | Stage::NeedsApproval { .. }
            | Stage::Blocked
            | Stage::Failed
            | Stage::Done
            | Stage::Canceled => Err(self.illegal(Status::Assigned, ActorKind::Agent)),
        }
    }

    /// Gives it to others. Whoever works on it and stays assigned is not interrupted; what is being judged or waits
    /// for a decision stays where it is.
    fn assign(
        &self,
        crew: Crew,
        reason: Option<Reason>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        operator_only(context, "assign a task")?;
        let Crew { assignees, ready, .. } = crew;
        let unchanged = assignees == self.assignees;
        match self.stage {
            Stage::Inbox if assignees.is_empty() => Ok(vec![]),
            Stage::Assigned if assignees.is_empty() => {
                self.move_to(Move { reason, ..Move::to(Status::Inbox) }, context)
            }
            _ if assignees.is_empty() => Err(Rejection::NoAssignee),
            Stage::Assigned if unchanged => Ok(vec![]),
            Stage::InProgress(hold) if assignees.contains(&hold.holder) => {
                Ok(self.assignees_changed(assignees, reason))
            }
            Stage::Review | Stage::NeedsApproval { .. } => Ok(self.assignees_changed(assignees, reason)),
            Stage::Assigned => Ok(vec![self.assigned(assignees, reason, context)]),
            Stage::Inbox
            | Stage::InProgress(_)
            | Stage::Blocked
            | Stage::Failed
            | Stage::Done
            | Stage::Canceled => {
                self.may_move(Status::Assigned, context)?;
                if ready.is_empty() {
                    return Err(Rejection::NoAssignee);
                }
                Ok(vec![self.assigned(assignees, reason, context)])
            }
        }
    }

    fn assignees_changed(&self, assignees: BTreeSet<AgentId>, reason: Option<Reason>) -> Vec<Event> {
        if assignees == self.assignees { vec![] } else { vec![Event::AssigneesChanged { assignees, reason }] }
    }

    fn assigned(
        &self,
        assignees: BTreeSet<AgentId>,
        reason: Option<Reason>,
        context: &CommandContext,
    ) -> Event {
        Event::Assigned { from: self.status(), assignees, reason, at: context.now }
    }

    fn move_to(&self, to: Move, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.may_move(to.to, context)?;
        self.lease_holds(to.lease)?;
        self.has_what_it_needs(&to)?;
        let (from, at, reason) = (self.status(), context.now, to.reason);
        let event = match to.to {
            Status::Inbox => Event::ReturnedToInbox { from, reason, at },
            Status::Assigned => {
                if to.crew.ready.is_empty() {
                    return Err(Rejection::NoAssignee);
                }
                Event::Assigned { from, assignees: to.crew.assignees, reason, at }
            }
            Status::InProgress => {
                let Hold { holder, lease } = to.crew.hold()?;
                match (from, reason) {
                    (Status::Review, Some(feedback)) => {
                        let review_cycle = self.review_cycles.saturating_add(1);
                        Event::SentBack { feedback, review_cycle, holder, lease, at }
                    }
                    (_, reason) => Event::Started { from, holder, lease, plan: to.plan, reason, at },
                }
            }
            Status::Review if from == Status::InProgress => {
                Event::Submitted { deliverable: to.deliverable, checklist: to.checklist, at }
            }
            Status::Review => Event::ReturnedToReview { from, reason, at },
            Status::NeedsApproval => Event::HeldForApproval { from, reason, at },
            Status::Blocked => match reason {
                Some(reason) => Event::Blocked { from, reason, at },
                None => return Err(missing(to.to, vec![Requirement::BlockedReason])),
            },
            Status::Failed => Event::Failed { from, reason, at },
            Status::Done => Event::Completed { from, approved_by: context.actor.clone(), note: reason, at },
            Status::Canceled => Event::Canceled { from, reason, at },
        };
        Ok(vec![event])
    }

    fn await_approval(
        &self,
        approval: ApprovalId,
        reason: Option<Reason>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        let at = context.now;
        match self.stage {
            Stage::NeedsApproval { .. } if self.awaits.contains(&approval) => Ok(vec![]),
            Stage::NeedsApproval { .. } if context.actor.kind() == ActorKind::System => {
                Ok(vec![Event::ApprovalAwaited { approval, at }])
            }
            stage => {
                self.may_move(Status::NeedsApproval, context)?;
                let held = Event::HeldForApproval { from: stage.status(), reason, at };
                Ok(vec![Event::ApprovalAwaited { approval, at }, held])
            }
        }
    }

    /// Invariant 6. A verdict on something that the task does not wait for moves nothing.
    fn settle(&self, settlement: Settlement, context: &CommandContext) -> Vec<Event> {
        let Settlement { verdict, ready, lease, crew } = settlement;
        let (approval, at) = (verdict.approval(), context.now);
        let Stage::NeedsApproval { from, holder } = self.stage else { return vec![] };
        if !self.awaits.contains(&approval) {
            return vec![];
        }
        let blocked = |reason| vec![Event::Blocked { from: Status::NeedsApproval, reason, at }];
        let note = match verdict.ruling() {
            Ruling::Denied { reason } => return blocked(reason.clone()),
            Ruling::Expired => return blocked(said("The approval expired: nobody decided in time")),
            Ruling::Granted { note, .. } => note.clone(),
            Ruling::Withdrawn => None,
        };
        if self.awaits.len() > 1 {
            return vec![Event::ApprovalSettled { approval, at }];
        }
        let holder = ready.map(Assignee::id).filter(|ready| holder == Some(*ready));
        vec![self.back_to(from, holder.zip(lease), &crew, note, context)]
    }

    /// The way back from needs_approval. Whoever had the task gets it back, where one of them could take it up; going on at
    /// once takes a holder that is free, and what was blocked stays so until an operator unblocks it.
    fn back_to(
        &self,
        from: Status,
        hold: Option<(AgentId, LeaseId)>,
        crew: &[Assignee],
        reason: Option<Reason>,
        context: &CommandContext,
    ) -> Event {
        let (here, at) = (Status::NeedsApproval, context.now);
        let hold = hold.filter(|(holder, _)| self.assignees.contains(holder));
        match (from, hold) {
            (Status::InProgress, Some((holder, lease))) => {
                Event::Started { from: here, holder, lease, plan: None, reason, at }
            }
            (Status::Review, _) => Event::ReturnedToReview { from: here, reason, at },
            (Status::Blocked, _) => {
                let reason =
                    reason.unwrap_or_else(|| said("It was blocked before the approval was asked for"));
                Event::Blocked { from: here, reason, at }
            }
            _ if !crew.iter().any(|ready| self.assignees.contains(&ready.id())) => {
                Event::ReturnedToInbox { from: here, reason, at }
            }
            // Without the note: a reason for assigning sets the agents' accepted task types aside.
            _ => Event::Assigned { from: here, assignees: self.assignees.clone(), reason: None, at },
        }
    }

    /// Invariants 1 and 2: refuses a move that the table has not for this kind of actor, or that is another agent's.
    fn may_move(&self, to: Status, context: &CommandContext) -> Result<(), Rejection> {
        let kind = context.actor.kind();
        let assigned = context.actor.agent().is_some_and(|agent| self.assignees.contains(&agent));
        match mover(self.status(), to, kind) {
            None => Err(self.illegal(to, kind)),
            Some(Mover::Claimer) => Err(Rejection::OperatorOnly { what: "assign a task; claim it instead" }),
            Some(Mover::Assignee) if !assigned => Err(Rejection::NotAssignee),
            Some(Mover::Reviewer) if assigned || !self.is_reviewed_by(context) => Err(Rejection::NotReviewer),
            Some(Mover::Human | Mover::System | Mover::Assignee | Mover::Reviewer) => Ok(()),
        }
    }

    fn is_reviewed_by(&self, context: &CommandContext) -> bool {
        let reviewers = &self.details.reviewers;
        reviewers.is_empty() || context.actor.agent().is_some_and(|agent| reviewers.contains(&agent))
    }

    fn illegal(&self, to: Status, by: ActorKind) -> Rejection {
        let from = self.status();
        Rejection::IllegalTransition { from, to, by, allowed: allowed_transitions(from, by) }
    }

    /// Invariant 3: refuses a write that names a lease which is over; naming none is no claim.
    fn lease_holds(&self, named: Option<LeaseId>) -> Result<(), Rejection> {
        let current = self.hold().map(|hold| hold.lease);
        if named.is_some() && named != current { Err(Rejection::LeaseLost { current }) } else { Ok(()) }
    }

    /// Invariant 4; the reason of a block is asked for where it is used.
    fn has_what_it_needs(&self, to: &Move) -> Result<(), Rejection> {
        let handed_in = |kind| self.handed_in.contains(&kind);
        let needs = match (self.status(), to.to) {
            (Status::Assigned, Status::InProgress) => {
                vec![(Requirement::WorkPlan, to.plan.is_some() || self.plan.is_some())]
            }
            (Status::InProgress, Status::Review) => vec![
                (Requirement::Deliverable, to.deliverable.is_some() || handed_in(ArtifactKind::Deliverable)),
                (Requirement::ReviewChecklist, to.checklist.is_some() || handed_in(ArtifactKind::Checklist)),
            ],
            (Status::Review, Status::InProgress) => vec![(Requirement::Feedback, to.reason.is_some())],
            (_, Status::Done) => vec![(Requirement::Note, to.reason.is_some())],
            _ => vec![],
        };
        let what: Vec<_> = needs.into_iter().filter(|(_, there)| !there).map(|(what, _)| what).collect();
        if what.is_empty() { Ok(()) } else { Err(missing(to.to, what)) }
    }

    /// The loop that its traffic is in, where it stands so that it can be blocked.
    pub fn loop_found(&self, context: &CommandContext) -> Option<Loop> {
        mover(self.status(), Status::Blocked, ActorKind::System)?;
        self.traffic.crossed(&context.policy.loops, &self.assignees, context.now)
    }

    /// Invariant 7. What cannot be blocked from where it stands is left alone.
    fn contain(&self, containment: Containment, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        operator_only(context, "stop a loop")?;
        let Containment { found, message, names } = containment;
        let (from, at) = (self.status(), context.now);
        if mover(from, Status::Blocked, ActorKind::System).is_none() {
            return Ok(vec![]);
        }
        let summary = self.traffic.summary(&found, &names);
        let reason = found.reason();
        let content = Text::truncated(reason.as_str());
        let Loop { kind, count, limit, within_secs, participants } = found;
        let mentions = participants.clone();
        Ok(vec![
            Event::LoopDetected { kind, count, limit, within_secs, participants, at },
            Event::Blocked { from, reason, at },
            Event::MessagePosted {
                id: message,
                kind: MessageKind::System,
                author: context.actor.clone(),
                content,
                artifacts: vec![summary],
                mentions,
                reply_to: None,
                at,
            },
        ])
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

    fn begin_run(
        &self,
        run: RunId,
        open_run: OpenRun,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        if self.open_runs.contains_key(&run) {
            return Ok(vec![]);
        }
        self.may_run(open_run.agent)?;
        Ok(vec![Event::RunBegan { run, open_run, at: context.now }])
    }

    fn end_run(&self, run: RunId, outcome: Outcome, charged: Usd, context: &CommandContext) -> Vec<Event> {
        if !self.open_runs.contains_key(&run) {
            return vec![];
        }
        let cost_after = self.cost.plus(charged);
        vec![Event::RunEnded { run, outcome, charged, cost_after, at: context.now }]
    }

    /// That it comes once is the run's to see to; what the task has become since does not matter.
    fn bill_run(&self, run: RunId, charged: Usd, context: &CommandContext) -> Event {
        Event::RunBilled { run, charged, cost_after: self.cost.plus(charged), at: context.now }
    }

    fn subscribe(&self, context: &CommandContext) -> Vec<Event> {
        let by = context.actor.clone();
        if self.subscribers.contains(&by) { vec![] } else { vec![Event::Subscribed { by, at: context.now }] }
    }

    fn unsubscribe(&self, context: &CommandContext) -> Vec<Event> {
        let by = context.actor.clone();
        if self.subscribers.contains(&by) {
            vec![Event::Unsubscribed { by, at: context.now }]
        } else {
            vec![]
        }
    }

    /// Invariant 8: refuses to archive what is still open.
    fn archive(&self, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        operator_only(context, "archive a task")?;
        match self.status() {
            _ if self.archived => Ok(vec![]),
            status if status.is_closed() => Ok(vec![Event::Archived { at: context.now }]),
            status => Err(Rejection::NotClosed { status }),
        }
    }

    fn restore(&self, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        operator_only(context, "restore a task")?;
        Ok(if self.archived { vec![Event::Restored { at: context.now }] } else { vec![] })
    }

    fn post(&self, message: Message, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        let Message { id, kind, content, artifacts, mut mentions, reply_to, lease } = message;
        self.lease_holds(lease)?;
        if kind == MessageKind::System && context.actor.kind() != ActorKind::System {
            return Err(Rejection::OperatorOnly { what: "speak for the system" });
        }
        let limit = context.policy.limits.max_thread_messages;
        if context.actor.kind() == ActorKind::Agent && self.messages >= limit {
            return Err(Rejection::ThreadFull { limit });
        }
        if context.actor.kind() == ActorKind::Agent && self.looped {
            return Err(Rejection::ThreadBlocked);
        }
        if content.is_none() && artifacts.is_empty() {
            return Err(Rejection::EmptyMessage);
        }
        if artifacts.len() > MAX_ARTIFACTS {
            return Err(Rejection::TooManyArtifacts);
        }
        mentions.remove(&context.actor);
        let author = context.actor.clone();
        Ok(vec![Event::MessagePosted {
            id,
            kind,
            author,
            content,
            artifacts,
            mentions,
            reply_to,
            at: context.now,
        }])
    }

    fn evolve(&mut self, event: &Event) {
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
}

impl Present {
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

impl Crew {
    fn hold(self) -> Result<Hold, Rejection> {
        match (self.ready.first(), self.lease) {
            (Some(holder), Some(lease)) => Ok(Hold { holder: holder.id(), lease }),
            _ => Err(Rejection::NoAssignee),
        }
    }
}

/// A reason of our own making.
fn said(text: &str) -> Reason {
    Reason::truncated(text).expect("it is a constant that says something")
}

fn missing(to: Status, what: Vec<Requirement>) -> Rejection {
    Rejection::Missing { to, what }
}

fn operator_only(context: &CommandContext, what: &'static str) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::Agent => Err(Rejection::OperatorOnly { what }),
        ActorKind::Human | ActorKind::System => Ok(()),
    }
}
