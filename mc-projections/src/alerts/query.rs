//! Lists of alerts.

use std::collections::BTreeSet;

use mc_domain::{
    alert::{Kind, Severity, Status},
    ids::{AgentId, AlertId, ProjectId, TaskId},
    string_enum,
};

use super::{AlertView, Alerts, Row, is_open};
use crate::{
    agents::Agents,
    merge::merged,
    page::{Cut, InvalidCursor, Key, MAX_SORTED, Order, Page, Place},
    ranks::{Birth, birth, place, ranked},
};

string_enum! {
    /// What alerts can be sorted by.
    AlertSort {
        /// When they were raised; the default, newest first.
        CreatedAt = "createdAt",
        /// When what they are about last happened.
        LastAt = "lastAt",
        /// How bad they are.
        Severity = "severity",
    }
}

/// Which alerts are asked for; an empty filter lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Resolved or ignored, or still to be dealt with.
    pub resolved: Option<bool>,
    /// In one of these statuses.
    pub status: Vec<Status>,
    /// Of one of these severities.
    pub severity: Vec<Severity>,
    /// Of one of these types.
    pub kind: Vec<Kind>,
    /// Concerning one of these agents.
    pub agent: Vec<AgentId>,
    /// Concerning one of these tasks.
    pub task: Vec<TaskId>,
    /// Sorted by; newest first when absent.
    pub sort: Option<AlertSort>,
    /// Which end comes first; newest or worst when absent.
    pub order: Option<Order>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl Alerts {
    /// The alerts asked for. A page costs what it shows where an index leads to it: for projects, agents, severities,
    /// whether they are resolved, and tasks, in each order. Where other filters pass over rows, at most
    /// [`crate::page::MAX_LOOKED_AT`] are looked at.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list<'a>(
        &'a self,
        query: &AlertQuery,
        agents: &'a Agents,
    ) -> Result<Page<AlertView<'a>>, InvalidCursor> {
        let sort = query.sort.unwrap_or(AlertSort::CreatedAt);
        let order = query.order.unwrap_or(Order::Desc);
        let cut = Cut::new(query.question(sort), order, query.limit, query.cursor.as_deref())?;
        let (wanted, place) = (|row: &Row| query.wants(row), |row: &Row| sort.place(row));
        let page = match self.rows_in_order(query, sort, order, cut.after()) {
            Ok(rows) => cut.of_sorted(rows, wanted, place),
            Err(few) => cut.of_unsorted(few.into_iter().filter(|row| wanted(row)), place),
        };
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }

    /// The alerts of a project, or of all, that are still to be dealt with, worst first and of those the latest.
    pub fn unresolved<'a>(
        &'a self,
        project: Option<ProjectId>,
        agents: &'a Agents,
    ) -> impl Iterator<Item = AlertView<'a>> {
        let open = AlertQuery { project, resolved: Some(false), ..AlertQuery::default() };
        let births = by_severity(self.shelves(&open), Order::Desc, None);
        self.rows_of(births).map(|row| row.view(agents))
    }

    /// The alerts that those wanted are among, in order; or all of them in any order, where no index has that order and
    /// they are few.
    fn rows_in_order<'a>(
        &'a self,
        query: &AlertQuery,
        sort: AlertSort,
        order: Order,
        after: Option<&Place>,
    ) -> Result<Box<dyn Iterator<Item = &'a Row> + 'a>, Vec<&'a Row>> {
        let births = after.and_then(birth);
        if !query.task.is_empty() && sort == AlertSort::CreatedAt {
            return Ok(Box::new(self.rows_of(self.index.by_task.of_any(&query.task, order, births))));
        }
        if !query.task.is_empty() {
            let few: Vec<_> = self
                .rows_of(self.index.by_task.of_any(&query.task, order, None))
                .take(MAX_SORTED + 1)
                .collect();
            if few.len() <= MAX_SORTED {
                return Err(few);
            }
        }
        let shelves = self.shelves(query);
        match sort {
            AlertSort::CreatedAt => {
                let sets: Vec<_> = shelves.into_iter().map(|(_, set)| set).collect();
                let births = merged(sets.into_iter(), order, births.as_ref()).copied();
                Ok(Box::new(self.rows_of(births)))
            }
            AlertSort::Severity => Ok(Box::new(self.rows_of(by_severity(shelves, order, after)))),
            AlertSort::LastAt if shelves.iter().map(|(_, set)| set.len()).sum::<usize>() <= MAX_SORTED => {
                let births = shelves.into_iter().flat_map(|(_, set)| set).copied();
                Err(self.rows_of(births).collect())
            }
            AlertSort::LastAt => {
                let groups = self.index.latest.all().filter(|((project, is_open), _)| {
                    query.project.is_none_or(|wanted| wanted == *project) && query.wants_openness(*is_open)
                });
                let sets: Vec<_> = groups.map(|(_, set)| set).collect();
                let latest = merged(sets.into_iter(), order, births.as_ref()).copied();
                Ok(Box::new(self.rows_of(latest)))
            }
        }
    }

    /// The groups that the alerts wanted are in, by severity: the fewest alerts that an index can tell.
    fn shelves(&self, query: &AlertQuery) -> Vec<(Severity, &BTreeSet<Birth<AlertId>>)> {
        let wanted = |is_open: bool, severity: Severity| {
            query.wants_openness(is_open) && (query.severity.is_empty() || query.severity.contains(&severity))
        };
        if query.agent.is_empty() {
            let groups = self.index.by_project.all().filter(|((project, is_open, severity), _)| {
                query.project.is_none_or(|of| of == *project) && wanted(*is_open, *severity)
            });
            return groups.map(|((_, _, severity), set)| (*severity, set)).collect();
        }
        let agents: BTreeSet<_> = query.agent.iter().copied().collect();
        let groups = agents.into_iter().flat_map(|agent| {
            let first = (agent, false, Severity::ALL[0]);
            self.index.by_agent.groups(first..).take_while(move |((of, ..), _)| *of == agent)
        });
        groups
            .filter(|((_, is_open, severity), _)| wanted(*is_open, *severity))
            .map(|((_, _, severity), set)| (*severity, set))
            .collect()
    }

    fn rows_of<'a>(
        &'a self,
        places: impl Iterator<Item = (i64, AlertId)> + 'a,
    ) -> impl Iterator<Item = &'a Row> {
        places.filter_map(|(_, id)| self.rows.get(&id)).map(Box::as_ref)
    }
}

