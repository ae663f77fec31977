//! `/api/agents`: the squad.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use mc_domain::{
    agent::{Agent, Caps, Command, Corrections, Directive, Heartbeat, PauseReason, Profile, Role, Status},
    aggregate::Aggregate,
    ids::{AgentId, TaskId},
    money::Usd,
    operation::{
        CorrectAgent, Decision, Entity, RegisterAgent, change_profile, correct_agent, directives, heartbeat,
        quarantine_agent, register_agent, restart_agent, sign_off_agent,
    },
    project::Project,
    reservation::{Key, Reservation},
    task::{self, Task, TaskType},
    values::{Label, Name, Reason},
};
use mc_projections::{
    agents::{AgentQuery, AgentSort, AgentView},
    dollars::Dollars,
    page::Order,
    tasks::{TaskQuery, TaskSort, TaskView},
    views::Views,
};
use mc_store::{error::StoreError, repository::Unit};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{given, invalid_cursor, listed, shown};
use crate::{
    answer::{Offer, Reply, Scene, Shown},
    extract::{Body, IfMatch, IfNoneMatch, Limit, List, Path, Query},
    lookup,
    problem::Problem,
    state::{App, Call, Refused},
};

/// The longest interval between heartbeats that an agent may declare: a day.
const MAX_HEARTBEAT_INTERVAL_SECS: u32 = 86_400;
/// The most tools an agent's list may have.
const MAX_TOOLS: usize = 200;
/// How many tasks of each kind are offered with the answer to a heartbeat.
const OFFERED_TASKS: usize = 20;
/// Where the tasks stand that an agent has to see to.
const TO_DO: [task::Status; 2] = [task::Status::InProgress, task::Status::Assigned];
/// Where the tasks stand that an agent may take.
const TO_CLAIM: [task::Status; 1] = [task::Status::Inbox];

/// Which agents are asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListAgents {
    project: Option<String>,
    #[serde(default)]
    status: List<Status>,
    #[serde(default)]
    role: List<Role>,
    stale: Option<bool>,
    sort_by: Option<AgentSort>,
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// An agent that registers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAgent {
    #[serde(alias = "project")]
    project_id: Option<String>,
    name: Name,
    emoji: Option<Label>,
    role: Option<Role>,
    #[serde(default)]
    allowed_task_types: BTreeSet<TaskType>,
    #[serde(default)]
    allowed_tools: BTreeSet<Label>,
    #[serde(default)]
    budgets: AgentBudgets,
    #[serde(default)]
    heartbeat_interval_secs: u32,
}

/// What an agent may spend.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentBudgets {
    daily_cap: Option<Dollars>,
    per_run_cap: Option<Dollars>,
}

/// What to change of an agent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentChanges {
    name: Option<Name>,
    #[serde(default, deserialize_with = "given")]
    emoji: Option<Option<Label>>,
    role: Option<Role>,
    allowed_task_types: Option<BTreeSet<TaskType>>,
    allowed_tools: Option<BTreeSet<Label>>,
    #[serde(default)]
    budgets: AgentBudgets,
    heartbeat_interval_secs: Option<u32>,
    status: Option<Status>,
    error_streak: Option<u32>,
    today_spend: Option<Dollars>,
    #[serde(default, deserialize_with = "given")]
    current_task_id: Option<Option<TaskId>>,
    reason: Option<Reason>,
}

/// A sign of life.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignOfLife {
    session_key: Option<Label>,
    status: Option<Status>,
    /// What the agent believes it works on; the log knows better, and the answer says so.
    #[serde(rename = "currentTaskId")]
    _current_task_id: Option<TaskId>,
    error_message: Option<Reason>,
}

/// Why something is done to an agent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Because {
    reason: Option<Reason>,
}

/// `GET /api/agents`: agents, newest first unless sorted.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(query): Query<ListAgents>,
) -> Result<Response, Problem> {
    let now = app.now();
    app.answer(|views| {
        let query = AgentQuery {
            project: lookup::scope(views, query.project.as_deref())?,
            status: query.status.0,
            role: query.role.0,
            stale: query.stale,
            sort: query.sort_by,
            order: query.order,
            limit: query.limit.map(Limit::rows),
            cursor: query.cursor,
        };
        listed(&uri, views.agents.list(&query, now, |id| app.last_heard(id)))
    })
    .await
}

