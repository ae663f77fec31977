//! `/api/emergency`: stopping the squad, and letting it work again, each in one commit.

use axum::{extract::State, response::Response};
use mc_domain::{
    agent::{self, Agent},
    ids::{AgentId, ProjectId, TaskId},
    operation::{Decision, emergency_stop, pause_squad, resume_squad},
    project::Project,
    recorded::{AnyEvent, StreamId},
    task::{self, Task},
    values::Reason,
};
use mc_projections::{
    agents::AgentQuery,
    page::{InvalidCursor, MAX_LIMIT, Page},
    views::Views,
};
use mc_store::repository::Unit;
use serde::{Deserialize, Serialize};

use super::{invalid_cursor, scope::Scope};
use crate::{
    answer::Reply,
    decide::ask_after,
    extract::{Body, IfMatch, Query},
    problem::Problem,
    state::{App, Call, Refused},
};

/// Which project's squad, all of them when none is named here or in the query, and why.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhichSquad {
    #[serde(alias = "projectId")]
    project: Option<String>,
    reason: Option<Reason>,
}

/// What became of a squad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// `POST /api/emergency/pause-squad`: every active agent is paused; what they work on waits for them.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`.
pub async fn pause(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    command(app, scope, body, Order::Pause).await
}

/// `POST /api/emergency/resume-squad`: the agents that were paused by hand or with their squad work again.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`.
pub async fn resume(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    command(app, scope, body, Order::Resume).await
}

/// `POST /api/emergency/stop`: every active agent is paused, and every task in progress is blocked.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`.
pub async fn stop(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    command(app, scope, body, Order::Stop).await
}

/// What a squad is told.
#[derive(Debug, Clone, Copy)]
enum Order {
    Pause,
    Resume,
    Stop,
}

/// A project and everyone in it.
struct Squad {
    project: ProjectId,
    agents: Vec<AgentId>,
}

async fn command(app: App, scope: Scope, body: Body<WhichSquad>, order: Order) -> Result<Response, Problem> {
    let WhichSquad { project, reason } = body.value;
    let named = |views: &_| scope.with(views, "project", project.as_deref());
    let squads = app.read(|views| squads(views, named(views)?, &app)).await??;
    let actor = app.actor(body.actor, None, None).await?;
    let call = app.call(None, actor, body.keyed, IfMatch::Any);
    app.write(&call, |unit| {
        let mut decision = Decision::default();
        for squad in &squads {
            let decided = order.given_to(squad, unit, &decision, reason.as_ref(), &call)?;
            decision = decision.and(decided);
        }
        let answer = order.answer(&decision);
        Ok((decision, Reply::Squad(answer)))
    })
    .await
}

fn squads(views: &Views, named: Option<ProjectId>, app: &App) -> Result<Vec<Squad>, Problem> {
    let projects = match named {
        Some(named) => vec![named],
        None => all(|cursor| views.projects.list(None, Some(MAX_LIMIT), cursor), |project| project.id)?,
    };
    projects.into_iter().map(|project| squad(views, project, app)).collect()
}

fn squad(views: &Views, project: ProjectId, app: &App) -> Result<Squad, Problem> {
    let (now, limit) = (app.now(), Some(MAX_LIMIT));
    let of_project = AgentQuery { project: Some(project), limit, ..AgentQuery::default() };
    let agents = |cursor: Option<&str>| {
        let query = AgentQuery { cursor: cursor.map(str::to_owned), ..of_project.clone() };
        views.agents.list(&query, now, |_| None)
    };
    Ok(Squad { project, agents: all(agents, |agent| agent.id)? })
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

impl Order {
    fn given_to(
        self,
        squad: &Squad,
        unit: &mut Unit<'_>,
        decided: &Decision,
        reason: Option<&Reason>,
        call: &Call,
    ) -> Result<Decision, Refused> {
        let (reason, moment) = (reason.cloned(), &call.moment);
        let project = unit.load::<Project>(&squad.project)?;
        let agents = squad.agents.iter().map(|id| unit.load::<Agent>(id));
        let agents = agents.collect::<Result<Vec<_>, _>>()?;
        match self {
            Self::Pause => Ok(pause_squad(&project, &agents, reason, moment)?),
            Self::Resume => Ok(resume_squad(&project, &agents, reason, moment)?),
            Self::Stop => {
                // What they hold as they are loaded: a task that is started meanwhile makes this decided again.
                let work = agents.iter().filter_map(|agent| agent.registered().ok()?.work);
                let tasks = work.map(|work| unit.load::<Task>(&work.task)).collect::<Result<Vec<_>, _>>()?;
                ask_after(unit, decided, |cast| {
                    emergency_stop(&project, &agents, &tasks, reason.clone(), cast, moment)
                })
            }
        }
    }

    /// What the events say: who was stopped or works again, and what is blocked.
    fn answer(self, decision: &Decision) -> SquadAnswer {
        let (mut agents, mut tasks) = (Vec::new(), Vec::new());
        for change in decision.changes() {
            for event in &change.events {
                match (self, event) {
                    (Self::Pause | Self::Stop, AnyEvent::Agent(agent::Event::Paused { .. }))
                    | (Self::Resume, AnyEvent::Agent(agent::Event::Resumed { .. })) => {
                        agents.extend(id::<AgentId>(&change.stream));
                    }
                    (_, AnyEvent::Task(task::Event::Blocked { .. })) => {
                        tasks.extend(id::<TaskId>(&change.stream));
                    }
                    _ => {}
                }
            }
        }
        let count = Some(agents.len());
        let blocked = matches!(self, Self::Stop).then_some(tasks.len());
        let (paused, resumed) = match self {
            Self::Pause | Self::Stop => (count, None),
            Self::Resume => (None, count),
        };
        SquadAnswer { paused, resumed, blocked, agents, tasks }
    }
}

fn id<T: std::str::FromStr>(stream: &StreamId) -> Option<T> {
    stream.aggregate_id.parse().ok()
}