/// One severity after the other, each in the order in which the alerts were raised.
fn by_severity<'a>(
    shelves: Vec<(Severity, &'a BTreeSet<Birth<AlertId>>)>,
    order: Order,
    after: Option<&Place>,
) -> impl Iterator<Item = Birth<AlertId>> + use<'a> {
    ranked(shelves.into_iter().map(|(severity, set)| (severity as i64, set)), order, after).copied()
}

#[cfg(test)]
impl Alerts {
    /// What [`Alerts::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(&self, query: &AlertQuery) -> Vec<AlertId> {
        let sort = query.sort.unwrap_or(AlertSort::CreatedAt);
        let cut = Cut::new("everything", query.order.unwrap_or(Order::Desc), query.limit, None).unwrap();
        let wanted = self.rows.values().map(Box::as_ref).filter(|row| query.wants(row));
        cut.of_unsorted(wanted, |row: &Row| sort.place(row)).items.iter().map(|row| row.id).collect()
    }
}

impl AlertQuery {
    fn question(&self, sort: AlertSort) -> impl std::hash::Hash {
        let what = (&self.status, &self.severity, &self.kind, self.resolved);
        ("alerts", self.project, &self.agent, &self.task, what, sort)
    }

    /// Whether alerts that are still to be dealt with, or those that are not, may be wanted.
    fn wants_openness(&self, open: bool) -> bool {
        self.resolved.is_none_or(|resolved| resolved != open)
            && (self.status.is_empty() || self.status.iter().any(|status| is_open(*status) == open))
    }

    fn wants(&self, row: &Row) -> bool {
        self.project.is_none_or(|project| project == row.project)
            && self.resolved.is_none_or(|resolved| resolved != is_open(row.status))
            && (self.status.is_empty() || self.status.contains(&row.status))
            && (self.severity.is_empty() || self.severity.contains(&row.severity))
            && (self.kind.is_empty() || self.kind.contains(&row.kind))
            && (self.agent.is_empty() || row.agent.is_some_and(|agent| self.agent.contains(&agent)))
            && (self.task.is_empty() || row.task.is_some_and(|task| self.task.contains(&task)))
    }
}

impl AlertSort {
    fn place(self, row: &Row) -> Place {
        let id = row.id.uuid();
        match self {
            Self::CreatedAt => place(row.created_at, id),
            Self::LastAt => place(row.last_at, id),
            Self::Severity => Place(Key::Pair(row.severity as i64, row.created_at.timestamp_micros()), id),
        }
    }
}
