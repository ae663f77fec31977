//! Requesting an approval, resubmitting it with changes, and withdrawing it.

use axum::{extract::State, response::Response};
use mc_domain::{
    approval::{Action, ActionType, Approval, Ask, Payload, Request, Risk, Subject, Terms},
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, TaskId},
    json::Json,
    operation::{request_approval, resubmit_approval, withdraw_approval},
    policy::{document::Document, evaluate::risk_asked_for},
    values::{Reason, Text},
};
use mc_projections::{dollars::Cost, views::Views};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    access::Caller,
    answer::{EntityRef, Reply},
    app::App,
    extract::{AsSent, Body, IfMatch, OnlyNew, Path, Query, double_option, never_null},
    lookup,
    problem::Problem,
    routes::{
        lifetime::ExpiresIn,
        quorum::quorum,
        sanitize,
        scope::{Scope, usual_home},
    },
};

/// The body that requests an approval.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewApproval {
    #[serde(alias = "project")]
    project_id: Option<String>,
    agent_id: Option<String>,
    task_id: Option<TaskId>,
    action_type: ActionType,
    summary: Reason,
    risk: Risk,
    justification: Text,
    rollback_plan: Option<Text>,
    estimated_cost: Option<Cost>,
    payload: Option<AsSent>,
    expires_in: Option<ExpiresIn>,
}

/// The body of a resubmission. A field that is absent keeps its value, and `null` removes an optional one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resubmission {
    agent_id: Option<String>,
    #[serde(default, deserialize_with = "never_null")]
    summary: Option<Reason>,
    #[serde(default, deserialize_with = "never_null")]
    risk: Option<Risk>,
    #[serde(default, deserialize_with = "never_null")]
    justification: Option<Text>,
    #[serde(default, deserialize_with = "double_option")]
    rollback_plan: Option<Option<Text>>,
    #[serde(default, deserialize_with = "double_option")]
    estimated_cost: Option<Option<Cost>>,
    #[serde(default, deserialize_with = "double_option")]
    payload: Option<Option<AsSent>>,
}

/// The body of a withdrawal.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Withdrawal {
    agent_id: Option<String>,
    #[serde(alias = "note")]
    reason: Option<Reason>,
}

/// `POST /api/approvals`: asks for an approval (`201`); the one that is open for the same thing already is the answer
/// where there is one (`200`), and has run out first where it should have. A task that is named waits for it. It is as red
/// as it is said to be, or as the policy has the tool that `payload.tool` names.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`, `illegal-transition`,
/// `agent-not-active`, `rule-broken`, `not-found`, `precondition-failed`, `actor-mismatch`.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    only_new: OnlyNew,
    body: Body<NewApproval>,
) -> Result<Response, Problem> {
    let agent_id = caller.own(body.value.agent_id.as_deref());
    let new = NewApproval { agent_id, ..body.value };
    let (project, agent) = app.find(|views| new.place(views, &caller, &scope)).await?;
    let own = agent.map(|agent| agent.to_string());
    let own = own.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(&caller, body.actor, own, Some(project)).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, IfMatch::Any);
    let policy = app.policy(project).await?;
    let (subject, lifetime) = (
        Subject { project, task: new.task_id, agent, action_type: new.action_type },
        new.expires_in.as_ref().map_or(call.context.policy.approvals_last(), |wanted| wanted.0),
    );
    let ask_for = new.ask(&policy)?;
    let request = Request {
        requestor: call.context.actor.clone(),
        subject,
        lifetime,
        required: quorum(&policy, &ask_for),
        ask: ask_for,
    };
    let id = ApprovalId::new(Uuid::now_v7());
    app.write(&call, |tx| {
        tx.create::<Approval>(id);
        let open = request_approval(tx, id, request.clone())?;
        let known = if open == id { None } else { Some(tx.get::<Approval>(&open)?.version) };
        only_new.check("an approval that is open for this", known)?;
        let shown = EntityRef::Approval(open);
        Ok(if open == id { Reply::Created(shown) } else { Reply::Changed(shown) })
    })
    .await
}

/// `POST /api/approvals/{approval}/resubmit`: its requestor asks for something else; what is not named stays. How many
/// decisions that takes is judged anew.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `forbidden`, `already-decided`, `already-exists`,
/// `agent-not-active`, `rule-broken`, `precondition-failed`, `actor-mismatch`.
pub async fn resubmit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Resubmission>,
) -> Result<Response, Problem> {
    let project = app.project_of(caller.reach(), EntityRef::Approval(id)).await?;
    let own = body.value.agent_id.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(&caller, body.actor, own, None).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    let policy = app.policy_in(project).await?;
    app.change::<Approval, _>(&call, id, |tx, approval| {
        let requested = approval.requested()?;
        let wanted = body.value.applied_to(requested.ask(), requested.subject().action_type, &policy)?;
        let required = quorum(&policy, &wanted);
        Ok(resubmit_approval(tx, id, (wanted, required))?)
    })
    .await
}

