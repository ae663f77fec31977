//! `PATCH /api/agents/{agent}`: changes an agent's profile and status, and corrects its record.

use std::collections::BTreeSet;

use axum::{extract::State, response::Response};
use mc_domain::{
    agent::{self, Agent, Corrections, Profile, Registered, Role, Status},
    budget::{Budget, Key as BudgetKey},
    ids::{AgentId, ApprovalId, TaskId},
    operation::{
        Allowed, Claims, CorrectAgent, Names, Rejection, change_profile, correct_agent, drain_agent,
        pause_agent, quarantine_agent, sign_off_agent, withdraw_overrides,
    },
    policy::document::Document,
    task::TaskType,
    transaction::{Entity, Transaction},
    values::{Label, Name, Reason},
};
use mc_projections::dollars::Cost;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    autonomy,
    profile::{AgentBudgets, check_limits, usual_caps},
};
use crate::{
    access::Caller,
    answer::{EntityRef, Reply},
    app::App,
    extract::{Body, Given, IfMatch, Path, Query, double_option, never_null},
    overrides::waiting_overrides,
    problem::Problem,
    refusal::Refused,
    routes::scope::Scope,
};

/// What to change of an agent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentChanges {
    #[serde(default, deserialize_with = "never_null")]
    name: Option<Given<Name>>,
    #[serde(default, deserialize_with = "double_option")]
    emoji: Option<Option<Label>>,
    #[serde(default, deserialize_with = "never_null")]
    role: Option<Role>,
    #[serde(default, deserialize_with = "never_null")]
    allowed_task_types: Option<BTreeSet<TaskType>>,
    #[serde(default, deserialize_with = "never_null")]
    allowed_tools: Option<BTreeSet<Label>>,
    #[serde(default, deserialize_with = "never_null")]
    budgets: Option<AgentBudgets>,
    #[serde(default, deserialize_with = "never_null")]
    heartbeat_interval_secs: Option<u32>,
    #[serde(default, deserialize_with = "never_null")]
    status: Option<Status>,
    #[serde(default, deserialize_with = "never_null")]
    error_streak: Option<u32>,
    #[serde(default, deserialize_with = "never_null")]
    today_spend: Option<Cost>,
    #[serde(default, deserialize_with = "double_option")]
    current_task_id: Option<Option<TaskId>>,
    reason: Option<Reason>,
}

/// `PATCH /api/agents/{agent}`: its profile, its budgets, and an operator's corrections of its record: `status`,
/// `errorStreak`, `todaySpend`, and `currentTaskId: null` to take its task from it.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `approval-required`, `forbidden`, `illegal-transition`,
/// `already-exists`, `precondition-failed`, `actor-mismatch`.
pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<AgentChanges>,
) -> Result<Response, Problem> {
    let (id, project) = app.find(|views| scope.agent_to_change(views, &caller, &agent)).await?;
    let changes = body.value;
    changes.check()?;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, condition);
    let policy = app.policy(project).await?;
    let approval = ApprovalId::new(Uuid::now_v7());
    let overrides = match changes.budgets {
        Some(_) => {
            waiting_overrides(&app, &call, project, BudgetKey::AgentDay(id, call.context.now.date_naive()))
                .await?
        }
        None => vec![],
    };
    let claims = match &changes.name {
        Some(Given(name)) => app.claims(project, name).await?,
        None => Claims::default(),
    };
    app.write(&call, |tx| {
        let agent = call.expected::<Agent>(tx, &id)?;
        let before = agent.registered()?.profile().clone();
        let profile = changes.applied_to(&before, &policy)?;
        match tx.attempt(|tx| change(tx, &agent, &profile, &claims)) {
            Err(Rejection::Agent(refusal @ agent::Rejection::SelfPromotion { .. })) => {
                return autonomy::ask_for_more(tx, approval, &agent, &profile, &refusal, &policy);
            }
            changed => changed?,
        }
        withdraw_overrides(tx, Allowed::Agent(id, before.caps), &overrides)?;
        changes.change_standing(tx, id)?;
        changes.correct_record(tx, id)?;
        Ok(Reply::Changed(EntityRef::Agent(id)))
    })
    .await
}

