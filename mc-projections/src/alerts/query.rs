//! Finds, sorts and pages the alerts that a query asks for.

use std::{collections::BTreeSet, hash::Hash};

use mc_domain::{
    alert::{Kind, Severity, Status},
    ids::{AgentId, AlertId, TaskId},
    reach::Reach,
    string_enum,
};

use super::{AlertView, Alerts, Row, is_open};
use crate::{
    agents::Agents,
    list::{self, Candidates, Paging, Question, Route, Walk},
    ordered_index::CreationKey,
    page::{InvalidCursor, Order, Page, Place},
};

string_enum! {
    /// What alerts can be sorted by.
    AlertSort {
        /// By the time they were raised; the default, newest first.
        CreatedAt = "createdAt",
        /// By the time their cause last happened, the latest first.
        LastAt = "lastAt",
        /// By severity, the worst first, and then by the time they were raised.
        Severity = "severity",
    }
}

/// Which alerts are asked for. An empty or absent filter lets every alert through; all filters must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only alerts that belong to the projects within this reach.
    pub reach: Reach,
    /// Only alerts that were resolved or ignored when true, only the others when false.
    pub resolved: Option<bool>,
    /// Only alerts in one of these statuses.
    pub status: Vec<Status>,
    /// Only alerts of one of these severities.
    pub severity: Vec<Severity>,
    /// Only alerts of one of these types.
    pub kind: Vec<Kind>,
    /// Only alerts that concern one of these agents.
    pub agent: Vec<AgentId>,
    /// Only alerts that concern one of these tasks.
    pub task: Vec<TaskId>,
    /// What the alerts are sorted by; [`AlertSort::CreatedAt`] when absent.
    pub sort: Option<AlertSort>,
    /// Which end comes first; the newest or worst alert when absent.
    pub order: Option<Order>,
    /// The most alerts of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Alerts {
    /// The alerts asked for. A page costs as much as it shows where an index leads to it: for projects, agents,
    /// severities, whether they are resolved, and tasks, in each order. Other filters pass over rows, at most
    /// [`crate::page::MAX_LOOKED_AT`] for a page.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor belongs to another question.
    pub fn list<'a>(
        &'a self,
        query: &AlertQuery,
        agents: &'a Agents,
    ) -> Result<Page<AlertView<'a>>, InvalidCursor> {
        Ok(list::page(&AlertQuestion { alerts: self, query })?.map(|row| row.view(agents)))
    }

    /// The alerts of the projects within a reach that nobody has resolved or ignored: the worst first and of those
    /// the latest.
    pub fn unresolved<'a>(
        &'a self,
        reach: &Reach,
        agents: &'a Agents,
    ) -> impl Iterator<Item = AlertView<'a>> + use<'a> {
        let query = AlertQuery { reach: reach.clone(), resolved: Some(false), ..AlertQuery::default() };
        let keys = list::ranked(self.by_severity(&query), Order::Desc, None);
        keys.filter_map(|(_, id)| self.rows.get(*id)).map(|row| row.view(agents))
    }

    /// The groups of alerts that a query may want, by the rank of their severity. The tasks that it names are left aside.
    fn by_severity(&self, query: &AlertQuery) -> Vec<(i64, &BTreeSet<CreationKey<AlertId>>)> {
        let wants = |standing| query.wants_standing(standing);
        let groups = self.rows.index().owners.groups(&query.reach, &query.agent, wants).into_iter();
        groups.map(|((_, severity), set)| (severity as i64, set)).collect()
    }
}

impl AlertQuery {
    fn wants_standing(&self, (is_open, severity): (bool, Severity)) -> bool {
        self.wants_openness(is_open) && (self.severity.is_empty() || self.severity.contains(&severity))
    }

    /// Whether open alerts may be wanted or, when `open` is false, those that are not.
    fn wants_openness(&self, open: bool) -> bool {
        self.resolved.is_none_or(|resolved| resolved != open)
            && (self.status.is_empty() || self.status.iter().any(|status| is_open(*status) == open))
    }
}

