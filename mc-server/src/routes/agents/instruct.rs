//! What operators order one agent to do: pause, resume, drain, quarantine, restart.

use axum::{
    extract::{FromRequest, State},
    response::Response,
};
use mc_domain::{
    agent::Agent,
    ids::AgentId,
    operation::{Rejection, drain_agent, pause_agent, quarantine_agent, restart_agent, resume_agent},
    transaction::Transaction,
    values::Reason,
};
use serde::Deserialize;

use crate::{
    app::App,
    extract::{Body, Contract, Honours, IfMatch, Path, Query},
    problem::Problem,
    routes::scope::Scope,
};

/// Why something is done to an agent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Because {
    reason: Option<Reason>,
}

/// `POST /api/agents/{agent}/pause`: it stops until resumed.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn pause(instruction: Instruction) -> Result<Response, Problem> {
    instruction.carry_out(pause_agent).await
}

/// `POST /api/agents/{agent}/resume`: it works again; in a squad that is paused, alone.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn resume(instruction: Instruction) -> Result<Response, Problem> {
    instruction.carry_out(resume_agent).await
}

/// `POST /api/agents/{agent}/drain`: it finishes its current task and takes no new one.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub async fn drain(instruction: Instruction) -> Result<Response, Problem> {
    instruction.carry_out(drain_agent).await
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
    /// Runs the operation on the agent, with the reason that was given.
    async fn carry_out(
        self,
        operation: fn(&mut Transaction<'_>, AgentId, Option<Reason>) -> Result<(), Rejection>,
    ) -> Result<Response, Problem> {
        let Self { app: State(app), agent: Path(agent), scope: Query(scope), condition, body } = self;
        let (id, project) = app.find(|views| scope.agent(views, &agent)).await?;
        let actor = app.actor(body.actor, None, None).await?;
        let call = app.call(Some(project), actor, body.keyed, condition);
        let note = body.value.reason;
        app.change::<Agent, _>(&call, id, |tx, _| Ok(operation(tx, id, note.clone())?)).await
    }
}
