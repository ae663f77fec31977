//! Where each approval stands in every order that is asked for. It follows from the rows, so it is not stored.

use std::collections::BTreeMap;

use mc_domain::{
    approval::Status,
    ids::{AgentId, ApprovalId, ProjectId, TaskId},
};

use super::Row;
use crate::ranks::{Birth, Owned, Ranks};

/// The approvals in every order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project and status, in the order in which they were asked for.
    pub(super) by_project: Ranks<(ProjectId, Status), Birth<ApprovalId>>,
    /// By the agent that would act and status, in the order in which they were asked for.
    pub(super) by_agent: Ranks<(AgentId, Status), Birth<ApprovalId>>,
    /// By task, in the order in which they were asked for.
    pub(super) by_task: Owned<TaskId, ApprovalId>,
    /// By project and whether they wait, in the order in which they end by themselves.
    pub(super) expiries: Ranks<(ProjectId, bool), (i64, ApprovalId)>,
}

/// What decides where an approval stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    birth: Birth<ApprovalId>,
    project: ProjectId,
    agent: Option<AgentId>,
    task: Option<TaskId>,
    status: Status,
    expires: i64,
}

impl Standing {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            birth: (row.created_at.timestamp_micros(), row.id),
            project: row.subject.project,
            agent: row.subject.agent,
            task: row.subject.task,
            status: row.status,
            expires: row.expires_at.timestamp_micros(),
        }
    }

    fn of_project(&self) -> ((ProjectId, Status), Birth<ApprovalId>) {
        ((self.project, self.status), self.birth)
    }

    fn of_agent(&self) -> Option<((AgentId, Status), Birth<ApprovalId>)> {
        Some(((self.agent?, self.status), self.birth))
    }

    fn expiry(&self) -> ((ProjectId, bool), (i64, ApprovalId)) {
        ((self.project, self.status.is_open()), (self.expires, self.birth.1))
    }

    fn of_task(&self) -> Option<(TaskId, Birth<ApprovalId>)> {
        Some((self.task?, self.birth))
    }
}

impl Index {
    /// Of these rows.
    pub(super) fn of(rows: &BTreeMap<ApprovalId, Box<Row>>) -> Self {
        let mut index = Self::default();
        rows.values().for_each(|row| index.shift(None, Standing::of(row)));
        index
    }

    /// Takes an approval from how it stood, if it was there, to how it stands.
    pub(super) fn shift(&mut self, before: Option<Standing>, after: Standing) {
        let was = before.as_ref();
        self.by_project.shift(was.map(Standing::of_project), Some(after.of_project()));
        self.by_agent.shift(was.and_then(Standing::of_agent), after.of_agent());
        self.expiries.shift(was.map(Standing::expiry), Some(after.expiry()));
        self.by_task.shift(was.and_then(Standing::of_task), after.of_task());
    }
}