/// A query together with the alerts that it is put to.
#[derive(Clone, Copy)]
struct AlertQuestion<'a, 'q> {
    alerts: &'a Alerts,
    query: &'q AlertQuery,
}

impl<'a> Question<'a> for AlertQuestion<'a, '_> {
    type Id = AlertId;
    type Row = Row;
    type Sort = AlertSort;

    fn sort(&self) -> AlertSort {
        self.query.sort.unwrap_or(AlertSort::CreatedAt)
    }

    fn paging(&self) -> Paging<'_> {
        let AlertQuery { order, limit, cursor, .. } = self.query;
        Paging { order: order.unwrap_or(Order::Desc), limit: *limit, cursor: cursor.as_deref() }
    }

    fn reach(&self) -> &Reach {
        &self.query.reach
    }

    fn filters(&self) -> impl Hash {
        let AlertQuery { reach, resolved, status, severity, kind, agent, task, .. } = self.query;
        ("alerts", reach, agent, task, (status, severity, kind, resolved))
    }

    fn wants(&self, row: &Row) -> bool {
        let AlertQuery { resolved, status, severity, kind, agent, task, .. } = self.query;
        self.query.reach.includes(row.project)
            && resolved.is_none_or(|resolved| resolved != is_open(row.status))
            && (status.is_empty() || status.contains(&row.status))
            && (severity.is_empty() || severity.contains(&row.severity))
            && (kind.is_empty() || kind.contains(&row.kind))
            && (agent.is_empty() || row.agent.is_some_and(|of| agent.contains(&of)))
            && (task.is_empty() || row.task.is_some_and(|of| task.contains(&of)))
    }

    fn place(&self, sort: AlertSort, row: &Row) -> Place {
        let id = row.id.uuid();
        match sort {
            AlertSort::CreatedAt => Place::at_time(row.created_at, id),
            AlertSort::LastAt => Place::at_time(row.last_at, id),
            AlertSort::Severity => Place::ranked(row.severity as i64, row.created_at.timestamp_micros(), id),
        }
    }

    fn row(&self, id: AlertId) -> Option<&'a Row> {
        self.alerts.rows.get(id)
    }

    fn route(&self, sort: AlertSort) -> Route<'_, AlertId> {
        let is_of_tasks = !self.query.task.is_empty();
        match sort {
            AlertSort::CreatedAt => Route::Walk(Walk::Created(self.candidates())),
            AlertSort::Severity if is_of_tasks => {
                Route::SortIfFew(self.candidates(), Box::new(|| self.by_severity()))
            }
            AlertSort::Severity => Route::Walk(self.by_severity()),
            AlertSort::LastAt => Route::SortIfFew(self.candidates(), Box::new(|| self.by_last_time())),
        }
    }
}

impl AlertQuestion<'_, '_> {
    /// The fewest alerts that an index can tell apart.
    fn candidates(&self) -> Candidates<'_, AlertId> {
        let AlertQuery { reach, agent, task, .. } = self.query;
        let owners = &self.alerts.rows.index().owners;
        owners.candidates(task, reach, agent, |standing| self.query.wants_standing(standing))
    }

    fn by_severity(&self) -> Walk<'_, AlertId> {
        Walk::Ranked(self.alerts.by_severity(self.query))
    }

    fn by_last_time(&self) -> Walk<'_, AlertId> {
        let query = self.query;
        let wanted =
            |(project, is_open): &_| query.reach.includes(*project) && query.wants_openness(*is_open);
        Walk::Numbered(self.alerts.rows.index().latest.sets(wanted), None)
    }
}

#[cfg(test)]
impl Alerts {
    /// What [`Alerts::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(&self, query: &AlertQuery) -> Vec<AlertId> {
        let rows = list::page_by_looking(&AlertQuestion { alerts: self, query }, self.rows.iter());
        rows.iter().map(|row| row.id).collect()
    }
}
