//! How was one entity at a position of the log, and how was everything?
//!
//! An entity may hang on more than its own stream: an agent on the budgets of its days, a task on its own budget. The
//! answer is a fold of exactly these streams, so it costs what the entity's history costs and not what the log does.

use mc_domain::{
    agent::Agent,
    alert::{self, Alert},
    approval::Approval,
    budget::{self, Budget},
    ids::{AgentId, ApprovalId, NotificationId, ProjectId, RunId, TaskId},
    notification::Notification,
    project::Project,
    recorded::StreamId,
    run::Run,
    task::Task,
};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS},
};

use crate::views::Views;

/// An entity that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A project.
    Project(ProjectId),
    /// An agent.
    Agent(AgentId),
    /// A task.
    Task(TaskId),
    /// A run.
    Run(RunId),
    /// An approval.
    Approval(ApprovalId),
    /// A notification.
    Notification(NotificationId),
    /// The alerts of one type about one subject; [`crate::alerts::Alerts::key`] finds it for an episode.
    Alert(alert::Key),
}

impl Subject {
    /// The streams that its answer is a fold of, as `views` of now know them.
    ///
    /// ```
    /// use mc_projections::{then::Subject, views::Views};
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
                // A halt of its squad is in how it stands.
                let project = views.agents.project_of(*id).map(|project| StreamId::of::<Project>(&project));
                [StreamId::of::<Agent>(id)].into_iter().chain(project).chain(budgets).collect()
            }
            Self::Task(id) => {
                vec![StreamId::of::<Task>(id), StreamId::of::<Budget>(&budget::Key::Task(*id))]
            }
            Self::Run(id) => vec![StreamId::of::<Run>(id)],
            Self::Approval(id) => vec![StreamId::of::<Approval>(id)],
            Self::Notification(id) => vec![StreamId::of::<Notification>(id)],
            Self::Alert(key) => vec![StreamId::of::<Alert>(key)],
        }
    }
}

/// The views of nothing but `streams`, up to `position`.
///
/// # Errors
/// - [`StoreError::Unavailable`] when the log does not answer.
/// - [`StoreError::Corrupt`] when an event cannot be read.
pub async fn then(log: &dyn EventLog, streams: &[StreamId], position: u64) -> Result<Views, StoreError> {
    let mut events = Vec::new();
    for stream in streams {
        read_up_to(log, stream, position, &mut events).await?;
    }
    events.sort_unstable_by_key(|event| event.position);
    let mut views = Views::default();
    events.iter().for_each(|event| views.apply(event));
    Ok(views)
}

/// The views of the log up to `position`, such as that of [`crate::hours::Hours::last_by`]: what was recorded on a day and
/// before is in them, also where the clock was set back. It costs what the log up to there costs.
///
/// # Errors
/// As [`then`].
pub async fn world_at(log: &dyn EventLog, position: u64) -> Result<Views, StoreError> {
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

async fn read_up_to(
    log: &dyn EventLog,
    stream: &StreamId,
    position: u64,
    events: &mut Vec<mc_domain::recorded::Recorded<mc_domain::recorded::AnyEvent>>,
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
