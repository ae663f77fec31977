//! An agent as it is answered, and whoever acted.

use std::{borrow::Cow, collections::BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::{Actor, ActorKind},
    agent::{PauseReason, Role, Status, is_stale},
    ids::{AgentId, LeaseId, ProjectId, RunId, TaskId},
    task::TaskType,
    values::{Label, Name, Reason},
};
use serde::Serialize;

use super::{Agents, Row};
use crate::{dollars::Dollars, instant::Millis};

/// An agent, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentView<'a> {
    /// Its identity.
    pub id: AgentId,
    /// Its name, unique in its project.
    pub name: &'a Name,
    /// A picture for it.
    pub emoji: Option<&'a Label>,
    /// The project it works in.
    pub project_id: ProjectId,
    /// How much it may do by itself.
    pub role: Role,
    /// Whether it works.
    pub status: Status,
    /// Why it is paused, when it is.
    pub pause_reason: Option<PauseReason>,
    /// The task types it accepts; none named means all.
    pub allowed_task_types: &'a BTreeSet<TaskType>,
    /// The tools it may use; none named means all that the policy allows.
    pub allowed_tools: &'a BTreeSet<Label>,
    /// What it may spend.
    pub budgets: AgentBudgets,
    /// What it spent in the UTC day of the question.
    pub today_spend: Dollars,
    /// What is set aside in that day for runs under way.
    pub reserved: Dollars,
    /// What it may still spend in that day, grants included.
    pub remaining: Dollars,
    /// What it spent since it was registered.
    pub total_spend: Dollars,
    /// How many errors in a row there were last.
    pub error_streak: u32,
    /// The last error of the streak.
    pub last_error: Option<&'a Reason>,
    /// The task it works on.
    pub current_task_id: Option<TaskId>,
    /// The lease it holds that task under.
    pub lease_id: Option<LeaseId>,
    /// The run it began last, of those under way.
    pub current_run_id: Option<RunId>,
    /// All its runs under way, in the order they began.
    pub open_run_ids: &'a [RunId],
    /// When it last showed that it lives.
    pub last_heartbeat: Option<Millis>,
    /// How many seconds it lets pass between two heartbeats, as it declared.
    pub heartbeat_interval_secs: u32,
    /// Whether it has been silent for too long.
    pub stale: bool,
    /// The agent that spawned it.
    pub parent_agent_id: Option<AgentId>,
    /// What it was spawned for.
    pub purpose: Option<&'a Reason>,
    /// The task that its parent created it for.
    pub parent_task_id: Option<TaskId>,
    /// When it is retired at the latest, as a sub-agent.
    pub serves_until: Option<Millis>,
    /// Whether its time as a sub-agent is over: only its parent, by spawning it again, puts it back into service.
    pub retired: bool,
    /// Its sub-agents in service.
    pub child_agent_ids: &'a BTreeSet<AgentId>,
    /// Its session, as it named it.
    pub session_key: Option<&'a Label>,
    /// When it joined its project.
    pub registered_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// The version of its stream.
    pub version: u64,
}

/// What an agent may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentBudgets {
    /// In one UTC day.
    pub daily_cap: Dollars,
    /// In one run.
    pub per_run_cap: Dollars,
}

/// Who did something, as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActorView<'a> {
    /// A human, an agent or the system.
    #[serde(rename = "type")]
    pub kind: ActorKind,
    /// Which one.
    pub id: ActorId<'a>,
    /// What to call it.
    pub name: Cow<'a, str>,
}

/// What identifies an actor: an agent's identity, or the name of a human or a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ActorId<'a> {
    /// An agent.
    Agent(AgentId),
    /// A human or a worker.
    Named(Cow<'a, str>),
}

impl ActorView<'_> {
    /// The same, borrowing from nothing.
    pub fn into_owned(self) -> ActorView<'static> {
        let id = match self.id {
            ActorId::Agent(agent) => ActorId::Agent(agent),
            ActorId::Named(name) => ActorId::Named(Cow::Owned(name.into_owned())),
        };
        ActorView { kind: self.kind, id, name: Cow::Owned(self.name.into_owned()) }
    }
}

