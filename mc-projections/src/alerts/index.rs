//! Where each alert stands in every order that is asked for. It follows from the rows, so it is not stored.

use std::collections::BTreeMap;

use mc_domain::{
    alert::Severity,
    ids::{AgentId, AlertId, ProjectId, TaskId},
};

use super::{Row, is_open};
use crate::ranks::{Birth, Owned, Ranks};

/// The alerts in every order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project, whether somebody is still to deal with them, and severity; in the order in which they were raised.
    pub(super) by_project: Ranks<(ProjectId, bool, Severity), Birth<AlertId>>,
    /// By agent, whether somebody is still to deal with them, and severity; in the order in which they were raised.
    pub(super) by_agent: Ranks<(AgentId, bool, Severity), Birth<AlertId>>,
    /// By task, in the order in which they were raised.
    pub(super) by_task: Owned<TaskId, AlertId>,
    /// By project and whether somebody is still to deal with them, in the order in which they last happened.
    pub(super) latest: Ranks<(ProjectId, bool), (i64, AlertId)>,
}

/// What decides where an alert stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    birth: Birth<AlertId>,
    project: ProjectId,
    agent: Option<AgentId>,
    task: Option<TaskId>,
    severity: Severity,
    is_open: bool,
    latest: i64,
}

impl Standing {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            birth: (row.created_at.timestamp_micros(), row.id),
            project: row.project,
            agent: row.agent,
            task: row.task,
            severity: row.severity,
            is_open: is_open(row.status),
            latest: row.last_at.timestamp_micros(),
        }
    }

    fn of_project(&self) -> ((ProjectId, bool, Severity), Birth<AlertId>) {
        ((self.project, self.is_open, self.severity), self.birth)
    }

    fn of_agent(&self) -> Option<((AgentId, bool, Severity), Birth<AlertId>)> {
        Some(((self.agent?, self.is_open, self.severity), self.birth))
    }

    fn latest(&self) -> ((ProjectId, bool), (i64, AlertId)) {
        ((self.project, self.is_open), (self.latest, self.birth.1))
    }

    fn of_task(&self) -> Option<(TaskId, Birth<AlertId>)> {
        Some((self.task?, self.birth))
    }
}

impl Index {
    /// Of these rows.
    pub(super) fn of(rows: &BTreeMap<AlertId, Box<Row>>) -> Self {
        let mut index = Self::default();
        rows.values().for_each(|row| index.shift(None, Standing::of(row)));
        index
    }

    /// Takes an alert from how it stood, if it was there, to how it stands.
    pub(super) fn shift(&mut self, before: Option<Standing>, after: Standing) {
        let was = before.as_ref();
        self.by_project.shift(was.map(Standing::of_project), Some(after.of_project()));
        self.by_agent.shift(was.and_then(Standing::of_agent), after.of_agent());
        self.latest.shift(was.map(Standing::latest), Some(after.latest()));
        self.by_task.shift(was.and_then(Standing::of_task), after.of_task());
    }
}
