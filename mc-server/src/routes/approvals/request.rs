//! Requesting an approval, resubmitting it with changes, and withdrawing it.

use axum::{extract::State, response::Response};
use mc_domain::{
    approval::{ActionType, Approval, Ask, Payload, Request, Risk, Subject},
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, TaskId},
    json::Json,
    operation::{Asked, request_approval, resubmit_approval, withdraw_approval},
    policy::{document::Document, evaluate::risk_asked_for},
    project::Project,
    reservation::Reservation,
    task::Task,
    values::{Reason, Text},
};
use mc_projections::{dollars::Cost, views::Views};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    answer::{EntityRef, Reply},
    app::App,
    decide::{Case, ask, content, matter},
    extract::{AsSent, Body, IfMatch, OnlyNew, Path, Query, double_option, never_null},
    lookup,
    problem::Problem,
    routes::{lifetime::ExpiresIn, quorum::quorum, sanitize, scope::Scope},
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
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`, `illegal-transition`, `agent-not-active`,
/// `rule-broken`, `not-found`, `precondition-failed`.
pub async fn create(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    only_new: OnlyNew,
    body: Body<NewApproval>,
) -> Result<Response, Problem> {
    let new = body.value;
    let (project, agent) = app.find(|views| new.place(views, &scope)).await?;
    let own = agent.map(|agent| agent.to_string());
    let own = own.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(body.actor, own, Some(project)).await?;
    let call = app.call(Some(project), actor, body.keyed, IfMatch::Any);
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
    app.write(&call, |unit| {
        let home = unit.load::<Project>(&project)?;
        let task = request.subject.task.map(|task| unit.load::<Task>(&task)).transpose()?;
        let key = unit.load::<Reservation>(&request.subject.key(request.ask.matter()))?;
        let approval = unit.fresh::<Approval>(id);
        let Asked { approval: open, decision } = ask(unit, |cast| {
            request_approval(&home, &approval, &key, task.as_ref(), request.clone(), cast, &call.context)
        })?;
        let known = if open == id { None } else { Some(unit.load::<Approval>(&open)?.version) };
        only_new.check("an approval that is open for this", known)?;
        let shown = EntityRef::Approval(open);
        Ok((decision, if open == id { Reply::Created(shown) } else { Reply::Changed(shown) }))
    })
    .await
}

/// `POST /api/approvals/{approval}/resubmit`: its requestor asks for something else; what is not named stays. How many
/// decisions that takes is judged anew.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `forbidden`, `already-decided`, `already-exists`,
/// `agent-not-active`, `rule-broken`, `precondition-failed`.
pub async fn resubmit(
    State(app): State<App>,
    Path(id): Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Resubmission>,
) -> Result<Response, Problem> {
    let own = body.value.agent_id.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(body.actor, own, None).await?;
    let project = app.project_of_approval(id);
    let call = app.call(project, actor, body.keyed, condition);
    let policy = app.policy_in(project).await?;
    app.write(&call, |unit| {
        let case = Case::load(unit, id)?;
        call.condition.check(case.approval.version)?;
        let requested = case.approval.requested()?;
        let wanted = body.value.applied_to(&requested.ask, requested.subject.action_type, &policy)?;
        let key = unit.load::<Reservation>(&requested.subject.key(wanted.matter()))?;
        let wanted = (wanted.clone(), quorum(&policy, &wanted));
        let concluded =
            ask(unit, |cast| resubmit_approval(case.scope(cast), &key, wanted.clone(), &call.context))?;
        Ok((concluded.outcome, Reply::Changed(EntityRef::Approval(id))))
    })
    .await
}

/// `POST /api/approvals/{approval}/withdraw`: its requestor no longer asks for it. The task goes back to where it came
/// from.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `forbidden`, `already-decided`, `agent-not-active`,
/// `precondition-failed`.
pub async fn withdraw(
    State(app): State<App>,
    Path(id): Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Withdrawal>,
) -> Result<Response, Problem> {
    let Withdrawal { agent_id, reason } = body.value;
    let own = agent_id.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(body.actor, own, None).await?;
    let call = app.call(app.project_of_approval(id), actor, body.keyed, condition);
    let lease = LeaseId::new(Uuid::now_v7());
    app.write(&call, |unit| {
        let case = Case::load(unit, id)?;
        call.condition.check(case.approval.version)?;
        let concluded =
            ask(unit, |cast| withdraw_approval(case.scope(cast), reason.clone(), lease, &call.context))?;
        Ok((concluded.outcome, Reply::Changed(EntityRef::Approval(id))))
    })
    .await
}

impl NewApproval {
    /// Where it belongs: to the project of its task, else to the one that is named, else to its agent's.
    fn place(&self, views: &Views, scope: &Scope) -> Result<(ProjectId, Option<AgentId>), Problem> {
        let named = scope.with(views, "projectId", self.project_id.as_deref())?;
        let of_task = self.task_id.map(|task| lookup::project_of_task(views, task)).transpose();
        let of_task = of_task.map_err(|_| Problem::invalid_field("taskId", "there is no such task"))?;
        if named.zip(of_task).is_some_and(|(named, of_task)| named != of_task) {
            return Err(Problem::invalid_field(
                "taskId",
                "is a task of another project than the one that is named",
            ));
        }
        let within = of_task.or(named);
        let agent = self.agent_id.as_deref().map(|agent| lookup::agent(views, agent, within));
        let agent = agent.transpose().map_err(|unknown| unknown.in_field("agentId"))?;
        let of_agent = agent.and_then(|agent| views.agents.project_of(agent));
        if named.zip(of_agent).is_some_and(|(named, of_agent)| named != of_agent) {
            return Err(Problem::invalid_field(
                "agentId",
                "is an agent of another project than the one that is named",
            ));
        }
        let default = || views.projects.named(lookup::DEFAULT_PROJECT);
        let project = within.or(of_agent).or_else(default);
        project
            .map(|project| (project, agent))
            .ok_or_else(|| Problem::not_found("project", lookup::DEFAULT_PROJECT))
    }

    /// The request, with a risk at least as high as the policy has for its tool.
    fn ask(self, policy: &Document) -> Result<Ask, Problem> {
        plain(Some(&self.summary), Some(&self.justification), self.rollback_plan.as_ref())?;
        let payload = self.payload.map(|AsSent(payload)| payload);
        let matter = matter(self.action_type, payload.as_ref(), &self.summary);
        let risk = risk(policy, self.risk, payload.as_ref());
        let summary = sanitize::redacted("summary", &self.summary)?;
        let estimated_cost = self.estimated_cost.map(|cost| cost.0);
        Ok(Ask {
            content: content(&matter, &summary, risk, estimated_cost),
            matter: Some(matter),
            summary,
            risk,
            justification: sanitize::redacted("justification", &self.justification)?,
            rollback_plan: self
                .rollback_plan
                .map(|plan| sanitize::redacted("rollbackPlan", &plan))
                .transpose()?,
            estimated_cost,
            payload: sanitize::payload(payload)?,
        })
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
        let named = self.summary.as_ref().unwrap_or(&ask.summary);
        let (payload, sent) = match &self.payload {
            None => (ask.payload.clone(), None),
            Some(None) => (None, None),
            Some(Some(AsSent(sent))) => (sanitize::payload(Some(sent.clone()))?, Some(sent)),
        };
        let matter = match (sent, &payload, &self.summary) {
            (Some(sent), _, _) => matter(action, Some(sent), named),
            (None, None, _) if self.summary.is_some() || self.payload.is_some() => {
                matter(action, None, named)
            }
            (None, _, _) => ask.matter().clone(),
        };
        let in_force = sent.or(payload.as_ref().map(Payload::value));
        let risk = risk(policy, self.risk.unwrap_or(ask.risk), in_force);
        let summary = sanitize::redacted("summary", named)?;
        let justification = self.justification.as_ref().unwrap_or(&ask.justification);
        let plan = self.rollback_plan.as_ref().map_or(ask.rollback_plan.as_ref(), Option::as_ref);
        let estimated_cost = self.estimated_cost.map_or(ask.estimated_cost, |cost| cost.map(|cost| cost.0));
        Ok(Ask {
            content: content(&matter, &summary, risk, estimated_cost),
            matter: Some(matter),
            summary,
            risk,
            justification: sanitize::redacted("justification", justification)?,
            rollback_plan: plan.map(|plan| sanitize::redacted("rollbackPlan", plan)).transpose()?,
            estimated_cost,
            payload,
        })
    }
}
