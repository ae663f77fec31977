//! An approval: the permission to do exactly one thing, asked for by one and decided by another.
//!
//! State: `Unrequested → pending ⇄ escalated → approved | denied | expired | canceled`
//!
//! Invariants:
//! 1. An operator or a policy rule decides, never an agent, and never who asked.
//! 2. Only what is open is decided, and the first decision stands: the same answer again changes nothing, another is
//!    refused.
//! 3. Expiry is judged whenever somebody comes to act on it, not only by the sweeper: what is overdue expires first.
//! 4. It is bound to a hash of what was asked and on which terms; when the requestor asks for something else, or on other
//!    terms, earlier endorsements fall.
//! 5. Where two decisions are required, they are two different deciders', whatever the case of their names.
//! 6. It permits its own agent, for its own task, exactly what was asked, and a tool is used under it once.

mod ask;
mod command;
mod content;
mod event;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use ask::{Ask, Terms, ToolUse};
pub use command::{Command, Rejection, Request};
pub use content::Action;
pub use event::Event;
pub use values::{
    ActionType, Difference, InvalidRequest, Payload, Quorum, Risk, Ruling, Status, Subject, Verdict, tool_of,
};

use crate::{
    actor::{Actor, ActorKind},
    aggregate::{Aggregate, CommandContext},
    ids::{ApprovalId, RunId},
    policy_limits::PolicyLimits,
    reservation::Key,
    values::Reason,
};
pub use crate::{
    content_hash::{ContentHash, InvalidHash},
    policy_limits::{InvalidLifetime, Lifetime},
};

/// An approval, folded from its events.
///
/// ```
/// use mc_domain::actor::Actor;
/// use mc_domain::aggregate::{Aggregate, CommandContext};
/// use mc_domain::approval::{
///     Action, ActionType, Approval, Ask, Command, Lifetime, Quorum, Rejection, Request, Risk, Subject, Terms,
/// };
/// use mc_domain::values::{Name, Reason, Text};
///
/// let cipher = Actor::Agent(uuid::Uuid::from_u128(1).into());
/// let project = uuid::Uuid::from_u128(2).into();
/// let summary = Reason::new("Deploy the payment service")?;
/// let terms = Terms {
///     summary: summary.clone(),
///     risk: Risk::Red,
///     justification: Text::new("The release is tested")?,
///     rollback_plan: None,
///     estimated_cost: None,
///     payload: None,
/// };
/// let request = Request {
///     requestor: cipher.clone(),
///     subject: Subject { project, task: None, agent: cipher.agent(), action_type: ActionType::ToolCall },
///     ask: Ask::new(&Action::new(ActionType::ToolCall, None, &summary), terms),
///     lifetime: Lifetime::DEFAULT,
///     required: Quorum::One,
/// };
/// let at = chrono::DateTime::UNIX_EPOCH;
/// let asked = Approval::default().decide(Command::Request(request), &CommandContext::new(at, cipher.clone()))?;
/// let approval = Approval::fold(&asked);
///
/// let approve = Command::Approve { note: None, request_hash: None };
/// assert_eq!(approval.decide(approve.clone(), &CommandContext::new(at, cipher)), Err(Rejection::OperatorOnly));
/// let sofie = CommandContext::new(at, Actor::Human(Name::new("Sofie")?));
/// assert_eq!(approval.decide(approve, &sofie)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Approval {
    /// Nobody asked for it yet; every command but the request is refused.
    #[default]
    Unrequested,
    /// It was asked for, and stays on record however it ends.
    Requested(Box<Requested>),
}

/// What the rules read of an approval that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// Who asked, and may never decide it.
    pub(crate) requestor: Actor,
    /// The project, task, agent and kind of action, which never change.
    pub(crate) subject: Subject,
    /// What is asked for now; asking again replaces it.
    pub(crate) ask: Ask,
    /// How many different deciders must say yes to what is asked for now.
    pub(crate) required: Quorum,
    /// When it was last asked for; escalation counts from there.
    pub(crate) asked_at: DateTime<Utc>,
    /// When it expires where nobody has decided, UTC.
    pub(crate) expires_at: DateTime<Utc>,
    /// Where it stands, with what only that stage knows.
    pub(crate) stage: Stage,
}

/// Where an approval stands, with what only that stage knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// A decision is still to come.
    Open {
        /// Who is expected to act next.
        turn: Turn,
        /// Who has said yes to what is asked for now.
        endorsed_by: BTreeSet<Actor>,
    },
    /// The deciders said yes.
    Approved {
        /// The note of the deciding yes.
        note: Option<Reason>,
        /// The run in which it was made use of.
        #[serde(default)]
        used_in: Option<RunId>,
    },
    /// A decider said no.
    Denied {
        /// Why it was refused.
        reason: Reason,
    },
    /// It ran out before anybody decided.
    Expired,
    /// It is no longer asked for.
    Canceled,
}

/// Whose turn it is on an open approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turn {
    /// A decider is to decide.
    Decider,
    /// A decider is to decide, and attention was drawn to that.
    DeciderEscalated,
    /// The requestor's, who was asked to change it. It can be decided as it is all the same.
    Requestor,
}

impl Stage {
    const ASKED: Self = Self::Open { turn: Turn::Decider, endorsed_by: BTreeSet::new() };

    /// The status by name.
    pub fn status(&self) -> Status {
        match self {
            Self::Open { turn: Turn::Decider | Turn::Requestor, .. } => Status::Pending,
            Self::Open { turn: Turn::DeciderEscalated, .. } => Status::Escalated,
            Self::Approved { .. } => Status::Approved,
            Self::Denied { .. } => Status::Denied,
            Self::Expired => Status::Expired,
            Self::Canceled => Status::Canceled,
        }
    }
}

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

