//! The groups of tasks that a query may want: those of the index that leads to the fewest.

use std::collections::BTreeSet;

use mc_domain::{
    ids::TaskId,
    task::{Priority, Status},
};

use super::{TaskQuery, TaskSort};
use crate::{
    list::{Candidates, Walk},
    ordered_index::CreationKey,
    tasks::index::Index,
};

/// Some tasks in order of creation, with what an index says they have in common.
struct Group<'a> {
    /// The status of all of them; absent where the index does not tell.
    status: Option<Status>,
    /// The priority of all of them; absent where the index does not tell.
    priority: Option<Priority>,
    tasks: &'a BTreeSet<CreationKey<TaskId>>,
}

/// Groups with all tasks that a query may want, and maybe with others.
pub(super) struct Groups<'a>(Vec<Group<'a>>);

impl<'a> Groups<'a> {
    /// The groups of the index that leads to the fewest tasks.
    pub(super) fn narrowest(index: &'a Index, query: &TaskQuery) -> Self {
        let mut narrowest = Self::by_project(index, query);
        let others = [
            (!query.assignee.is_empty()).then(|| Self::by_assignee(index, query)),
            (!query.label.is_empty()).then(|| Self::by_label(index, query)),
            query.asks_for_types_of_the_inbox().then(|| Self::of_inbox(index, query)),
        ];
        for other in others.into_iter().flatten() {
            if other.count() < narrowest.count() {
                narrowest = other;
            }
        }
        narrowest
    }

    /// By project, status and priority, which every task has.
    pub(super) fn by_project(index: &'a Index, query: &TaskQuery) -> Self {
        let first = |of| (of, false, Status::ALL[0], Priority::MOST_URGENT);
        let groups = index.by_project.within(&query.reach, |(of, ..)| *of, first);
        let wanted = groups.filter(|((_, archived, status, priority), _)| {
            *archived == query.archived && query.wants_standing(*status, *priority)
        });
        Self(wanted.map(|((_, _, status, priority), tasks)| Group::of(*status, *priority, tasks)).collect())
    }

    fn by_assignee(index: &'a Index, query: &TaskQuery) -> Self {
        let assignees: BTreeSet<_> = query.assignee.iter().copied().collect();
        let groups = assignees.into_iter().flat_map(|agent| {
            let first = (agent, query.archived, Status::ALL[0], Priority::MOST_URGENT);
            index
                .by_assignee
                .groups(first..)
                .take_while(move |((of, archived, ..), _)| *of == agent && *archived == query.archived)
        });
        let wanted = groups.filter(|((_, _, status, priority), _)| query.wants_standing(*status, *priority));
        Self(wanted.map(|((_, _, status, priority), tasks)| Group::of(*status, *priority, tasks)).collect())
    }

    fn by_label(index: &'a Index, query: &TaskQuery) -> Self {
        let labels: BTreeSet<_> = query.label.iter().collect();
        let sets = labels.into_iter().filter_map(|label| index.by_label.of(&(label.clone(), query.archived)));
        Self(sets.map(|tasks| Group { status: None, priority: None, tasks }).collect())
    }

    fn of_inbox(index: &'a Index, query: &TaskQuery) -> Self {
        let wanted = index.inbox.all().filter(|((project, kind, priority), _)| {
            query.reach.includes(*project)
                && query.kind.contains(kind)
                && query.wants_standing(Status::Inbox, *priority)
        });
        Self(wanted.map(|((_, _, priority), tasks)| Group::of(Status::Inbox, *priority, tasks)).collect())
    }

    /// How many tasks are in the groups; one that is in several counts several times.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|group| group.tasks.len()).sum()
    }

    /// All tasks, in order of creation.
    pub(super) fn candidates(&self) -> Candidates<'a, TaskId> {
        Candidates::Groups(self.0.iter().map(|group| group.tasks).collect())
    }

    /// The walk over the groups in the order of `sort`; nothing when they have to be put in that order first.
    pub(super) fn walk(&self, sort: TaskSort) -> Option<Walk<'a, TaskId>> {
        match sort {
            TaskSort::CreatedAt => Some(Walk::Created(self.candidates())),
            TaskSort::Priority => self.ranked(|group| Some(u32::from(group.priority?).into())),
            TaskSort::Status => self.ranked(|group| Some(group.status? as i64)),
            TaskSort::UpdatedAt | TaskSort::DueAt | TaskSort::Title | TaskSort::Cost => None,
        }
    }

    fn ranked(&self, rank: fn(&Group<'a>) -> Option<i64>) -> Option<Walk<'a, TaskId>> {
        let ranked: Option<Vec<_>> = self.0.iter().map(|group| Some((rank(group)?, group.tasks))).collect();
        ranked.map(Walk::Ranked)
    }
}

impl<'a> Group<'a> {
    fn of(status: Status, priority: Priority, tasks: &'a BTreeSet<CreationKey<TaskId>>) -> Self {
        Self { status: Some(status), priority: Some(priority), tasks }
    }
}

impl TaskQuery {
    fn wants_standing(&self, status: Status, priority: Priority) -> bool {
        (self.status.is_empty() || self.status.contains(&status))
            && (self.priority.is_empty() || self.priority.contains(&priority))
    }

    fn asks_for_types_of_the_inbox(&self) -> bool {
        let inbox_only = self.status.iter().all(|status| *status == Status::Inbox);
        inbox_only && !self.status.is_empty() && !self.kind.is_empty() && !self.archived
    }
}
