//! An approval as it is answered.

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

/// An approval, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalView<'a> {
    /// Its identity.
    pub id: ApprovalId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// The task that waits for it.
    pub task_id: Option<TaskId>,
    /// The agent that would act.
    pub agent_id: Option<AgentId>,
    /// Who asked.
    pub requested_by: ActorView<'a>,
    /// What kind of action.
    pub action_type: ActionType,
    /// The action in a sentence.
    pub summary: &'a Reason,
    /// How dangerous it is.
    pub risk: Risk,
    /// Why it is wanted.
    pub justification: &'a Text,
    /// How it would be undone.
    pub rollback_plan: Option<&'a Text>,
    /// What it would cost.
    pub estimated_cost: Option<Dollars>,
    /// Its parameters.
    pub payload: Option<&'a Payload>,
    /// What exactly is decided on: the hash of action, parameters, summary, risk and cost.
    pub content_hash: &'a ContentHash,
    /// Where it stands.
    pub status: Status,
    /// What the requestor was asked to change, while that is to be answered.
    pub revision_note: Option<&'a Reason>,
    /// How many must say yes.
    pub required_decisions: u32,
    /// What was answered so far, oldest first.
    pub decisions: Vec<DecisionView<'a>>,
    /// When it was first asked for.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// Since when it has waited too long.
    pub escalated_at: Option<Millis>,
    /// When it ended.
    pub decided_at: Option<Millis>,
    /// Who ended it, where somebody did.
    pub decided_by: Option<ActorView<'a>>,
    /// What was said at its end.
    pub decision: Option<&'a Reason>,
    /// The run in which what was approved was done; it is good for one use.
    pub used_in_run: Option<RunId>,
    /// The version of its stream.
    pub version: u64,
}

/// What somebody answered to a request, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionView<'a> {
    /// Who.
    pub by: ActorView<'a>,
    /// What.
    pub decision: Answer,
    /// What was noted with it.
    pub note: Option<&'a Reason>,
    /// Whether something else was asked for afterwards, so that it no longer counts.
    pub superseded: bool,
    /// When.
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
            summary: &ask.summary,
            risk: ask.risk,
            justification: &ask.justification,
            rollback_plan: ask.rollback_plan.as_ref(),
            estimated_cost: ask.estimated_cost.map(Dollars),
            payload: ask.payload.as_ref(),
            content_hash: &ask.content,
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
