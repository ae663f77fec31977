//! Where each task stands in every order that is asked for, so that no answer costs more than what it shows.

use std::collections::BTreeSet;

use mc_domain::{
    ids::{AgentId, ProjectId, TaskId},
    task::{Priority, Status, TaskType},
    values::Label,
};

use super::Row;
use crate::{
    ordered_index::{CreationKey, OrderedIndex},
    table,
};

/// A title in lower case, and the task that has it.
type TitleKey = (Box<str>, TaskId);
/// A number or a time in microseconds, and the task that has it.
type NumberKey = (i64, TaskId);

/// The tasks in every order that a list, the board or a report asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project, whether they are archived, status and priority; in order of creation.
    pub(super) by_project: OrderedIndex<(ProjectId, bool, Status, Priority), CreationKey<TaskId>>,
    /// The tasks in the inbox that are not archived, by project, type and priority; in order of creation.
    pub(super) inbox: OrderedIndex<(ProjectId, TaskType, Priority), CreationKey<TaskId>>,
    /// By assignee, whether they are archived, status and priority; in order of creation.
    pub(super) by_assignee: OrderedIndex<(AgentId, bool, Status, Priority), CreationKey<TaskId>>,
    /// By label and whether they are archived; in order of creation.
    pub(super) by_label: OrderedIndex<(Label, bool), CreationKey<TaskId>>,
    /// The tasks that are not archived, by project, status and priority; in the order in which they came to the
    /// status.
    pub(super) arrivals: OrderedIndex<(ProjectId, Status, Priority), NumberKey>,
    /// By project and whether they are archived; in the order of their last changes.
    pub(super) changes: OrderedIndex<(ProjectId, bool), NumberKey>,
    /// By project and whether they are archived; in the order of their costs in micro-dollars.
    pub(super) costs: OrderedIndex<(ProjectId, bool), NumberKey>,
    /// The tasks that have a due time, by project and whether they are archived and closed; in the order of that
    /// time.
    pub(super) due: OrderedIndex<(ProjectId, bool, bool), NumberKey>,
    /// The tasks that are not closed, by the agent that created them.
    pub(super) open: OrderedIndex<AgentId, TaskId>,
    /// By project and whether they are archived; in the order of their titles in lower case.
    pub(super) titles: OrderedIndex<(ProjectId, bool), TitleKey>,
}

/// Everything of a task that decides where it stands.
pub(super) struct Keys {
    fields: Fields,
    assignees: BTreeSet<AgentId>,
    /// Absent on both sides of a change that leaves title, labels and the archive alone.
    wording: Option<Wording>,
}

/// What nearly every event may change; times in microseconds since 1970.
#[derive(Clone, Copy, PartialEq)]
struct Fields {
    id: TaskId,
    project: ProjectId,
    /// The agent that created the task; absent when an operator did.
    creator: Option<AgentId>,
    is_archived: bool,
    status: Status,
    priority: Priority,
    kind: TaskType,
    created: i64,
    /// The time at which the task came to its status.
    arrived: i64,
    changed: i64,
    /// What the task has cost, in micro-dollars.
    cost: i64,
    due: Option<i64>,
}

/// What only edits change. Making it costs more than all other keys together.
struct Wording {
    /// The title in lower case, as lists sort by it.
    title: Box<str>,
    labels: BTreeSet<Label>,
}

impl Keys {
    /// The keys of a task without its wording: neither the change at hand nor the archive touches that.
    pub(super) fn without_wording(row: &Row) -> Self {
        Self { fields: Fields::of(row), assignees: row.assignees.clone(), wording: None }
    }

    fn is_assigned_like(&self, other: &Self) -> bool {
        self.fields.standing() == other.fields.standing() && self.assignees == other.assignees
    }

    fn by_assignee(&self) -> impl Iterator<Item = ((AgentId, bool, Status, Priority), CreationKey<TaskId>)> {
        let ((is_archived, status, priority), created) = (self.fields.standing(), self.fields.creation());
        self.assignees.iter().map(move |agent| ((*agent, is_archived, status, priority), created))
    }

    fn by_label(&self) -> impl Iterator<Item = ((Label, bool), CreationKey<TaskId>)> {
        let (is_archived, created) = (self.fields.is_archived, self.fields.creation());
        let labels = self.wording.iter().flat_map(|wording| &wording.labels);
        labels.map(move |label| ((label.clone(), is_archived), created))
    }

