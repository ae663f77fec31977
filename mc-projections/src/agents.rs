//! Which agents are there, how are they, and what do they work on?

mod query;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use mc_domain::{
    agent::{Event, PauseReason, Profile, Status, Work},
    ids::{AgentId, ProjectId},
    money::Usd,
    recorded::{AnyEvent, Recorded},
    values::{Label, Name, Reason},
};
use serde::{Deserialize, Serialize};

pub use query::{AgentQuery, AgentSort};
pub use view::{ActorId, ActorView, AgentBudgets, AgentView, is_stale};

use crate::projection::Projection;

/// All agents, by identity and by name in their project.
///
/// ```
/// use mc_domain::{agent::{Event, Profile, Role}, values::Name};
/// use mc_projections::{agents::Agents, script::Script};
/// use chrono::TimeDelta;
///
/// let mut script = Script::new();
/// let project = uuid::Uuid::from_u128(1).into();
/// let profile = Profile::new(Name::new("Scout")?, Role::Intern);
/// let scout = script.agent(1, |at| Event::Registered { project, profile, parent: None, purpose: None, at });
///
/// let agents: Agents = script.fold();
/// assert_eq!(agents.named(project, "scout"), Some(scout));
/// assert!(!agents.view(scout, script.now(), None).unwrap().stale);
/// assert!(agents.view(scout, script.now() + TimeDelta::minutes(6), None).unwrap().stale);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agents {
    rows: BTreeMap<AgentId, Row>,
    /// Names in lower case: upper and lower case are the same to a reservation too.
    by_name: BTreeMap<ProjectId, BTreeMap<String, AgentId>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: AgentId,
    project: ProjectId,
    profile: Profile,
    parent: Option<AgentId>,
    purpose: Option<Reason>,
    status: Status,
    pause_reason: Option<PauseReason>,
    error_streak: u32,
    last_error: Option<Reason>,
    work: Option<Work>,
    session_key: Option<Label>,
    registered_at: DateTime<Utc>,
    signed_on_at: DateTime<Utc>,
    last_heartbeat: Option<DateTime<Utc>>,
    spent: Option<DaySpend>,
    total_spend: Usd,
    updated_at: DateTime<Utc>,
    version: u64,
}

/// What was spent on the latest day that anything is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DaySpend {
    day: NaiveDate,
    amount: Usd,
}

impl Agents {
    /// The agent with this name in a project, upper and lower case being the same.
    pub fn named(&self, project: ProjectId, name: &str) -> Option<AgentId> {
        self.by_name.get(&project)?.get(&name.to_lowercase()).copied()
    }

    /// The agents with this name, at most one in each project.
    pub fn named_anywhere(&self, name: &str) -> impl Iterator<Item = AgentId> {
        let name = name.to_lowercase();
        self.by_name.values().filter_map(move |names| names.get(&name).copied())
    }

    /// The agents meant by a path or a parameter: an identity, or a name in `project` or else in any. Several only
    /// when a name is used in more than one project and none is given.
    pub fn find(&self, id_or_name: &str, project: Option<ProjectId>) -> Vec<AgentId> {
        let by_id = id_or_name.parse().ok().filter(|id| self.rows.contains_key(id));
        match (by_id, project) {
            (Some(id), _) => vec![id],
            (None, Some(project)) => self.named(project, id_or_name).into_iter().collect(),
            (None, None) => self.named_anywhere(id_or_name).collect(),
        }
    }

    /// The name of an agent.
    pub fn name(&self, id: AgentId) -> Option<&Name> {
        self.rows.get(&id).map(|row| &row.profile.name)
    }

    /// The project an agent belongs to.
    pub fn project_of(&self, id: AgentId) -> Option<ProjectId> {
        self.rows.get(&id).map(|row| row.project)
    }

    /// The picture of an agent.
    pub(crate) fn emoji(&self, id: AgentId) -> Option<&Label> {
        self.rows.get(&id)?.profile.emoji.as_ref()
    }

    fn register(&mut self, row: Row) {
        self.by_name.entry(row.project).or_default().insert(key(&row.profile.name), row.id);
        self.rows.insert(row.id, row);
    }

