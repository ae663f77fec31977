//! `/api/emergency`: halting squads and resuming them.
//!
//! A halt is decided in one commit of the projects alone, which nothing that agents do can get in the way of; from there on
//! no agent of theirs starts anything. What follows for each agent and its work ([`crate::halt`]) is committed before the
//! answer.

use axum::{extract::State, response::Response};
use mc_domain::{
    agent,
    ids::ProjectId,
    operation::{halt_squad, resume_squad},
    project::{Halt, Project},
    reach::Reach,
    recorded::AnyEvent,
    values::Reason,
};
use mc_projections::{page::MAX_LIMIT, views::Views};
use serde::Deserialize;

use super::scope::Scope;
use crate::{
    access::Caller,
    answer::{HaltOrder, Reply, SquadAnswer},
    app::App,
    extract::{Body, IfMatch, Query},
    halt::{all_ids, ids, squad},
    problem::Problem,
};

/// Which project's squad, all of them when none is named here or in the query, and why.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhichSquad {
    #[serde(alias = "projectId")]
    project: Option<String>,
    reason: Option<Reason>,
}

/// `POST /api/emergency/pause-squad`: every active agent is paused; what they work on waits for them. An operator may let
/// them go on one by one.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`, `actor-mismatch`.
pub async fn pause(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    halt(app, caller, scope, body, Halt::Pause).await
}

/// `POST /api/emergency/resume-squad`: the agents that were paused by hand or with their squad work again.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`, `actor-mismatch`.
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    let WhichSquad { project, reason } = body.value;
    let projects = app.find(|views| projects(views, caller.reach(), &scope, project.as_deref())).await?;
    let mut agents = Vec::new();
    for project in &projects {
        agents.push(squad(&app, *project).await?);
    }
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, None, actor, body.keyed, IfMatch::Any);
    app.write(&call, |tx| {
        for (project, agents) in projects.iter().zip(&agents) {
            resume_squad(tx, *project, agents, reason.clone())?;
        }
        let resumed = ids(tx, |event| matches!(event, AnyEvent::Agent(agent::Event::Resumed { .. })));
        Ok(Reply::Squad(SquadAnswer {
            resumed: Some(resumed.len()),
            agents: resumed,
            ..SquadAnswer::default()
        }))
    })
    .await
}

/// `POST /api/emergency/stop`: every active agent is paused, and every task in progress is blocked.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `forbidden`, `actor-mismatch`.
pub async fn stop(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    body: Body<WhichSquad>,
) -> Result<Response, Problem> {
    halt(app, caller, scope, body, Halt::Emergency).await
}

async fn halt(
    app: App,
    caller: Caller,
    scope: Scope,
    body: Body<WhichSquad>,
    halt: Halt,
) -> Result<Response, Problem> {
    let WhichSquad { project, reason } = body.value;
    let projects = app.find(|views| projects(views, caller.reach(), &scope, project.as_deref())).await?;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, None, actor.clone(), body.keyed, IfMatch::Any);
    app.write(&call, |tx| {
        let mut squads = Vec::new();
        for project in &projects {
            halt_squad(tx, *project, halt, reason.clone())?;
            squads.push((*project, tx.get::<Project>(project)?.halts()));
        }
        Ok(Reply::Halted(HaltOrder { halt, by: actor.clone(), credential: call.caller.credential(), squads }))
    })
    .await
}

/// The project that is named, else all within reach.
fn projects(
    views: &Views,
    reach: &Reach,
    scope: &Scope,
    named: Option<&str>,
) -> Result<Vec<ProjectId>, Problem> {
    match scope.with(views, reach, "project", named)? {
        Some(named) => Ok(vec![named]),
        None => {
            all_ids(|cursor| views.projects.list(reach, None, Some(MAX_LIMIT), cursor), |project| project.id)
        }
    }
}
