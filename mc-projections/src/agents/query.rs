//! Finds, sorts and pages the agents that a query asks for.

use std::hash::Hash;

use chrono::{DateTime, Utc};
use mc_domain::{
    agent::{Role, Status},
    ids::AgentId,
    reach::Reach,
    string_enum,
};

use super::{AgentView, Agents, Row};
use crate::{
    list::{self, Candidates, Paging, Question, Route, Walk},
    merge::merged,
    page::{InvalidCursor, Order, Page, Place},
};

string_enum! {
    /// What agents can be sorted by.
    AgentSort {
        /// By the time they were registered; the default, newest first.
        RegisteredAt = "registeredAt",
        /// By what their budgets of today say they spent, the dearest first.
        TodaySpend = "todaySpend",
        /// By what they spent since they were registered, the dearest first.
        TotalSpend = "totalSpend",
        /// By their last heartbeat, the latest first; agents that never sent one come last.
        LastHeartbeat = "lastHeartbeat",
        /// By how many errors in a row they had, the most first.
        ErrorStreak = "errorStreak",
        /// By name, upper and lower case being the same.
        Name = "name",
    }
}

/// Which agents are asked for. An empty or absent filter lets every agent through; all filters must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentQuery {
    /// Only agents that work in the projects within this reach.
    pub reach: Reach,
    /// Only agents in one of these statuses.
    pub status: Vec<Status>,
    /// Only agents in one of these roles.
    pub role: Vec<Role>,
    /// Only agents that have been silent for too long when true, only the others when false.
    pub stale: Option<bool>,
    /// What the agents are sorted by; [`AgentSort::RegisteredAt`] when absent.
    pub sort: Option<AgentSort>,
    /// Which end comes first; when absent, names ascend and everything else descends.
    pub order: Option<Order>,
    /// The most agents of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Agents {
    /// The agents asked for, at `now`. `latest_heartbeat` answers heartbeats that are too recent to be in the log. In
    /// order of registration a page costs as much as it shows and passes over. The other orders change with every
    /// heartbeat and at midnight, so no index has them: a page costs as many agents as the projects and the statuses
    /// have.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor belongs to another question.
    pub fn list<'a>(
        &'a self,
        query: &AgentQuery,
        now: DateTime<Utc>,
        latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
    ) -> Result<Page<AgentView<'a>>, InvalidCursor> {
        let question = AgentQuestion { agents: self, query, now, latest_heartbeat };
        Ok(list::page(&question)?.map(|row| question.seen(row)))
    }
}

/// A query together with the agents that it is put to, the time at which it is asked, and the latest heartbeats.
struct AgentQuestion<'a, 'q, F> {
    agents: &'a Agents,
    query: &'q AgentQuery,
    now: DateTime<Utc>,
    latest_heartbeat: F,
}

impl<'a, F: Fn(AgentId) -> Option<DateTime<Utc>>> AgentQuestion<'a, '_, F> {
    fn seen(&self, row: &'a Row) -> AgentView<'a> {
        self.agents.seen(row, self.now, (self.latest_heartbeat)(row.id))
    }
}

impl<'a, F: Fn(AgentId) -> Option<DateTime<Utc>>> Question<'a> for AgentQuestion<'a, '_, F> {
    type Id = AgentId;
    type Row = Row;
    type Sort = AgentSort;

    fn sort(&self) -> AgentSort {
        self.query.sort.unwrap_or(AgentSort::RegisteredAt)
    }

    fn paging(&self) -> Paging<'_> {
        let AgentQuery { order, limit, cursor, .. } = self.query;
        let default = if self.sort() == AgentSort::Name { Order::Asc } else { Order::Desc };
        Paging { order: order.unwrap_or(default), limit: *limit, cursor: cursor.as_deref() }
    }

    fn reach(&self) -> &Reach {
        &self.query.reach
    }

    fn filters(&self) -> impl Hash {
        let AgentQuery { reach, status, role, stale, .. } = self.query;
        ("agents", reach, status, role, stale)
    }

    fn wants(&self, row: &'a Row) -> bool {
        let AgentQuery { reach, status, role, stale, .. } = self.query;
        let agent = self.seen(row);
        reach.includes(agent.project_id)
            && (status.is_empty() || status.contains(&agent.status))
            && (role.is_empty() || role.contains(&agent.role))
            && stale.is_none_or(|stale| stale == agent.stale)
    }

    fn place(&self, sort: AgentSort, row: &'a Row) -> Place {
        let agent = self.seen(row);
        let id = agent.id.uuid();
        match sort {
            AgentSort::RegisteredAt => Place::at_time(agent.registered_at.0, id),
            AgentSort::TodaySpend => Place::by_number(agent.today_spend.0.micros(), id),
            AgentSort::TotalSpend => Place::by_number(agent.total_spend.0.micros(), id),
            AgentSort::LastHeartbeat => {
                let created = agent.registered_at.0.timestamp_micros();
                Place::optional(agent.last_heartbeat.map(|time| time.0.timestamp_micros()), created, id)
            }
            AgentSort::ErrorStreak => Place::by_number(agent.error_streak.into(), id),
            AgentSort::Name => Place::by_text(agent.name.as_str().to_lowercase(), id),
        }
    }

    fn row(&self, id: AgentId) -> Option<&'a Row> {
        self.agents.rows.get(id)
    }

    fn route(&self, sort: AgentSort) -> Route<'_, AgentId> {
        let wants_status = |status, _| self.query.status.is_empty() || self.query.status.contains(&status);
        let groups = self.agents.groups(&self.query.reach, wants_status);
        match sort {
            AgentSort::RegisteredAt => Route::Walk(Walk::Created(Candidates::Groups(groups))),
            AgentSort::TodaySpend
            | AgentSort::TotalSpend
            | AgentSort::LastHeartbeat
            | AgentSort::ErrorStreak
            | AgentSort::Name => {
                Route::Sort(merged(groups.into_iter(), Order::Asc, None).map(|(_, id)| *id).collect())
            }
        }
    }
}