/// `GET /api/agents/{agent}`: one agent, by id or name.
///
/// Problems: `not-found`, `conflict`.
pub async fn show(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, condition, |views| Ok(Shown::Agent(scope.agent(views, &agent)?))).await
}

/// The project in which an agent's name is looked up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    project: Option<String>,
}

impl Scope {
    fn agent(&self, views: &Views, written: &str) -> Result<AgentId, Problem> {
        let project = lookup::scope(views, self.project.as_deref())?;
        lookup::agent(views, written, project).map_err(lookup::NotFound::in_path)
    }
}

/// `POST /api/agents`: registers an agent (`201`), or lets one that is known by its name come back (`200`).
///
/// Problems: `malformed-body`, `invalid-fields`, `already-exists`.
pub async fn register(State(app): State<App>, body: Body<NewAgent>) -> Result<Response, Problem> {
    let new = body.value;
    let project = new.project_id.as_deref().unwrap_or(lookup::DEFAULT_PROJECT);
    let project = app
        .find(|views| lookup::project(views, project).map_err(|unknown| unknown.in_field("projectId")))
        .await?;
    let profile = new.profile()?;
    let call = app.call(app.actor(body.actor, None, Some(project)).await?, body.keyed, IfMatch::Any);
    let id = AgentId::new(Uuid::now_v7());
    app.write(&call, |unit| {
        let home = unit.load::<Project>(&project)?;
        let name = unit.load::<Reservation>(&Key::agent(project, &profile.name))?;
        let (agent, known) = match name.agent() {
            Some(known) => (unit.load::<Agent>(&known)?, true),
            None => (unit.fresh::<Agent>(id), false),
        };
        let wish = RegisterAgent { profile: profile.clone(), parent: None, purpose: None };
        let decision = register_agent(&home, &name, &agent, wish, &call.moment)?;
        let shown = Shown::Agent(agent.id);
        Ok((decision, if known { Reply::Changed(shown) } else { Reply::Created(shown) }))
    })
    .await
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
    let id = app.read(|views| scope.agent(views, &agent)).await??;
    let changes = body.value;
    changes.check()?;
    let call = app.call(app.actor(body.actor, None, None).await?, body.keyed, condition);
    let now = call.moment.now;
    app.write(&call, |unit| {
        let agent = unit.load::<Agent>(&id)?;
        call.condition.check(agent.version)?;
        let mut decision = changes.profile_decision(unit, &agent, &call)?;
        let today = app.projected().read(|views| Some(views.agents.view(id, now, None)?.today_spend.0));
        let agent = agent.after_decision(&decision);
        decision = decision.and(changes.standing_decision(unit, &agent, &call)?);
        let agent = agent.after_decision(&decision);
        decision = decision.and(changes.record_decision(unit, &agent, today, &call)?);
        Ok((decision, Reply::Changed(Shown::Agent(id))))
    })
    .await
}

/// `POST /api/agents/{agent}/heartbeat`: the agent lives. The answer says what there is to do.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`.
pub async fn beat(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<SignOfLife>,
) -> Result<Response, Problem> {
    let id = app.find(|views| scope.agent(views, &agent)).await?;
    let own = id.to_string();
    let actor = app.actor(body.actor, Some(("agentId", &own)), None).await?;
    let call = app.call(actor, body.keyed, condition);
    let SignOfLife { session_key, status, error_message, .. } = body.value;
    let sign = Heartbeat { session_key, error: error_message };
    app.write(&call, |unit| {
        let agent = unit.load::<Agent>(&id)?;
        call.condition.check(agent.version)?;
        let task = work_of(unit, &agent)?;
        if status == Some(Status::Offline) {
            let decision = sign_off_agent(&agent, task.as_ref(), sign.error.clone(), &call.moment)?;
            let offer = offer(&app, &agent.after_decision(&decision))?;
            return Ok((decision, Reply::Heartbeat(id, vec![], offer)));
        }
        let decision = heartbeat(&agent, task.as_ref(), sign.clone(), &call.moment)?;
        app.hear(id, call.moment.now);
        let told = directives(&agent, &decision);
        let offer = offer(&app, &agent.after_decision(&decision))?;
        Ok((decision, Reply::Heartbeat(id, told, offer)))
    })
    .await
}