/// Changes the profile where it is to be another one, with the names that it gives and takes.
fn change(
    tx: &mut Transaction<'_>,
    agent: &Entity<Agent>,
    profile: &Profile,
    claims: &Claims,
) -> Result<(), Rejection> {
    let registered = agent.registered()?;
    let (project, current) = (registered.project(), registered.profile());
    if profile == current {
        return Ok(());
    }
    let names = match profile.name == current.name {
        true => None,
        false => Some((
            Names::load(tx, project, &current.name, &Claims::default())?,
            Names::load(tx, project, &profile.name, claims)?,
        )),
    };
    let names = names.as_ref().map(|(old, new)| (old, new));
    change_profile(tx, agent.id, names, profile.clone())
}

impl AgentChanges {
    fn check(&self) -> Result<(), Problem> {
        if self.reason.is_some() && self.status.is_none() {
            return Err(Problem::invalid_field("reason", "says why the status changes: name that too"));
        }
        check_limits(self.allowed_tools.as_ref(), self.heartbeat_interval_secs)
    }

    fn applied_to(&self, profile: &Profile, policy: &Document) -> Result<Profile, Problem> {
        let role = self.role.unwrap_or(profile.role);
        let budgets = self.budgets.unwrap_or_default();
        Ok(Profile {
            name: self.name.clone().map_or_else(|| profile.name.clone(), |name| name.0),
            emoji: self.emoji.clone().unwrap_or_else(|| profile.emoji.clone()),
            role,
            allowed_task_types: self.allowed_task_types.clone().unwrap_or(profile.allowed_task_types.clone()),
            allowed_tools: self.allowed_tools.clone().unwrap_or(profile.allowed_tools.clone()),
            caps: budgets.applied_to(profile.caps, usual_caps(policy, role))?,
            heartbeat_interval_secs: self.heartbeat_interval_secs.unwrap_or(profile.heartbeat_interval_secs),
        })
    }

    /// Stops the agent, in the way the route of that name would.
    fn change_standing(&self, tx: &mut Transaction<'_>, agent: AgentId) -> Result<(), Rejection> {
        let note = self.reason.clone();
        match self.status {
            None | Some(Status::Active) => Ok(()),
            Some(Status::Paused) => pause_agent(tx, agent, note),
            Some(Status::Draining) => drain_agent(tx, agent, note),
            Some(Status::Quarantined) => quarantine_agent(tx, agent, note),
            Some(Status::Offline) => sign_off_agent(tx, agent, note),
        }
    }

    /// Corrects status, error count, today's spend and current task, where the request names them.
    fn correct_record(&self, tx: &mut Transaction<'_>, agent: AgentId) -> Result<(), Refused> {
        let agent = tx.get::<Agent>(&agent)?;
        let spent = tx.get::<Budget>(&BudgetKey::AgentDay(agent.id, tx.today()))?.spent();
        let corrections = Corrections {
            status: self.status.filter(|status| *status == Status::Active),
            error_streak: self.error_streak,
            today_spend: self.today_spend.map(|spend| spend.0).filter(|spend| *spend != spent),
        };
        let clear_task = self.clears_task(agent.registered()?)?;
        if corrections == Corrections::default() && !clear_task {
            return Ok(());
        }
        Ok(correct_agent(tx, agent.id, CorrectAgent { corrections, clear_task })?)
    }

    /// Whether its task is to be taken from it; no other is given to it here.
    fn clears_task(&self, agent: &Registered) -> Result<bool, Problem> {
        let work = agent.work().map(|work| work.task);
        match self.current_task_id {
            Some(Some(named)) if work != Some(named) => Err(Problem::invalid_field(
                "currentTaskId",
                "an agent gets a task by starting it; only null is possible here, to take its task away",
            )),
            Some(Some(_)) | None => Ok(false),
            Some(None) => Ok(true),
        }
    }
}
