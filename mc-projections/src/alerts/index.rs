//! Where each alert stands in every order that is asked for.

use mc_domain::{
    alert::Severity,
    ids::{AlertId, ProjectId},
};

use super::{Row, is_open};
use crate::{
    ordered_index::OrderedIndex,
    owner_index::{OwnerIndex, Owners},
    table,
};

/// The alerts in every order. An alert is created when it is raised; it is open until it is resolved or ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project, agent and task, by whether they are open, and by severity.
    pub(super) owners: OwnerIndex<AlertId, (bool, Severity)>,
    /// By project and whether they are open, in the order in which they last happened, in microseconds.
    pub(super) latest: OrderedIndex<(ProjectId, bool), (i64, AlertId)>,
}

/// Everything of an alert that decides where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    owners: Owners<AlertId, (bool, Severity)>,
    /// When it last happened, in microseconds since 1970.
    latest: i64,
}

impl table::Index for Index {
    type Id = AlertId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        let owners = Owners {
            created: (row.created_at.timestamp_micros(), row.id),
            project: row.project,
            agent: row.agent,
            task: row.task,
            standing: (is_open(row.status), row.severity),
        };
        Keys { owners, latest: row.last_at.timestamp_micros() }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        let was = before.as_ref();
        self.owners.shift(was.map(|was| &was.owners), &after.owners);
        self.latest.shift(was.map(Keys::by_last_time), Some(after.by_last_time()));
    }
}

impl Keys {
    fn by_last_time(&self) -> ((ProjectId, bool), (i64, AlertId)) {
        let Owners { project, standing: (is_open, _), created, .. } = self.owners;
        ((project, is_open), (self.latest, created.1))
    }
}
