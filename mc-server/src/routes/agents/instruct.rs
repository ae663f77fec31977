//! The instructions of operators to one agent: pause, resume, drain, quarantine, restart.

use axum::{
    extract::{FromRequest, State},
    response::Response,
};
use futures_util::future::BoxFuture;
use mc_domain::{agent::Agent, ids::AgentId, operation::Rejection, transaction::Transaction, values::Reason};
use serde::Deserialize;

use crate::{
    access::Caller,
    app::App,
    extract::{Body, Contract, Honours, IfMatch, Path, Query},
    problem::Problem,
    routes::scope::Scope,
};

/// The body of an instruction; the reason is recorded with it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Because {
    reason: Option<Reason>,
}

/// An operation on one agent, with the reason that an operator gives for it.
pub type Operation = fn(&mut Transaction<'_>, AgentId, Option<Reason>) -> Result<(), Rejection>;

/// The handler of a route that instructs one agent. All of them take the same request and differ in the operation alone.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`, `actor-mismatch`.
pub fn instruct(
    operation: Operation,
) -> impl Fn(Instruction) -> BoxFuture<'static, Result<Response, Problem>> + Clone {
    move |instruction| Box::pin(instruction.carry_out(operation))
}

/// The request of every instruction, as its handler takes it.
#[derive(FromRequest)]
#[from_request(state(App))]
pub struct Instruction {
    app: State<App>,
    caller: Caller,
    agent: Path<String>,
    scope: Query<Scope>,
    condition: IfMatch,
    body: Body<Because>,
}

impl Honours for Instruction {
    fn declare(contract: &mut Contract) {
        <((), State<App>, Caller, Path<String>, Query<Scope>, IfMatch, Body<Because>)>::declare(contract);
    }
}

impl Instruction {
    /// Runs the operation on the agent, with the reason that was given.
    async fn carry_out(self, operation: Operation) -> Result<Response, Problem> {
        let Self { app: State(app), caller, agent: Path(agent), scope: Query(scope), condition, body } = self;
        let (id, project) = app.find(|views| scope.agent_to_change(views, &caller, &agent)).await?;
        let actor = app.actor(&caller, body.actor, None, None).await?;
        let call = app.call(&caller, Some(project), actor, body.keyed, condition);
        let note = body.value.reason;
        app.change::<Agent, _>(&call, id, |tx, _| Ok(operation(tx, id, note.clone())?)).await
    }
}
