//! Alerts, raised and resolved in the commit of what they tell of.

use crate::{
    agent::Registered,
    alert::{self, Alert, Key, Kind, Raise, Subject},
    ids::{AgentId, AlertId, ProjectId, RunId, TaskId},
    rejection::Rejection,
    task::Task,
    text::visible,
    transaction::{Entity, Transaction},
    values::{Reason, Text, Title},
};

/// What an alert is about and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Warning {
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
    pub(crate) fn new(kind: Kind, subject: Subject, project: ProjectId, title: String) -> Self {
        let agent = if let Subject::Agent(agent) = subject { Some(agent) } else { None };
        let task = if let Subject::Task(task) = subject { Some(task) } else { None };
        let run = if let Subject::Run(run) = subject { Some(run) } else { None };
        Self { kind, subject, project, title, description: None, agent, task, run }
    }

    /// An alert about an agent: its name and what it did.
    pub(crate) fn of_agent(kind: Kind, id: AgentId, agent: &Registered, did: &str) -> Self {
        let title = format!("{} {did}", agent.profile.name);
        Self::new(kind, Subject::Agent(id), agent.project, title)
    }

    /// An alert about a task: what happened to it, and its title.
    fn of_task(kind: Kind, task: &Entity<Task>, what: &str) -> Result<Self, Rejection> {
        let present = task.present()?;
        let title = format!("{what}: {}", present.details.title);
        Ok(Self::new(kind, Subject::Task(task.id), present.project, title))
    }

    pub(crate) fn saying(self, description: impl ToString) -> Self {
        Self { description: Some(description.to_string()), ..self }
    }

    /// The same, saying why where somebody said why.
    pub(crate) fn because(self, reason: Option<&Reason>) -> Self {
        match reason {
            Some(reason) => self.saying(reason),
            None => self,
        }
    }

    pub(crate) fn concerning(self, agent: AgentId, task: Option<TaskId>, run: Option<RunId>) -> Self {
        Self { agent: Some(agent), task: self.task.or(task), run, ..self }
    }
}

/// Raises an alert, or counts the repeat where it is open.
pub(crate) fn raise(tx: &mut Transaction<'_>, warning: Warning) -> Result<(), Rejection> {
    execute(tx, warning, alert::Command::Raise)
}

/// Raises an alert, and does nothing where it is open.
pub(crate) fn raise_once(tx: &mut Transaction<'_>, warning: Warning) -> Result<(), Rejection> {
    execute(tx, warning, alert::Command::RaiseOnce)
}

fn execute(
    tx: &mut Transaction<'_>,
    warning: Warning,
    command: fn(Raise) -> alert::Command,
) -> Result<(), Rejection> {
    let Warning { kind, subject, project, title, description, agent, task, run } = warning;
    let alert = tx.get::<Alert>(&Key::new(kind, subject))?;
    let title =
        Title::truncated(&visible(&title)).expect("it is made of words and of names, which are on one line");
    let description = description.as_deref().and_then(Text::truncated);
    let id = episode_id(&alert.id, alert.version);
    let raise = Raise { description, agent, task, run, ..Raise::new(id, kind, project, title) };
    tx.as_system().execute_in(Some(project), &alert, command(raise))?;
    Ok(())
}

/// Resolves an alert whose cause is gone.
pub(crate) fn resolve(tx: &mut Transaction<'_>, key: Key) -> Result<(), Rejection> {
    let alert = tx.get::<Alert>(&key)?;
    if let Some(episode) = alert.open() {
        let resolve = alert::Command::Resolve { id: episode.id, note: None };
        tx.as_system().execute_in(Some(episode.project), &alert, resolve)?;
    }
    Ok(())
}

/// Tells that `task` was blocked, which no person decided as such.
pub(crate) fn alert_block(
    tx: &mut Transaction<'_>,
    task: &Entity<Task>,
    agent: Option<AgentId>,
    reason: Option<&Reason>,
) -> Result<(), Rejection> {
    let warning = Warning::of_task(Kind::TaskBlocked, task, "Blocked")?.because(reason);
    let warning = match agent {
        Some(agent) => warning.concerning(agent, None, None),
        None => warning,
    };
    raise(tx, warning)
}

/// Tells that `task` goes round in circles.
pub(crate) fn alert_loop(tx: &mut Transaction<'_>, task: &Entity<Task>) -> Result<(), Rejection> {
    let warning = Warning::of_task(Kind::LoopDetected, task, "Loop detected")?;
    raise(tx, warning)
}

/// Resolves what told that `task` is blocked once it is not any more.
pub(crate) fn resolve_block_alerts(tx: &mut Transaction<'_>, task: TaskId) -> Result<(), Rejection> {
    [Kind::TaskBlocked, Kind::LoopDetected]
        .into_iter()
        .try_for_each(|kind| resolve(tx, Key::new(kind, Subject::Task(task))))
}

/// Tells of an agent that makes one error after the other, from the policy's warning threshold on.
pub(crate) fn alert_errors(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    error: Option<&Reason>,
) -> Result<(), Rejection> {
    let agent = tx.agent(agent)?;
    let registered = agent.registered()?;
    if registered.error_streak < tx.policy().timeouts.error_streak_warning {
        return Ok(());
    }
    let did = format!("has made {} errors in a row", registered.error_streak);
    raise(tx, Warning::of_agent(Kind::ErrorStreak, agent.id, registered, &did).because(error))
}

/// Derived from the subject, the type and the stream's version: few commands ever need one, so no caller has to draw it,
/// and each retry of a command gets the same.
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
