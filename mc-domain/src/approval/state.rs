//! The state of an approval: what its events fold to, and what others read of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ask::{Ask, ToolUse},
    command::Rejection,
    event::Event,
    values::{ActionType, Difference, Quorum, Ruling, Status, Subject, Verdict},
};
use crate::{
    actor::Actor,
    ids::{ApprovalId, RunId},
    policy_limits::PolicyLimits,
    reservation::Key,
    values::Reason,
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
        /// The deciders who said yes to what is asked for now.
        endorsed_by: BTreeSet<Actor>,
    },
    /// As many deciders as needed said yes.
    Approved {
        /// The note of the deciding yes.
        note: Option<Reason>,
        /// The run in which it was used up.
        #[serde(default)]
        used_in: Option<RunId>,
    },
    /// A decider said no.
    Denied {
        /// Why it was refused, in the words of the decider.
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
    pub(super) const ASKED: Self = Self::Open { turn: Turn::Decider, endorsed_by: BTreeSet::new() };

    /// The status by name, as views show it.
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

/// The policy does not tell tools apart by case either.
fn is_same_tool(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
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

    /// The status by name, as views show it.
    pub fn status(&self) -> Status {
        self.stage.status()
    }

    /// The name that it holds while it is open.
    pub fn key(&self) -> Key {
        self.subject.key(self.ask.action_hash())
    }

    /// Invariant 6: whether it permits this use of a tool, and is not used up.
    ///
    /// # Errors
    /// - [`Rejection::NotApproved`] while it is undecided, or when it ended otherwise.
    /// - [`Rejection::PermitsElse`] when something else was approved.
    /// - [`Rejection::Used`] when it was used up before.
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

    /// The verdict on it under the identity `approval`; nothing while it is open.
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

    /// When attention is to be drawn to it, by the policy in force; nothing when no decider is to act.
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

    pub(super) fn evolve(&mut self, event: &Event) {
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
