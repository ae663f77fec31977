//! What is asked for, bound to the hashes that are taken of it here.

use serde::{Deserialize, Serialize};

use super::{
    content::{Action, request_hash, tool_call_hashes},
    values::{Payload, Risk, tool_of},
};
use crate::{
    content_hash::ContentHash,
    ids::{AgentId, TaskId},
    json::Json,
    money::Usd,
    values::{Reason, Text},
};

/// What a decider reads of a request, as it is recorded: without credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The action in a sentence. Part of the request hash.
    pub summary: Reason,
    /// How dangerous it is. Part of the request hash.
    pub risk: Risk,
    /// Why the requestor wants it.
    pub justification: Text,
    /// How the action would be undone, where the requestor says so.
    pub rollback_plan: Option<Text>,
    /// What it is expected to cost.
    pub estimated_cost: Option<Usd>,
    /// The parameters, without credentials.
    pub payload: Option<Payload>,
}

/// What is asked for: an action on its terms, which the requestor may change by asking again.
///
/// It is made by [`Ask::new`] and [`Ask::on`], which take the hashes, or read from the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    pub(crate) summary: Reason,
    pub(crate) risk: Risk,
    pub(crate) justification: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rollback_plan: Option<Text>,
    #[serde(default, rename = "estimatedCostMicroUsd", skip_serializing_if = "Option::is_none")]
    pub(crate) estimated_cost: Option<Usd>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Payload>,
    /// Absent in requests of before actions had a hash of their own.
    #[serde(default, rename = "matter", skip_serializing_if = "Option::is_none")]
    pub(crate) action_hash: Option<ContentHash>,
    #[serde(rename = "content")]
    pub(crate) request_hash: ContentHash,
}

impl Ask {
    /// Asks for `action` on `terms`.
    ///
    /// ```
    /// use mc_domain::approval::{Action, ActionType, Ask, Risk, Terms};
    /// use mc_domain::values::{Reason, Text};
    ///
    /// let ask = |summary: &Reason| {
    ///     let terms = Terms {
    ///         summary: summary.clone(),
    ///         risk: Risk::Red,
    ///         justification: Text::new("The campaign starts today").unwrap(),
    ///         rollback_plan: None,
    ///         estimated_cost: None,
    ///         payload: None,
    ///     };
    ///     Ask::new(&Action::new(ActionType::ToolCall, None, summary), terms)
    /// };
    /// let (newsletter, table) = (Reason::new("Send newsletter")?, Reason::new("Drop production table")?);
    /// assert_ne!(ask(&newsletter).action_hash(), ask(&table).action_hash());
    /// # Ok::<(), mc_domain::values::InvalidText>(())
    /// ```
    pub fn new(action: &Action<'_>, terms: Terms) -> Self {
        Self::bound_to(action.hash(), terms)
    }

    /// Asks for the same action on other terms.
    #[must_use]
    pub fn on(&self, terms: Terms) -> Self {
        Self::bound_to(self.action_hash().clone(), terms)
    }

    fn bound_to(action_hash: ContentHash, terms: Terms) -> Self {
        let Terms { summary, risk, justification, rollback_plan, estimated_cost, payload } = terms;
        Self {
            request_hash: request_hash(&action_hash, &summary, risk, estimated_cost),
            action_hash: Some(action_hash),
            summary,
            risk,
            justification,
            rollback_plan,
            estimated_cost,
            payload,
        }
    }

    /// The action in a sentence, as deciders read it.
    pub fn summary(&self) -> &Reason {
        &self.summary
    }

    /// How dangerous the action is, as deciders read it.
    pub fn risk(&self) -> Risk {
        self.risk
    }

    /// Why the requestor wants it.
    pub fn justification(&self) -> &Text {
        &self.justification
    }

    /// How the action would be undone, where the requestor says so.
    pub fn rollback_plan(&self) -> Option<&Text> {
        self.rollback_plan.as_ref()
    }

    /// What it is expected to cost.
    pub fn estimated_cost(&self) -> Option<Usd> {
        self.estimated_cost
    }

    /// Its parameters as they are recorded, within their limits.
    pub fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// Its parameters as they are recorded.
    pub fn parameters(&self) -> Option<&Json> {
        self.payload().map(Payload::value)
    }

    /// The tool that would be used, where the parameters name one.
    pub fn tool(&self) -> Option<&str> {
        self.parameters().and_then(tool_of)
    }

    /// What makes another request one for the same action. A request of before actions had a hash of their own has that of
    /// the whole request for it.
    pub fn action_hash(&self) -> &ContentHash {
        self.action_hash.as_ref().unwrap_or(&self.request_hash)
    }

    /// What exactly is decided on: the action with its summary, risk and cost.
    pub fn request_hash(&self) -> &ContentHash {
        &self.request_hash
    }
}

/// A use of a tool that an approval is shown for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// The agent that uses the tool.
    pub agent: AgentId,
    /// The task it is used for.
    pub task: Option<TaskId>,
    /// The tool by name; upper and lower case are one where the parameters are not told.
    pub tool: String,
    /// What the tool is given, as it was sent; where that is not told, it is not compared.
    pub params: Option<Json>,
}

impl ToolUse {
    /// Whether it may be what was asked for with `action_hash`.
    pub(super) fn may_be(&self, action_hash: &ContentHash) -> bool {
        let is_this = |params| tool_call_hashes(&self.tool, params).contains(action_hash);
        self.params.as_ref().is_none_or(is_this)
    }
}