impl Agents {
    /// One agent at `now`. `fresher_heartbeat` is a heartbeat too recent or too routine to be in the log.
    pub fn view(
        &self,
        id: AgentId,
        now: DateTime<Utc>,
        fresher_heartbeat: Option<DateTime<Utc>>,
    ) -> Option<AgentView<'_>> {
        self.rows.get(id).map(|row| self.seen(row, now, fresher_heartbeat))
    }

    /// An actor with its name; an agent that nothing is known of goes by its identity.
    pub fn actor<'a>(&'a self, actor: &'a Actor) -> ActorView<'a> {
        let kind = actor.kind();
        match actor {
            Actor::Human(name) | Actor::System(name) => {
                let name = Cow::Borrowed(name.as_str());
                ActorView { kind, id: ActorId::Named(name.clone()), name }
            }
            Actor::Agent(id) => ActorView { kind, id: ActorId::Agent(*id), name: self.name_or_id(*id) },
        }
    }

    /// What to call an agent.
    pub fn name_or_id(&self, id: AgentId) -> Cow<'_, str> {
        self.name(id).map_or_else(|| Cow::Owned(id.to_string()), |name| Cow::Borrowed(name.as_str()))
    }
}

impl Agents {
    pub(super) fn seen<'a>(
        &self,
        row: &'a Row,
        now: DateTime<Utc>,
        fresher: Option<DateTime<Utc>>,
    ) -> AgentView<'a> {
        row.view(self.standing(row), now, fresher, self.silence.allowed(row.project))
    }
}

impl Row {
    /// When it last changed.
    pub(crate) fn updated_at(&self) -> DateTime<Utc> {
        self.updated_at
    }

    /// How it stands by its own stream alone.
    pub(crate) fn own_standing(&self) -> (Status, Option<PauseReason>) {
        (self.status, self.pause_reason)
    }

    pub(crate) fn view(
        &self,
        (status, pause_reason): (Status, Option<PauseReason>),
        now: DateTime<Utc>,
        fresher: Option<DateTime<Utc>>,
        silence: TimeDelta,
    ) -> AgentView<'_> {
        let last_heartbeat = self.last_heartbeat.max(fresher);
        let last_sign = last_heartbeat.map_or(self.in_service_since, |time| time.max(self.in_service_since));
        let profile = &self.profile;
        let interval = TimeDelta::seconds(profile.heartbeat_interval_secs.into());
        let today = self.budget_of(now.date_naive());
        let limit = profile.caps.daily.plus(today.granted);
        AgentView {
            id: self.id,
            name: &profile.name,
            emoji: profile.emoji.as_ref(),
            project_id: self.project,
            role: profile.role,
            status,
            pause_reason,
            allowed_task_types: &profile.allowed_task_types,
            allowed_tools: &profile.allowed_tools,
            budgets: AgentBudgets {
                daily_cap: Dollars(profile.caps.daily),
                per_run_cap: Dollars(profile.caps.per_run_in_force()),
            },
            today_spend: Dollars(today.spent),
            reserved: Dollars(today.reserved),
            remaining: Dollars(limit.minus(today.spent).minus(today.reserved)),
            total_spend: Dollars(self.total_spend),
            error_streak: self.error_streak,
            last_error: self.last_error.as_ref(),
            current_task_id: self.work.map(|work| work.task),
            lease_id: self.work.map(|work| work.lease),
            current_run_id: self.open_runs.last().copied(),
            open_run_ids: &self.open_runs,
            last_heartbeat: last_heartbeat.map(Millis),
            heartbeat_interval_secs: profile.heartbeat_interval_secs,
            stale: is_stale(status, last_sign, interval + silence, now),
            parent_agent_id: self.parent,
            purpose: self.purpose.as_ref(),
            parent_task_id: self.commission.and_then(|commission| commission.task),
            serves_until: self.commission.map(|commission| Millis(commission.until)),
            retired: self.retired,
            child_agent_ids: &self.children,
            session_key: self.session_key.as_ref(),
            registered_at: Millis(self.registered_at),
            updated_at: Millis(self.updated_at),
            version: self.version,
        }
    }
}
