//! Finds, sorts and pages the tasks that a query asks for.

mod groups;
mod search;

use std::{
    hash::Hash,
    ops::Bound::{Excluded, Unbounded},
};

use chrono::{DateTime, Utc};
use mc_domain::{
    ids::{AgentId, ProjectId, TaskId},
    reach::Reach,
    string_enum,
    task::{Priority, Status, TaskType},
    values::Label,
};
use uuid::Uuid;

use super::{Row, TaskView, Tasks, index::Index};
use crate::{
    agents::Agents,
    list::{self, Paging, Question, Route, Walk},
    page::{InvalidCursor, MAX_SORTED, Order, Page, Place},
};
use groups::Groups;
use search::Search;

string_enum! {
    /// What tasks can be sorted by.
    TaskSort {
        /// By the time they were created; the default, newest first.
        CreatedAt = "createdAt",
        /// By the time they last changed, the latest first.
        UpdatedAt = "updatedAt",
        /// By urgency, from 1 critical to 4 low.
        Priority = "priority",
        /// By the time they are due, the next one first; tasks without such a time come last.
        DueAt = "dueAt",
        /// By title, upper and lower case being the same.
        Title = "title",
        /// By status, in the order of the board's columns.
        Status = "status",
        /// By what they have cost so far, the dearest first.
        Cost = "cost",
    }
}

/// The most tasks that a page with a search looks at: to search a text takes longer than to compare a number.
const MAX_SEARCHED: usize = 2_000;

impl TaskSort {
    /// Which end comes first when the query does not say: what is most urgent, or most recent, or most expensive.
    pub const fn default_order(self) -> Order {
        match self {
            Self::CreatedAt | Self::UpdatedAt | Self::Cost => Order::Desc,
            Self::Priority | Self::DueAt | Self::Title | Self::Status => Order::Asc,
        }
    }
}

/// Which tasks are asked for. An empty or absent filter lets every task through; all filters must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// Only tasks that belong to the projects within this reach.
    pub reach: Reach,
    /// Only tasks in one of these statuses.
    pub status: Vec<Status>,
    /// Only tasks of one of these types.
    pub kind: Vec<TaskType>,
    /// Only tasks that are assigned to one of these agents.
    pub assignee: Vec<AgentId>,
    /// Only tasks that are assigned to nobody when true, only the others when false.
    pub unassigned: Option<bool>,
    /// Only tasks of one of these priorities.
    pub priority: Vec<Priority>,
    /// Only tasks with one of these labels.
    pub label: Vec<Label>,
    /// Only tasks with this text in title or description. Case, accents and Unicode composition make no difference.
    pub search: Option<String>,
    /// Only tasks that are past their due time and not closed when true, only the others when false.
    pub overdue: Option<bool>,
    /// Only archived tasks when true, only the others when false.
    pub archived: bool,
    /// What the tasks are sorted by; [`TaskSort::CreatedAt`] when absent.
    pub sort: Option<TaskSort>,
    /// Which end comes first; [`TaskSort::default_order`] when absent.
    pub order: Option<Order>,
    /// The most tasks of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Tasks {
    /// The tasks asked for, at `now`. A page costs as much as it shows where an index leads to it: for projects,
    /// statuses, assignees, labels, what is overdue and the types of the inbox, in each order. Other filters pass
    /// over rows, at most [`crate::page::MAX_LOOKED_AT`] for a page.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor belongs to another question.
    pub fn list<'a>(
        &'a self,
        query: &TaskQuery,
        now: DateTime<Utc>,
        agents: &'a Agents,
    ) -> Result<Page<TaskView<'a>>, InvalidCursor> {
        Ok(list::page(&TaskQuestion::new(self, query, now))?.map(|row| row.view(agents)))
    }
}

/// The tasks that a query wants, for those who look at rows in an order of their own.
pub(crate) struct Wanted<'a, 'q>(TaskQuestion<'a, 'q>);

impl Wanted<'_, '_> {
    pub(crate) fn includes(&self, row: &Row) -> bool {
        self.0.wants(row)
    }

    /// The most rows to look at.
    pub(crate) fn max_looked_at(&self) -> usize {
        self.0.max_looked_at()
    }
}

impl Tasks {
    /// The tasks that a query wants at `now`, whatever its order and its page.
    pub(crate) fn wanted<'a, 'q>(&'a self, query: &'q TaskQuery, now: DateTime<Utc>) -> Wanted<'a, 'q> {
        Wanted(TaskQuestion::new(self, query, now))
    }
}

/// A query together with the tasks that it is put to and the time at which it is asked.
struct TaskQuestion<'a, 'q> {
    tasks: &'a Tasks,
    query: &'q TaskQuery,
    search: Option<Search>,
    now: DateTime<Utc>,
}

impl<'a> Question<'a> for TaskQuestion<'a, '_> {
    type Id = TaskId;
    type Row = Row;
    type Sort = TaskSort;

    fn sort(&self) -> TaskSort {
        self.query.sort.unwrap_or(TaskSort::CreatedAt)
    }

