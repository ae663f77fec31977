//! Lists of alerts.

use std::cmp::Reverse;

use mc_domain::{
    alert::{Kind, Severity, Status},
    ids::{AgentId, ProjectId, TaskId},
    words,
};

use super::{AlertView, Alerts, Row, is_open};
use crate::{
    agents::Agents,
    births::{birth, place},
    merge::merged,
    page::{Cut, InvalidCursor, Key, Order, Page, Place},
};

words! {
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
    /// The alerts asked for. Those still to be dealt with cost what there are of them, however many are resolved.
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
        let by_birth = sort == AlertSort::CreatedAt;
        let after = cut.after().filter(|_| by_birth).and_then(birth);
        let index = if query.wants_open_only() { &self.open } else { &self.by_project };
        let births = merged(index.of(query.project.as_ref()).into_iter(), order, after);
        let rows = births.filter_map(|(_, id)| self.rows.get(&id)).filter(|row| query.wants(row));
        let rows = rows.map(|row| (sort.place(row), row));
        let page = if by_birth { cut.of_sorted(rows) } else { cut.of_unsorted(rows) };
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }

    /// The alerts of a project, or of all, that are still to be dealt with, worst first.
    pub fn unresolved<'a>(
        &'a self,
        project: Option<ProjectId>,
        agents: &'a Agents,
    ) -> impl Iterator<Item = AlertView<'a>> {
        let mut rows: Vec<_> = self.open(project).collect();
        rows.sort_by_key(|row| Reverse((row.severity, row.created_at, row.id)));
        rows.into_iter().map(|row| row.view(agents))
    }
}

impl AlertQuery {
    fn question(&self, sort: AlertSort) -> impl std::hash::Hash {
        let what = (&self.status, &self.severity, &self.kind, self.resolved);
        ("alerts", self.project, &self.agent, &self.task, what, sort)
    }

    fn wants_open_only(&self) -> bool {
        let by_status = !self.status.is_empty() && self.status.iter().all(|status| is_open(*status));
        self.resolved == Some(false) || by_status
    }

    fn wants(&self, row: &Row) -> bool {
        self.resolved.is_none_or(|resolved| resolved != is_open(row.status))
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
            Self::Severity => Place(Key::Number(row.severity as i64), id),
        }
    }
}
