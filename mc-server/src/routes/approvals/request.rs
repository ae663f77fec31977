//! Asking for an approval, asking for something else under it, and taking it back.

use axum::{extract::State, response::Response};
use chrono::TimeDelta;
use mc_domain::{
    approval::{ActionType, Approval, Ask, Lifetime, Payload, Quorum, Request, Risk, Subject},
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, TaskId},
    operation::{Asked, request_approval, resubmit_approval, withdraw_approval},
    policy::document::Document,
    project::Project,
    reservation::Reservation,
    task::Task,
    values::{Reason, Text},
};
use mc_projections::{dollars::Dollars, views::Views};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Case, project_of};
use crate::{
    answer::{Reply, Shown},
    decide::{ask, content_hash},
    extract::{Body, IfMatch, Path},
    lookup,
    problem::Problem,
    routes::{lifetime::ExpiresIn, policy, said, tasks},
    state::App,
};

/// What an approval is asked for.
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
    estimated_cost: Option<Dollars>,
    payload: Option<Value>,
    expires_in: Option<ExpiresIn>,
}

/// What is asked for instead; what is not named stays as it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resubmission {
    agent_id: Option<String>,
    summary: Option<Reason>,
    risk: Option<Risk>,
    justification: Option<Text>,
    rollback_plan: Option<Text>,
    estimated_cost: Option<Dollars>,
    payload: Option<Value>,
}

/// Why it is no longer asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Withdrawal {
    agent_id: Option<String>,
    #[serde(alias = "note")]
    reason: Option<Reason>,
}

/// `POST /api/approvals`: asks for an approval (`201`); the one that is open for the same thing already is the answer
/// where there is one (`200`). A task that is named waits for it.
///
/// Problems: `malformed-body`, `invalid-fields`, `forbidden`, `illegal-transition`, `agent-not-active`, `rule-broken`,
/// `not-found`.
pub async fn create(State(app): State<App>, body: Body<NewApproval>) -> Result<Response, Problem> {
    let new = body.value;
    let (project, agent) = app.find(|views| new.place(views)).await?;
    let own = agent.map(|agent| agent.to_string());
    let own = own.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(body.actor, own, Some(project)).await?;
    let call = app.call(Some(project), actor, body.keyed, IfMatch::Any);
    let policy = policy::active(&app, project).await?;
    let usual = TimeDelta::seconds(policy.approvals.expires_after_secs.into());
    let request = Request {
        requestor: call.moment.actor.clone(),
        subject: Subject { project, task: new.task_id, agent, action_type: new.action_type },
        lifetime: new.expires_in.map_or(Lifetime::new(usual).unwrap_or_default(), |wanted| wanted.0),
        required: quorum(&policy, new.risk),
        ask: new.ask()?,
    };
    let id = ApprovalId::new(Uuid::now_v7());
    app.write(&call, |unit| {
        let home = unit.load::<Project>(&project)?;
        let task = request.subject.task.map(|task| unit.load::<Task>(&task)).transpose()?;
        let key = unit.load::<Reservation>(&request.subject.key(&request.ask.content))?;
        let approval = unit.fresh::<Approval>(id);
        let Asked { approval: open, decision } = ask(unit, |cast| {
            request_approval(&home, &approval, &key, task.as_ref(), request.clone(), cast, &call.moment)
        })?;
        let shown = Shown::Approval(open);
        Ok((decision, if open == id { Reply::Created(shown) } else { Reply::Changed(shown) }))
    })
    .await
}

