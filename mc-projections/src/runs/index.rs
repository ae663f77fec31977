//! Where each run stands in every order that is asked for.

use mc_domain::{
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    run::Status,
};

use super::Row;
use crate::{
    ordered_index::{CreationIndex, CreationKey, OrderedIndex},
    table,
};

/// The runs in every order. A run is created when it starts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project and status, in order of creation.
    pub(super) by_project: OrderedIndex<(ProjectId, Status), CreationKey<RunId>>,
    /// By agent and status, in order of creation.
    pub(super) by_agent: OrderedIndex<(AgentId, Status), CreationKey<RunId>>,
    /// By task, in order of creation.
    pub(super) by_task: CreationIndex<TaskId, RunId>,
    /// The runs that are over, by project, in the order of what they were charged, in micro-dollars.
    pub(super) costs: OrderedIndex<ProjectId, (i64, RunId)>,
    /// The runs that are over, by project, in the order of how long they took, in microseconds.
    pub(super) durations: OrderedIndex<ProjectId, (i64, RunId)>,
}

/// Everything of a run that decides where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    created: CreationKey<RunId>,
    project: ProjectId,
    agent: AgentId,
    task: Option<TaskId>,
    status: Status,
    /// In micro-dollars; absent while the run is under way.
    cost: Option<i64>,
    /// In microseconds; absent while the run is under way.
    duration: Option<i64>,
}

impl table::Index for Index {
    type Id = RunId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        let terms = &row.terms;
        Keys {
            created: (terms.at.timestamp_micros(), row.id),
            project: terms.project,
            agent: terms.agent,
            task: terms.task,
            status: row.status(),
            cost: row.charged().map(Usd::micros),
            duration: row.duration_micros(),
        }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        let was = before.as_ref();
        self.by_project.shift(was.map(Keys::in_project), Some(after.in_project()));
        self.by_agent.shift(was.map(Keys::of_agent), Some(after.of_agent()));
        self.by_task.shift(was.and_then(Keys::of_task), after.of_task());
        self.costs.shift(was.and_then(Keys::by_cost), after.by_cost());
        self.durations.shift(was.and_then(Keys::by_duration), after.by_duration());
    }
}

impl Keys {
    fn in_project(&self) -> ((ProjectId, Status), CreationKey<RunId>) {
        ((self.project, self.status), self.created)
    }

    fn of_agent(&self) -> ((AgentId, Status), CreationKey<RunId>) {
        ((self.agent, self.status), self.created)
    }

    fn of_task(&self) -> Option<(TaskId, CreationKey<RunId>)> {
        Some((self.task?, self.created))
    }

    fn by_cost(&self) -> Option<(ProjectId, (i64, RunId))> {
        Some((self.project, (self.cost?, self.created.1)))
    }

    fn by_duration(&self) -> Option<(ProjectId, (i64, RunId))> {
        Some((self.project, (self.duration?, self.created.1)))
    }
}
