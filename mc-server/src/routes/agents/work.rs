//! An agent and the task it works on.

use mc_domain::{
    agent::{Agent, Command},
    aggregate::{Aggregate, CommandContext},
    operation::{Decision, Entity, Rejection},
    task::Task,
};
use mc_store::{error::StoreError, repository::UnitOfWork};

/// Decides a command that changes the agent and nothing else.
pub(super) fn alone(
    agent: &Entity<Agent>,
    command: Command,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let events = agent.decide(command, context)?;
    let project = agent.registered()?.project;
    Ok(Decision::of(agent, Some(project), events))
}

/// Loads the task that an agent works on, where it has one.
pub(super) fn work_of(
    unit: &mut UnitOfWork<'_>,
    agent: &Entity<Agent>,
) -> Result<Option<Entity<Task>>, StoreError> {
    let work = agent.registered().ok().and_then(|agent| agent.work);
    work.map(|work| unit.load::<Task>(&work.task)).transpose()
}
