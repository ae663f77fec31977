//! Lists of agents.

use chrono::{DateTime, Utc};
use mc_domain::{
    agent::{Role, Status},
    ids::{AgentId, ProjectId},
    string_enum,
};

use super::{AgentView, Agents, Row};
use crate::{
    merge::merged,
    page::{Cut, InvalidCursor, Key, Order, Page, Place},
    ranks::birth,
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
        let sort = query.sort.unwrap_or(AgentSort::RegisteredAt);
        let order = query.order.unwrap_or(if sort == AgentSort::Name { Order::Asc } else { Order::Desc });
        let question = (query.project, &query.status, &query.role, query.stale, sort);
        let cut = Cut::new(("agents", question), order, query.limit, query.cursor.as_deref())?;
        let statuses = |status, _| query.status.is_empty() || query.status.contains(&status);
        let groups = self.groups(query.project, statuses);
        let seen = |row: &'a Row| self.seen(row, now, fresher(row.id));
        let (wanted, place) = (|row| query.wants(&seen(row)), |row| sort.place(&seen(row)));
        let after = cut.after().filter(|_| sort == AgentSort::RegisteredAt).and_then(birth);
        let births = merged(groups.into_iter(), order, after.as_ref());
        let rows = births.filter_map(|(_, id)| self.rows.get(id)).map(Box::as_ref);
        let page = match sort {
            AgentSort::RegisteredAt => cut.of_sorted(rows, wanted, place),
            AgentSort::TodaySpend
            | AgentSort::TotalSpend
            | AgentSort::LastHeartbeat
            | AgentSort::ErrorStreak
            | AgentSort::Name => cut.of_unsorted(rows.filter(|row| wanted(*row)), place),
        };
        Ok(Page { items: page.items.into_iter().map(seen).collect(), next: page.next })
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
                let joined = agent.registered_at.0.timestamp_micros();
                Place::optional(agent.last_heartbeat.map(|time| time.0.timestamp_micros()), joined, id)
            }
            Self::ErrorStreak => Place(Key::Number(agent.error_streak.into()), id),
            Self::Name => Place(Key::Text(agent.name.as_str().to_lowercase()), id),
        }
    }
}
