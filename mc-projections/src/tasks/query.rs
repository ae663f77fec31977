//! Lists of tasks.

mod search;
mod shelves;

use std::ops::Bound::{Excluded, Unbounded};

use chrono::{DateTime, Utc};
use mc_domain::{
    ids::{AgentId, ProjectId},
    string_enum,
    task::{Priority, Status, TaskType},
    values::Label,
};
use uuid::Uuid;

use super::{Row, TaskView, Tasks};
use crate::{
    agents::Agents,
    merge::merged,
    page::{Cut, InvalidCursor, Key, MAX_SORTED, Order, Page, Place},
    ranks::birth,
};
use search::Search;
use shelves::Shelves;

string_enum! {
    /// What tasks can be sorted by.
    TaskSort {
        /// When they were created; the default, newest first.
        CreatedAt = "createdAt",
        /// When they last changed.
        UpdatedAt = "updatedAt",
        /// How urgent they are: 1 critical to 4 low.
        Priority = "priority",
        /// When they are due; those that never are come last.
        DueAt = "dueAt",
        /// Their title, upper and lower case being the same.
        Title = "title",
        /// Where they stand, in the order of the board.
        Status = "status",
        /// What they have cost.
        Cost = "cost",
    }
}

/// The most tasks that are searched for a page: their texts take longer than their figures.
const MAX_SEARCHED: usize = 2_000;

impl TaskSort {
    /// Which end comes first when nobody says otherwise: what is most urgent, or most recent, or most expensive.
    pub const fn default_order(self) -> Order {
        match self {
            Self::CreatedAt | Self::UpdatedAt | Self::Cost => Order::Desc,
            Self::Priority | Self::DueAt | Self::Title | Self::Status => Order::Asc,
        }
    }
}

/// Which tasks are asked for; an empty filter lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// In one of these statuses.
    pub status: Vec<Status>,
    /// Of one of these types.
    pub kind: Vec<TaskType>,
    /// Assigned to one of these agents.
    pub assignee: Vec<AgentId>,
    /// Assigned to nobody, or to somebody.
    pub unassigned: Option<bool>,
    /// Of one of these priorities.
    pub priority: Vec<Priority>,
    /// With one of these labels.
    pub label: Vec<Label>,
    /// With this text in title or description, however it is composed, upper and lower case being the same, accents or not.
    pub search: Option<String>,
    /// Past its due time and not closed, or else.
    pub overdue: Option<bool>,
    /// Those that are archived, instead of those that are not.
    pub archived: bool,
    /// Sorted by; newest first when absent.
    pub sort: Option<TaskSort>,
    /// Which end comes first; [`TaskSort::default_order`] when absent.
    pub order: Option<Order>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// How the rows that a question may want are come by.
enum Way<'a> {
    /// They are few: all of them, in any order.
    All(Vec<&'a Row>),
    /// One after the other, in the order asked for and beyond the cursor.
    InOrder(Box<dyn Iterator<Item = &'a Row> + 'a>),
}

