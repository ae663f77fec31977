//! `/api/agents`: the squad.

mod autonomy;
mod edit;
mod heartbeat;
mod spawn;

use std::collections::BTreeSet;

use axum::{
    extract::{FromRequest, State},
    http::Uri,
    response::Response,
};
use mc_domain::{
    agent::{Agent, Caps, Command, PauseReason, Profile, Registered, Role, Status},
    aggregate::{Aggregate, CommandContext},
    ids::AgentId,
    operation::{
        Cast, Decision, Entity, Names, RegisterAgent, Rejection, quarantine_agent, register_agent,
        restart_agent, resume_agent,
    },
    policy::document::Document,
    project::Project,
    task::{Task, TaskType},
    values::{Label, Name, Reason},
};
use mc_projections::{
    agents::{AgentQuery, AgentSort},
    dollars::Dollars,
    page::Order,
    views::Views,
};
use mc_store::{error::StoreError, repository::UnitOfWork};
use serde::Deserialize;
use uuid::Uuid;

pub(crate) use self::heartbeat::answer as heartbeat_answer;
pub(crate) use self::spawn::active_agents;
pub use self::{edit::edit, heartbeat::beat, spawn::spawn};
use super::{double_option, home, listed, policy, scope::Scope, shown};
use crate::{
    answer::{EntityRef, Reply},
    decide::ask,
    extract::{Body, Contract, Given, Honours, IfMatch, IfNoneMatch, Limit, List, OnlyNew, Path, Query},
    lookup,
    problem::Problem,
    state::App,
};

/// The longest interval between heartbeats that an agent may declare: a day.
const MAX_HEARTBEAT_INTERVAL_SECS: u32 = 86_400;
/// The most tools an agent's list may have.
const MAX_TOOLS: usize = 200;

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
    name: Given<Name>,
    emoji: Option<Label>,
    role: Option<Role>,
    allowed_task_types: Option<BTreeSet<TaskType>>,
    allowed_tools: Option<BTreeSet<Label>>,
    #[serde(default)]
    budgets: AgentBudgets,
    heartbeat_interval_secs: Option<u32>,
    parent_agent_id: Option<String>,
    purpose: Option<Reason>,
}

/// What an agent may spend; `null` for what its role may.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentBudgets {
    #[serde(default, deserialize_with = "double_option")]
    daily_cap: Option<Option<Dollars>>,
    #[serde(default, deserialize_with = "double_option")]
    per_run_cap: Option<Option<Dollars>>,
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
        listed(&uri, views.agents.list(&query, now, |id| app.last_heartbeat(id)))
    })
    .await
}

/// `GET /api/agents/{agent}`: one agent, by id or name.
///
/// Problems: `not-found`, `conflict`, `malformed-query`.
pub async fn show(
    State(app): State<App>,
    Path(agent): Path<String>,
    Query(scope): Query<Scope>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, condition, |views| Ok(EntityRef::Agent(scope.agent(views, &agent)?.0))).await
}

