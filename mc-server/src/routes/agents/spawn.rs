//! `POST /api/agents/{agent}/spawn`: an agent creates a sub-agent, on the record of both.

use std::collections::BTreeSet;

use axum::{extract::State, response::Response};
use mc_domain::{
    agent::{Agent, Status},
    ids::AgentId,
    operation::{Names, SpawnAgent, spawn_agent},
    rejection::NotLoaded,
    transaction::Transaction,
};
use uuid::Uuid;

use super::new_agent::NewAgent;
use crate::{
    access::Caller,
    answer::{EntityRef, Reply},
    app::{App, Call},
    extract::{Body, IfMatch, OnlyNew, Path, Query},
    problem::Problem,
    routes::scope::Scope,
};

/// `POST /api/agents/{agent}/spawn`: a sub-agent of this agent, for a purpose, within the limits on spawning. It has no
/// more of anything than its parent, which asks for it unless the body names another actor.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `forbidden`, `rule-broken`, `agent-not-active`,
/// `already-exists`, `malformed-query`, `precondition-failed`, `limit-reached`, `actor-mismatch`.
pub async fn spawn(
    State(app): State<App>,
    caller: Caller,
    Path(parent): Path<String>,
    Query(scope): Query<Scope>,
    only_new: OnlyNew,
    body: Body<NewAgent>,
) -> Result<Response, Problem> {
    let (parent, project) = app.find(|views| scope.agent_to_change(views, &caller, &parent)).await?;
    let named = body.value.project_id.as_deref();
    if app
        .find(|views| scope.with(views, caller.reach(), "projectId", named))
        .await?
        .is_some_and(|named| named != project)
    {
        return Err(Problem::invalid_field("projectId", "is not the project of its parent"));
    }
    let actor = app.actor(&caller, body.actor, Some(("agentId", &parent.to_string())), None).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, IfMatch::Any);
    create(&app, parent, &body.value, only_new, &call).await
}

/// Creates a sub-agent of `parent`, or lets a known one come back.
pub(super) async fn create(
    app: &App,
    parent: AgentId,
    new: &NewAgent,
    only_new: OnlyNew,
    call: &Call,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("agent", parent);
    let project = app.find(|views| views.agents.project_of(parent).ok_or_else(unknown)).await?;
    let policy = app.policy(project).await?;
    let profile = new.profile(&policy)?;
    let missing = || Problem::invalid_field("purpose", "say what the sub-agent is for");
    let purpose = new.purpose.clone().ok_or_else(missing)?;
    let _turn = app.turn(project.uuid()).await?;
    let believed = app.read(|views| views.agents.active()).await?;
    let (squad, claims) = (app.squad(project).await?, app.claims(project, &profile.name).await?);
    let id = AgentId::new(Uuid::now_v7());
    app.write(call, |tx| {
        let project = tx.get::<Agent>(&parent)?.registered()?.project();
        let names = Names::load(tx, project, &profile.name, &claims)?;
        let (child, known) = match names.bearer() {
            Some(known) => (known.clone(), true),
            None => (tx.create::<Agent>(id), false),
        };
        only_new.check("an agent of this name", known.then_some(child.version))?;
        let active_agents = count_active(tx, &believed)?;
        let (profile, purpose) = (new.declared(&profile, &child), purpose.clone());
        let request = SpawnAgent { profile, purpose, active_agents, squad };
        spawn_agent(tx, project, &names, child.id, parent, request)?;
        let shown = EntityRef::Agent(child.id);
        Ok(if known { Reply::Changed(shown) } else { Reply::Created(shown) })
    })
    .await
}

/// How many of these agents, and of the sub-agents they have by now, are active. The spawn is decided on all of them as they
/// are, so of two that race for the last place the slower one is decided again, and counts the other's sub-agent.
fn count_active(tx: &mut Transaction<'_>, believed: &[AgentId]) -> Result<u32, NotLoaded> {
    let (mut known, mut to_ask, mut active) = (BTreeSet::new(), believed.to_vec(), 0);
    while let Some(id) = to_ask.pop() {
        if !known.insert(id) {
            continue;
        }
        let agent = tx.get::<Agent>(&id)?;
        active += u32::from(agent.status() == Some(Status::Active));
        to_ask.extend(agent.registered().iter().flat_map(|agent| agent.children().iter()));
    }
    Ok(active)
}
