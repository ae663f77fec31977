//! `/api/emergency`: stopping the squad, and letting it work again.
//!
//! A halt is decided in one commit of the projects alone, which nothing that agents do can get in the way of; from there on
//! no agent of theirs starts anything. What follows for each agent and its work is committed before the answer, under keys
//! derived from the halt: a repeat finds it done, and what a crash left undone a worker does.

use axum::{Json, extract::State, response::IntoResponse, response::Response};
use mc_domain::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::CommandContext,
    ids::{AgentId, ProjectId, TaskId},
    operation::{Decision, block_halted, follow_halt, halt_squad, resume_squad},
    project::{Halt, Project},
    recorded::{AnyEvent, StreamId},
    task::{self, Task},
    values::Reason,
};
use mc_projections::{
    agents::AgentQuery,
    page::{InvalidCursor, MAX_LIMIT, Page},
    views::Views,
};
use mc_store::repository::{CommandEnvelope, Executed};
use serde::{Deserialize, Serialize};

use super::{invalid_cursor, scope::Scope};
use crate::{
    answer::Reply,
    decide::ask,
    extract::{Body, IfMatch, Query},
    problem::Problem,
    refusal,
    state::{App, Refused, at_position, own_key},
};

/// The most tasks that one commit blocks: each brings the end of its runs, and what was set aside for them.
const TASKS_AT_ONCE: usize = 10;

/// Which project's squad, all of them when none is named here or in the query, and why.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhichSquad {
    #[serde(alias = "projectId")]
    project: Option<String>,
    reason: Option<Reason>,
}

/// What became of a squad.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SquadAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<usize>,
    agents: Vec<AgentId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<TaskId>,
}

/// `POST /api/emergency/pause-squad`: every active agent is paused; what they work on waits for them. An operator may let
/// them go on one by one.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`.
pub async fn pause(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    halt(app, scope, body, Halt::Pause).await
}

/// `POST /api/emergency/resume-squad`: the agents that were paused by hand or with their squad work again.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`.
pub async fn resume(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    let WhichSquad { project, reason } = body.value;
    let projects = app.find(|views| projects(views, &scope, project.as_deref())).await?;
    let mut agents = Vec::new();
    for project in &projects {
        agents.push(squad(&app, *project).await?);
    }
    let actor = app.actor(body.actor, None, None).await?;
    let call = app.call(None, actor, body.keyed, IfMatch::Any);
    app.write(&call, |unit| {
        let mut decision = Decision::default();
        for (project, agents) in projects.iter().zip(&agents) {
            let project = unit.load::<Project>(project)?;
            let agents = agents.iter().map(|id| unit.load::<Agent>(id)).collect::<Result<Vec<_>, _>>()?;
            decision = decision.and(resume_squad(&project, &agents, reason.clone(), &call.context)?);
        }
        let resumed = ids(&decision, |event| matches!(event, AnyEvent::Agent(agent::Event::Resumed { .. })));
        let answer = SquadAnswer { resumed: Some(resumed.len()), agents: resumed, ..SquadAnswer::default() };
        Ok((decision, Reply::Squad(answer)))
    })
    .await
}

/// `POST /api/emergency/stop`: every active agent is paused, and every task in progress is blocked.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`.
pub async fn stop(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    halt(app, scope, body, Halt::Emergency).await
}

/// A halt as it was ordered: what its answer is rendered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ordered {
    halt: Halt,
    by: Actor,
    /// The projects, each with the number of its halt.
    squads: Vec<(ProjectId, u64)>,
}

async fn halt(app: App, scope: Scope, body: Body<WhichSquad>, halt: Halt) -> Result<Response, Problem> {
    let WhichSquad { project, reason } = body.value;
    let projects = app.find(|views| projects(views, &scope, project.as_deref())).await?;
    let actor = app.actor(body.actor, None, None).await?;
    let call = app.call(None, actor.clone(), body.keyed, IfMatch::Any);
    app.write(&call, |unit| {
        let (mut decision, mut squads) = (Decision::default(), Vec::new());
        for project in &projects {
            let project = unit.load::<Project>(project)?;
            let halted = halt_squad(&project, halt, reason.clone(), &call.context)?;
            squads.push((project.id, project.after_decision(&halted).halts()));
            decision = decision.and(halted);
        }
        Ok((decision, Reply::Halted(Ordered { halt, by: actor.clone(), squads })))
    })
    .await
}

/// The answer to a halt: what followed from it, which is carried out first where it is not yet.
///
/// # Errors
/// What the log says.
pub(crate) async fn halted(app: &App, ordered: &Ordered) -> Result<Response, Problem> {
    let mut answer = SquadAnswer { paused: Some(0), ..SquadAnswer::default() };
    let mut position = 0;
    for (project, number) in &ordered.squads {
        let followed = follow(app, &ordered.by, *project, *number).await;
        let followed = followed.map_err(|refused| app.problem(refused))?;
        answer.agents.extend(followed.agents);
        answer.tasks.extend(followed.tasks);
        position = position.max(followed.position);
    }
    answer.paused = Some(answer.agents.len());
    answer.blocked = matches!(ordered.halt, Halt::Emergency).then_some(answer.tasks.len());
    app.projected().wait_for(position).await.map_err(|stopped| refusal::stopped(&stopped))?;
    Ok(at_position(Json(answer).into_response(), position))
}

