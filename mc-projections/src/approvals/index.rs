//! Where each approval stands in every order that is asked for.

use mc_domain::{
    approval::Status,
    ids::{ApprovalId, ProjectId},
};

use super::Row;
use crate::{
    ordered_index::OrderedIndex,
    owner_index::{OwnerIndex, Owners},
    table,
};

/// The approvals in every order. An approval is created when somebody first asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project, the agent that would act, and task, and by status.
    pub(super) owners: OwnerIndex<ApprovalId, Status>,
    /// By project and whether they wait for a decision, in the order in which they expire, in microseconds.
    pub(super) expiries: OrderedIndex<(ProjectId, bool), (i64, ApprovalId)>,
}

/// Everything of an approval that decides where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    owners: Owners<ApprovalId, Status>,
    /// When it expires, in microseconds since 1970.
    expires: i64,
}

impl table::Index for Index {
    type Id = ApprovalId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        let owners = Owners {
            created: (row.created_at.timestamp_micros(), row.id),
            project: row.subject.project,
            agent: row.subject.agent,
            task: row.subject.task,
            standing: row.status,
        };
        Keys { owners, expires: row.expires_at.timestamp_micros() }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        let was = before.as_ref();
        self.owners.shift(was.map(|was| &was.owners), &after.owners);
        self.expiries.shift(was.map(Keys::by_expiry), Some(after.by_expiry()));
    }
}

impl Keys {
    fn by_expiry(&self) -> ((ProjectId, bool), (i64, ApprovalId)) {
        let Owners { project, standing, created, .. } = self.owners;
        ((project, standing.is_open()), (self.expires, created.1))
    }
}
