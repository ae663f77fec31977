//! Where each alert stands in every order that is asked for.

use mc_domain::{
    alert::Severity,
    ids::{AgentId, AlertId, ProjectId, TaskId},
};

use super::{Row, is_open};
use crate::{
    ordered_index::{CreationIndex, CreationKey, OrderedIndex},
    table,
};

/// The alerts in every order. An alert is created when it is raised; it is open until it is resolved or ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project, whether they are open, and severity; in order of creation.
    pub(super) by_project: OrderedIndex<(ProjectId, bool, Severity), CreationKey<AlertId>>,
    /// By agent, whether they are open, and severity; in order of creation.
    pub(super) by_agent: OrderedIndex<(AgentId, bool, Severity), CreationKey<AlertId>>,
    /// By task, in order of creation.
    pub(super) by_task: CreationIndex<TaskId, AlertId>,
    /// By project and whether they are open, in the order in which they last happened, in microseconds.
    pub(super) latest: OrderedIndex<(ProjectId, bool), (i64, AlertId)>,
}

/// Everything of an alert that decides where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    created: CreationKey<AlertId>,
    project: ProjectId,
    agent: Option<AgentId>,
    task: Option<TaskId>,
    severity: Severity,
    is_open: bool,
    /// When it last happened, in microseconds since 1970.
    latest: i64,
}

impl table::Index for Index {
    type Id = AlertId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        Keys {
            created: (row.created_at.timestamp_micros(), row.id),
            project: row.project,
            agent: row.agent,
            task: row.task,
            severity: row.severity,
            is_open: is_open(row.status),
            latest: row.last_at.timestamp_micros(),
        }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        let was = before.as_ref();
        self.by_project.shift(was.map(Keys::in_project), Some(after.in_project()));
        self.by_agent.shift(was.and_then(Keys::of_agent), after.of_agent());
        self.by_task.shift(was.and_then(Keys::of_task), after.of_task());
        self.latest.shift(was.map(Keys::by_last_time), Some(after.by_last_time()));
    }
}

impl Keys {
    fn in_project(&self) -> ((ProjectId, bool, Severity), CreationKey<AlertId>) {
        ((self.project, self.is_open, self.severity), self.created)
    }

    fn of_agent(&self) -> Option<((AgentId, bool, Severity), CreationKey<AlertId>)> {
        Some(((self.agent?, self.is_open, self.severity), self.created))
    }

    fn of_task(&self) -> Option<(TaskId, CreationKey<AlertId>)> {
        Some((self.task?, self.created))
    }

    fn by_last_time(&self) -> ((ProjectId, bool), (i64, AlertId)) {
        ((self.project, self.is_open), (self.latest, self.created.1))
    }
}
