//! Where each approval stands in every order that is asked for.

use mc_domain::{
    approval::Status,
    ids::{AgentId, ApprovalId, ProjectId, TaskId},
};

use super::Row;
use crate::{
    ordered_index::{CreationIndex, CreationKey, OrderedIndex},
    table,
};

/// The approvals in every order. An approval is created when somebody first asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project and status, in order of creation.
    pub(super) by_project: OrderedIndex<(ProjectId, Status), CreationKey<ApprovalId>>,
    /// By the agent that would act and status, in order of creation.
    pub(super) by_agent: OrderedIndex<(AgentId, Status), CreationKey<ApprovalId>>,
    /// By task, in order of creation.
    pub(super) by_task: CreationIndex<TaskId, ApprovalId>,
    /// By project and whether they wait for a decision, in the order in which they expire, in microseconds.
    pub(super) expiries: OrderedIndex<(ProjectId, bool), (i64, ApprovalId)>,
}

/// Everything of an approval that decides where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    created: CreationKey<ApprovalId>,
    project: ProjectId,
    agent: Option<AgentId>,
    task: Option<TaskId>,
    status: Status,
    /// When it expires, in microseconds since 1970.
    expires: i64,
}

impl table::Index for Index {
    type Id = ApprovalId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        Keys {
            created: (row.created_at.timestamp_micros(), row.id),
            project: row.subject.project,
            agent: row.subject.agent,
            task: row.subject.task,
            status: row.status,
            expires: row.expires_at.timestamp_micros(),
        }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        let was = before.as_ref();
        self.by_project.shift(was.map(Keys::in_project), Some(after.in_project()));
        self.by_agent.shift(was.and_then(Keys::of_agent), after.of_agent());
        self.by_task.shift(was.and_then(Keys::of_task), after.of_task());
        self.expiries.shift(was.map(Keys::by_expiry), Some(after.by_expiry()));
    }
}

impl Keys {
    fn in_project(&self) -> ((ProjectId, Status), CreationKey<ApprovalId>) {
        ((self.project, self.status), self.created)
    }

    fn of_agent(&self) -> Option<((AgentId, Status), CreationKey<ApprovalId>)> {
        Some(((self.agent?, self.status), self.created))
    }

    fn of_task(&self) -> Option<(TaskId, CreationKey<ApprovalId>)> {
        Some((self.task?, self.created))
    }

    fn by_expiry(&self) -> ((ProjectId, bool), (i64, ApprovalId)) {
        ((self.project, self.status.is_open()), (self.expires, self.created.1))
    }
}