/// `POST /api/agents`: registers an agent (`201`), or lets one that is known by its name come back (`200`).
///
/// With `parentAgentId` and a `purpose` it is a sub-agent, as by the route that spawns one.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `already-exists`, `forbidden`, `rule-broken`,
/// `agent-not-active`, `precondition-failed`, `limit-reached`.
pub async fn register(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    only_new: OnlyNew,
    body: Body<NewAgent>,
) -> Result<Response, Problem> {
    let new = body.value;
    let project = app.find(|views| home(&scope, views, new.project_id.as_deref())).await?;
    if let Some(parent) = &new.parent_agent_id {
        let find = |views: &Views| lookup::agent(views, parent, Some(project));
        let found =
            app.find(|views| find(views).map_err(|unknown| unknown.in_field("parentAgentId"))).await?;
        let actor = app.actor(body.actor, Some(("parentAgentId", parent)), Some(project)).await?;
        let call = app.call(Some(project), actor, body.keyed, IfMatch::Any);
        return spawn::create(&app, found, &new, only_new, &call).await;
    }
    if new.purpose.is_some() {
        return Err(Problem::invalid_field("purpose", "belongs to a sub-agent: name its parentAgentId too"));
    }
    let profile = new.profile(&policy::active(&app, project).await?)?;
    let actor = app.actor(body.actor, None, Some(project)).await?;
    let call = app.call(Some(project), actor, body.keyed, IfMatch::Any);
    let _turn = app.turns().of(project).await;
    let (squad, claims) = (app.squad(project).await?, app.claims(project, &profile.name).await?);
    let id = AgentId::new(Uuid::now_v7());
    app.write(&call, |unit| {
        let home = unit.load::<Project>(&project)?;
        let names = Names::load(unit, project, &profile.name, &claims)?;
        let (agent, known) = match names.bearer() {
            Some(known) => (known.clone(), true),
            None => (unit.fresh::<Agent>(id), false),
        };
        only_new.check("an agent of this name", known.then_some(agent.version))?;
        let profile = new.declared(&profile, &agent);
        let wish = RegisterAgent { profile, parent: None, purpose: None, squad };
        let decision = register_agent(&home, &names, &agent, wish, &call.context)?;
        let shown = EntityRef::Agent(agent.id);
        Ok((decision, if known { Reply::Changed(shown) } else { Reply::Created(shown) }))
    })
    .await
}

/// `POST /api/agents/{agent}/pause`: it stops until resumed.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn pause(instruction: Instruction) -> Result<Response, Problem> {
    let to = |note| Command::Pause { reason: PauseReason::Operator, note };
    instruction.carry_out(|agent, _, note, _, context| alone(agent, to(note), context)).await
}

/// `POST /api/agents/{agent}/resume`: it works again; in a squad that is paused, alone.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn resume(instruction: Instruction) -> Result<Response, Problem> {
    instruction.carry_out(|agent, _, note, cast, context| resume_agent(agent, note, cast, context)).await
}

/// `POST /api/agents/{agent}/drain`: it finishes its current task and takes no new one.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn drain(instruction: Instruction) -> Result<Response, Problem> {
    let to = |note| Command::Drain { note };
    instruction.carry_out(|agent, _, note, _, context| alone(agent, to(note), context)).await
}

/// `POST /api/agents/{agent}/quarantine`: it stops at once, and what it worked on is blocked.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn quarantine(instruction: Instruction) -> Result<Response, Problem> {
    instruction.carry_out(quarantine_agent).await
}

/// `POST /api/agents/{agent}/restart`: it begins anew, and its task waits for it.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn restart(instruction: Instruction) -> Result<Response, Problem> {
    instruction.carry_out(restart_agent).await
}

/// What an operator orders one agent to do.
#[derive(FromRequest)]
#[from_request(state(App))]
pub struct Instruction {
    app: State<App>,
    agent: Path<String>,
    scope: Query<Scope>,
    condition: IfMatch,
    body: Body<Because>,
}

impl Honours for Instruction {
    fn declare(contract: &mut Contract) {
        <((), State<App>, Path<String>, Query<Scope>, IfMatch, Body<Because>)>::declare(contract);
    }
}

impl Instruction {
    /// What `decide` decides about the agent, the task it works on, and why.
    async fn carry_out(
        self,
        decide: impl Fn(
            &Entity<Agent>,
            Option<&Entity<Task>>,
            Option<Reason>,
            &Cast,
            &CommandContext,
        ) -> Result<Decision, Rejection>
        + Send
        + Sync,
    ) -> Result<Response, Problem> {
        let Self { app: State(app), agent: Path(agent), scope: Query(scope), condition, body } = self;
        let (id, project) = app.find(|views| scope.agent(views, &agent)).await?;
        let actor = app.actor(body.actor, None, None).await?;
        let call = app.call(Some(project), actor, body.keyed, condition);
        let note = body.value.reason;
        app.write(&call, |unit| {
            let agent = unit.load::<Agent>(&id)?;
            call.condition.check(agent.version)?;
            let task = work_of(unit, &agent)?;
            let decided = ask(unit, |cast| decide(&agent, task.as_ref(), note.clone(), cast, &call.context))?;
            Ok((decided, Reply::Changed(EntityRef::Agent(id))))
        })
        .await
    }
}

