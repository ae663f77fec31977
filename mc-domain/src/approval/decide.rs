//! The decisions of an approval: one rule, or a few that hang together, in each function.

use super::{
    ask::{Ask, ToolUse},
    command::{Command, Rejection, Request},
    event::Event,
    state::{Approval, Requested, Stage, Turn},
    values::{Quorum, Status},
};
use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
    content_hash::ContentHash,
    ids::{ApprovalId, RunId},
    values::Reason,
};

impl Aggregate for Approval {
    const TYPE: &'static str = "approval";
    type Id = ApprovalId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Unrequested, Command::Request(request)) => asked(request, context),
            (Self::Requested(_), Command::Request(_)) => Err(Rejection::AlreadyExists),
            (
                Self::Unrequested,
                Command::Approve { .. }
                | Command::Deny { .. }
                | Command::RequestRevision { .. }
                | Command::Resubmit { .. }
                | Command::Withdraw { .. }
                | Command::Escalate
                | Command::Expire
                | Command::Use { .. },
            ) => Err(Rejection::NotFound),
            (Self::Requested(approval), Command::Approve { note, request_hash }) => {
                approval.approve(note, request_hash, context)
            }
            (Self::Requested(approval), Command::Deny { reason, request_hash }) => {
                approval.deny(reason, request_hash, context)
            }
            (Self::Requested(approval), Command::RequestRevision { note, request_hash }) => {
                approval.request_revision(note, request_hash, context)
            }
            (Self::Requested(approval), Command::Resubmit { ask, required }) => {
                approval.resubmit(ask, required, context)
            }
            (Self::Requested(approval), Command::Withdraw { reason }) => approval.withdraw(reason, context),
            (Self::Requested(approval), Command::Escalate) => approval.escalate(context),
            (Self::Requested(approval), Command::Expire) => approval.expire(context),
            (Self::Requested(approval), Command::Use { of, run }) => approval.make_use(&of, run, context),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        if let Event::Requested { requestor, subject, ask, required_decisions, expires_at, at } = event {
            return Self::Requested(Box::new(Requested {
                requestor: requestor.clone(),
                subject: subject.clone(),
                ask: ask.clone(),
                required: *required_decisions,
                asked_at: *at,
                expires_at: *expires_at,
                stage: Stage::ASKED,
            }));
        }
        match self {
            Self::Unrequested => Self::Unrequested,
            Self::Requested(mut approval) => {
                approval.evolve(event);
                Self::Requested(approval)
            }
        }
    }
}

impl Requested {
    fn approve(
        &self,
        note: Option<Reason>,
        read: Option<ContentHash>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        self.may_decide(context)?;
        let Stage::Open { endorsed_by, .. } = &self.stage else { return self.decided(Status::Approved) };
        if self.is_overdue(context.now) {
            return Ok(vec![Event::Expired { at: context.now }]);
        }
        self.is_still_asked_for(read)?;
        let (by, request_hash, at) = (context.actor.clone(), self.ask.request_hash.clone(), context.now);
        Ok(match self.required {
            Quorum::Two if endorsed_by.is_empty() => vec![Event::Endorsed { by, note, request_hash, at }],
            Quorum::Two if endorsed_by.iter().any(|decider| decider.is(&by)) => vec![],
            Quorum::One | Quorum::Two => vec![Event::Approved { by, note, request_hash, at }],
        })
    }

    fn deny(
        &self,
        reason: Reason,
        read: Option<ContentHash>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        self.may_decide(context)?;
        if !self.status().is_open() {
            return self.decided(Status::Denied);
        }
        if self.is_overdue(context.now) {
            return Ok(vec![Event::Expired { at: context.now }]);
        }
        self.is_still_asked_for(read)?;
        Ok(vec![Event::Denied { by: context.actor.clone(), reason, at: context.now }])
    }

    fn request_revision(
        &self,
        note: Reason,
        read: Option<ContentHash>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        self.may_decide(context)?;
        self.still_open()?;
        if self.is_overdue(context.now) {
            return Ok(vec![Event::Expired { at: context.now }]);
        }
        self.is_still_asked_for(read)?;
        Ok(vec![Event::RevisionRequested { by: context.actor.clone(), note, at: context.now }])
    }

