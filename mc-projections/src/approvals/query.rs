//! Finds, sorts and pages the approvals that a query asks for.

use std::hash::Hash;

use mc_domain::{
    approval::{Risk, Status},
    ids::{AgentId, ApprovalId, TaskId},
    reach::Reach,
    string_enum,
};

use super::{ApprovalView, Approvals, Row};
use crate::{
    agents::Agents,
    list::{self, Candidates, Paging, Question, Route, Walk},
    page::{InvalidCursor, Order, Page, Place},
};

string_enum! {
    /// What approvals can be sorted by.
    ApprovalSort {
        /// By the time they were first asked for; the default, newest first.
        CreatedAt = "createdAt",
        /// By the time at which they expire, the next one first.
        ExpiresAt = "expiresAt",
    }
}

/// Which approvals are asked for. An empty or absent filter lets every approval through, except that of the status;
/// all filters must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalQuery {
    /// Only approvals that belong to the projects within this reach.
    pub reach: Reach,
    /// Only approvals in one of these statuses; when none is named, those that wait for a decision.
    pub status: Vec<Status>,
    /// Only approvals of one of these risks.
    pub risk: Vec<Risk>,
    /// Only approvals for one of these agents to act.
    pub agent: Vec<AgentId>,
    /// Only approvals about one of these tasks.
    pub task: Vec<TaskId>,
    /// What the approvals are sorted by; [`ApprovalSort::CreatedAt`] when absent.
    pub sort: Option<ApprovalSort>,
    /// Which end comes first; the newest approval, or the next to expire, when absent.
    pub order: Option<Order>,
    /// The most approvals of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Approvals {
    /// The approvals asked for. A page costs as much as it shows where an index leads to it: for projects, agents,
    /// their statuses, and tasks, in each order. Other filters pass over rows, at most [`crate::page::MAX_LOOKED_AT`]
    /// for a page.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor belongs to another question.
    pub fn list<'a>(
        &'a self,
        query: &ApprovalQuery,
        agents: &'a Agents,
    ) -> Result<Page<ApprovalView<'a>>, InvalidCursor> {
        Ok(list::page(&ApprovalQuestion { approvals: self, query })?.map(|row| row.view(agents)))
    }
}

impl ApprovalSort {
    const fn default_order(self) -> Order {
        match self {
            Self::CreatedAt => Order::Desc,
            Self::ExpiresAt => Order::Asc,
        }
    }
}

/// A query together with the approvals that it is put to.
#[derive(Clone, Copy)]
struct ApprovalQuestion<'a, 'q> {
    approvals: &'a Approvals,
    query: &'q ApprovalQuery,
}

impl<'a> Question<'a> for ApprovalQuestion<'a, '_> {
    type Id = ApprovalId;
    type Row = Row;
    type Sort = ApprovalSort;

    fn sort(&self) -> ApprovalSort {
        self.query.sort.unwrap_or(ApprovalSort::CreatedAt)
    }

    fn paging(&self) -> Paging<'_> {
        let ApprovalQuery { order, limit, cursor, .. } = self.query;
        let order = order.unwrap_or(self.sort().default_order());
        Paging { order, limit: *limit, cursor: cursor.as_deref() }
    }

    fn reach(&self) -> &Reach {
        &self.query.reach
    }

    fn filters(&self) -> impl Hash {
        let ApprovalQuery { reach, status, risk, agent, task, .. } = self.query;
        ("approvals", reach, status, risk, agent, task)
    }

    fn wants(&self, row: &Row) -> bool {
        let ApprovalQuery { risk, agent, task, .. } = self.query;
        let subject = &row.subject;
        self.wants_status(row.status)
            && self.query.reach.includes(subject.project)
            && (risk.is_empty() || risk.contains(&row.ask.risk()))
            && (agent.is_empty() || subject.agent.is_some_and(|of| agent.contains(&of)))
            && (task.is_empty() || subject.task.is_some_and(|of| task.contains(&of)))
    }

    fn place(&self, sort: ApprovalSort, row: &Row) -> Place {
        match sort {
            ApprovalSort::CreatedAt => Place::at_time(row.created_at, row.id.uuid()),
            ApprovalSort::ExpiresAt => Place::at_time(row.expires_at, row.id.uuid()),
        }
    }

    fn row(&self, id: ApprovalId) -> Option<&'a Row> {
        self.approvals.rows.get(id)
    }

    fn route(&self, sort: ApprovalSort) -> Route<'_, ApprovalId> {
        match sort {
            ApprovalSort::CreatedAt => Route::Walk(Walk::Created(self.candidates())),
            ApprovalSort::ExpiresAt => Route::SortIfFew(self.candidates(), Box::new(|| self.by_expiry())),
        }
    }
}

impl ApprovalQuestion<'_, '_> {
    fn wants_status(&self, status: Status) -> bool {
        let wanted = &self.query.status;
        if wanted.is_empty() { status.is_open() } else { wanted.contains(&status) }
    }

    /// The fewest approvals that an index can tell apart.
    fn candidates(&self) -> Candidates<'_, ApprovalId> {
        let ApprovalQuery { reach, agent, task, .. } = self.query;
        let owners = &self.approvals.rows.index().owners;
        owners.candidates(task, reach, agent, |status| self.wants_status(status))
    }

    /// All approvals that wait, and those that do not where they are wanted too, in the order in which they expire.
    fn by_expiry(&self) -> Walk<'_, ApprovalId> {
        let wants_open_only = self.query.status.iter().all(|status| status.is_open());
        let reach = &self.query.reach;
        let wanted = |(project, is_open): &_| reach.includes(*project) && (*is_open || !wants_open_only);
        Walk::Numbered(self.approvals.rows.index().expiries.sets(wanted), None)
    }
}

#[cfg(test)]
impl Approvals {
    /// What [`Approvals::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(&self, query: &ApprovalQuery) -> Vec<ApprovalId> {
        let rows = list::page_by_looking(&ApprovalQuestion { approvals: self, query }, self.rows.iter());
        rows.iter().map(|row| row.id).collect()
    }
}