    fn rename(&mut self, id: AgentId, project: ProjectId, before: &Name, after: &Name) {
        let names = self.by_name.entry(project).or_default();
        if names.get(&key(before)) == Some(&id) {
            names.remove(&key(before));
        }
        names.insert(key(after), id);
    }
}

fn key(name: &Name) -> String {
    name.as_str().to_lowercase()
}

impl Projection for Agents {
    const NAME: &'static str = "agents";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Agent(fact) = &event.event else { return };
        let Ok(id) = event.stream.aggregate_id.parse::<AgentId>() else { return };
        if let Some(row) = Row::registered(id, fact) {
            self.register(row);
        }
        if let (Event::ProfileChanged { profile }, Some(row)) = (fact, self.rows.get(&id)) {
            let (project, before) = (row.project, row.profile.name.clone());
            self.rename(id, project, &before, &profile.name);
        }
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.apply(fact);
        row.updated_at = event.metadata.recorded_at;
        row.version = event.version;
    }
}

impl Row {
    fn registered(id: AgentId, fact: &Event) -> Option<Self> {
        let Event::Registered { project, profile, parent, purpose, at } = fact else { return None };
        Some(Self {
            id,
            project: *project,
            profile: profile.clone(),
            parent: *parent,
            purpose: purpose.clone(),
            status: Status::Active,
            pause_reason: None,
            error_streak: 0,
            last_error: None,
            work: None,
            session_key: None,
            registered_at: *at,
            signed_on_at: *at,
            last_heartbeat: None,
            spent: None,
            total_spend: Usd::ZERO,
            updated_at: *at,
            version: 0,
        })
    }

    fn apply(&mut self, fact: &Event) {
        match fact {
            Event::Registered { .. } | Event::RestartDelivered {} => {}
            Event::ProfileChanged { profile } => self.profile = profile.clone(),
            Event::HeartbeatRecorded { at, session_key, error, error_streak } => {
                self.last_heartbeat = self.last_heartbeat.max(Some(*at));
                self.session_key = session_key.clone().or(self.session_key.take());
                self.last_error = error.clone().or(self.last_error.take());
                self.count_errors(*error_streak);
            }
            Event::Paused { reason, .. } => self.become_paused(*reason),
            Event::Resumed { .. } => self.become_unpaused(Status::Active),
            Event::DrainStarted { .. } => self.become_unpaused(Status::Draining),
            Event::Quarantined { .. } => self.become_unpaused(Status::Quarantined),
            Event::SignedOff { .. } => self.become_unpaused(Status::Offline),
            Event::SignedOn { at } => {
                self.signed_on_at = *at;
                self.become_unpaused(Status::Active);
            }
            Event::Restarted { .. } => {
                self.become_unpaused(Status::Active);
                self.count_errors(0);
            }
            Event::Corrected { status, error_streak, today_spend, at } => {
                match status.map(|status| status.after) {
                    Some(Status::Paused) => self.become_paused(PauseReason::Operator),
                    Some(status) => self.become_unpaused(status),
                    None => {}
                }
                if let Some(streak) = error_streak {
                    self.count_errors(streak.after);
                }
                if let Some(amount) = today_spend {
                    self.adjust_spend(*amount, at.date_naive());
                }
            }
            Event::Engaged { task, lease } => self.work = Some(Work { task: *task, lease: *lease }),
            Event::Released { lease, .. } => self.work = self.work.filter(|work| work.lease != *lease),
        }
    }

    fn become_paused(&mut self, reason: PauseReason) {
        self.status = Status::Paused;
        self.pause_reason = Some(reason);
    }

    fn become_unpaused(&mut self, status: Status) {
        self.status = status;
        self.pause_reason = None;
    }

    /// The last error is that of the streak: none counted, none shown.
    fn count_errors(&mut self, streak: u32) {
        self.error_streak = streak;
        if streak == 0 {
            self.last_error = None;
        }
    }

    fn adjust_spend(&mut self, amount: Usd, day: NaiveDate) {
        let before = self.spent_on(day);
        self.total_spend = self.total_spend.minus(before).plus(amount);
        self.spent = Some(DaySpend { day, amount });
    }

    /// What was spent on a day, by the time of the facts: nothing resets at midnight.
    fn spent_on(&self, day: NaiveDate) -> Usd {
        self.spent.filter(|spent| spent.day == day).map_or(Usd::ZERO, |spent| spent.amount)
    }
}
