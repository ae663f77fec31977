//! The instructions of operators to one agent: pause, resume, drain, quarantine, restart.

use axum::{
    extract::{FromRequest, State},
    response::Response,
};
use futures_util::future::BoxFuture;
use mc_domain::{
    agent::{Agent, Command, PauseReason},
    aggregate::CommandContext,
    operation::{Cast, Decision, Entity, Rejection, resume_agent},
    task::Task,
    values::Reason,
};
use serde::Deserialize;

use super::work::{alone, work_of};
use crate::{
    answer::{EntityRef, Reply},
    app::App,
    decide::ask,
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

/// Decides what an instruction changes, from the agent, the task it works on, and the reason given.
pub type Decide = fn(
    &Entity<Agent>,
    Option<&Entity<Task>>,
    Option<Reason>,
    &Cast,
    &CommandContext,
) -> Result<Decision, Rejection>;

/// The handler of a route that instructs one agent. All of them take the same request and differ in `decide` alone.
///
/// Problems: `not-found`, `malformed-body`, `illegal-transition`, `forbidden`, `precondition-failed`.
pub fn instruct(
    decide: Decide,
) -> impl Fn(Instruction) -> BoxFuture<'static, Result<Response, Problem>> + Clone {
    move |instruction| Box::pin(instruction.carry_out(decide))
}

/// `POST /api/agents/{agent}/pause`: it stops until resumed.
pub fn pause(
    agent: &Entity<Agent>,
    _: Option<&Entity<Task>>,
    note: Option<Reason>,
    _: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    alone(agent, Command::Pause { reason: PauseReason::Operator, note }, context)
}

/// `POST /api/agents/{agent}/resume`: it works again, also alone in a squad that is paused.
pub fn resume(
    agent: &Entity<Agent>,
    _: Option<&Entity<Task>>,
    note: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    resume_agent(agent, note, cast, context)
}

/// `POST /api/agents/{agent}/drain`: it finishes its current task and takes no new one.
pub fn drain(
    agent: &Entity<Agent>,
    _: Option<&Entity<Task>>,
    note: Option<Reason>,
    _: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    alone(agent, Command::Drain { note }, context)
}

/// The request of every instruction, as its handler takes it.
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
    async fn carry_out(self, decide: Decide) -> Result<Response, Problem> {
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