    fn paging(&self) -> Paging<'_> {
        let TaskQuery { order, limit, cursor, .. } = self.query;
        let order = order.unwrap_or(self.sort().default_order());
        Paging { order, limit: *limit, cursor: cursor.as_deref() }
    }

    fn reach(&self) -> &Reach {
        &self.query.reach
    }

    fn filters(&self) -> impl Hash {
        let TaskQuery { reach, status, kind, assignee, unassigned, priority, label, .. } = self.query;
        let TaskQuery { search, overdue, archived, .. } = self.query;
        let what = (status, kind, priority, label, archived);
        ("tasks", reach, (assignee, unassigned), what, search, overdue)
    }

    fn wants(&self, row: &Row) -> bool {
        let TaskQuery { status, kind, assignee, unassigned, priority, label, overdue, .. } = self.query;
        let details = &row.details;
        self.query.is_within(row.project, row.archived_at.is_some())
            && (status.is_empty() || status.contains(&row.status))
            && (kind.is_empty() || kind.contains(&details.kind))
            && (assignee.is_empty() || assignee.iter().any(|agent| row.assignees.contains(agent)))
            && unassigned.is_none_or(|unassigned| unassigned == row.assignees.is_empty())
            && (priority.is_empty() || priority.contains(&details.priority))
            && (label.is_empty() || label.iter().any(|label| details.labels.contains(label)))
            && overdue.is_none_or(|overdue| overdue == row.is_overdue(self.now))
            && self.search.as_ref().is_none_or(|search| row.mentions(search))
    }

    fn place(&self, sort: TaskSort, row: &Row) -> Place {
        let (id, created): (Uuid, _) = (row.id.uuid(), row.created_at.timestamp_micros());
        match sort {
            TaskSort::CreatedAt => Place::at_time(row.created_at, id),
            TaskSort::UpdatedAt => Place::at_time(row.updated_at, id),
            TaskSort::Priority => Place::ranked(u32::from(row.details.priority).into(), created, id),
            TaskSort::DueAt => {
                Place::optional(row.details.due_at.map(|due| due.timestamp_micros()), created, id)
            }
            TaskSort::Title => Place::by_text(row.details.title.as_str().to_lowercase(), id),
            TaskSort::Status => Place::ranked(row.status as i64, created, id),
            TaskSort::Cost => Place::by_number(row.cost().0.micros(), id),
        }
    }

    fn row(&self, id: TaskId) -> Option<&'a Row> {
        self.tasks.rows.get(id)
    }

    fn route(&self, sort: TaskSort) -> Route<'_, TaskId> {
        let groups = Groups::narrowest(self.index(), self.query);
        if let Some(late) = self.few_overdue(groups.count()) {
            return Route::Sort(late);
        }
        match groups.walk(sort) {
            Some(walk) => Route::Walk(walk),
            None => Route::SortIfFew(groups.candidates(), Box::new(move || self.by(sort))),
        }
    }

    fn max_looked_at(&self) -> usize {
        if self.search.is_some() { MAX_SEARCHED } else { crate::page::MAX_LOOKED_AT }
    }
}

impl<'a, 'q> TaskQuestion<'a, 'q> {
    fn new(tasks: &'a Tasks, query: &'q TaskQuery, now: DateTime<Utc>) -> Self {
        Self { tasks, query, search: query.search.as_deref().and_then(Search::new), now }
    }

    fn index(&self) -> &'a Index {
        self.tasks.rows.index()
    }

    /// The tasks of the query's projects that are past their due time, where the query wants such and they are fewer
    /// than `others`, the tasks that other filters lead to.
    fn few_overdue(&self, others: usize) -> Option<Vec<TaskId>> {
        if self.query.overdue != Some(true) {
            return None;
        }
        let few = others.min(MAX_SORTED + 1);
        let open = self.index().due.all().filter(|((project, archived, is_closed), _)| {
            !is_closed && self.query.is_within(*project, *archived)
        });
        let now = (self.now.timestamp_micros().saturating_add(1), TaskId::new(Uuid::nil()));
        let late = open.flat_map(|(_, set)| set.range((Unbounded, Excluded(now))).rev());
        let late: Vec<_> = late.map(|(_, id)| *id).take(few).collect();
        (late.len() < few).then_some(late)
    }

    /// All tasks of the projects, archived or not as the query says, in the order of `sort`.
    fn by(&self, sort: TaskSort) -> Walk<'a, TaskId> {
        let (index, query) = (self.index(), self.query);
        let is_within = |(project, archived): &(ProjectId, bool)| query.is_within(*project, *archived);
        let by_project = Groups::by_project(index, query);
        match sort {
            TaskSort::UpdatedAt => Walk::Numbered(index.changes.sets(is_within), None),
            TaskSort::Cost => Walk::Numbered(index.costs.sets(is_within), None),
            TaskSort::Title => Walk::Texts(index.titles.sets(is_within)),
            TaskSort::DueAt => {
                let due = index.due.sets(|(project, archived, _)| query.is_within(*project, *archived));
                Walk::Numbered(due, Some(by_project.candidates()))
            }
            // Labels do not tell the rank of a task, but the groups of its project do.
            TaskSort::CreatedAt | TaskSort::Priority | TaskSort::Status => {
                by_project.walk(sort).expect("every group of a project has a status and a priority")
            }
        }
    }
}

impl TaskQuery {
    fn is_within(&self, project: ProjectId, archived: bool) -> bool {
        self.archived == archived && self.reach.includes(project)
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

#[cfg(test)]
impl Tasks {
    /// What [`Tasks::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(&self, query: &TaskQuery, now: DateTime<Utc>) -> Vec<TaskId> {
        let rows = list::page_by_looking(&TaskQuestion::new(self, query, now), self.rows.iter());
        rows.iter().map(|row| row.id).collect()
    }
}
