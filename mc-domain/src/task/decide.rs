//! The decisions of a task: one rule, or a few that hang together, in each function.

use std::collections::BTreeSet;

use super::{
    command::{Command, Containment, Crew, MAX_ARTIFACTS, Message, Move, Rejection, Requirement, Settlement},
    containment::Loop,
    event::Event,
    state::{Hold, Present, Stage, Task},
    transitions::{Mover, allowed_transitions, mover},
    values::{ArtifactKind, Details, MessageKind, Status},
};
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

impl Present {
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