impl Tasks {
    /// The tasks asked for, at `now`. A page costs what it shows where an index leads to it: for a project, statuses,
    /// assignees, labels, what is overdue and the types of the inbox, in each order. Where other filters pass over rows,
    /// at most [`crate::page::MAX_LOOKED_AT`] are looked at.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list<'a>(
        &'a self,
        query: &TaskQuery,
        now: DateTime<Utc>,
        agents: &'a Agents,
    ) -> Result<Page<TaskView<'a>>, InvalidCursor> {
        let sort = query.sort.unwrap_or(TaskSort::CreatedAt);
        let order = query.order.unwrap_or(sort.default_order());
        let search = query.search.as_deref().and_then(Search::new);
        let cut = Cut::new(query.question(sort), order, query.limit, query.cursor.as_deref())?;
        let cut = if search.is_some() { cut.looking_at(MAX_SEARCHED) } else { cut };
        let wanted = |row: &Row| query.wants(row, search.as_ref(), now);
        let page = match self.way(query, sort, order, cut.after(), now) {
            Way::All(rows) => {
                cut.of_unsorted(rows.into_iter().filter(|row| wanted(row)), |row| sort.place(row))
            }
            Way::InOrder(rows) => cut.of_sorted(rows, wanted, |row| sort.place(row)),
        };
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }

    fn way(
        &self,
        query: &TaskQuery,
        sort: TaskSort,
        order: Order,
        after: Option<&Place>,
        now: DateTime<Utc>,
    ) -> Way<'_> {
        let shelves = Shelves::narrowest(&self.index, query);
        if query.overdue == Some(true) {
            let few = shelves.count().min(MAX_SORTED + 1);
            let late: Vec<_> = self.overdue(query, now).take(few).collect();
            if late.len() < few {
                return Way::All(late);
            }
        }
        if !shelves.lie_in_order_of(sort) {
            if shelves.count() <= MAX_SORTED {
                return Way::All(self.rows_of(shelves.births(Order::Asc, None)).collect());
            }
            return Way::InOrder(self.by(query, sort, order, after));
        }
        match sort {
            TaskSort::Priority => Way::InOrder(Box::new(self.rows_of(shelves.by_priority(order, after)))),
            TaskSort::Status => Way::InOrder(Box::new(self.rows_of(shelves.by_status(order, after)))),
            _ => Way::InOrder(Box::new(self.rows_of(shelves.births(order, after.and_then(birth))))),
        }
    }

    /// All tasks of the project, archived or not, in an order that has nothing to do with where they stand.
    fn by<'a>(
        &'a self,
        query: &TaskQuery,
        sort: TaskSort,
        order: Order,
        after: Option<&Place>,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let index = &self.index;
        let number = after.and_then(birth);
        match sort {
            TaskSort::UpdatedAt => {
                let sets = index.changes.all().filter(|((of, archived), _)| query.is_within(*of, *archived));
                let sets: Vec<_> = sets.map(|(_, set)| set).collect();
                Box::new(self.rows_of(merged(sets.into_iter(), order, number.as_ref())))
            }
            TaskSort::Cost => {
                let sets = index.costs.all().filter(|((of, archived), _)| query.is_within(*of, *archived));
                let sets: Vec<_> = sets.map(|(_, set)| set).collect();
                Box::new(self.rows_of(merged(sets.into_iter(), order, number.as_ref())))
            }
            TaskSort::Title => {
                let sets = index.titles.all().filter(|((of, archived), _)| query.is_within(*of, *archived));
                let sets: Vec<_> = sets.map(|(_, set)| set).collect();
                let after = after.and_then(|place| match place {
                    Place(Key::Text(title), id) => Some((title.as_str().into(), (*id).into())),
                    Place(Key::Number(_) | Key::Pair(..) | Key::Missing(_), _) => None,
                });
                let titles = merged(sets.into_iter(), order, after.as_ref());
                Box::new(titles.filter_map(|(_, id)| self.rows.get(id)).map(Box::as_ref))
            }
            TaskSort::DueAt => self.by_due_time(query, order, after),
            // A label says nothing about where a task stands: all places are gone through.
            TaskSort::CreatedAt => {
                let shelves = Shelves::places(index, query);
                Box::new(self.rows_of(shelves.births(order, number)))
            }
            TaskSort::Priority => {
                Box::new(self.rows_of(Shelves::places(index, query).by_priority(order, after)))
            }
            TaskSort::Status => Box::new(self.rows_of(Shelves::places(index, query).by_status(order, after))),
        }
    }

    /// What is due some time, and then what never is, in order of creation.
    fn by_due_time<'a>(
        &'a self,
        query: &TaskQuery,
        order: Order,
        after: Option<&Place>,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let sets = self.index.due.all().filter(|((of, archived, _), _)| query.is_within(*of, *archived));
        let sets: Vec<_> = sets.map(|(_, set)| set).collect();
        let never = |after: Option<(i64, _)>| {
            let rows = self.rows_of(Shelves::places(&self.index, query).births(order, after));
            rows.filter(|row| row.details.due_at.is_none())
        };
        match after {
            Some(Place(Key::Missing(created), id)) => Box::new(never(Some((*created, (*id).into())))),
            after => {
                let due = merged(sets.into_iter(), order, after.and_then(birth).as_ref());
                Box::new(self.rows_of(due).chain(never(None)))
            }
        }
    }

    /// What should have been done by `now` and is not closed, the latest first.
    fn overdue(&self, query: &TaskQuery, now: DateTime<Utc>) -> impl Iterator<Item = &Row> {
        let open = self
            .index
            .due
            .all()
            .filter(|((of, archived, is_closed), _)| !is_closed && query.is_within(*of, *archived));
        let now = (now.timestamp_micros().saturating_add(1), mc_domain::ids::TaskId::new(Uuid::nil()));
        let late: Vec<_> = open.map(|(_, set)| set.range((Unbounded, Excluded(now))).rev()).collect();
        self.rows_of(late.into_iter().flatten())
    }
}

