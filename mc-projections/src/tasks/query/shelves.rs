//! The groups of tasks that those asked for are among, as few tasks as an index can tell.

use std::collections::BTreeSet;

use mc_domain::task::{Priority, Status};

use super::{TaskQuery, TaskSort};
use crate::{
    merge::merged,
    page::{Order, Place},
    ranks::ranked,
    tasks::index::{Birth, Index},
};

/// Some tasks in order of creation, which have in common what is said of them.
struct Shelf<'a> {
    status: Option<Status>,
    priority: Option<Priority>,
    births: &'a BTreeSet<Birth>,
}

/// The shelves that the tasks asked for are on, maybe with others.
pub(super) struct Shelves<'a>(Vec<Shelf<'a>>);

impl<'a> Shelves<'a> {
    /// Those with the fewest tasks.
    pub(super) fn narrowest(index: &'a Index, query: &TaskQuery) -> Self {
        let mut narrowest = Self::places(index, query);
        let others = [
            (!query.assignee.is_empty()).then(|| Self::assigned(index, query)),
            (!query.label.is_empty()).then(|| Self::labelled(index, query)),
            query.asks_for_types_of_the_inbox().then(|| Self::inbox(index, query)),
        ];
        for other in others.into_iter().flatten() {
            if other.count() < narrowest.count() {
                narrowest = other;
            }
        }
        narrowest
    }

    /// By project and status.
    pub(super) fn places(index: &'a Index, query: &TaskQuery) -> Self {
        let groups: Box<dyn Iterator<Item = _>> = match query.project {
            Some(project) => {
                let first = (project, query.archived, Status::ALL[0], Priority::MOST_URGENT);
                Box::new(index.places.groups(first..).take_while(move |((of, ..), _)| *of == project))
            }
            None => Box::new(index.places.all()),
        };
        let wanted = groups.filter(|((_, archived, status, priority), _)| {
            *archived == query.archived && query.wants_place(*status, *priority)
        });
        let shelf = |((_, _, status, priority), births): (&(_, _, Status, Priority), _)| Shelf {
            status: Some(*status),
            priority: Some(*priority),
            births,
        };
        Self(wanted.map(shelf).collect())
    }

    fn assigned(index: &'a Index, query: &TaskQuery) -> Self {
        let assignees: BTreeSet<_> = query.assignee.iter().copied().collect();
        let groups = assignees.into_iter().flat_map(|agent| {
            let first = (agent, query.archived, Status::ALL[0], Priority::MOST_URGENT);
            index
                .assigned
                .groups(first..)
                .take_while(move |((of, archived, ..), _)| *of == agent && *archived == query.archived)
        });
        let wanted = groups.filter(|((_, _, status, priority), _)| query.wants_place(*status, *priority));
        let shelf = |((_, _, status, priority), births): (&(_, _, Status, Priority), _)| Shelf {
            status: Some(*status),
            priority: Some(*priority),
            births,
        };
        Self(wanted.map(shelf).collect())
    }

    fn labelled(index: &'a Index, query: &TaskQuery) -> Self {
        let labels: BTreeSet<_> = query.label.iter().collect();
        let sets = labels.into_iter().filter_map(|label| index.labelled.of(&(label.clone(), query.archived)));
        Self(sets.map(|births| Shelf { status: None, priority: None, births }).collect())
    }

    fn inbox(index: &'a Index, query: &TaskQuery) -> Self {
        let wanted = index.inbox.all().filter(|((project, kind, priority), _)| {
            query.project.is_none_or(|wanted| wanted == *project)
                && query.kind.contains(kind)
                && query.wants_place(Status::Inbox, *priority)
        });
        let shelf = |((_, _, priority), births): (&(_, _, Priority), _)| Shelf {
            status: Some(Status::Inbox),
            priority: Some(*priority),
            births,
        };
        Self(wanted.map(shelf).collect())
    }

    /// How many tasks are on them; one that is on several counts several times.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|shelf| shelf.births.len()).sum()
    }

    /// Whether the tasks can be read from them in an order without looking at all.
    pub(super) fn lie_in_order_of(&self, sort: TaskSort) -> bool {
        match sort {
            TaskSort::CreatedAt => true,
            TaskSort::Priority => self.0.iter().all(|shelf| shelf.priority.is_some()),
            TaskSort::Status => self.0.iter().all(|shelf| shelf.status.is_some()),
            TaskSort::UpdatedAt | TaskSort::DueAt | TaskSort::Title | TaskSort::Cost => false,
        }
    }

    /// All tasks in order of creation, those beyond `after`.
    pub(super) fn births(
        self,
        order: Order,
        after: Option<Birth>,
    ) -> impl Iterator<Item = &'a Birth> + use<'a> {
        let sets: Vec<_> = self.0.into_iter().map(|shelf| shelf.births).collect();
        merged(sets.into_iter(), order, after.as_ref())
    }

    /// By priority, and in order of creation where that is the same.
    pub(super) fn by_priority(
        self,
        order: Order,
        after: Option<&Place>,
    ) -> impl Iterator<Item = &'a Birth> + use<'a> {
        self.ranked(|shelf| shelf.priority.map(|priority| u32::from(priority).into()), order, after)
    }

    /// By status, and in order of creation where that is the same.
    pub(super) fn by_status(
        self,
        order: Order,
        after: Option<&Place>,
    ) -> impl Iterator<Item = &'a Birth> + use<'a> {
        self.ranked(|shelf| shelf.status.map(|status| status as i64), order, after)
    }

    fn ranked(
        self,
        rank: fn(&Shelf<'a>) -> Option<i64>,
        order: Order,
        after: Option<&Place>,
    ) -> impl Iterator<Item = &'a Birth> + use<'a> {
        ranked(
            self.0.into_iter().map(move |shelf| (rank(&shelf).unwrap_or_default(), shelf.births)),
            order,
            after,
        )
    }
}

impl TaskQuery {
    fn wants_place(&self, status: Status, priority: Priority) -> bool {
        (self.status.is_empty() || self.status.contains(&status))
            && (self.priority.is_empty() || self.priority.contains(&priority))
    }

    fn asks_for_types_of_the_inbox(&self) -> bool {
        let inbox_only = self.status.iter().all(|status| *status == Status::Inbox);
        inbox_only && !self.status.is_empty() && !self.kind.is_empty() && !self.archived
    }
}
