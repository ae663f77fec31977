//! What was done, when, by whom, to what, and what changed by it?
//!
//! Nothing here is kept between two questions: [`Auditor`] goes through the log event by event and folds the streams it
//! meets, as many as it may remember, so a day with a million events takes no more memory than one with a thousand.

mod export;
mod shown;
mod states;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use mc_domain::{
    ids::{EventId, ProjectId},
    json::Json,
    recorded::{AnyEvent, Recorded},
};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, StoredEvent},
};
use serde::Serialize;

pub use export::{CSV_HEADER, cloud_event, csv_line};

use crate::{
    agents::ActorView,
    entries::Entity,
    instant::Millis,
    summary::{Naming, sentence},
    views::Views,
};
use shown::changed;
use states::States;

/// The most events prepared at once: their streams have to be remembered together.
pub const MAX_STRETCH_EVENTS: usize = states::STREAMS_PER_GENERATION;

/// One recorded event, as auditors read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Where in the log.
    pub position: u64,
    /// When.
    pub at: Millis,
    /// Who did it.
    pub actor: ActorView<'static>,
    /// What was done, by the name of the event.
    pub action: Cow<'static, str>,
    /// What it was done to.
    pub entity: Entity,
    /// The project it belongs to.
    pub project_id: Option<ProjectId>,
    /// What was done, in one sentence.
    pub summary: String,
    /// What changed, as it was before.
    pub before: BTreeMap<String, Json>,
    /// What changed, as it was after.
    pub after: BTreeMap<String, Json>,
    /// The identity of the event.
    pub event_id: EventId,
}

/// An event that was read and decoded; nothing is decoded of another service's.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// As it is stored.
    pub stored: StoredEvent,
    /// What it means.
    pub recorded: Option<Recorded<AnyEvent>>,
}

impl Audited {
    /// An event as it was read, decoded.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when it cannot be decoded.
    /// - [`StoreError::NewerEvent`] when a newer version of this program has written it.
    pub fn new(stored: StoredEvent) -> Result<Self, StoreError> {
        let recorded = codec::decode_any(&stored)?;
        Ok(Self { stored, recorded })
    }
}

/// Goes through the log in order, and knows what each event changed.
#[derive(Debug, Default)]
pub struct Auditor {
    states: States,
}

impl Auditor {
    /// Reads up on the streams that a stretch of the log is about, at most [`MAX_STRETCH_EVENTS`], so that
    /// [`Auditor::entry`] can be asked about each of its events in turn.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when the log does not answer.
    /// - [`StoreError::Corrupt`] when an event cannot be read.
    pub async fn prepare(&mut self, log: &Arc<dyn EventLog>, stretch: &[Audited]) -> Result<(), StoreError> {
        self.states.prepare(log, stretch).await
    }

    /// The entry for an event that was prepared; the views give names.
    pub fn entry(&mut self, event: &Audited, views: &Views) -> AuditEntry {
        let Audited { stored, recorded } = event;
        let (before, after) = match recorded {
            Some(recorded) => {
                let (before, after) = self.states.evolve(recorded, views);
                changed(&before, after)
            }
            None => Default::default(),
        };
        let summary = match recorded {
            Some(recorded) => sentence(recorded, views, Naming::Titled),
            None => stored.event_type.clone().into_owned(),
        };
        AuditEntry {
            position: stored.position,
            at: Millis(stored.metadata.recorded_at),
            actor: views.agents.actor(&stored.metadata.actor).into_owned(),
            action: stored.event_type.clone(),
            entity: Entity::of(&stored.stream),
            project_id: stored.metadata.project,
            summary,
            before,
            after,
            event_id: stored.metadata.event_id,
        }
    }
}
