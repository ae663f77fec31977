//! Lists of approvals.

use mc_domain::{
    approval::{Risk, Status},
    ids::{AgentId, ProjectId, TaskId},
    words,
};

use super::{ApprovalView, Approvals, Row};
use crate::{
    agents::Agents,
    births::{birth, place},
    merge::merged,
    page::{Cut, InvalidCursor, Order, Page, Place},
};

words! {
    /// What approvals can be sorted by.
    ApprovalSort {
        /// When they were first asked for; the default, newest first.
        CreatedAt = "createdAt",
        /// When they end by themselves, the next one first.
        ExpiresAt = "expiresAt",
    }
}

/// Which approvals are asked for; an empty filter lets everything through, but for the status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalQuery {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// In one of these statuses; when none is named, those that wait for a decision.
    pub status: Vec<Status>,
    /// Of one of these risks.
    pub risk: Vec<Risk>,
    /// For one of these agents to act.
    pub agent: Vec<AgentId>,
    /// About one of these tasks.
    pub task: Vec<TaskId>,
    /// Sorted by; newest first when absent.
    pub sort: Option<ApprovalSort>,
    /// Which end comes first; newest or next to expire when absent.
    pub order: Option<Order>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl ApprovalSort {
    const fn default_order(self) -> Order {
        match self {
            Self::CreatedAt => Order::Desc,
            Self::ExpiresAt => Order::Asc,
        }
    }

    fn place(self, row: &Row) -> Place {
        match self {
            Self::CreatedAt => place(row.created_at, row.id.uuid()),
            Self::ExpiresAt => place(row.expires_at, row.id.uuid()),
        }
    }
}

impl Approvals {
    /// The approvals asked for. Those that wait cost what there are of them, however many have ended.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list<'a>(
        &'a self,
        query: &ApprovalQuery,
        agents: &'a Agents,
    ) -> Result<Page<ApprovalView<'a>>, InvalidCursor> {
        let sort = query.sort.unwrap_or(ApprovalSort::CreatedAt);
        let order = query.order.unwrap_or(sort.default_order());
        let filters = (&query.status, &query.risk, &query.agent, &query.task);
        let question = ("approvals", query.project, filters, sort);
        let cut = Cut::new(question, order, query.limit, query.cursor.as_deref())?;
        let by_birth = sort == ApprovalSort::CreatedAt;
        let after = cut.after().filter(|_| by_birth).and_then(birth);
        let index = if query.wants_open_only() { &self.open } else { &self.by_project };
        let births = merged(index.of(query.project.as_ref()).into_iter(), order, after);
        let rows = births.filter_map(|(_, id)| self.rows.get(&id)).filter(|row| query.wants(row));
        let rows = rows.map(|row| (sort.place(row), row));
        let page = if by_birth { cut.of_sorted(rows) } else { cut.of_unsorted(rows) };
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }
}

impl ApprovalQuery {
    fn wants_open_only(&self) -> bool {
        self.status.iter().all(|status| status.is_open())
    }

    fn wants(&self, row: &Row) -> bool {
        let by_status = if self.status.is_empty() {
            Status::is_open(row.status)
        } else {
            self.status.contains(&row.status)
        };
        by_status
            && self.project.is_none_or(|project| project == row.subject.project)
            && (self.risk.is_empty() || self.risk.contains(&row.ask.risk))
            && (self.agent.is_empty() || row.subject.agent.is_some_and(|agent| self.agent.contains(&agent)))
            && (self.task.is_empty() || row.subject.task.is_some_and(|task| self.task.contains(&task)))
    }
}
