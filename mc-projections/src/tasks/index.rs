//! Where each task stands in every order that is asked for, so that no answer costs more than what it shows.
//!
//! All of it follows from the rows: it is not stored, and made anew from rows that were.

use std::collections::{BTreeMap, BTreeSet};

use mc_domain::{
    ids::{AgentId, ProjectId, TaskId},
    task::{Priority, Status, TaskType},
    values::Label,
};

use super::Row;
use crate::ranks::{self, Ranks};

/// A task in a group.
type Entry<G, K = (i64, TaskId)> = (G, K);
/// A title in lower case, and the task that has it.
type Titled = (Box<str>, TaskId);

/// When a task was created, in microseconds, and which it is: the order of the default list.
pub(super) type Birth = ranks::Birth<TaskId>;

/// The tasks in every order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    /// By project, whether they are archived, status and priority; in order of creation.
    pub(super) places: Ranks<(ProjectId, bool, Status, Priority), Birth>,
    /// The inbox, by project, type and priority; in order of creation.
    pub(super) inbox: Ranks<(ProjectId, TaskType, Priority), Birth>,
    /// By assignee, whether they are archived, status and priority; in order of creation.
    pub(super) assigned: Ranks<(AgentId, bool, Status, Priority), Birth>,
    /// By label and whether they are archived; in order of creation.
    pub(super) labelled: Ranks<(Label, bool), Birth>,
    /// Those that are not archived, by project, status and priority; in the order in which they came there.
    pub(super) arrivals: Ranks<(ProjectId, Status, Priority), (i64, TaskId)>,
    /// By project and whether they are archived; in the order of their last changes.
    pub(super) changes: Ranks<(ProjectId, bool), (i64, TaskId)>,
    /// By project and whether they are archived; in the order of what they cost.
    pub(super) costs: Ranks<(ProjectId, bool), (i64, TaskId)>,
    /// Those that are due some time, by project and whether they are archived and closed; in the order of that time.
    pub(super) due: Ranks<(ProjectId, bool, bool), (i64, TaskId)>,
    /// The open ones, by the agent that created them.
    pub(super) open: Ranks<AgentId, TaskId>,
    /// By project and whether they are archived; in the order of their titles in lower case.
    pub(super) titles: Ranks<(ProjectId, bool), Titled>,
}

/// What decides where a task stands.
pub(super) struct Standing {
    limits: PolicyLimits,
    assignees: BTreeSet<AgentId>,
    wording: Option<Wording>,
}

#[derive(Clone, Copy, PartialEq)]
struct PolicyLimits {
    id: TaskId,
    project: ProjectId,
    creator: Option<AgentId>,
    archived: bool,
    status: Status,
    priority: Priority,
    kind: TaskType,
    created: i64,
    arrived: i64,
    changed: i64,
    cost: i64,
    due: Option<i64>,
}

/// What only an edit changes.
struct Wording {
    title: Box<str>,
    labels: BTreeSet<Label>,
}

impl Standing {
    /// How a task stands now. Its title and its labels are left out unless they may change, or whether it is archived.
    pub(super) fn of(row: &Row, with_wording: bool) -> Self {
        let limits = PolicyLimits {
            id: row.id,
            project: row.project,
            creator: row.creator.agent(),
            archived: row.archived_at.is_some(),
            status: row.status,
            priority: row.details.priority,
            kind: row.details.kind,
            created: row.created_at.timestamp_micros(),
            arrived: row.status_since.timestamp_micros(),
            changed: row.updated_at.timestamp_micros(),
            cost: row.cost().0.micros(),
            due: row.details.due_at.map(|due| due.timestamp_micros()),
        };
        let wording = with_wording.then(|| Wording {
            title: row.details.title.as_str().to_lowercase().into(),
            labels: row.details.labels.clone(),
        });
        Self { limits, assignees: row.assignees.clone(), wording }
    }
}

impl Index {
    /// Of these rows.
    pub(super) fn of(rows: &BTreeMap<TaskId, Box<Row>>) -> Self {
        let mut index = Self::default();
        rows.values().for_each(|row| index.shift(None, Some(Standing::of(row, true))));
        index
    }

