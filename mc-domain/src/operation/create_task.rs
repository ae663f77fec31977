//! Creating a task, and at once giving it to someone where that is asked.

use std::collections::BTreeSet;

use super::{Cast, Decision, Entity, Rejection, start_task::crew_named};
use crate::{
    agent::TypeRule,
    aggregate::{Aggregate, CommandContext},
    ids::AgentId,
    project::{self, Project},
    task::{self, Crew, Details, Task},
};

/// What is asked for with a new task.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTask {
    /// What it is about.
    pub details: Details,
    /// Who is to have it; nobody leaves it in the inbox.
    pub assignees: BTreeSet<AgentId>,
    /// How many tasks that its creator created are open.
    pub open: u32,
}

/// Creates `task` in `project`, as part of `parent` where one is named. An agent that creates one must be of the project,
/// and neither quarantined nor offline.
///
/// # Errors
/// - [`project::Rejection::NotFound`] when there is no such project.
/// - [`Rejection::UnknownParent`] when the parent is not a task of the project.
/// - [`Rejection::UnknownAgent`] or an agent's rejection when an assignee cannot take it.
/// - [`task::Rejection::OperatorOnly`] when an agent assigns it, or gives it more than the default budget.
/// - [`task::Rejection::TooManyOpen`] when an agent has created as many open tasks as the policy allows.
pub fn create_task(
    project: &Entity<Project>,
    task: &Entity<Task>,
    parent: Option<&Entity<Task>>,
    wish: CreateTask,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    if **project == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    if parent.is_some_and(|parent| !parent.present().is_ok_and(|parent| parent.project == project.id)) {
        return Err(Rejection::UnknownParent);
    }
    if let Some(creator) = context.actor.agent() {
        let creator = cast.agent(creator)?.registered()?;
        creator.belongs_to(project.id)?;
        creator.may_speak()?;
        let limit = context.policy.limits.max_open_tasks;
        if wish.open >= limit {
            return Err(task::Rejection::TooManyOpen { limit }.into());
        }
    }
    let CreateTask { details, assignees, .. } = wish;
    let kind = details.kind;
    for reviewer in &details.reviewers {
        cast.agent(*reviewer)?.registered()?.belongs_to(project.id)?;
    }
    let create =
        task::Command::Create { project: project.id, details, parent: parent.map(|parent| parent.id) };
    let mut events = task.decide(create, context)?;
    if !assignees.is_empty() {
        let ready = crew_named(&assignees, project.id, kind, TypeRule::Enforced, cast, context)?;
        let assign = task::Command::Assign { crew: Crew { assignees, ready, lease: None }, reason: None };
        events.extend(task.after(&events).decide(assign, context)?);
    }
    Ok(Decision::of(task, Some(project.id), events))
}