/// `POST /api/agents/{agent}/pause`: it stops until resumed.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn pause(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<Because>,
) -> Result<Response, Problem> {
    let to = |note| Command::Pause { reason: PauseReason::Operator, note };
    command(app, scope, agent, condition, body, |agent, _, note, call| alone(agent, to(note), call)).await
}

/// `POST /api/agents/{agent}/resume`: it works again.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn resume(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<Because>,
) -> Result<Response, Problem> {
    let to = |note| Command::Resume { note };
    command(app, scope, agent, condition, body, |agent, _, note, call| alone(agent, to(note), call)).await
}

/// `POST /api/agents/{agent}/drain`: it finishes its current task and takes no new one.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn drain(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<Because>,
) -> Result<Response, Problem> {
    let to = |note| Command::Drain { note };
    command(app, scope, agent, condition, body, |agent, _, note, call| alone(agent, to(note), call)).await
}

/// `POST /api/agents/{agent}/quarantine`: it stops at once, and what it worked on is blocked.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn quarantine(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<Because>,
) -> Result<Response, Problem> {
    command(app, scope, agent, condition, body, |agent, task, note, call| {
        Ok(quarantine_agent(agent, task, note, &call.moment)?)
    })
    .await
}

/// `POST /api/agents/{agent}/restart`: it begins anew, and its task waits for it.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn restart(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfMatch,
    body: Body<Because>,
) -> Result<Response, Problem> {
    command(app, scope, agent, condition, body, |agent, task, note, call| {
        Ok(restart_agent(agent, task, note, &call.moment)?)
    })
    .await
}

/// A decision about an agent, the task it works on, and why.
trait Decide:
    Fn(&Entity<Agent>, Option<&Entity<Task>>, Option<Reason>, &Call) -> Result<Decision, Refused> + Send + Sync
{
}

impl<D> Decide for D where
    D: Fn(&Entity<Agent>, Option<&Entity<Task>>, Option<Reason>, &Call) -> Result<Decision, Refused>
        + Send
        + Sync
{
}

/// What an operator does to one agent, and with it to the task it works on.
async fn command(
    app: App,
    scope: Scope,
    agent: String,
    condition: IfMatch,
    body: Body<Because>,
    decide: impl Decide,
) -> Result<Response, Problem> {
    let id = app.find(|views| scope.agent(views, &agent)).await?;
    let call = app.call(app.actor(body.actor, None, None).await?, body.keyed, condition);
    let note = body.value.reason;
    app.write(&call, |unit| {
        let agent = unit.load::<Agent>(&id)?;
        call.condition.check(agent.version)?;
        let task = work_of(unit, &agent)?;
        Ok((decide(&agent, task.as_ref(), note.clone(), &call)?, Reply::Changed(Shown::Agent(id))))
    })
    .await
}

/// A command that concerns nobody but the agent.
fn alone(agent: &Entity<Agent>, command: Command, call: &Call) -> Result<Decision, Refused> {
    let events = agent.decide(command, &call.moment)?;
    let project = agent.registered()?.project;
    Ok(Decision::of(agent, Some(project), events))
}

/// The task an agent works on.
fn work_of(unit: &mut Unit<'_>, agent: &Entity<Agent>) -> Result<Option<Entity<Task>>, StoreError> {
    let work = agent.registered().ok().and_then(|agent| agent.work);
    work.map(|work| unit.load::<Task>(&work.task)).transpose()
}

