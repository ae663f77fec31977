//! Which alerts were raised, and who looks after them?

mod index;
mod query;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    alert::{Event, Key, Kind, Severity, Status},
    ids::{AgentId, AlertId, ProjectId, RunId, TaskId},
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    values::{Reason, Text, Title},
};
use serde::{Deserialize, Serialize};

pub use query::{AlertQuery, AlertSort};
pub use view::AlertView;

use crate::{projection::Projection, table::Table};
use index::Index;

/// All alerts, by identity and in every order that is asked for. An alert is an episode: from when it is raised until
/// it is resolved or ignored.
///
/// ```
/// use mc_domain::{alert::{Alert, Event, Key, Kind, Subject}, values::Title};
/// use mc_projections::{alerts::AlertQuery, script::Script};
///
/// let mut script = Script::new();
/// let (kind, project) = (Kind::VerificationFailed, uuid::Uuid::nil().into());
/// let (id, severity, title) = (uuid::Uuid::from_u128(7).into(), kind.severity(), Title::new("The log is damaged")?);
/// let (description, agent, task, run) = (None, None, None, None);
/// script.record::<Alert>(&Key::new(kind, Subject::Log), |at| {
///     Event::Raised { id, kind, severity, title, description, agent, task, run, project, at }
/// });
///
/// let views = script.views();
/// assert_eq!(views.alerts.key(id), Some(Key::new(kind, Subject::Log)));
/// let unresolved = AlertQuery { resolved: Some(false), ..AlertQuery::default() };
/// assert_eq!(views.alerts.list(&unresolved, &views.agents)?.items.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Alerts {
    rows: Table<Index>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: AlertId,
    /// The type and the subject, in the form that names the stream of the episode.
    key: String,
    kind: Kind,
    severity: Severity,
    title: Title,
    description: Option<Text>,
    agent: Option<AgentId>,
    task: Option<TaskId>,
    run: Option<RunId>,
    project: ProjectId,
    status: Status,
    count: u32,
    created_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    acknowledged: Option<Mark>,
    /// Who resolved or ignored it, and when.
    closed: Option<Mark>,
    note: Option<Reason>,
    version: u64,
}

/// Who did something about an alert, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mark {
    by: Actor,
    at: DateTime<Utc>,
}

impl Alerts {
    /// The type and the subject of an alert: the key of its stream.
    pub fn key(&self, id: AlertId) -> Option<Key> {
        self.rows.get(id)?.key.parse().ok()
    }

    /// The project that an alert belongs to; nothing for an unknown alert.
    pub fn project_of(&self, id: AlertId) -> Option<ProjectId> {
        self.rows.get(id).map(|row| row.project)
    }

    /// What an alert says in one line.
    pub fn title(&self, id: AlertId) -> Option<&Title> {
        self.rows.get(id).map(|row| &row.title)
    }

    /// How many alerts of the projects within a reach are open or acknowledged, by severity; severities without alerts
    /// count 0.
    pub fn open_by_severity(&self, reach: &Reach) -> BTreeMap<Severity, usize> {
        let mut counts: BTreeMap<_, _> = Severity::ALL.iter().map(|severity| (*severity, 0)).collect();
        for ((_, severity), set) in self.rows.index().owners.groups(reach, &[], |(is_open, _)| is_open) {
            *counts.entry(severity).or_default() += set.len();
        }
        counts
    }
}

impl Projection for Alerts {
    const NAME: &'static str = "alerts";
    const VERSION: u32 = 2;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Alert(fact) = &event.event else { return };
        if let Some(row) = Row::raised(&event.stream.aggregate_id, fact) {
            self.rows.insert(row.id, row);
        }
        self.rows.change(episode(fact), |row| {
            row.apply(fact, &event.metadata.actor);
            row.version = event.version;
        });
    }
}

/// The alert that an event is about.
pub(crate) fn episode(fact: &Event) -> AlertId {
    match fact {
        Event::Raised { id, .. }
        | Event::Repeated { id, .. }
        | Event::Acknowledged { id, .. }
        | Event::Resolved { id, .. }
        | Event::Ignored { id, .. } => *id,
    }
}

/// Whether somebody still has to deal with an alert of this status.
const fn is_open(status: Status) -> bool {
    match status {
        Status::Open | Status::Acknowledged => true,
        Status::Resolved | Status::Ignored => false,
    }
}

impl Row {
    fn raised(key: &str, fact: &Event) -> Option<Self> {
        let Event::Raised { id, kind, severity, title, description, agent, task, run, project, at } = fact
        else {
            return None;
        };
        Some(Self {
            id: *id,
            key: key.to_owned(),
            kind: *kind,
            severity: *severity,
            title: title.clone(),
            description: description.clone(),
            agent: *agent,
            task: *task,
            run: *run,
            project: *project,
            status: Status::Open,
            count: 1,
            created_at: *at,
            last_at: *at,
            acknowledged: None,
            closed: None,
            note: None,
            version: 0,
        })
    }

    fn apply(&mut self, fact: &Event, by: &Actor) {
        let mark = |at: &DateTime<Utc>| Some(Mark { by: by.clone(), at: *at });
        match fact {
            Event::Raised { .. } => {}
            Event::Repeated { count, description, at, .. } => {
                self.count = *count;
                self.last_at = *at;
                self.description = description.clone().or(self.description.take());
            }
            Event::Acknowledged { note, at, .. } => {
                self.acknowledged = mark(at);
                self.set_status(Status::Acknowledged, note.as_ref());
            }
            Event::Resolved { note, at, .. } => {
                self.closed = mark(at);
                self.set_status(Status::Resolved, note.as_ref());
            }
            Event::Ignored { note, at, .. } => {
                self.closed = mark(at);
                self.set_status(Status::Ignored, note.as_ref());
            }
        }
    }

    fn set_status(&mut self, status: Status, note: Option<&Reason>) {
        self.status = status;
        self.note = note.cloned().or(self.note.take());
    }
}
