//! Lists of runs.

use std::collections::BTreeSet;

use mc_domain::{
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    run::Status,
    string_enum,
};

use super::{Row, RunView, Runs};
use crate::{
    merge::merged,
    page::{Cut, InvalidCursor, Key, MAX_SORTED, Order, Page, Place},
    ranks::{Birth, Ranks, birth, place},
};

string_enum! {
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
    /// The runs asked for. A page costs what it shows where an index leads to it: for projects, agents, their statuses,
    /// and tasks, in each order. Where other filters pass over rows, at most [`crate::page::MAX_LOOKED_AT`] are looked
    /// at.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list(&self, query: &RunQuery) -> Result<Page<RunView<'_>>, InvalidCursor> {
        let sort = query.sort.unwrap_or(RunSort::StartedAt);
        let order = query.order.unwrap_or(Order::Desc);
        let question = ("runs", query.project, &query.agent, &query.task, &query.status, sort);
        let cut = Cut::new(question, order, query.limit, query.cursor.as_deref())?;
        let (wanted, place) = (|row: &Row| query.wants(row), |row: &Row| sort.place(row));
        if sort == RunSort::StartedAt {
            let rows = self.rows_of(self.births(query, order, cut.after().and_then(birth)));
            return Ok(shown(cut.of_sorted(rows, wanted, place)));
        }
        let few: Vec<_> = self.rows_of(self.births(query, order, None)).take(MAX_SORTED + 1).collect();
        if few.len() <= MAX_SORTED {
            return Ok(shown(cut.of_unsorted(few.into_iter().filter(|row| wanted(row)), place)));
        }
        let index = if sort == RunSort::Cost { &self.index.costs } else { &self.index.durations };
        Ok(shown(cut.of_sorted(self.by_figure(index, query, order, cut.after()), wanted, place)))
    }

    /// The runs that those wanted are among, in the order in which they began: the fewest that an index can tell.
    fn births<'a>(
        &'a self,
        query: &RunQuery,
        order: Order,
        after: Option<Birth<RunId>>,
    ) -> Box<dyn Iterator<Item = Birth<RunId>> + 'a> {
        let statuses = |status: &Status| query.status.is_empty() || query.status.contains(status);
        let index = &self.index;
        match (&query.task[..], &query.agent[..]) {
            ([], []) => {
                let groups = index.by_project.all().filter(|((project, status), _)| {
                    query.project.is_none_or(|wanted| wanted == *project) && statuses(status)
                });
                let sets: Vec<_> = groups.map(|(_, set)| set).collect();
                Box::new(merged(sets.into_iter(), order, after.as_ref()).copied())
            }
            ([], agents) => {
                let agents: BTreeSet<_> = agents.iter().collect();
                let groups =
                    agents.into_iter().flat_map(|agent| Status::ALL.iter().map(|status| (*agent, *status)));
                let sets: Vec<_> = groups
                    .filter(|(_, status)| statuses(status))
                    .filter_map(|group| index.by_agent.of(&group))
                    .collect();
                Box::new(merged(sets.into_iter(), order, after.as_ref()).copied())
            }
            (tasks, _) => Box::new(index.by_task.of_any(tasks, order, after)),
        }
    }

    /// All runs of the project in the order of a figure, and then those under way, which have none yet.
    fn by_figure<'a>(
        &'a self,
        index: &'a Ranks<ProjectId, (i64, RunId)>,
        query: &RunQuery,
        order: Order,
        after: Option<&Place>,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let under_way = |after: Option<Birth<RunId>>| {
            let open =
                RunQuery { project: query.project, status: vec![Status::Running], ..RunQuery::default() };
            self.rows_of(self.births(&open, order, after))
        };
        match after {
            Some(Place(Key::Missing(began), id)) => Box::new(under_way(Some((*began, (*id).into())))),
            after => {
                let groups = index.all().filter(|(of, _)| query.project.is_none_or(|wanted| wanted == **of));
                let sets: Vec<_> = groups.map(|(_, set)| set).collect();
                let limits = merged(sets.into_iter(), order, after.and_then(birth).as_ref());
                Box::new(self.rows_of(limits.copied()).chain(under_way(None)))
            }
        }
    }

    fn rows_of<'a>(
        &'a self,
        births: impl Iterator<Item = (i64, RunId)> + 'a,
    ) -> impl Iterator<Item = &'a Row> {
        births.filter_map(|(_, id)| self.rows.get(&id)).map(Box::as_ref)
    }
}

fn shown(page: Page<&Row>) -> Page<RunView<'_>> {
    Page { items: page.items.into_iter().map(Row::view).collect(), next: page.next }
}

#[cfg(test)]
impl Runs {
    /// What [`Runs::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(&self, query: &RunQuery) -> Vec<RunId> {
        let sort = query.sort.unwrap_or(RunSort::StartedAt);
        let cut = Cut::new("everything", query.order.unwrap_or(Order::Desc), query.limit, None).unwrap();
        let wanted = self.rows.values().map(Box::as_ref).filter(|row| query.wants(row));
        cut.of_unsorted(wanted, |row: &Row| sort.place(row)).items.iter().map(|row| row.id).collect()
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
        let (id, began) = (row.id.uuid(), row.terms.at.timestamp_micros());
        match self {
            Self::StartedAt => place(row.terms.at, id),
            Self::Cost => Place::optional(row.charged().map(Usd::micros), began, id),
            Self::Duration => Place::optional(row.duration_micros(), began, id),
        }
    }
}
