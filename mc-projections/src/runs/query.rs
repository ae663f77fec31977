//! Finds, sorts and pages the runs that a query asks for.

use std::hash::Hash;

use mc_domain::{
    ids::{AgentId, RunId, TaskId},
    money::Usd,
    reach::Reach,
    run::Status,
    string_enum,
};

use super::{Row, RunView, Runs};
use crate::{
    list::{self, Candidates, Paging, Question, Route, Walk},
    page::{InvalidCursor, Order, Page, Place},
};

string_enum! {
    /// What runs can be sorted by.
    RunSort {
        /// By the time they started; the default, newest first.
        StartedAt = "startedAt",
        /// By what they were charged, dearest first; runs under way come last.
        Cost = "cost",
        /// By how long they took, longest first; runs under way come last.
        Duration = "duration",
    }
}

/// Which runs are asked for. An empty or absent filter lets every run through; all filters must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Only runs that belong to the projects within this reach.
    pub reach: Reach,
    /// Only runs of one of these agents.
    pub agent: Vec<AgentId>,
    /// Only runs that work on one of these tasks.
    pub task: Vec<TaskId>,
    /// Only runs in one of these statuses.
    pub status: Vec<Status>,
    /// What the runs are sorted by; [`RunSort::StartedAt`] when absent.
    pub sort: Option<RunSort>,
    /// Which end comes first; the newest, dearest or longest run when absent.
    pub order: Option<Order>,
    /// The most runs of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Runs {
    /// The runs asked for. A page costs as much as it shows where an index leads to it: for projects, agents, their
    /// statuses, and tasks, in each order. Other filters pass over rows, at most [`crate::page::MAX_LOOKED_AT`] for a
    /// page.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor belongs to another question.
    pub fn list(&self, query: &RunQuery) -> Result<Page<RunView<'_>>, InvalidCursor> {
        Ok(list::page(&RunQuestion { runs: self, query })?.map(Row::view))
    }
}

/// A query together with the runs that it is put to.
#[derive(Clone, Copy)]
struct RunQuestion<'a, 'q> {
    runs: &'a Runs,
    query: &'q RunQuery,
}

impl<'a> Question<'a> for RunQuestion<'a, '_> {
    type Id = RunId;
    type Row = Row;
    type Sort = RunSort;

    fn sort(&self) -> RunSort {
        self.query.sort.unwrap_or(RunSort::StartedAt)
    }

    fn paging(&self) -> Paging<'_> {
        let RunQuery { order, limit, cursor, .. } = self.query;
        Paging { order: order.unwrap_or(Order::Desc), limit: *limit, cursor: cursor.as_deref() }
    }

    fn reach(&self) -> &Reach {
        &self.query.reach
    }

    fn filters(&self) -> impl Hash {
        let RunQuery { reach, agent, task, status, .. } = self.query;
        ("runs", reach, agent, task, status)
    }

    fn wants(&self, row: &Row) -> bool {
        let RunQuery { reach, agent, task, status, .. } = self.query;
        let terms = &row.terms;
        reach.includes(terms.project)
            && (agent.is_empty() || agent.contains(&terms.agent))
            && (task.is_empty() || terms.task.is_some_and(|of| task.contains(&of)))
            && (status.is_empty() || status.contains(&row.status()))
    }

    fn place(&self, sort: RunSort, row: &Row) -> Place {
        let (id, created) = (row.id.uuid(), row.terms.at.timestamp_micros());
        match sort {
            RunSort::StartedAt => Place::at_time(row.terms.at, id),
            RunSort::Cost => Place::optional(row.charged().map(Usd::micros), created, id),
            RunSort::Duration => Place::optional(row.duration_micros(), created, id),
        }
    }

    fn row(&self, id: RunId) -> Option<&'a Row> {
        self.runs.rows.get(id)
    }

    fn route(&self, sort: RunSort) -> Route<'_, RunId> {
        let index = self.runs.rows.index();
        let numbers = match sort {
            RunSort::StartedAt => return Route::Walk(Walk::Created(self.candidates())),
            RunSort::Cost => &index.costs,
            RunSort::Duration => &index.durations,
        };
        let wider = || {
            let reach = &self.query.reach;
            let sets = numbers.sets(|of| reach.includes(*of));
            let under_way = index.owners.candidates(&[], reach, &[], |status| status == Status::Running);
            Walk::Numbered(sets, Some(under_way))
        };
        Route::SortIfFew(self.candidates(), Box::new(wider))
    }
}

impl RunQuestion<'_, '_> {
    /// The fewest runs that an index can tell apart.
    fn candidates(&self) -> Candidates<'_, RunId> {
        let RunQuery { reach, agent, task, status, .. } = self.query;
        let wants_status = |of| status.is_empty() || status.contains(&of);
        self.runs.rows.index().owners.candidates(task, reach, agent, wants_status)
    }
}

#[cfg(test)]
impl Runs {
    /// What [`Runs::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(&self, query: &RunQuery) -> Vec<RunId> {
        let rows = list::page_by_looking(&RunQuestion { runs: self, query }, self.rows.iter());
        rows.iter().map(|row| row.id).collect()
    }
}
