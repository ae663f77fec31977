//! Lists of tasks.

use chrono::{DateTime, Utc};
use mc_domain::{
    ids::{AgentId, ProjectId},
    task::{Priority, Status, TaskType},
    text::searchable,
    values::Label,
    words,
};
use uuid::Uuid;

use super::{Row, TaskView, Tasks};
use crate::{
    agents::Agents,
    merge::merged,
    page::{Cut, InvalidCursor, Key, Order, Page, Place},
};

words! {
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

impl Tasks {
    /// The tasks asked for, at `now`. In order of creation a page costs what it shows and passes over; other orders
    /// cost all that the filter lets through.
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
        let cut = Cut::new(query.question(sort), order, query.limit, query.cursor.as_deref())?;
        let search = query.search.as_deref().map(searchable).filter(|text| !text.is_empty());
        let page = if sort == TaskSort::CreatedAt {
            let rows = self.by_creation(query, order, cut.after());
            let rows = rows.filter(|row| query.wants(row, search.as_deref(), now));
            cut.of_sorted(rows.map(|row| (sort.place(row), row)))
        } else {
            let rows = self.by_creation(query, order, None);
            let rows = rows.filter(|row| query.wants(row, search.as_deref(), now));
            cut.of_unsorted(rows.map(|row| (sort.place(row), row)))
        };
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }

    fn by_creation(
        &self,
        query: &TaskQuery,
        order: Order,
        after: Option<&Place>,
    ) -> impl Iterator<Item = &Row> {
        let after = after.and_then(|place| match place {
            Place(Key::Number(micros), id) => Some((*micros, (*id).into())),
            Place(Key::Text(_) | Key::Missing, _) => None,
        });
        let sets = self.sets(query.project, query.archived).flatten();
        let wanted = sets.filter(|(status, _)| query.status.is_empty() || query.status.contains(status));
        merged(wanted.map(|(_, set)| set), order, after).filter_map(|(_, id)| self.rows.get(&id))
    }
}

impl TaskQuery {
    fn question(&self, sort: TaskSort) -> impl std::hash::Hash {
        let what = (&self.status, &self.kind, &self.priority, &self.label, self.archived);
        let who = (&self.assignee, self.unassigned);
        ("tasks", self.project, who, what, &self.search, self.overdue, sort)
    }

    /// Project and status are left to the index.
    fn wants(&self, row: &Row, search: Option<&str>, now: DateTime<Utc>) -> bool {
        let details = &row.details;
        (self.kind.is_empty() || self.kind.contains(&details.kind))
            && (self.assignee.is_empty() || self.assignee.iter().any(|agent| row.assignees.contains(agent)))
            && self.unassigned.is_none_or(|unassigned| unassigned == row.assignees.is_empty())
            && (self.priority.is_empty() || self.priority.contains(&details.priority))
            && (self.label.is_empty() || self.label.iter().any(|label| details.labels.contains(label)))
            && self.overdue.is_none_or(|overdue| overdue == row.is_overdue(now))
            && search.is_none_or(|text| row.mentions(text))
    }
}

impl Row {
    fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        !self.status.is_closed() && self.details.due_at.is_some_and(|due| due < now)
    }

    /// `text` is what [`searchable`] makes of what is searched for.
    fn mentions(&self, text: &str) -> bool {
        let description = self.details.description.as_ref();
        searchable(self.details.title.as_str()).contains(text)
            || description.is_some_and(|description| searchable(description.as_str()).contains(text))
    }
}

impl TaskSort {
    fn place(self, row: &Row) -> Place {
        let id: Uuid = row.id.uuid();
        match self {
            Self::CreatedAt => Place(Key::Number(row.created_at.timestamp_micros()), id),
            Self::UpdatedAt => Place(Key::Number(row.updated_at.timestamp_micros()), id),
            Self::Priority => Place(Key::Number(u32::from(row.details.priority).into()), id),
            Self::DueAt => Place::optional(row.details.due_at.map(|due| due.timestamp_micros()), id),
            Self::Title => Place(Key::Text(row.details.title.as_str().to_lowercase()), id),
            Self::Status => Place(Key::Number(row.status as i64), id),
            Self::Cost => Place(Key::Number(row.cost().0.micros()), id),
        }
    }
}
