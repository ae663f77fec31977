//! Alerts as consequences: raised and resolved in the commit of what they tell of.

use super::{Cast, Decision, Rejection, by_system};
use crate::{
    agent::Registered,
    aggregate::{Aggregate, CommandContext},
    alert::{self, Alert, Key, Kind, Raise, Subject},
    ids::{AgentId, AlertId, ProjectId, RunId, TaskId},
    text::visible,
    values::{Text, Title},
};

/// What an alert is about and what it says.
#[derive(Debug, Clone)]
pub(super) struct Warning {
    kind: Kind,
    subject: Subject,
    project: ProjectId,
    title: String,
    description: Option<String>,
    agent: Option<AgentId>,
    task: Option<TaskId>,
    run: Option<RunId>,
}

impl Warning {
    pub(super) fn new(kind: Kind, subject: Subject, project: ProjectId, title: String) -> Self {
        let agent = if let Subject::Agent(agent) = subject { Some(agent) } else { None };
        let task = if let Subject::Task(task) = subject { Some(task) } else { None };
        let run = if let Subject::Run(run) = subject { Some(run) } else { None };
        Self { kind, subject, project, title, description: None, agent, task, run }
    }

    /// About an agent.
    pub(super) fn of_agent(kind: Kind, id: AgentId, agent: &Registered, says: &str) -> Self {
        let title = format!("{} {says}", agent.profile.name);
        Self::new(kind, Subject::Agent(id), agent.project, title)
    }

    pub(super) fn saying(self, description: String) -> Self {
        Self { description: Some(description), ..self }
    }

    pub(super) fn concerning(self, agent: AgentId, task: Option<TaskId>, run: Option<RunId>) -> Self {
        Self { agent: Some(agent), task: self.task.or(task), run, ..self }
    }
}

/// Raises an alert, or counts the repeat where it is open.
pub(super) fn raise(
    decision: &mut Decision,
    warning: Warning,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    decide(decision, warning, alert::Command::Raise, cast, context)
}

/// Raises an alert, and does nothing where it is open.
pub(super) fn raise_once(
    decision: &mut Decision,
    warning: Warning,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    decide(decision, warning, alert::Command::RaiseOnce, cast, context)
}

fn decide(
    decision: &mut Decision,
    warning: Warning,
    command: fn(Raise) -> alert::Command,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let Warning { kind, subject, project, title, description, agent, task, run } = warning;
    let alert = cast.find::<Alert>(&Key::new(kind, subject))?.after_decision(decision);
    let title =
        Title::truncated(&visible(&title)).expect("it is made of words and of names, which are on one line");
    let description = description.as_deref().and_then(Text::truncated);
    let id = episode_id(&alert.id, alert.version);
    let raise = Raise { description, agent, task, run, ..Raise::new(id, kind, project, title) };
    let events = alert.decide(command(raise), &by_system(context))?;
    decision.add(&alert, Some(project), events);
    Ok(())
}

/// Resolves an alert whose cause is gone.
pub(super) fn resolve(
    decision: &mut Decision,
    key: Key,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let alert = cast.find::<Alert>(&key)?.after_decision(decision);
    let Some(episode) = alert.open() else { return Ok(()) };
    let command = alert::Command::Resolve { id: episode.id, note: None };
    let events = alert.decide(command, &by_system(context))?;
    decision.add(&alert, Some(episode.project), events);
    Ok(())
}

/// Derived from the subject, the type and the stream's version instead of drawn by the caller: hardly a command ever
/// needs it, and each retry of one gets the same.
fn episode_id(key: &Key, version: u64) -> AlertId {
    let subject = match key.subject {
        Subject::Project(id) => id.uuid(),
        Subject::Agent(id) => id.uuid(),
        Subject::Task(id) => id.uuid(),
        Subject::Run(id) => id.uuid(),
        Subject::Approval(id) => id.uuid(),
        Subject::Notification(id) => id.uuid(),
        Subject::Log => uuid::Uuid::nil(),
    };
    let kind = (key.kind as u128 + 1) << 48;
    AlertId::new(uuid::Uuid::from_u128(subject.as_u128() ^ kind ^ u128::from(version)))
}
