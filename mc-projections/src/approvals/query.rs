//! Lists of approvals.

use std::collections::BTreeSet;

use mc_domain::{
    approval::{Risk, Status},
    ids::{AgentId, ApprovalId, ProjectId, TaskId},
    string_enum,
};

use super::{ApprovalView, Approvals, Row};
use crate::{
    agents::Agents,
    merge::merged,
    page::{Cut, InvalidCursor, MAX_SORTED, Order, Page, Place},
    ranks::{Birth, birth, place},
};

string_enum! {
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
    /// The approvals asked for. A page costs what it shows where an index leads to it: for projects, agents, their
    /// statuses, and tasks, in each order. Where other filters pass over rows, at most
    /// [`crate::page::MAX_LOOKED_AT`] are looked at.
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
        let (wanted, place) = (|row: &Row| query.wants(row), |row: &Row| sort.place(row));
        let after = cut.after().and_then(birth);
        let page = match sort {
            ApprovalSort::CreatedAt => {
                cut.of_sorted(self.rows_of(self.births(query, order, after)), wanted, place)
            }
            ApprovalSort::ExpiresAt => {
                let few: Vec<_> =
                    self.rows_of(self.births(query, order, None)).take(MAX_SORTED + 1).collect();
                if few.len() <= MAX_SORTED {
                    cut.of_unsorted(few.into_iter().filter(|row| wanted(row)), place)
                } else {
                    cut.of_sorted(self.rows_of(self.expiries(query, order, after)), wanted, place)
                }
            }
        };
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }

    /// The approvals that those wanted are among, in the order in which they were asked for: the fewest that an index
    /// can tell.
    fn births<'a>(
        &'a self,
        query: &ApprovalQuery,
        order: Order,
        after: Option<Birth<ApprovalId>>,
    ) -> Box<dyn Iterator<Item = Birth<ApprovalId>> + 'a> {
        let index = &self.index;
        let sets: Vec<_> = match (&query.task[..], &query.agent[..]) {
            ([], []) => {
                let groups = index.by_project.all().filter(|((project, status), _)| {
                    query.project.is_none_or(|wanted| wanted == *project) && query.wants_status(*status)
                });
                groups.map(|(_, set)| set).collect()
            }
            ([], agents) => {
                let agents: BTreeSet<_> = agents.iter().collect();
                let statuses = || Status::ALL.iter().filter(|status| query.wants_status(**status));
                let groups = agents.into_iter().flat_map(|agent| statuses().map(|status| (*agent, *status)));
                groups.filter_map(|group| index.by_agent.of(&group)).collect()
            }
            (tasks, _) => return Box::new(index.by_task.of_any(tasks, order, after)),
        };
        Box::new(merged(sets.into_iter(), order, after.as_ref()).copied())
    }

    fn expiries<'a>(
        &'a self,
        query: &ApprovalQuery,
        order: Order,
        after: Option<(i64, ApprovalId)>,
    ) -> impl Iterator<Item = (i64, ApprovalId)> + use<'a> {
        let groups = self.index.expiries.all().filter(|((project, is_open), _)| {
            query.project.is_none_or(|wanted| wanted == *project) && (*is_open || !query.wants_open_only())
        });
        let sets: Vec<_> = groups.map(|(_, set)| set).collect();
        merged(sets.into_iter(), order, after.as_ref()).copied()
    }

    fn rows_of<'a>(
        &'a self,
        places: impl Iterator<Item = (i64, ApprovalId)> + 'a,
    ) -> impl Iterator<Item = &'a Row> {
        places.filter_map(|(_, id)| self.rows.get(&id)).map(Box::as_ref)
    }
}

#[cfg(test)]
impl Approvals {
    /// What [`Approvals::list`] answers, found by looking at everything.
    pub(crate) fn list_by_looking(&self, query: &ApprovalQuery) -> Vec<ApprovalId> {
        let sort = query.sort.unwrap_or(ApprovalSort::CreatedAt);
        let cut =
            Cut::new("everything", query.order.unwrap_or(sort.default_order()), query.limit, None).unwrap();
        let wanted = self.rows.values().map(Box::as_ref).filter(|row| query.wants(row));
        cut.of_unsorted(wanted, |row: &Row| sort.place(row)).items.iter().map(|row| row.id).collect()
    }
}

impl ApprovalQuery {
    fn wants_open_only(&self) -> bool {
        self.status.iter().all(|status| status.is_open())
    }

    fn wants_status(&self, status: Status) -> bool {
        if self.status.is_empty() { status.is_open() } else { self.status.contains(&status) }
    }

    fn wants(&self, row: &Row) -> bool {
        self.wants_status(row.status)
            && self.project.is_none_or(|project| project == row.subject.project)
            && (self.risk.is_empty() || self.risk.contains(&row.ask.risk()))
            && (self.agent.is_empty() || row.subject.agent.is_some_and(|agent| self.agent.contains(&agent)))
            && (self.task.is_empty() || row.subject.task.is_some_and(|task| self.task.contains(&task)))
    }
}