#[cfg(test)]
impl Tasks {
    /// What [`Tasks::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(
        &self,
        query: &TaskQuery,
        now: DateTime<Utc>,
    ) -> Vec<mc_domain::ids::TaskId> {
        let sort = query.sort.unwrap_or(TaskSort::CreatedAt);
        let order = query.order.unwrap_or(sort.default_order());
        let cut = Cut::new("everything", order, query.limit, None).unwrap();
        let search = query.search.as_deref().and_then(Search::new);
        let wanted = self.rows.values().map(Box::as_ref).filter(|row| query.wants(row, search.as_ref(), now));
        cut.of_unsorted(wanted, |row: &Row| sort.place(row)).items.iter().map(|row| row.id).collect()
    }
}

impl TaskQuery {
    fn question(&self, sort: TaskSort) -> impl std::hash::Hash {
        let what = (&self.status, &self.kind, &self.priority, &self.label, self.archived);
        let who = (&self.assignee, self.unassigned);
        ("tasks", self.project, who, what, &self.search, self.overdue, sort)
    }

    fn is_within(&self, project: ProjectId, archived: bool) -> bool {
        self.archived == archived && self.project.is_none_or(|wanted| wanted == project)
    }

    fn wants(&self, row: &Row, search: Option<&Search>, now: DateTime<Utc>) -> bool {
        let details = &row.details;
        self.is_within(row.project, row.archived_at.is_some())
            && (self.status.is_empty() || self.status.contains(&row.status))
            && (self.kind.is_empty() || self.kind.contains(&details.kind))
            && (self.assignee.is_empty() || self.assignee.iter().any(|agent| row.assignees.contains(agent)))
            && self.unassigned.is_none_or(|unassigned| unassigned == row.assignees.is_empty())
            && (self.priority.is_empty() || self.priority.contains(&details.priority))
            && (self.label.is_empty() || self.label.iter().any(|label| details.labels.contains(label)))
            && self.overdue.is_none_or(|overdue| overdue == row.is_overdue(now))
            && search.is_none_or(|search| row.mentions(search))
    }
}

impl Row {
    fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        !self.status.is_closed() && self.details.due_at.is_some_and(|due| due < now)
    }

    fn mentions(&self, search: &Search) -> bool {
        let description = self.details.description.as_ref();
        search.is_in(self.details.title.as_str())
            || description.is_some_and(|text| search.is_in(text.as_str()))
    }
}

impl TaskSort {
    fn place(self, row: &Row) -> Place {
        let (id, created): (Uuid, _) = (row.id.uuid(), row.created_at.timestamp_micros());
        match self {
            Self::CreatedAt => Place(Key::Number(created), id),
            Self::UpdatedAt => Place(Key::Number(row.updated_at.timestamp_micros()), id),
            Self::Priority => Place(Key::Pair(u32::from(row.details.priority).into(), created), id),
            Self::DueAt => Place::optional(row.details.due_at.map(|due| due.timestamp_micros()), created, id),
            Self::Title => Place(Key::Text(row.details.title.as_str().to_lowercase()), id),
            Self::Status => Place(Key::Pair(row.status as i64, created), id),
            Self::Cost => Place(Key::Number(row.cost().0.micros()), id),
        }
    }
}