impl NewAgent {
    fn profile(&self) -> Result<Profile, Problem> {
        check_limits(Some(&self.allowed_tools), Some(self.heartbeat_interval_secs))?;
        let role = self.role.unwrap_or(Role::Intern);
        Ok(Profile {
            emoji: self.emoji.clone(),
            allowed_task_types: self.allowed_task_types.clone(),
            allowed_tools: self.allowed_tools.clone(),
            caps: self.budgets.applied_to(role.default_caps())?,
            heartbeat_interval_secs: self.heartbeat_interval_secs,
            ..Profile::new(self.name.clone(), role)
        })
    }
}

impl AgentBudgets {
    fn applied_to(self, caps: Caps) -> Result<Caps, Problem> {
        let caps = Caps {
            daily: self.daily_cap.map_or(caps.daily, |cap| cap.0),
            per_run: self.per_run_cap.map_or(caps.per_run, |cap| cap.0),
        };
        let asked_for_more = self.per_run_cap.is_some() && caps.per_run > caps.daily;
        match asked_for_more {
            true => Err(Problem::invalid_field("budgets.perRunCap", "must not be above dailyCap")),
            false => Ok(caps),
        }
    }
}

impl AgentChanges {
    fn check(&self) -> Result<(), Problem> {
        check_limits(self.allowed_tools.as_ref(), self.heartbeat_interval_secs)
    }

    fn profile_decision(
        &self,
        unit: &mut Unit<'_>,
        agent: &Entity<Agent>,
        call: &Call,
    ) -> Result<Decision, Refused> {
        let registered = agent.registered()?;
        let (project, current) = (registered.project, &registered.profile);
        let profile = self.applied_to(current)?;
        if profile == *current {
            return Ok(Decision::default());
        }
        let (old, new) = (Key::agent(project, &current.name), Key::agent(project, &profile.name));
        let names = match old == new {
            true => None,
            false => Some((unit.load::<Reservation>(&old)?, unit.load::<Reservation>(&new)?)),
        };
        let names = names.as_ref().map(|(old, new)| (old, new));
        Ok(change_profile(project, agent, names, profile, &call.moment)?)
    }

    fn applied_to(&self, profile: &Profile) -> Result<Profile, Problem> {
        Ok(Profile {
            name: self.name.clone().unwrap_or_else(|| profile.name.clone()),
            emoji: self.emoji.clone().unwrap_or_else(|| profile.emoji.clone()),
            role: self.role.unwrap_or(profile.role),
            allowed_task_types: self.allowed_task_types.clone().unwrap_or(profile.allowed_task_types.clone()),
            allowed_tools: self.allowed_tools.clone().unwrap_or(profile.allowed_tools.clone()),
            caps: self.budgets.applied_to(profile.caps)?,
            heartbeat_interval_secs: self.heartbeat_interval_secs.unwrap_or(profile.heartbeat_interval_secs),
        })
    }

    /// What stops the agent, in the way the route of that name would.
    fn standing_decision(
        &self,
        unit: &mut Unit<'_>,
        agent: &Entity<Agent>,
        call: &Call,
    ) -> Result<Decision, Refused> {
        let note = self.reason.clone();
        let task = work_of(unit, agent)?;
        match self.status {
            None | Some(Status::Active) => Ok(Decision::default()),
            Some(Status::Paused) => {
                alone(agent, Command::Pause { reason: PauseReason::Operator, note }, call)
            }
            Some(Status::Draining) => alone(agent, Command::Drain { note }, call),
            Some(Status::Quarantined) => Ok(quarantine_agent(agent, task.as_ref(), note, &call.moment)?),
            Some(Status::Offline) => Ok(sign_off_agent(agent, task.as_ref(), note, &call.moment)?),
        }
    }

