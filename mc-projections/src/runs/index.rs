//! Where each run stands in every order that is asked for.

use mc_domain::{
    ids::{ProjectId, RunId},
    money::Usd,
    run::Status,
};

use super::Row;
use crate::{
    ordered_index::OrderedIndex,
    owner_index::{OwnerIndex, Owners},
    table,
};

/// The runs in every order. A run is created when it starts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project, agent and task, and by status.
    pub(super) owners: OwnerIndex<RunId, Status>,
    /// The runs that are over, by project, in the order of what they were charged, in micro-dollars.
    pub(super) costs: OrderedIndex<ProjectId, (i64, RunId)>,
    /// The runs that are over, by project, in the order of how long they took, in microseconds.
    pub(super) durations: OrderedIndex<ProjectId, (i64, RunId)>,
}

/// Everything of a run that decides where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    owners: Owners<RunId, Status>,
    /// What it was charged, in micro-dollars; absent while the run is under way.
    cost: Option<i64>,
    /// How long it took, in microseconds; absent while the run is under way.
    duration: Option<i64>,
}

impl table::Index for Index {
    type Id = RunId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        let terms = &row.terms;
        let owners = Owners {
            created: (terms.at.timestamp_micros(), row.id),
            project: terms.project,
            agent: Some(terms.agent),
            task: terms.task,
            standing: row.status(),
        };
        Keys { owners, cost: row.charged().map(Usd::micros), duration: row.duration_micros() }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        let was = before.as_ref();
        self.owners.shift(was.map(|was| &was.owners), &after.owners);
        self.costs.shift(was.and_then(Keys::by_cost), after.by_cost());
        self.durations.shift(was.and_then(Keys::by_duration), after.by_duration());
    }
}

impl Keys {
    fn by_cost(&self) -> Option<(ProjectId, (i64, RunId))> {
        Some((self.owners.project, (self.cost?, self.owners.created.1)))
    }

    fn by_duration(&self) -> Option<(ProjectId, (i64, RunId))> {
        Some((self.owners.project, (self.duration?, self.owners.created.1)))
    }
}