/// What followed from a halt of one project.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// Whether any of it was still to be done.
    pub(crate) late: bool,
    agents: Vec<AgentId>,
    tasks: Vec<TaskId>,
    position: u64,
}

/// What the agents' part of it came to, as it is kept under its key.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Paused {
    agents: Vec<AgentId>,
    /// What they held, which an emergency stop blocks next.
    held: Vec<TaskId>,
}

/// Carries out, once, what follows from the halt `number` of `project`: its agents are paused in one commit, and in an
/// emergency what they hold is blocked in a few more. None of it is in a hurry, as nothing starts any more.
///
/// # Errors
/// What the log says.
pub(crate) async fn follow(
    app: &App,
    by: &Actor,
    project: ProjectId,
    number: u64,
) -> Result<Followed, Refused> {
    let context = CommandContext::new(app.now(), by.clone()).under(app.policy_limits(Some(project)));
    let order = |step: String| {
        let key = own_key("emergency", &format!("halt/{project}/{number}/{step}"));
        CommandEnvelope { context: context.clone(), key: Some(key) }
    };
    let pausing = order("agents".to_owned());
    let known = match &pausing.key {
        Some((key, _)) => app.log().answered(key).await?.is_some(),
        None => false,
    };
    let agents = if known { Vec::new() } else { squad(app, project).await? };
    let paused = app.repository().execute(&pausing, |unit| {
        let project = unit.load::<Project>(&project)?;
        let agents = agents.iter().map(|id| unit.load::<Agent>(id)).collect::<Result<Vec<_>, _>>()?;
        let decision = follow_halt(&project, number, &agents, &context)?;
        let held = agents.iter().filter_map(|agent| Some(agent.registered().ok()?.work()?.task)).collect();
        let agents = ids(&decision, |event| matches!(event, AnyEvent::Agent(agent::Event::Paused { .. })));
        Ok::<_, Refused>((decision, Paused { agents, held }))
    });
    let Executed { value: Paused { agents, held }, position, replayed } = paused.await?;
    let mut followed = Followed { late: !replayed, agents, tasks: Vec::new(), position };
    for (n, tasks) in held.chunks(TASKS_AT_ONCE).enumerate() {
        let blocking = order(format!("tasks/{n}"));
        let blocked = app.repository().execute(&blocking, |unit| {
            let project = unit.load::<Project>(&project)?;
            let tasks = tasks.iter().map(|id| unit.load::<Task>(id)).collect::<Result<Vec<_>, _>>()?;
            let decision = ask(unit, |cast| block_halted(&project, number, &tasks, cast, &context))?;
            let blocked: Vec<TaskId> =
                ids(&decision, |event| matches!(event, AnyEvent::Task(task::Event::Blocked { .. })));
            Ok::<_, Refused>((decision, blocked))
        });
        let blocked = blocked.await?;
        followed.late |= !blocked.replayed;
        followed.tasks.extend(blocked.value);
        followed.position = followed.position.max(blocked.position);
    }
    Ok(followed)
}

fn projects(views: &Views, scope: &Scope, named: Option<&str>) -> Result<Vec<ProjectId>, Problem> {
    match scope.with(views, "project", named)? {
        Some(named) => Ok(vec![named]),
        None => all(|cursor| views.projects.list(None, Some(MAX_LIMIT), cursor), |project| project.id),
    }
}

/// Everyone in a project. They are read into memory here, one after the other, so that the decision on all of them is not
/// taken anew for each that is not.
async fn squad(app: &App, project: ProjectId) -> Result<Vec<AgentId>, Problem> {
    let (now, limit) = (app.now(), Some(MAX_LIMIT));
    let of_project = AgentQuery { project: Some(project), limit, ..AgentQuery::default() };
    let agents = app.read(|views| {
        let agents = |cursor: Option<&str>| {
            let query = AgentQuery { cursor: cursor.map(str::to_owned), ..of_project.clone() };
            views.agents.list(&query, now, |_| None)
        };
        all(agents, |agent| agent.id)
    });
    let agents = agents.await??;
    for agent in &agents {
        app.repository().load::<Agent>(agent).await?;
    }
    Ok(agents)
}

/// The ids of all pages of a list.
fn all<T, Id>(
    list: impl Fn(Option<&str>) -> Result<Page<T>, InvalidCursor>,
    id: impl Fn(T) -> Id,
) -> Result<Vec<Id>, Problem> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(cursor.as_deref()).map_err(invalid_cursor)?;
        ids.extend(page.items.into_iter().map(&id));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(ids);
        }
    }
}

/// Whose streams get such an event.
fn ids<T: std::str::FromStr>(decision: &Decision, is_such: impl Fn(&AnyEvent) -> bool) -> Vec<T> {
    let changes = decision.changes().iter().filter(|change| change.events.iter().any(&is_such));
    changes.filter_map(|change| id(&change.stream)).collect()
}

fn id<T: std::str::FromStr>(stream: &StreamId) -> Option<T> {
    stream.aggregate_id.parse().ok()
}
