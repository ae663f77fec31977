//! How was one entity at an earlier position of the log, and how was everything?
//!
//! An entity may depend on more than its own stream: an agent on the budgets of its days, a task on its own budget.
//! The answer folds exactly these streams, so it costs as much as the entity's history and not as much as the log.

use mc_domain::{
    agent::Agent,
    alert::{self, Alert},
    approval::Approval,
    budget::{self, Budget},
    credential::Credential,
    ids::{AgentId, ApprovalId, CredentialId, NotificationId, ProjectId, RunId, TaskId},
    notification::Notification,
    project::Project,
    recorded::{AnyEvent, Recorded, StreamId},
    run::Run,
    task::Task,
};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS},
};

use crate::views::Views;

/// An entity whose earlier state can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A project, as [`crate::projects`] answers it.
    Project(ProjectId),
    /// An agent, as [`crate::agents`] answers it, with its squad's halt and its budgets.
    Agent(AgentId),
    /// A task, as [`crate::tasks`] answers it, with what sub-agents spent on it.
    Task(TaskId),
    /// A run, as [`crate::runs`] answers it.
    Run(RunId),
    /// An approval, as [`crate::approvals`] answers it.
    Approval(ApprovalId),
    /// A notification, as [`crate::notifications`] answers it.
    Notification(NotificationId),
    /// A credential, as [`crate::credentials`] answers it.
    Credential(CredentialId),
    /// The alerts of one type about one subject; [`crate::alerts::Alerts::key`] finds it for an episode.
    Alert(alert::Key),
}

impl Subject {
    /// The streams to fold for the answer, as today's `views` know them.
    ///
    /// ```
    /// use mc_projections::{as_of::Subject, views::Views};
    ///
    /// let run = Subject::Run(uuid::Uuid::nil().into());
    /// let streams = run.streams(&Views::default());
    /// assert_eq!(streams[0].to_string(), "run-00000000-0000-0000-0000-000000000000");
    /// ```
    pub fn streams(&self, views: &Views) -> Vec<StreamId> {
        match self {
            Self::Project(id) => vec![StreamId::of::<Project>(id)],
            Self::Agent(id) => {
                let days = views.costs.budget_days(*id).map(|day| budget::Key::AgentDay(*id, day));
                let budgets = days.map(|key| StreamId::of::<Budget>(&key));
                // A halt of the squad pauses its agents, so the project's stream decides an agent's status too.
                let project = views.agents.project_of(*id).map(|project| StreamId::of::<Project>(&project));
                [StreamId::of::<Agent>(id)].into_iter().chain(project).chain(budgets).collect()
            }
            Self::Task(id) => {
                vec![StreamId::of::<Task>(id), StreamId::of::<Budget>(&budget::Key::Task(*id))]
            }
            Self::Run(id) => vec![StreamId::of::<Run>(id)],
            Self::Approval(id) => vec![StreamId::of::<Approval>(id)],
            Self::Notification(id) => vec![StreamId::of::<Notification>(id)],
            Self::Credential(id) => vec![StreamId::of::<Credential>(id)],
            Self::Alert(key) => vec![StreamId::of::<Alert>(key)],
        }
    }
}

/// Folds nothing but `streams`, each up to and including `position`. Questions to the result about other entities
/// find nothing.
///
/// # Errors
/// - [`StoreError::Unavailable`] when the log does not answer.
/// - [`StoreError::Corrupt`] when an event cannot be read.
pub async fn streams_as_of(
    log: &dyn EventLog,
    streams: &[StreamId],
    position: u64,
) -> Result<Views, StoreError> {
    let mut events = Vec::new();
    for stream in streams {
        read_up_to(log, stream, position, &mut events).await?;
    }
    events.sort_unstable_by_key(|event| event.position);
    let mut views = Views::default();
    events.iter().for_each(|event| views.apply(event));
    Ok(views)
}

/// Folds the whole log up to and including `position`, for example the last one of a day
/// ([`crate::hours::Hours::last_by`]). All that was recorded up to that day is in the result, even where the clock
/// was set back. It costs as much as the log up to there.
///
/// # Errors
/// As [`streams_as_of`].
pub async fn views_as_of(log: &dyn EventLog, position: u64) -> Result<Views, StoreError> {
    let (last, mut views) = (position, Views::default());
    let mut position = 0;
    while position < last {
        let page = log.read_all(position, MAX_PAGE_EVENTS).await?;
        let Some(end) = page.last().map(|stored| stored.position) else { break };
        for stored in page.iter().take_while(|stored| stored.position <= last) {
            if let Some(event) = codec::decode_any(stored)? {
                views.apply(&event);
            }
        }
        position = end;
    }
    Ok(views)
}

/// Appends to `events` those of one stream up to and including `position`.
async fn read_up_to(
    log: &dyn EventLog,
    stream: &StreamId,
    position: u64,
    events: &mut Vec<Recorded<AnyEvent>>,
) -> Result<(), StoreError> {
    let mut version = 0;
    loop {
        let page = log.read_stream(stream, version, MAX_PAGE_EVENTS).await?;
        for stored in page.iter().take_while(|stored| stored.position <= position) {
            events.extend(codec::decode_any(stored)?);
        }
        match page.last() {
            Some(last) if last.position < position && page.len() == MAX_PAGE_EVENTS => version = last.version,
            Some(_) | None => return Ok(()),
        }
    }
}