/// `POST /api/approvals/{approval}/resubmit`: its requestor asks for something else; what is not named stays.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `forbidden`, `already-decided`, `already-exists`,
/// `agent-not-active`, `precondition-failed`.
pub async fn resubmit(
    State(app): State<App>,
    Path(id): Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Resubmission>,
) -> Result<Response, Problem> {
    let own = body.value.agent_id.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(body.actor, own, None).await?;
    let call = app.call(project_of(&app, id), actor, body.keyed, condition);
    app.write(&call, |unit| {
        let case = Case::load(unit, id)?;
        call.condition.check(case.approval.version)?;
        let requested = case.approval.requested()?;
        let wanted = body.value.applied_to(&requested.ask, requested.subject.action_type)?;
        let key = unit.load::<Reservation>(&requested.subject.key(&wanted.content))?;
        let concluded =
            ask(unit, |cast| resubmit_approval(case.scope(cast), &key, wanted.clone(), &call.moment))?;
        Ok((concluded.outcome, Reply::Changed(Shown::Approval(id))))
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
    let call = app.call(project_of(&app, id), actor, body.keyed, condition);
    let lease = LeaseId::new(Uuid::now_v7());
    app.write(&call, |unit| {
        let case = Case::load(unit, id)?;
        call.condition.check(case.approval.version)?;
        let concluded =
            ask(unit, |cast| withdraw_approval(case.scope(cast), reason.clone(), lease, &call.moment))?;
        Ok((concluded.outcome, Reply::Changed(Shown::Approval(id))))
    })
    .await
}

/// How many must say yes, by the policy.
fn quorum(policy: &Document, risk: Risk) -> Quorum {
    match risk {
        Risk::Red => Quorum::try_from(policy.approvals.red_decisions).unwrap_or_default(),
        Risk::Yellow => Quorum::One,
    }
}

impl NewApproval {
    /// Where it belongs: to the project of its task, else of its agent, else to the one that is named.
    fn place(&self, views: &Views) -> Result<(ProjectId, Option<AgentId>), Problem> {
        let named = self.project_id.as_deref().map(|project| lookup::project(views, project));
        let named = named.transpose().map_err(|unknown| unknown.in_field("projectId"))?;
        let of_task = self.task_id.map(|task| tasks::project_of(views, task)).transpose();
        let of_task = of_task.map_err(|_| Problem::invalid_field("taskId", "there is no such task"))?;
        let agent = self.agent_id.as_deref().map(|agent| lookup::agent(views, agent, of_task.or(named)));
        let agent = agent.transpose().map_err(|unknown| unknown.in_field("agentId"))?;
        let of_agent = agent.and_then(|agent| views.agents.project_of(agent));
        let default = || views.projects.named(lookup::DEFAULT_PROJECT);
        let project = of_task.or(named).or(of_agent).or_else(default);
        project
            .map(|project| (project, agent))
            .ok_or_else(|| Problem::not_found("project", lookup::DEFAULT_PROJECT))
    }

    fn ask(self) -> Result<Ask, Problem> {
        let payload = said::payload(self.payload)?;
        Ok(Ask {
            summary: said::told("summary", &self.summary)?,
            risk: self.risk,
            justification: said::told("justification", &self.justification)?,
            rollback_plan: self.rollback_plan.map(|plan| said::told("rollbackPlan", &plan)).transpose()?,
            estimated_cost: self.estimated_cost.map(|cost| cost.0),
            content: content_hash(self.action_type, payload.as_ref().map(Payload::value)),
            payload,
        })
    }
}

impl Resubmission {
    fn applied_to(&self, ask: &Ask, action: ActionType) -> Result<Ask, Problem> {
        let payload = match &self.payload {
            Some(payload) => said::payload(Some(payload.clone()))?,
            None => ask.payload.clone(),
        };
        let plan = self.rollback_plan.as_ref().or(ask.rollback_plan.as_ref());
        Ok(Ask {
            summary: said::told("summary", self.summary.as_ref().unwrap_or(&ask.summary))?,
            risk: self.risk.unwrap_or(ask.risk),
            justification: said::told(
                "justification",
                self.justification.as_ref().unwrap_or(&ask.justification),
            )?,
            rollback_plan: plan.map(|plan| said::told("rollbackPlan", plan)).transpose()?,
            estimated_cost: self.estimated_cost.map(|cost| cost.0).or(ask.estimated_cost),
            content: content_hash(action, payload.as_ref().map(Payload::value)),
            payload,
        })
    }
}
