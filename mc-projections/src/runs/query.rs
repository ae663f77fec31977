//! Lists of runs.

use std::collections::BTreeSet;

use mc_domain::{
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    run::Status,
    words,
};

use super::{Row, RunView, Runs};
use crate::{
    births::{Birth, birth, place},
    merge::merged,
    page::{Cut, InvalidCursor, Key, Order, Page, Place},
};

words! {
    /// What runs can be sorted by.
    RunSort {
        /// When they began; the default, newest first.
        StartedAt = "startedAt",
        /// What they cost, or were charged where nobody knows; those under way come last.
        Cost = "cost",
        /// How long they took; those under way come last.
        Duration = "duration",
    }
}

/// Which runs are asked for; an empty filter lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of one of these agents.
    pub agent: Vec<AgentId>,
    /// For one of these tasks.
    pub task: Vec<TaskId>,
    /// In one of these statuses.
    pub status: Vec<Status>,
    /// Sorted by; newest first when absent.
    pub sort: Option<RunSort>,
    /// Which end comes first; what is newest, dearest or longest when absent.
    pub order: Option<Order>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl Runs {
    /// The runs asked for. In the order in which they began a page costs what it shows and passes over; other orders
    /// cost all that the filter lets through.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list(&self, query: &RunQuery) -> Result<Page<RunView<'_>>, InvalidCursor> {
        let sort = query.sort.unwrap_or(RunSort::StartedAt);
        let order = query.order.unwrap_or(Order::Desc);
        let question = ("runs", query.project, &query.agent, &query.task, &query.status, sort);
        let cut = Cut::new(question, order, query.limit, query.cursor.as_deref())?;
        let by_birth = sort == RunSort::StartedAt;
        let after = cut.after().filter(|_| by_birth).and_then(birth);
        let births = merged(self.sets(query).into_iter(), order, after);
        let rows = births.filter_map(|(_, id)| self.rows.get(&id)).filter(|row| query.wants(row));
        let rows = rows.map(|row| (sort.place(row), row));
        let page = if by_birth { cut.of_sorted(rows) } else { cut.of_unsorted(rows) };
        Ok(Page { items: page.items.into_iter().map(Row::view).collect(), next: page.next })
    }

    /// The smallest sets that the wanted runs are among.
    fn sets(&self, query: &RunQuery) -> Vec<&BTreeSet<Birth<RunId>>> {
        match (&query.task[..], &query.agent[..]) {
            ([], []) => self.by_project.of(query.project.as_ref()),
            ([], agents) => self.by_agent.of_any(agents),
            (tasks, _) => self.by_task.of_any(tasks),
        }
    }
}

impl RunQuery {
    fn wants(&self, row: &Row) -> bool {
        let terms = &row.terms;
        self.project.is_none_or(|project| project == terms.project)
            && (self.agent.is_empty() || self.agent.contains(&terms.agent))
            && (self.task.is_empty() || terms.task.is_some_and(|task| self.task.contains(&task)))
            && (self.status.is_empty() || self.status.contains(&row.status()))
    }
}

impl RunSort {
    fn place(self, row: &Row) -> Place {
        let (id, ended) = (row.id.uuid(), row.end.as_ref().map(|end| &end.ended));
        match self {
            Self::StartedAt => place(row.terms.at, id),
            Self::Cost => Place::optional(row.charged().map(Usd::micros), id),
            Self::Duration => {
                let took = ended.map(|ended| (ended.at - row.terms.at).num_microseconds());
                took.map_or(Place(Key::Missing, id), |took| Place(Key::Number(took.unwrap_or(i64::MAX)), id))
            }
        }
    }
}
