//! Creating a task, assigned to somebody or not.

use std::collections::BTreeSet;

use crate::{
    agent::TypeRule,
    consequence::crew::crew_named,
    ids::{AgentId, ProjectId, TaskId},
    project::{self, Project},
    rejection::Rejection,
    task::{self, Crew, Details, Task},
    transaction::Transaction,
};

/// What a new task is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTask {
    /// Title, type, priority, budget and the other fields that an operator edits later.
    pub details: Details,
    /// Who is to have it; with nobody it stays in the inbox.
    pub assignees: BTreeSet<AgentId>,
    /// How many tasks are open that the same creator created. The caller counts them; an agent is held to the policy's
    /// limit.
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
    tx: &mut Transaction<'_>,
    project: ProjectId,
    task: TaskId,
    parent: Option<TaskId>,
    request: CreateTask,
) -> Result<(), Rejection> {
    if *tx.get::<Project>(&project)? == Project::Absent {
        return Err(project::Rejection::NotFound.into());
    }
    if let Some(parent) = parent
        && !tx.get::<Task>(&parent)?.present().is_ok_and(|parent| parent.project == project)
    {
        return Err(Rejection::UnknownParent);
    }
    let CreateTask { details, assignees, open } = request;
    creator_may_create(tx, project, open)?;
    for reviewer in &details.reviewers {
        tx.agent(*reviewer)?.registered()?.belongs_to(project)?;
    }
    let kind = details.kind;
    let task = tx.get::<Task>(&task)?;
    let task = tx.execute(&task, task::Command::Create { project, details, parent })?;
    if !assignees.is_empty() {
        let ready = crew_named(tx, &assignees, (project, kind), TypeRule::Enforced)?;
        let crew = Crew { assignees, ready, lease: None };
        tx.execute(&task, task::Command::Assign { crew, reason: None })?;
    }
    Ok(())
}

fn creator_may_create(tx: &mut Transaction<'_>, project: ProjectId, open: u32) -> Result<(), Rejection> {
    let Some(creator) = tx.actor().agent() else { return Ok(()) };
    let creator = tx.agent(creator)?;
    creator.registered()?.belongs_to(project)?;
    creator.registered()?.may_speak()?;
    let limit = tx.policy().limits.max_open_tasks;
    if open >= limit { Err(task::Rejection::TooManyOpen { limit }.into()) } else { Ok(()) }
}