    fn by_title(self) -> Option<((ProjectId, bool), TitleKey)> {
        let Fields { project, is_archived, id, .. } = self.fields;
        self.wording.map(|wording| ((project, is_archived), (wording.title, id)))
    }
}

impl table::Index for Index {
    type Id = TaskId;
    type Row = Row;
    type Keys = Keys;

    fn keys(row: &Row) -> Keys {
        let wording = Wording {
            title: row.details.title.as_str().to_lowercase().into(),
            labels: row.details.labels.clone(),
        };
        Keys { wording: Some(wording), ..Keys::without_wording(row) }
    }

    fn shift(&mut self, before: Option<Keys>, after: Keys) {
        self.shift_fields(before.as_ref().map(|was| &was.fields), &after.fields);
        if !before.as_ref().is_some_and(|was| was.is_assigned_like(&after)) {
            before.iter().for_each(|was| was.by_assignee().for_each(|entry| self.by_assignee.remove(entry)));
            after.by_assignee().for_each(|entry| self.by_assignee.insert(entry));
        }
        before.iter().for_each(|was| was.by_label().for_each(|entry| self.by_label.remove(entry)));
        after.by_label().for_each(|entry| self.by_label.insert(entry));
        self.titles.shift(before.and_then(Keys::by_title), after.by_title());
    }
}

impl Index {
    fn shift_fields(&mut self, was: Option<&Fields>, after: &Fields) {
        self.by_project.shift(was.map(Fields::in_project), Some(after.in_project()));
        self.inbox.shift(was.and_then(Fields::in_inbox), after.in_inbox());
        self.arrivals.shift(was.and_then(Fields::by_arrival), after.by_arrival());
        self.changes.shift(was.map(Fields::by_change), Some(after.by_change()));
        self.costs.shift(was.map(Fields::by_cost), Some(after.by_cost()));
        self.due.shift(was.and_then(Fields::by_due_time), after.by_due_time());
        self.open.shift(was.and_then(Fields::of_creator), after.of_creator());
    }
}

impl Fields {
    fn of(row: &Row) -> Self {
        Self {
            id: row.id,
            project: row.project,
            creator: row.creator.agent(),
            is_archived: row.archived_at.is_some(),
            status: row.status,
            priority: row.details.priority,
            kind: row.details.kind,
            created: row.created_at.timestamp_micros(),
            arrived: row.status_since.timestamp_micros(),
            changed: row.updated_at.timestamp_micros(),
            cost: row.cost().0.micros(),
            due: row.details.due_at.map(|due| due.timestamp_micros()),
        }
    }

    fn creation(&self) -> CreationKey<TaskId> {
        (self.created, self.id)
    }

    fn standing(&self) -> (bool, Status, Priority) {
        (self.is_archived, self.status, self.priority)
    }

    fn in_project(&self) -> ((ProjectId, bool, Status, Priority), CreationKey<TaskId>) {
        ((self.project, self.is_archived, self.status, self.priority), self.creation())
    }

    fn in_inbox(&self) -> Option<((ProjectId, TaskType, Priority), CreationKey<TaskId>)> {
        let is_there = self.status == Status::Inbox && !self.is_archived;
        is_there.then(|| ((self.project, self.kind, self.priority), self.creation()))
    }

    fn by_arrival(&self) -> Option<((ProjectId, Status, Priority), NumberKey)> {
        (!self.is_archived).then_some(((self.project, self.status, self.priority), (self.arrived, self.id)))
    }

    fn by_change(&self) -> ((ProjectId, bool), NumberKey) {
        ((self.project, self.is_archived), (self.changed, self.id))
    }

    fn by_cost(&self) -> ((ProjectId, bool), NumberKey) {
        ((self.project, self.is_archived), (self.cost, self.id))
    }

    fn by_due_time(&self) -> Option<((ProjectId, bool, bool), NumberKey)> {
        Some(((self.project, self.is_archived, self.status.is_closed()), (self.due?, self.id)))
    }

    fn of_creator(&self) -> Option<(AgentId, TaskId)> {
        (!self.status.is_closed()).then_some((self.creator?, self.id))
    }
}
