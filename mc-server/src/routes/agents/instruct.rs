//! What operators order one agent to do: pause, resume, drain, quarantine, restart.

use axum::{
    extract::{FromRequest, State},
    response::Response,
};
use mc_domain::{
    agent::{Agent, Command, PauseReason},
    aggregate::CommandContext,
    operation::{Cast, Decision, Entity, Rejection, quarantine_agent, restart_agent, resume_agent},
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
