//! Registering an agent, and changing its profile.

use axum::http::Method;
use mc_domain::{agent::Role, task::TaskType};

use super::{read, route};
use crate::web::{
    Shell, Visit,
    form::{Empty, Field, Form, Kind},
    html::Refused,
    times,
    visit::Names,
};

const EMOJI: &str = "Shown with its name. It may stay empty.";
const TYPES: &str = "It accepts tasks of these types; of all types when none is chosen.";
const TOOLS: &str = "One a line; all that the policy allows when empty.";
const CAP: &str = "In dollars. Empty for what its role may spend.";
const INTERVAL: &str = "How many seconds may pass between two heartbeats, at most 86400.";

/// Changes what an agent is and may do.
pub(in crate::web) async fn edit(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let agent = read(visit, names).await?;
    let path = visit.api(&route(names), &["project"], &[]);
    let back = visit.api(&agent.address(""), &["project"], &[]);
    let (daily, per_run) = (agent.budgets.daily_cap, agent.budgets.per_run_cap);
    Ok(Form::new(format!("Edit {}", agent.name), Method::PATCH, path, &back)
        .field(name().value(&agent.name))
        .field(emoji().or(Empty::Null).value(agent.emoji.unwrap_or_default()))
        .field(role().value(&agent.role))
        .field(types().values(agent.allowed_task_types).or(Empty::List))
        .field(tools().values(agent.allowed_tools).or(Empty::List))
        .field(daily_cap().or(Empty::Null).value(daily.to_string()))
        .field(per_run_cap().or(Empty::Null).value(per_run.to_string()))
        .field(interval().value(agent.heartbeat_interval_secs.to_string()))
        .version(agent.version)
        .done(format!("{} is changed", agent.name)))
}

/// Registers an agent.
pub(in crate::web) async fn register(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let shell = visit.shell("Register an agent", "/agents").await?;
    let (path, back) = (visit.api("/api/agents", &["project"], &[]), visit.api("/agents", &["project"], &[]));
    let form = Form::new("Register an agent", Method::POST, path, &back)
        .intro("One that is known by this name comes back as it was, with the types and tools that you name here.")
        .field(name())
        .field(emoji())
        .field(role().value("intern"))
        .field(types())
        .field(tools())
        .field(daily_cap())
        .field(per_run_cap())
        .field(interval())
        .submit("Register")
        .done("The agent is registered");
    Ok(match project(&shell) {
        Some(project) => form.field(project),
        None => form,
    })
}

/// The choice of a project, where none is chosen and there are several.
fn project(shell: &Shell) -> Option<Field> {
    let has_choice = shell.chosen.is_empty() && shell.projects.len() > 1;
    let projects = shell.projects.iter().map(|project| (project.slug.clone(), project.name.clone()));
    let choice = || Field::new("projectId", "Project", Kind::Choice(projects.collect())).required();
    has_choice.then(choice)
}

fn name() -> Field {
    Field::new("name", "Name", Kind::Line).required()
}

fn emoji() -> Field {
    Field::new("emoji", "Emoji", Kind::Line).help(EMOJI)
}

fn role() -> Field {
    let roles = Role::ALL.iter().map(|role| (role.to_string(), role.to_string()));
    Field::new("role", "Role", Kind::Choice(roles.collect())).required()
}

fn types() -> Field {
    let types = TaskType::ALL.iter().map(ToString::to_string).map(|kind| (kind.clone(), times::words(&kind)));
    Field::new("allowedTaskTypes", "Types of tasks", Kind::Choices(types.collect())).help(TYPES)
}

fn tools() -> Field {
    Field::new("allowedTools", "Tools", Kind::Lines).help(TOOLS)
}

fn daily_cap() -> Field {
    Field::new("budgets.dailyCap", "Daily cap", Kind::Number).help(CAP)
}

fn per_run_cap() -> Field {
    Field::new("budgets.perRunCap", "Cap per run", Kind::Number).help(CAP)
}

fn interval() -> Field {
    Field::new("heartbeatIntervalSecs", "Heartbeat interval", Kind::Number).help(INTERVAL)
}
