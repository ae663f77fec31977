//! An approval as REST answers it.

use mc_domain::{
    approval::{ActionType, ContentHash, Payload, Risk, Status},
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    values::{Reason, Text},
};
use serde::Serialize;

use super::{Answer, Approvals, Row};
use crate::{
    agents::{ActorView, Agents},
    dollars::Dollars,
    instant::Millis,
};

/// An approval, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalView<'a> {
    /// The identity of the request; it stays when the request is resubmitted.
    pub id: ApprovalId,
    /// The project that the approval belongs to.
    pub project_id: ProjectId,
    /// The task that the request is about, which may wait for the decision.
    pub task_id: Option<TaskId>,
    /// The agent that acts once it is approved.
    pub agent_id: Option<AgentId>,
    /// Who asked for the approval: an agent or an operator.
    pub requested_by: ActorView<'a>,
    /// What kind of action is asked for, such as `tool_call`.
    pub action_type: ActionType,
    /// The action in one sentence, as its requestor put it.
    pub summary: &'a Reason,
    /// The risk of the action, by which the policy says who decides.
    pub risk: Risk,
    /// Why the requestor wants the action.
    pub justification: &'a Text,
    /// How the action would be undone.
    pub rollback_plan: Option<&'a Text>,
    /// What the action would cost, as the requestor estimates it.
    pub estimated_cost: Option<Dollars>,
    /// The parameters of the action, digit by digit as they were sent.
    pub payload: Option<&'a Payload>,
    /// The hash of action, parameters, summary, risk and cost: what exactly is decided on.
    pub content_hash: &'a ContentHash,
    /// Whether the request waits, and how it ended.
    pub status: Status,
    /// What the requestor has to change; absent unless it is the requestor's turn.
    pub revision_note: Option<&'a Reason>,
    /// How many deciders must agree: 1 or 2.
    pub required_decisions: u32,
    /// All answers so far, oldest first.
    pub decisions: Vec<DecisionView<'a>>,
    /// When the approval was first asked for.
    pub created_at: Millis,
    /// When the request expires unless somebody decides.
    pub expires_at: Millis,
    /// When the request was found to have waited too long.
    pub escalated_at: Option<Millis>,
    /// When the request ended, in whatever way.
    pub decided_at: Option<Millis>,
    /// Who ended the request; absent while it waits and when it expired.
    pub decided_by: Option<ActorView<'a>>,
    /// The note or reason with which it ended.
    pub decision: Option<&'a Reason>,
    /// The run in which the agent did what was approved; an approval is good for one use.
    pub used_in_run: Option<RunId>,
    /// The version of its stream, which decisions must name.
    pub version: u64,
}

/// An answer of a decider, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionView<'a> {
    /// The decider who gave the answer.
    pub by: ActorView<'a>,
    /// Whether the decider agreed, refused or asked for a change.
    pub decision: Answer,
    /// The note or reason given with the answer.
    pub note: Option<&'a Reason>,
    /// Whether the requestor has asked for something else since, so that the answer no longer counts.
    pub superseded: bool,
    /// When the decider gave the answer.
    pub at: Millis,
}

impl Approvals {
    /// One approval; the agents give names to those who asked and decided.
    pub fn view<'a>(&'a self, id: ApprovalId, agents: &'a Agents) -> Option<ApprovalView<'a>> {
        self.rows.get(id).map(|row| row.view(agents))
    }
}

impl Row {
    pub(super) fn view<'a>(&'a self, agents: &'a Agents) -> ApprovalView<'a> {
        let Self { subject, ask, end, .. } = self;
        ApprovalView {
            id: self.id,
            project_id: subject.project,
            task_id: subject.task,
            agent_id: subject.agent,
            requested_by: agents.actor(&self.requestor),
            action_type: subject.action_type,
            summary: ask.summary(),
            risk: ask.risk(),
            justification: ask.justification(),
            rollback_plan: ask.rollback_plan(),
            estimated_cost: ask.estimated_cost().map(Dollars),
            payload: ask.payload(),
            content_hash: ask.request_hash(),
            status: self.status,
            revision_note: self.revision_note.as_ref(),
            required_decisions: self.required.into(),
            decisions: self.decisions(agents),
            created_at: Millis(self.created_at),
            expires_at: Millis(self.expires_at),
            escalated_at: self.escalated_at.map(Millis),
            decided_at: end.as_ref().map(|end| Millis(end.at)),
            decided_by: end.as_ref().and_then(|end| end.by.as_ref()).map(|by| agents.actor(by)),
            decision: end.as_ref().and_then(|end| end.note.as_ref()),
            used_in_run: self.used_in,
            version: self.version,
        }
    }

    fn decisions<'a>(&'a self, agents: &'a Agents) -> Vec<DecisionView<'a>> {
        let shown = self.decisions.iter().map(|decision| DecisionView {
            by: agents.actor(&decision.by),
            decision: decision.answer,
            note: decision.note.as_ref(),
            superseded: decision.superseded,
            at: Millis(decision.at),
        });
        shown.collect()
    }
}