    fn resubmit(
        &self,
        ask: Ask,
        required: Quorum,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        self.is_requestor(context)?;
        self.still_open()?;
        if self.is_overdue(context.now) {
            return Ok(vec![Event::Expired { at: context.now }]);
        }
        // Asking for the same after a revision was wanted is an answer too: the requestor stands by it.
        let answers = matches!(self.stage, Stage::Open { turn: Turn::Requestor, .. });
        if ask == self.ask && required == self.required && !answers {
            Ok(vec![])
        } else {
            Ok(vec![Event::Resubmitted { ask, required_decisions: Some(required), at: context.now }])
        }
    }

    fn make_use(&self, of: &ToolUse, run: RunId, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.permits(of)?;
        Ok(vec![Event::Used { by: of.agent, run, at: context.now }])
    }

    fn withdraw(&self, reason: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() != ActorKind::System {
            self.is_requestor(context)?;
        }
        if self.status() == Status::Canceled {
            return Ok(vec![]);
        }
        self.still_open()?;
        if self.is_overdue(context.now) {
            return Ok(vec![Event::Expired { at: context.now }]);
        }
        Ok(vec![Event::Withdrawn { by: context.actor.clone(), reason, at: context.now }])
    }

    /// Does nothing where it is not a decider's turn, so that a worker may come twice or late.
    fn escalate(&self, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        system_only(context)?;
        match self.escalates_at(&context.policy) {
            Some(at) if context.now < at => Err(Rejection::NotDue { at }),
            Some(_) => Ok(vec![Event::Escalated { at: context.now }]),
            None => Ok(vec![]),
        }
    }

    /// Does nothing where it is over, so that a worker may come twice or late.
    fn expire(&self, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        system_only(context)?;
        match self.status() {
            Status::Pending | Status::Escalated if self.is_overdue(context.now) => {
                Ok(vec![Event::Expired { at: context.now }])
            }
            Status::Pending | Status::Escalated => Err(Rejection::NotDue { at: self.expires_at }),
            Status::Approved | Status::Denied | Status::Expired | Status::Canceled => Ok(vec![]),
        }
    }

    /// Invariant 1: refuses agents, and whoever asked for it.
    fn may_decide(&self, context: &CommandContext) -> Result<(), Rejection> {
        match context.actor.kind() {
            ActorKind::Agent => Err(Rejection::OperatorOnly),
            ActorKind::Human | ActorKind::System if context.actor.is(&self.requestor) => {
                Err(Rejection::OwnRequest)
            }
            ActorKind::Human | ActorKind::System => Ok(()),
        }
    }

    fn is_requestor(&self, context: &CommandContext) -> Result<(), Rejection> {
        match context.actor.is(&self.requestor) {
            true => Ok(()),
            false => Err(Rejection::NotRequestor { requestor: self.requestor.clone() }),
        }
    }

    /// Invariant 2: an answer that comes after the end.
    fn decided(&self, wanted: Status) -> Result<Vec<Event>, Rejection> {
        if self.status() == wanted { Ok(vec![]) } else { self.still_open().map(|()| vec![]) }
    }

    /// Invariant 2: refuses whatever comes after the end, and says how it ended.
    fn still_open(&self) -> Result<(), Rejection> {
        match self.status() {
            Status::Pending | Status::Escalated => Ok(()),
            status @ (Status::Approved | Status::Denied) => Err(Rejection::AlreadyDecided { status }),
            Status::Expired => Err(Rejection::Expired { at: self.expires_at }),
            Status::Canceled => Err(Rejection::Withdrawn),
        }
    }

    /// Invariant 4: refuses a decision on a request that is no longer the current one; naming none is no claim.
    fn is_still_asked_for(&self, read: Option<ContentHash>) -> Result<(), Rejection> {
        match read {
            Some(read) if read != self.ask.request_hash => {
                Err(Rejection::ContentChanged { current: self.ask.request_hash.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn asked(request: Request, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
    let Request { requestor, subject, ask, lifetime, required } = request;
    if requestor != context.actor && context.actor.kind() != ActorKind::System {
        return Err(Rejection::NotRequestor { requestor });
    }
    Ok(vec![Event::Requested {
        requestor,
        subject,
        ask,
        required_decisions: required,
        expires_at: context.now + lifetime.lasts(),
        at: context.now,
    }])
}

fn system_only(context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::System => Ok(()),
        ActorKind::Human | ActorKind::Agent => Err(Rejection::SystemOnly),
    }
}
