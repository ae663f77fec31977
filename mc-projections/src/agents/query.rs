//! Lists of agents.

use chrono::{DateTime, Utc};
use mc_domain::{
    agent::{Role, Status},
    ids::{AgentId, ProjectId},
    words,
};

use super::{AgentView, Agents};
use crate::page::{Cut, InvalidCursor, Key, Order, Page, Place};

words! {
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
    /// The agents asked for, at `now`. `fresher` knows of heartbeats that are not in the log.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list(
        &self,
        query: &AgentQuery,
        now: DateTime<Utc>,
        fresher: impl Fn(AgentId) -> Option<DateTime<Utc>>,
    ) -> Result<Page<AgentView<'_>>, InvalidCursor> {
        let sort = query.sort.unwrap_or(AgentSort::RegisteredAt);
        let order = query.order.unwrap_or(if sort == AgentSort::Name { Order::Asc } else { Order::Desc });
        let question = (query.project, &query.status, &query.role, query.stale, sort);
        let cut = Cut::new(("agents", question), order, query.limit, query.cursor.as_deref())?;
        let views = self.rows.values().map(|row| self.seen(row, now, fresher(row.id)));
        Ok(cut.of_unsorted(views.filter(|view| query.wants(view)).map(|view| (sort.place(&view), view))))
    }
}

impl AgentQuery {
    fn wants(&self, agent: &AgentView<'_>) -> bool {
        self.project.is_none_or(|project| project == agent.project_id)
            && (self.status.is_empty() || self.status.contains(&agent.status))
            && (self.role.is_empty() || self.role.contains(&agent.role))
            && self.stale.is_none_or(|stale| stale == agent.stale)
    }
}

impl AgentSort {
    fn place(self, agent: &AgentView<'_>) -> Place {
        let id = agent.id.uuid();
        match self {
            Self::RegisteredAt => Place(Key::Number(agent.registered_at.0.timestamp_micros()), id),
            Self::TodaySpend => Place(Key::Number(agent.today_spend.0.micros()), id),
            Self::TotalSpend => Place(Key::Number(agent.total_spend.0.micros()), id),
            Self::LastHeartbeat => {
                Place::optional(agent.last_heartbeat.map(|time| time.0.timestamp_micros()), id)
            }
            Self::ErrorStreak => Place(Key::Number(agent.error_streak.into()), id),
            Self::Name => Place(Key::Text(agent.name.as_str().to_lowercase()), id),
        }
    }
}
