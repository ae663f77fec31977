//! Where each run stands in every order that is asked for. It follows from the rows, so it is not stored.

use std::collections::BTreeMap;

use mc_domain::{
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    run::Status,
};

use super::Row;
use crate::ranks::{Birth, Owned, Ranks};

/// The runs in every order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project and status, in the order in which they began.
    pub(super) by_project: Ranks<(ProjectId, Status), Birth<RunId>>,
    /// By agent and status, in the order in which they began.
    pub(super) by_agent: Ranks<(AgentId, Status), Birth<RunId>>,
    /// By task, in the order in which they began.
    pub(super) by_task: Owned<TaskId, RunId>,
    /// Those that are over, by project, in the order of what they were charged.
    pub(super) costs: Ranks<ProjectId, (i64, RunId)>,
    /// Those that are over, by project, in the order of how long they took.
    pub(super) durations: Ranks<ProjectId, (i64, RunId)>,
}

/// What decides where a run stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    birth: Birth<RunId>,
    project: ProjectId,
    agent: AgentId,
    task: Option<TaskId>,
    status: Status,
    cost: Option<i64>,
    duration: Option<i64>,
}

impl Standing {
    pub(super) fn of(row: &Row) -> Self {
        let terms = &row.terms;
        Self {
            birth: (terms.at.timestamp_micros(), row.id),
            project: terms.project,
            agent: terms.agent,
            task: terms.task,
            status: row.status(),
            cost: row.charged().map(Usd::micros),
            duration: row.duration_micros(),
        }
    }

    fn of_project(&self) -> ((ProjectId, Status), Birth<RunId>) {
        ((self.project, self.status), self.birth)
    }

    fn of_agent(&self) -> ((AgentId, Status), Birth<RunId>) {
        ((self.agent, self.status), self.birth)
    }

    fn cost(&self) -> Option<(ProjectId, (i64, RunId))> {
        Some((self.project, (self.cost?, self.birth.1)))
    }

    fn duration(&self) -> Option<(ProjectId, (i64, RunId))> {
        Some((self.project, (self.duration?, self.birth.1)))
    }

    fn of_task(&self) -> Option<(TaskId, Birth<RunId>)> {
        Some((self.task?, self.birth))
    }
}

impl Index {
    /// Of these rows.
    pub(super) fn of(rows: &BTreeMap<RunId, Box<Row>>) -> Self {
        let mut index = Self::default();
        rows.values().for_each(|row| index.shift(None, Standing::of(row)));
        index
    }

    /// Takes a run from how it stood, if it was there, to how it stands.
    pub(super) fn shift(&mut self, before: Option<Standing>, after: Standing) {
        let was = before.as_ref();
        self.by_project.shift(was.map(Standing::of_project), Some(after.of_project()));
        self.by_agent.shift(was.map(Standing::of_agent), Some(after.of_agent()));
        self.costs.shift(was.and_then(Standing::cost), after.cost());
        self.durations.shift(was.and_then(Standing::duration), after.duration());
        self.by_task.shift(was.and_then(Standing::of_task), after.of_task());
    }
}