    /// Takes a task from how it stood to how it stands.
    pub(super) fn shift(&mut self, before: Option<Standing>, after: Option<Standing>) {
        let limits = (before.as_ref().map(|was| was.limits), after.as_ref().map(|is| is.limits));
        self.shift_figures(limits.0.as_ref(), limits.1.as_ref());
        let stays = before.as_ref().zip(after.as_ref()).is_some_and(|(was, is)| was.is_assigned_like(is));
        if !stays {
            before.iter().for_each(|was| was.assigned().for_each(|entry| self.assigned.remove(entry)));
            after.iter().for_each(|is| is.assigned().for_each(|entry| self.assigned.insert(entry)));
        }
        before.iter().for_each(|was| was.labelled().for_each(|entry| self.labelled.remove(entry)));
        after.iter().for_each(|is| is.labelled().for_each(|entry| self.labelled.insert(entry)));
        let title = |standing: Option<Standing>| standing.and_then(Standing::title);
        self.titles.shift(title(before), title(after));
    }

    fn shift_figures(&mut self, before: Option<&PolicyLimits>, after: Option<&PolicyLimits>) {
        self.places.shift(before.map(PolicyLimits::place), after.map(PolicyLimits::place));
        self.inbox.shift(before.and_then(PolicyLimits::inbox), after.and_then(PolicyLimits::inbox));
        self.arrivals.shift(before.and_then(PolicyLimits::arrival), after.and_then(PolicyLimits::arrival));
        self.changes.shift(before.map(PolicyLimits::change), after.map(PolicyLimits::change));
        self.costs.shift(before.map(PolicyLimits::cost), after.map(PolicyLimits::cost));
        self.due.shift(before.and_then(PolicyLimits::due), after.and_then(PolicyLimits::due));
        self.open.shift(before.and_then(PolicyLimits::open), after.and_then(PolicyLimits::open));
    }
}

impl PolicyLimits {
    fn birth(&self) -> Birth {
        (self.created, self.id)
    }

    fn place(&self) -> ((ProjectId, bool, Status, Priority), Birth) {
        ((self.project, self.archived, self.status, self.priority), self.birth())
    }

    fn inbox(&self) -> Option<((ProjectId, TaskType, Priority), Birth)> {
        let is_there = self.status == Status::Inbox && !self.archived;
        is_there.then(|| ((self.project, self.kind, self.priority), self.birth()))
    }

    fn arrival(&self) -> Option<Entry<(ProjectId, Status, Priority)>> {
        (!self.archived).then_some(((self.project, self.status, self.priority), (self.arrived, self.id)))
    }

    fn change(&self) -> ((ProjectId, bool), (i64, TaskId)) {
        ((self.project, self.archived), (self.changed, self.id))
    }

    fn cost(&self) -> ((ProjectId, bool), (i64, TaskId)) {
        ((self.project, self.archived), (self.cost, self.id))
    }

    fn due(&self) -> Option<Entry<(ProjectId, bool, bool)>> {
        Some(((self.project, self.archived, self.status.is_closed()), (self.due?, self.id)))
    }

    fn open(&self) -> Option<(AgentId, TaskId)> {
        (!self.status.is_closed()).then_some((self.creator?, self.id))
    }

    fn assigned_as(&self) -> (bool, Status, Priority) {
        (self.archived, self.status, self.priority)
    }
}

impl Standing {
    fn is_assigned_like(&self, other: &Self) -> bool {
        self.limits.assigned_as() == other.limits.assigned_as() && self.assignees == other.assignees
    }

    fn assigned(&self) -> impl Iterator<Item = ((AgentId, bool, Status, Priority), Birth)> {
        let (archived, status, priority) = self.limits.assigned_as();
        let birth = self.limits.birth();
        self.assignees.iter().map(move |agent| ((*agent, archived, status, priority), birth))
    }

    fn labelled(&self) -> impl Iterator<Item = ((Label, bool), Birth)> {
        let (archived, birth) = (self.limits.archived, self.limits.birth());
        let labels = self.wording.iter().flat_map(|wording| &wording.labels);
        labels.map(move |label| ((label.clone(), archived), birth))
    }

    fn title(self) -> Option<Entry<(ProjectId, bool), Titled>> {
        let PolicyLimits { project, archived, id, .. } = self.limits;
        self.wording.map(|wording| ((project, archived), (wording.title, id)))
    }
}
