//! What an approval is made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    content_hash::ContentHash,
    ids::{AgentId, ApprovalId, ProjectId, TaskId},
    json::Json,
    money::Usd,
    reservation::Key,
    risk,
    values::{Reason, string_enum},
};

string_enum! {
    /// The status of an approval.
    Status {
        /// It is open, and waits for a decision or for its requestor.
        Pending = "pending",
        /// It has waited long, and still does.
        Escalated = "escalated",
        /// The deciders said yes.
        Approved = "approved",
        /// A decider said no.
        Denied = "denied",
        /// It ran out before anybody decided.
        Expired = "expired",
        /// It was taken back, by its requestor or because what it was for is over.
        Canceled = "canceled",
    }
}

impl Status {
    /// Whether a decision is still to come.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Escalated)
    }
}

string_enum! {
    /// What kind of action an approval is for.
    ActionType {
        /// Using a tool, which the parameters name.
        ToolCall = "tool_call",
        /// Spending beyond a budget, or beyond the cap per run.
        BudgetOverride = "budget_override",
        /// Moving a task that waits for it.
        Transition = "transition",
        /// Creating a sub-agent.
        Spawn = "spawn",
        /// To have more role, tools or budget than now.
        Autonomy = "autonomy",
    }
}

string_enum! {
    /// How dangerous the action is. What is green needs no approval.
    Risk {
        /// The action is guarded; one decider is enough unless the policy says otherwise for its tool.
        Yellow = "yellow",
        /// External, irreversible, secret or in production.
        Red = "red",
    }
}

impl Risk {
    /// No less than what the policy has it for.
    #[must_use]
    pub fn or_policy(self, policy: Option<risk::Risk>) -> Self {
        match policy {
            Some(risk::Risk::Red) => Self::Red,
            Some(risk::Risk::Green | risk::Risk::Yellow) | None => self,
        }
    }
}

impl From<Risk> for risk::Risk {
    fn from(risk: Risk) -> Self {
        match risk {
            Risk::Yellow => Self::Yellow,
            Risk::Red => Self::Red,
        }
    }
}

/// How many different deciders must say yes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Quorum {
    /// A single decider is enough.
    #[default]
    One,
    /// Two different deciders, both for the same request.
    Two,
}

impl TryFrom<u32> for Quorum {
    type Error = InvalidRequest;

    fn try_from(deciders: u32) -> Result<Self, InvalidRequest> {
        match deciders {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            _ => Err(InvalidRequest::Quorum),
        }
    }
}

impl From<Quorum> for u32 {
    fn from(quorum: Quorum) -> u32 {
        match quorum {
            Quorum::One => 1,
            Quorum::Two => 2,
        }
    }
}

/// Something that cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// A number of deciders other than 1 or 2.
    #[error("an approval takes 1 or 2 decisions")]
    Quorum,
    /// The compact text of the payload is longer than [`Payload::MAX_BYTES`].
    #[error("a payload is at most {max} bytes of JSON", max = Payload::MAX_BYTES)]
    PayloadTooLarge,
    /// The payload is nested deeper than [`Payload::MAX_DEPTH`].
    #[error("a payload is nested at most {max} levels deep", max = Payload::MAX_DEPTH)]
    PayloadTooDeep,
}

/// The parameters of an action, as JSON with every digit as it was sent: at most 64 KiB, at most 32 levels deep.
///
/// The depth is bounded so that a payload that was recorded, inside its event, can always be read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct Payload(Json);

impl Payload {
    /// The most bytes its compact text may have.
    pub const MAX_BYTES: usize = 64 * 1024;
    /// The most levels of arrays and objects.
    pub const MAX_DEPTH: usize = 32;

    /// The parameters as JSON.
    pub fn value(&self) -> &Json {
        &self.0
    }
}

impl TryFrom<Json> for Payload {
    type Error = InvalidRequest;

    fn try_from(value: Json) -> Result<Self, InvalidRequest> {
        if depth(&value, 0) > Self::MAX_DEPTH {
            return Err(InvalidRequest::PayloadTooDeep);
        }
        if value.to_string().len() > Self::MAX_BYTES {
            return Err(InvalidRequest::PayloadTooLarge);
        }
        Ok(Self(value))
    }
}

impl TryFrom<Value> for Payload {
    type Error = InvalidRequest;

    fn try_from(value: Value) -> Result<Self, InvalidRequest> {
        Self::try_from(Json::from(value))
    }
}

impl From<Payload> for Json {
    fn from(payload: Payload) -> Self {
        payload.0
    }
}

/// How deep a value is nested; it stops counting past the limit, so that no value can exhaust the stack.
fn depth(value: &Json, above: usize) -> usize {
    let inside = |child: &Json| depth(child, above + 1);
    match value {
        _ if above > Payload::MAX_DEPTH => above,
        Json::Array(items) => items.iter().map(inside).max().unwrap_or(above + 1),
        Json::Object(fields) => fields.values().map(inside).max().unwrap_or(above + 1),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => above,
    }
}

/// What an approval is about: what does not change while it is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The project whose operators decide, and whose policy counts.
    pub project: ProjectId,
    /// The task that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The agent that would act; where none is named, the requestor, if that is an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The kind of action, which is part of the action hash.
    pub action_type: ActionType,
}

impl Subject {
    /// The name that at most one open approval for this subject and action holds.
    pub fn key(&self, action_hash: &ContentHash) -> Key {
        match (self.task, self.agent) {
            (Some(task), _) => Key::approval(self.project, task, action_hash),
            (None, Some(agent)) => Key::approval(self.project, agent, action_hash),
            (None, None) => Key::approval(self.project, self.project, action_hash),
        }
    }
}

/// The tool that the parameters of an action name.
pub fn tool_of(payload: &Json) -> Option<&str> {
    payload.get("tool")?.as_str()
}

string_enum! {
    /// In what an action differs from what was approved.
    Difference {
        /// Another agent would act.
        Agent = "agent",
        /// In the task it is for.
        Task = "task",
        /// In the kind of action, or in the tool.
        Tool = "tool",
        /// In what the tool is given.
        Params = "parameters",
    }
}

/// How an approval ended, vouched for by [`Requested::verdict`](super::Requested::verdict) and not made by hand: what
/// waits for it follows from this alone, whoever brings it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub(super) approval: ApprovalId,
    pub(super) subject: Subject,
    pub(super) ruling: Ruling,
}

/// The outcome of an approval that has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruling {
    /// The action may be done, as it was asked for.
    Granted {
        /// The request hash that was approved.
        request_hash: ContentHash,
        /// What the action was expected to cost; an override grants as much.
        estimated_cost: Option<Usd>,
        /// The note of the deciding yes.
        note: Option<Reason>,
    },
    /// The action may not be done.
    Denied {
        /// Why a decider refused.
        reason: Reason,
    },
    /// It ran out before anybody decided.
    Expired,
    /// It is no longer asked for.
    Withdrawn,
}

impl Verdict {
    /// The approval that ended.
    pub fn approval(&self) -> ApprovalId {
        self.approval
    }

    /// What the approval was about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// How the approval ended.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }
}