    /// What sets the agent's record straight.
    fn record_decision(
        &self,
        unit: &mut Unit<'_>,
        agent: &Entity<Agent>,
        today: Option<Usd>,
        call: &Call,
    ) -> Result<Decision, Refused> {
        let corrections = Corrections {
            status: self.status.filter(|status| *status == Status::Active),
            error_streak: self.error_streak,
            today_spend: self.today_spend.map(|spend| spend.0).filter(|spend| today != Some(*spend)),
        };
        let work = agent.registered()?.work.map(|work| work.task);
        if let Some(Some(named)) = self.current_task_id
            && work != Some(named)
        {
            let message =
                "an agent gets a task by starting it; only null is possible here, to take its task away";
            return Err(Problem::invalid_field("currentTaskId", message).into());
        }
        let clear_task = self.current_task_id == Some(None);
        if corrections == Corrections::default() && !clear_task {
            return Ok(Decision::default());
        }
        let task = work_of(unit, agent)?;
        Ok(correct_agent(agent, task.as_ref(), CorrectAgent { corrections, clear_task }, &call.moment)?)
    }
}

fn check_limits(tools: Option<&BTreeSet<Label>>, interval_secs: Option<u32>) -> Result<(), Problem> {
    if tools.is_some_and(|tools| tools.len() > MAX_TOOLS) {
        return Err(Problem::invalid_field("allowedTools", format!("must be at most {MAX_TOOLS}")));
    }
    if interval_secs.is_some_and(|secs| secs > MAX_HEARTBEAT_INTERVAL_SECS) {
        let message = format!("must be at most {MAX_HEARTBEAT_INTERVAL_SECS} seconds");
        return Err(Problem::invalid_field("heartbeatIntervalSecs", message));
    }
    Ok(())
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeartbeatAnswer<'a> {
    agent: AgentView<'a>,
    assigned_tasks: Vec<TaskView<'a>>,
    claimable_tasks: Vec<TaskView<'a>>,
    budget: BudgetLeft,
    directives: &'a [Directive],
}

/// What is left of an agent's day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetLeft {
    daily_cap: Dollars,
    today_spend: Dollars,
    remaining: Dollars,
}

pub(crate) fn heartbeat_answer(
    scene: Scene<'_>,
    id: AgentId,
    directives: &[Directive],
    offer: &Offer,
) -> Result<Response, Problem> {
    let agent = scene.agents.view(id, scene.now, scene.heard);
    let agent = agent.ok_or_else(|| Problem::not_found("agent", id))?;
    let tasks = |offered: &[TaskId], statuses: &[task::Status]| {
        let tasks = offered.iter().filter_map(|task| scene.tasks.view(*task, scene.agents));
        tasks.filter(|task| statuses.contains(&task.status)).collect::<Vec<_>>()
    };
    let (cap, spent) = (agent.budgets.daily_cap.0, agent.today_spend.0);
    let answer = HeartbeatAnswer {
        assigned_tasks: tasks(&offer.assigned, &TO_DO),
        claimable_tasks: tasks(&offer.claimable, &TO_CLAIM),
        budget: BudgetLeft {
            daily_cap: Dollars(cap),
            today_spend: Dollars(spent),
            remaining: Dollars(cap.minus(spent)),
        },
        agent,
        directives,
    };
    Ok(Json(answer).into_response())
}

/// What there is to do for an agent, most urgent first.
fn offer(app: &App, agent: &Entity<Agent>) -> Result<Offer, Refused> {
    let registered = agent.registered()?;
    let urgent = |status: &[task::Status]| TaskQuery {
        project: Some(registered.project),
        status: status.to_vec(),
        sort: Some(TaskSort::Priority),
        limit: Some(OFFERED_TASKS),
        ..TaskQuery::default()
    };
    let assigned = TaskQuery { assignee: vec![agent.id], ..urgent(&TO_DO) };
    let kind = registered.profile.allowed_task_types.iter().copied().collect();
    let claimable = TaskQuery { kind, ..urgent(&TO_CLAIM) };
    app.projected().read(|views| {
        let offered = |query| {
            let page = views.tasks.list(query, app.now(), &views.agents).map_err(invalid_cursor)?;
            Ok::<_, Problem>(page.items.iter().map(|task| task.id).collect())
        };
        Ok(Offer {
            assigned: offered(&assigned)?,
            claimable: if registered.status() == Status::Active { offered(&claimable)? } else { vec![] },
        })
    })
}
