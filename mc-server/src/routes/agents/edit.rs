//! `PATCH /api/agents/{agent}`: changes an agent's profile and status, and corrects its record.

use std::collections::BTreeSet;

use axum::{extract::State, response::Response};
use mc_domain::{
    agent::{self, Agent, Command, Corrections, PauseReason, Profile, Registered, Role, Status},
    budget::{Budget, Key as BudgetKey},
    ids::{ApprovalId, TaskId},
    operation::{
        Allowed, Claims, CorrectAgent, Decision, Entity, Names, Rejection, change_profile, correct_agent,
        quarantine_agent, sign_off_agent,
    },
    policy::document::Document,
    task::TaskType,
    values::{Label, Name, Reason},
};
use mc_projections::dollars::Cost;
use mc_store::repository::UnitOfWork;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    autonomy,
    profile::{AgentBudgets, check_limits, usual_caps},
    work::{alone, work_of},
};
use crate::{
    answer::{EntityRef, Reply},
    app::{App, Call},
    decide::{and_free_held, ask, ask_after, waiting_overrides},
    extract::{Body, Given, IfMatch, Path, Query, double_option, never_null},
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
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `approval-required`, `forbidden`,
/// `illegal-transition`, `already-exists`, `precondition-failed`.
pub async fn edit(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<AgentChanges>,
) -> Result<Response, Problem> {
    let (id, project) = app.find(|views| scope.agent(views, &agent)).await?;
    let changes = body.value;
    changes.check()?;
    let actor = app.actor(body.actor, None, None).await?;
    let call = app.call(Some(project), actor, body.keyed, condition);
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
    app.write(&call, |unit| {
        let agent = unit.load::<Agent>(&id)?;
        call.condition.check(agent.version)?;
        let before = agent.registered()?.profile.clone();
        let profile = changes.applied_to(&before, &policy)?;
        let mut decision = match AgentChanges::profile_decision(unit, &agent, &profile, &claims, &call) {
            Err(Refused::Rule(Rejection::Agent(refusal @ agent::Rejection::SelfPromotion { .. }))) => {
                return autonomy::ask_for_more(unit, approval, &agent, &profile, &refusal, (&call, &policy));
            }
            decided => decided?,
        };
        let allowed = Allowed::Agent(id, before.caps);
        decision = and_free_held(unit, decision, allowed, &overrides, &call.context)?;
        let agent = agent.after_decision(&decision);
        let stopped = changes.standing_decision(unit, &agent, &decision, &call)?;
        decision = decision.and(stopped);
        let agent = agent.after_decision(&decision);
        let corrected = changes.record_decision(unit, &agent, &decision, &call)?;
        Ok((decision.and(corrected), Reply::Changed(EntityRef::Agent(id))))
    })
    .await
}

impl AgentChanges {
    fn check(&self) -> Result<(), Problem> {
        if self.reason.is_some() && self.status.is_none() {
            return Err(Problem::invalid_field("reason", "says why the status changes: name that too"));
        }
        check_limits(self.allowed_tools.as_ref(), self.heartbeat_interval_secs)
    }

    fn profile_decision(
        unit: &mut UnitOfWork<'_>,
        agent: &Entity<Agent>,
        profile: &Profile,
        claims: &Claims,
        call: &Call,
    ) -> Result<Decision, Refused> {
        let registered = agent.registered()?;
        let (project, current) = (registered.project, &registered.profile);
        if profile == current {
            return Ok(Decision::default());
        }
        let names = match profile.name == current.name {
            true => None,
            false => Some((
                Names::load(unit, project, &current.name, &Claims::default())?,
                Names::load(unit, project, &profile.name, claims)?,
            )),
        };
        let names = names.as_ref().map(|(old, new)| (old, new));
        ask(unit, |cast| change_profile(project, agent, names, profile.clone(), cast, &call.context))
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

    /// What stops the agent, in the way the route of that name would.
    fn standing_decision(
        &self,
        unit: &mut UnitOfWork<'_>,
        agent: &Entity<Agent>,
        decided: &Decision,
        call: &Call,
    ) -> Result<Decision, Refused> {
        let (note, context) = (self.reason.clone(), &call.context);
        let task = work_of(unit, agent)?;
        let task = task.as_ref();
        ask_after(unit, decided, |cast| match self.status {
            None | Some(Status::Active) => Ok(Decision::default()),
            Some(Status::Paused) => {
                let pause = Command::Pause { reason: PauseReason::Operator, note: note.clone() };
                alone(agent, pause, context)
            }
            Some(Status::Draining) => alone(agent, Command::Drain { note: note.clone() }, context),
            Some(Status::Quarantined) => quarantine_agent(agent, task, note.clone(), cast, context),
            Some(Status::Offline) => sign_off_agent(agent, task, note.clone(), cast, context),
        })
    }

    /// What sets the agent's record straight.
    fn record_decision(
        &self,
        unit: &mut UnitOfWork<'_>,
        agent: &Entity<Agent>,
        decided: &Decision,
        call: &Call,
    ) -> Result<Decision, Refused> {
        let registered = agent.registered()?;
        let today = BudgetKey::AgentDay(agent.id, call.context.now.date_naive());
        let spent = unit.load::<Budget>(&today)?.spent;
        let corrections = Corrections {
            status: self.status.filter(|status| *status == Status::Active),
            error_streak: self.error_streak,
            today_spend: self.today_spend.map(|spend| spend.0).filter(|spend| *spend != spent),
        };
        let clear_task = self.clears_task(registered)?;
        if corrections == Corrections::default() && !clear_task {
            return Ok(Decision::default());
        }
        let task = work_of(unit, agent)?;
        let task = task.map(|task| task.after_decision(decided));
        let request = CorrectAgent { corrections, clear_task };
        ask_after(unit, decided, |cast| {
            correct_agent(agent, task.as_ref(), request.clone(), cast, &call.context)
        })
    }

    /// Whether its task is to be taken from it; no other is given to it here.
    fn clears_task(&self, agent: &Registered) -> Result<bool, Problem> {
        let work = agent.work.map(|work| work.task);
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
