//! `POST /api/agents`: registers an agent, or lets a known one come back.

use axum::{extract::State, response::Response};
use mc_domain::{
    agent::Agent,
    ids::AgentId,
    operation::{Names, RegisterAgent, register_agent},
};
use mc_projections::views::Views;
use uuid::Uuid;

use super::{new_agent::NewAgent, spawn};
use crate::{
    access::Caller,
    answer::{EntityRef, Reply},
    app::App,
    extract::{Body, IfMatch, OnlyNew, Query},
    lookup,
    problem::Problem,
    routes::scope::Scope,
};

/// `POST /api/agents`: registers an agent (`201`), or lets one that is known by its name come back (`200`).
///
/// With `parentAgentId` and a `purpose` it is a sub-agent, as by the route that spawns one.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `already-exists`, `forbidden`, `rule-broken`,
/// `agent-not-active`, `precondition-failed`, `limit-reached`, `actor-mismatch`.
pub async fn register(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    only_new: OnlyNew,
    body: Body<NewAgent>,
) -> Result<Response, Problem> {
    let new = body.value;
    let project = app.find(|views| scope.home(views, caller.reach(), new.project_id.as_deref())).await?;
    if let Some(parent) = &new.parent_agent_id {
        let find = |views: &Views| {
            caller.check_own(views, Some(parent))?;
            let found = lookup::agent(views, caller.reach(), parent, Some(project));
            found.map_err(|unknown| unknown.in_field("parentAgentId"))
        };
        let found = app.find(find).await?;
        let actor = app.actor(&caller, body.actor, Some(("parentAgentId", parent)), Some(project)).await?;
        let call = app.call(&caller, Some(project), actor, body.keyed, IfMatch::Any);
        return spawn::create(&app, found, &new, only_new, &call).await;
    }
    if new.purpose.is_some() {
        return Err(Problem::invalid_field("purpose", "belongs to a sub-agent: name its parentAgentId too"));
    }
    let profile = new.profile(&app.policy(project).await?)?;
    let actor = app.actor(&caller, body.actor, None, Some(project)).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, IfMatch::Any);
    let _turn = app.turn(project.uuid()).await?;
    let (squad, claims) = (app.squad(project).await?, app.claims(project, &profile.name).await?);
    let id = AgentId::new(Uuid::now_v7());
    app.write(&call, |tx| {
        let names = Names::load(tx, project, &profile.name, &claims)?;
        let (agent, known) = match names.bearer() {
            Some(known) => (known.clone(), true),
            None => (tx.create::<Agent>(id), false),
        };
        only_new.check("an agent of this name", known.then_some(agent.version))?;
        let profile = new.declared(&profile, &agent);
        let request = RegisterAgent { profile, parent: None, purpose: None, squad };
        register_agent(tx, project, &names, agent.id, request)?;
        let shown = EntityRef::Agent(agent.id);
        Ok(if known { Reply::Changed(shown) } else { Reply::Created(shown) })
    })
    .await
}
