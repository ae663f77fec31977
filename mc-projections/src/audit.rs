//! What was done, when, by whom, to what, and what changed by it?
//!
//! No state survives a question. [`Auditor`] reads the log event by event and folds the streams that it meets, as
//! many as it may remember, so a day with a million events takes no more memory than a day with a thousand.

mod export;
mod snapshot;
mod states;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use mc_domain::{
    ids::{CredentialId, EventId, ProjectId},
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
use snapshot::changed;
use states::States;

/// The most events that [`Auditor::prepare`] takes at once: it has to remember all their streams together.
pub const MAX_STRETCH_EVENTS: usize = states::STREAMS_PER_GENERATION;

/// One recorded event, as an audit answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// The position of the event in the log, from 1.
    pub position: u64,
    /// The time at which the event was recorded.
    pub at: Millis,
    /// Who caused the event, by the name that the agent has now.
    pub actor: ActorView<'static>,
    /// The stored name of the event, such as `task.claimed`; another service's events keep their own names.
    pub action: Cow<'static, str>,
    /// The stream that the event belongs to.
    pub entity: Entity,
    /// The project that the event belongs to; absent for what concerns all projects.
    pub project_id: Option<ProjectId>,
    /// What was done, in one sentence; for another service's event, its name.
    pub summary: String,
    /// The fields that the event changed, with their values before it; fields that it created are missing.
    pub before: BTreeMap<String, Json>,
    /// The same fields with their values after the event; fields that it removed are missing.
    pub after: BTreeMap<String, Json>,
    /// The identity that the event got when it was recorded.
    pub event_id: EventId,
    /// The credential that the command came by; absent where none was asked for.
    pub credential_id: Option<CredentialId>,
}

/// A stored event together with what it decodes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// The event as the log returned it.
    pub stored: StoredEvent,
    /// What it decodes to; nothing for an event that another service recorded.
    pub recorded: Option<Recorded<AnyEvent>>,
}

impl Audited {
    /// Decodes an event as the log returned it.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] when it cannot be decoded.
    /// - [`StoreError::NewerEvent`] when a newer version of this program has written it.
    pub fn new(stored: StoredEvent) -> Result<Self, StoreError> {
        let recorded = codec::decode_any(&stored)?;
        Ok(Self { stored, recorded })
    }
}

/// Reads the log in order and answers what each event changed.
#[derive(Debug, Default)]
pub struct Auditor {
    states: States,
}

impl Auditor {
    /// Folds the streams that a stretch of the log is about, at most [`MAX_STRETCH_EVENTS`] events, up to where it
    /// begins. After that [`Auditor::entry`] takes the events of the stretch one by one.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when the log does not answer.
    /// - [`StoreError::Corrupt`] when an event cannot be read.
    pub async fn prepare(&mut self, log: &Arc<dyn EventLog>, stretch: &[Audited]) -> Result<(), StoreError> {
        self.states.prepare(log, stretch).await
    }

    /// The entry for the next event of the prepared stretch; the views give names to agents and tasks.
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
            credential_id: stored.metadata.credential,
        }
    }
}