/// A command that concerns nobody but the agent.
fn alone(agent: &Entity<Agent>, command: Command, context: &CommandContext) -> Result<Decision, Rejection> {
    let events = agent.decide(command, context)?;
    let project = agent.registered()?.project();
    Ok(Decision::of(agent, Some(project), events))
}

/// The task an agent works on.
fn work_of(unit: &mut UnitOfWork<'_>, agent: &Entity<Agent>) -> Result<Option<Entity<Task>>, StoreError> {
    let work = agent.registered().ok().and_then(|agent| agent.work());
    work.map(|work| unit.load::<Task>(&work.task)).transpose()
}

impl NewAgent {
    pub(super) fn profile(&self, policy: &Document) -> Result<Profile, Problem> {
        check_limits(self.allowed_tools.as_ref(), self.heartbeat_interval_secs)?;
        let role = self.role.unwrap_or(Role::Intern);
        let caps = usual_caps(policy, role);
        Ok(Profile {
            emoji: self.emoji.clone(),
            allowed_task_types: self.allowed_task_types.clone().unwrap_or_default(),
            allowed_tools: self.allowed_tools.clone().unwrap_or_default(),
            caps: self.budgets.applied_to(caps, caps)?,
            heartbeat_interval_secs: self.heartbeat_interval_secs.unwrap_or_default(),
            ..Profile::new(self.name.0.clone(), role)
        })
    }

    /// What it declares: of an agent that is known, what it does not name stays as it is.
    pub(super) fn declared(&self, profile: &Profile, agent: &Agent) -> Profile {
        let Ok(known) = agent.registered().map(Registered::profile) else { return profile.clone() };
        Profile {
            emoji: self.emoji.clone().or_else(|| known.emoji.clone()),
            allowed_task_types: self.allowed_task_types.clone().unwrap_or(known.allowed_task_types.clone()),
            allowed_tools: self.allowed_tools.clone().unwrap_or(known.allowed_tools.clone()),
            heartbeat_interval_secs: self.heartbeat_interval_secs.unwrap_or(known.heartbeat_interval_secs),
            ..profile.clone()
        }
    }
}

/// What an agent of this role may spend when nobody says otherwise, by the policy.
fn usual_caps(policy: &Document, role: Role) -> Caps {
    let rules = policy.roles.of(role);
    Caps { daily: rules.daily_cap, per_run: rules.per_run_cap }
}

impl AgentBudgets {
    /// `usual` is what the role may spend. The cap per run is kept as it is asked for, also where the day does not allow as
    /// much; who asks for it above the day that holds is told so.
    fn applied_to(self, caps: Caps, usual: Caps) -> Result<Caps, Problem> {
        let chosen = |asked: Option<Option<Dollars>>, now, usual| match asked {
            None => now,
            Some(None) => usual,
            Some(Some(cap)) => cap.0,
        };
        let daily = chosen(self.daily_cap, caps.daily, usual.daily);
        // Who sends back what is shown asks for no change.
        let shown = daily == caps.daily && self.per_run_cap == Some(Some(Dollars(caps.per_run_in_force())));
        let per_run = match shown {
            true => caps.per_run,
            false => chosen(self.per_run_cap, caps.per_run, usual.per_run),
        };
        let caps = Caps { daily, per_run };
        match self.per_run_cap.flatten() {
            Some(asked) if asked.0 > caps.daily => {
                Err(Problem::invalid_field("budgets.perRunCap", "must not be above dailyCap"))
            }
            Some(_) | None => Ok(caps),
        }
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
