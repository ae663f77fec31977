//! How do the activity feed and a task's timeline tell one event?
//!
//! The projections [`crate::activity`] and [`crate::timeline`] keep positions of the log; these are the entries that
//! the events there are answered as.

use mc_domain::{
    ids::ProjectId,
    json::Json,
    recorded::{AnyEvent, Recorded, StreamId},
};
use serde::Serialize;

use crate::{
    agents::ActorView,
    event_data::event_data,
    instant::Millis,
    summary::{Naming, sentence},
    views::Views,
};

/// One piece of news in the activity feed, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityEntry {
    /// The position of the event in the log, from 1.
    pub position: u64,
    /// The time at which the event was recorded.
    pub at: Millis,
    /// The stored name of the event, such as `task.claimed`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Who caused the event, by the name that the agent has now.
    pub actor: ActorView<'static>,
    /// What happened, in one sentence without a full stop; tasks go by their titles.
    pub summary: String,
    /// The aggregate that the event happened to.
    pub entity: Entity,
    /// The project that the event belongs to; absent for what concerns all projects, such as the global policy.
    pub project_id: Option<ProjectId>,
}

/// What an event happened to: the stream it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// The aggregate type, such as `task`.
    pub kind: String,
    /// The identity within that type: mostly a UUID, for budgets and alerts a key of several parts.
    pub id: String,
}

impl Entity {
    pub(crate) fn of(stream: &StreamId) -> Self {
        Self { kind: stream.aggregate_type.to_string(), id: stream.aggregate_id.clone() }
    }
}

/// Renders an event as a piece of news; the views give names to agents and titles to tasks.
pub fn activity_entry(event: &Recorded<AnyEvent>, views: &Views) -> ActivityEntry {
    ActivityEntry {
        position: event.position,
        at: Millis(event.metadata.recorded_at),
        kind: event.event.name(),
        actor: views.agents.actor(&event.metadata.actor).into_owned(),
        summary: sentence(event, views, Naming::Titled),
        entity: Entity::of(&event.stream),
        project_id: event.metadata.project,
    }
}

/// One thing that happened to a task, as its timeline answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// The position of the event in the log, from 1.
    pub position: u64,
    /// The time at which the event was recorded.
    pub at: Millis,
    /// The stored name of the event, such as `task.claimed`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Who caused the event, by the name that the agent has now.
    pub actor: ActorView<'static>,
    /// What happened, in one sentence without a full stop that calls the task "the task".
    pub summary: String,
    /// What the event says, with money in dollars, and what was asked for digit by digit as it was sent.
    pub data: Json,
}

/// Renders an event as an entry of its task's timeline; the views give names to agents.
///
/// ```
/// use mc_domain::{task::{Event, Status}, values::Reason};
/// use mc_projections::{entries::timeline_entry, script::Script};
///
/// let mut script = Script::new();
/// let reason = Reason::new("the brief is missing")?;
/// script.task(1, |at| Event::Blocked { from: Status::Inbox, reason, at });
///
/// let entry = timeline_entry(&script.events()[0], &script.views());
/// assert_eq!(entry.summary, "Sofie blocked the task: the brief is missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn timeline_entry(event: &Recorded<AnyEvent>, views: &Views) -> TimelineEntry {
    TimelineEntry {
        position: event.position,
        at: Millis(event.metadata.recorded_at),
        kind: event.event.name(),
        actor: views.agents.actor(&event.metadata.actor).into_owned(),
        summary: sentence(event, views, Naming::Plain),
        data: event_data(&event.event),
    }
}