impl Approval {
    /// What the rules read of it.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] before it was asked for.
    pub fn requested(&self) -> Result<&Requested, Rejection> {
        match self {
            Self::Unrequested => Err(Rejection::NotFound),
            Self::Requested(approval) => Ok(approval),
        }
    }

    /// Where it stands, if it was asked for.
    pub fn status(&self) -> Option<Status> {
        self.requested().ok().map(Requested::status)
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

impl Requested {
    /// When it expires where nobody has decided, UTC.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// Who asked, and may never decide it.
    pub fn requestor(&self) -> &Actor {
        &self.requestor
    }

    /// How many different deciders must say yes to what is asked for now.
    pub fn required(&self) -> Quorum {
        self.required
    }

    /// The project, task, agent and kind of action, which never change.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is asked for now; asking again replaces it.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Where it stands, with what only that stage knows.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The status by name.
    pub fn status(&self) -> Status {
        self.stage.status()
    }

    /// The name that it holds while it is open.
    pub fn key(&self) -> Key {
        self.subject.key(self.ask.action_hash())
    }

    /// Invariant 6: whether it permits this use of a tool, and has not been made use of.
    ///
    /// # Errors
    /// - [`Rejection::NotApproved`] while it is undecided, or when it ended otherwise.
    /// - [`Rejection::PermitsElse`] when something else was approved.
    /// - [`Rejection::Used`] when it was made use of.
    pub fn permits(&self, of: &ToolUse) -> Result<(), Rejection> {
        let Stage::Approved { used_in, .. } = self.stage else {
            return Err(Rejection::NotApproved { status: self.status() });
        };
        match self.difference(of) {
            Some(difference) => Err(Rejection::PermitsElse { difference }),
            None => used_in.map_or(Ok(()), |run| Err(Rejection::Used { run })),
        }
    }

    /// An approval that names no task is for any task of its agent.
    fn difference(&self, of: &ToolUse) -> Option<Difference> {
        let agent = self.subject.agent.or(self.requestor.agent());
        let same_tool = self.ask.tool().is_some_and(|tool| is_same_tool(tool, &of.tool));
        if agent != Some(of.agent) {
            Some(Difference::Agent)
        } else if self.subject.task.is_some() && self.subject.task != of.task {
            Some(Difference::Task)
        } else if self.subject.action_type != ActionType::ToolCall || !same_tool {
            Some(Difference::Tool)
        } else {
            (!of.may_be(self.ask.action_hash())).then_some(Difference::Params)
        }
    }

    /// How it ended, known as `approval`; nothing while it is open.
    pub fn verdict(&self, approval: ApprovalId) -> Option<Verdict> {
        let ruling = match &self.stage {
            Stage::Open { .. } => return None,
            Stage::Approved { note, .. } => Ruling::Granted {
                request_hash: self.ask.request_hash.clone(),
                estimated_cost: self.ask.estimated_cost,
                note: note.clone(),
            },
            Stage::Denied { reason } => Ruling::Denied { reason: reason.clone() },
            Stage::Expired => Ruling::Expired,
            Stage::Canceled => Ruling::Withdrawn,
        };
        Some(Verdict { approval, subject: self.subject.clone(), ruling })
    }

    /// Whether it is open and its time has run out, noticed or not.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.status().is_open() && now >= self.expires_at
    }

    /// When attention is to be drawn to it, as `figures` have it; nothing when it is not a decider's turn.
    pub fn escalates_at(&self, limits: &PolicyLimits) -> Option<DateTime<Utc>> {
        match self.stage {
            Stage::Open { turn: Turn::Decider, .. } => Some(self.asked_at + limits.escalates_after()),
            Stage::Open { turn: Turn::DeciderEscalated | Turn::Requestor, .. }
            | Stage::Approved { .. }
            | Stage::Denied { .. }
            | Stage::Expired
            | Stage::Canceled => None,
        }
    }

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

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Requested { .. } => {}
            Event::Endorsed { by, .. } => {
                if let Stage::Open { endorsed_by, .. } = &mut self.stage {
                    endorsed_by.insert(by.clone());
                }
            }
            Event::Approved { note, .. } => {
                self.stage = Stage::Approved { note: note.clone(), used_in: None };
            }
            Event::Denied { reason, .. } => self.stage = Stage::Denied { reason: reason.clone() },
            Event::RevisionRequested { .. } => self.turn_to(Turn::Requestor),
            Event::Resubmitted { ask, required_decisions, at } => {
                self.ask = ask.clone();
                self.required = required_decisions.unwrap_or(self.required);
                self.asked_at = *at;
                self.stage = Stage::ASKED;
            }
            Event::Withdrawn { .. } => self.stage = Stage::Canceled,
            Event::Escalated { .. } => self.turn_to(Turn::DeciderEscalated),
            Event::Expired { .. } => self.stage = Stage::Expired,
            Event::Used { run, .. } => {
                if let Stage::Approved { used_in, .. } = &mut self.stage {
                    *used_in = Some(*run);
                }
            }
        }
    }

    fn turn_to(&mut self, to: Turn) {
        if let Stage::Open { turn, .. } = &mut self.stage {
            *turn = to;
        }
    }
}

/// The policy does not tell tools apart by case either.
fn is_same_tool(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

fn system_only(context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::System => Ok(()),
        ActorKind::Human | ActorKind::Agent => Err(Rejection::SystemOnly),
    }
}
