//! Lists of agents.

use std::hash::Hash;

use chrono::{DateTime, Utc};
use mc_domain::{
    agent::{Role, Status},
    ids::{AgentId, ProjectId},
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
        /// When they joined; the default, newest first.
        RegisteredAt = "registeredAt",
        /// What they spent today.
        TodaySpend = "todaySpend",
        /// What they ever spent.
        TotalSpend = "totalSpend",
        /// When they last showed that they live; those who never did come last.
        LastHeartbeat = "lastHeartbeat",
        /// Their errors in a row.
        ErrorStreak = "errorStreak",
        /// Their name, upper and lower case being the same.
        Name = "name",
    }
}

/// Which agents are asked for; an empty filter lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentQuery {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// In one of these statuses.
    pub status: Vec<Status>,
    /// In one of these roles.
    pub role: Vec<Role>,
    /// Silent for too long, or not.
    pub stale: Option<bool>,
    /// Sorted by; newest first when absent.
    pub sort: Option<AgentSort>,
    /// Which end comes first; names ascend and all else descends when absent.
    pub order: Option<Order>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl Agents {
    /// The agents asked for, at `now`. `fresher` knows of heartbeats that are not in the log. In the order in which they
    /// joined a page costs what it shows and passes over, of the project and the statuses; the other orders, which
    /// change with every heartbeat and at midnight, cost as many agents as there are in these.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list<'a>(
        &'a self,
        query: &AgentQuery,
        now: DateTime<Utc>,
        fresher: impl Fn(AgentId) -> Option<DateTime<Utc>>,
    ) -> Result<Page<AgentView<'a>>, InvalidCursor> {
        let question = AgentQuestion { agents: self, query, now, fresher };
        Ok(list::page(&question)?.map(|row| question.seen(row)))
    }
}

/// A query together with the agents that it is put to, the time at which it is asked, and the latest heartbeats.
struct AgentQuestion<'a, 'q, F> {
    agents: &'a Agents,
    query: &'q AgentQuery,
    now: DateTime<Utc>,
    fresher: F,
}

impl<'a, F: Fn(AgentId) -> Option<DateTime<Utc>>> AgentQuestion<'a, '_, F> {
    fn seen(&self, row: &'a Row) -> AgentView<'a> {
        self.agents.seen(row, self.now, (self.fresher)(row.id))
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

    fn filters(&self) -> impl Hash {
        let AgentQuery { project, status, role, stale, .. } = self.query;
        ("agents", project, status, role, stale)
    }

    fn wants(&self, row: &'a Row) -> bool {
        let AgentQuery { project, status, role, stale, .. } = self.query;
        let agent = self.seen(row);
        project.is_none_or(|project| project == agent.project_id)
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
        let groups = self.agents.groups(self.query.project, wants_status);
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