/// `POST /api/approvals/{approval}/withdraw`: its requestor no longer asks for it. The task goes back to where it came
/// from.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `forbidden`, `already-decided`, `agent-not-active`,
/// `precondition-failed`, `actor-mismatch`.
pub async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Withdrawal>,
) -> Result<Response, Problem> {
    let Withdrawal { agent_id, reason } = body.value;
    let project = app.project_of(caller.reach(), EntityRef::Approval(id)).await?;
    let own = agent_id.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(&caller, body.actor, own, None).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    let lease = LeaseId::new(Uuid::now_v7());
    app.change::<Approval, _>(&call, id, |tx, _| Ok(withdraw_approval(tx, id, reason.clone(), lease)?)).await
}

impl NewApproval {
    /// Where it belongs: to the project of its task, else to the one that is named, else to its agent's.
    fn place(
        &self,
        views: &Views,
        caller: &Caller,
        scope: &Scope,
    ) -> Result<(ProjectId, Option<AgentId>), Problem> {
        let reach = caller.reach();
        let named = scope.with(views, reach, "projectId", self.project_id.as_deref())?;
        caller.check_own(views, self.agent_id.as_deref())?;
        let of_task = self.task_id.map(|task| lookup::project_of_task(views, reach, task)).transpose();
        let of_task = of_task.map_err(|_| Problem::invalid_field("taskId", "there is no such task"))?;
        if named.zip(of_task).is_some_and(|(named, of_task)| named != of_task) {
            return Err(Problem::invalid_field(
                "taskId",
                "is a task of another project than the one that is named",
            ));
        }
        let within = of_task.or(named);
        let agent = self.agent_id.as_deref().map(|agent| lookup::agent(views, reach, agent, within));
        let agent = agent.transpose().map_err(|unknown| unknown.in_field("agentId"))?;
        let of_agent = agent.and_then(|agent| views.agents.project_of(agent));
        if named.zip(of_agent).is_some_and(|(named, of_agent)| named != of_agent) {
            return Err(Problem::invalid_field(
                "agentId",
                "is an agent of another project than the one that is named",
            ));
        }
        match within.or(of_agent) {
            Some(project) => Ok((project, agent)),
            None => Ok((usual_home(views, reach)?, agent)),
        }
    }

    /// The request, with a risk at least as high as the policy has for its tool.
    fn ask(self, policy: &Document) -> Result<Ask, Problem> {
        plain(Some(&self.summary), Some(&self.justification), self.rollback_plan.as_ref())?;
        let payload = self.payload.map(|AsSent(payload)| payload);
        let risk = risk(policy, self.risk, payload.as_ref());
        let action = Action::new(self.action_type, payload.as_ref(), &self.summary);
        let terms = Terms {
            summary: sanitize::redacted("summary", &self.summary)?,
            risk,
            justification: sanitize::redacted("justification", &self.justification)?,
            rollback_plan: self
                .rollback_plan
                .map(|plan| sanitize::redacted("rollbackPlan", &plan))
                .transpose()?,
            estimated_cost: self.estimated_cost.map(|cost| cost.0),
            payload: sanitize::payload(payload.clone())?,
        };
        Ok(Ask::new(&action, terms))
    }
}

/// Checks the texts that the approver reads and decides on.
fn plain(summary: Option<&Reason>, justification: Option<&Text>, plan: Option<&Text>) -> Result<(), Problem> {
    sanitize::require_plain("summary", summary)?;
    sanitize::require_plain("justification", justification)?;
    sanitize::require_plain("rollbackPlan", plan)
}

fn risk(policy: &Document, claimed: Risk, payload: Option<&Json>) -> Risk {
    claimed.or_policy(payload.and_then(|payload| risk_asked_for(policy, payload)))
}

impl Resubmission {
    fn applied_to(&self, ask: &Ask, action: ActionType, policy: &Document) -> Result<Ask, Problem> {
        let plan = self.rollback_plan.as_ref().and_then(Option::as_ref);
        plain(self.summary.as_ref(), self.justification.as_ref(), plan)?;
        let named = self.summary.as_ref().unwrap_or(ask.summary());
        let (payload, sent) = match &self.payload {
            None => (ask.payload().cloned(), None),
            Some(None) => (None, None),
            Some(Some(AsSent(sent))) => (sanitize::payload(Some(sent.clone()))?, Some(sent)),
        };
        let in_force = sent.or(payload.as_ref().map(Payload::value));
        let justification = self.justification.as_ref().unwrap_or(ask.justification());
        let plan = self.rollback_plan.as_ref().map_or(ask.rollback_plan(), Option::as_ref);
        let terms = Terms {
            risk: risk(policy, self.risk.unwrap_or(ask.risk()), in_force),
            summary: sanitize::redacted("summary", named)?,
            justification: sanitize::redacted("justification", justification)?,
            rollback_plan: plan.map(|plan| sanitize::redacted("rollbackPlan", plan)).transpose()?,
            estimated_cost: self.estimated_cost.map_or(ask.estimated_cost(), |cost| cost.map(|cost| cost.0)),
            payload,
        };
        let names_action =
            sent.is_some() || (terms.payload.is_none() && (self.summary.is_some() || self.payload.is_some()));
        Ok(match names_action {
            true => Ask::new(&Action::new(action, sent, named), terms),
            false => ask.on(terms),
        })
    }
}
