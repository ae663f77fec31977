//! An agent as REST answers it, and the actor of an event.

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

/// An agent, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentView<'a> {
    /// The identity of the agent, given at its registration.
    pub id: AgentId,
    /// Its name; no other agent of the project has one that compares as equal.
    pub name: &'a Name,
    /// An emoji that stands for it on the board.
    pub emoji: Option<&'a Label>,
    /// The project that it works in; an agent never changes it.
    pub project_id: ProjectId,
    /// Its role, which decides how much it may do without approval.
    pub role: Role,
    /// Whether it takes work, with a halt of its squad counted in.
    pub status: Status,
    /// Why it is paused; absent in every other status.
    pub pause_reason: Option<PauseReason>,
    /// The types of tasks that it accepts; when empty, all types.
    pub allowed_task_types: &'a BTreeSet<TaskType>,
    /// The tools that it may use; when empty, all that the policy allows.
    pub allowed_tools: &'a BTreeSet<Label>,
    /// What its profile allows it to spend.
    pub budgets: AgentBudgets,
    /// What it spent on the UTC day of the question, corrections included.
    pub today_spend: Dollars,
    /// What is set aside on that day for its runs under way.
    pub reserved: Dollars,
    /// What it may still spend on that day, grants included.
    pub remaining: Dollars,
    /// What its runs cost since it was registered.
    pub total_spend: Dollars,
    /// How many errors in a row it had last; 0 after a success.
    pub error_streak: u32,
    /// The last error of the streak; absent when the streak is 0.
    pub last_error: Option<&'a Reason>,
    /// The task that it holds a lease on.
    pub current_task_id: Option<TaskId>,
    /// The lease under which it holds that task.
    pub lease_id: Option<LeaseId>,
    /// The run that it began last, of those under way.
    pub current_run_id: Option<RunId>,
    /// All its runs under way, in the order in which they began.
    pub open_run_ids: &'a [RunId],
    /// When it last sent a heartbeat, those that are not in the log included.
    pub last_heartbeat: Option<Millis>,
    /// The seconds between two heartbeats, as the agent declared them.
    pub heartbeat_interval_secs: u32,
    /// Whether it has been silent for longer than its interval and the policy's grace together.
    pub stale: bool,
    /// The agent that spawned it; absent unless it is a sub-agent.
    pub parent_agent_id: Option<AgentId>,
    /// What its parent said it is for; absent unless it is a sub-agent.
    pub purpose: Option<&'a Reason>,
    /// The task that its parent created it for.
    pub parent_task_id: Option<TaskId>,
    /// The time at which the control plane retires it, as a sub-agent.
    pub serves_until: Option<Millis>,
    /// Whether its time as a sub-agent is over: only its parent can put it back into service, by spawning it again.
    pub retired: bool,
    /// The sub-agents that it spawned and that still serve.
    pub child_agent_ids: &'a BTreeSet<AgentId>,
    /// The key of its session, as its last heartbeat named it.
    pub session_key: Option<&'a Label>,
    /// When it was registered, by an operator or by its parent.
    pub registered_at: Millis,
    /// The time of the last event of its stream.
    pub updated_at: Millis,
    /// The version of its stream, which edits must name.
    pub version: u64,
}

/// What the profile of an agent allows it to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentBudgets {
    /// The most that its runs of one UTC day may cost.
    pub daily_cap: Dollars,
    /// The most that one of its runs may cost.
    pub per_run_cap: Dollars,
}

/// Who caused something, as REST answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActorView<'a> {
    /// Whether it is a human, an agent or a worker of the system.
    #[serde(rename = "type")]
    pub kind: ActorKind,
    /// The agent's identity, or the name of a human or a worker.
    pub id: ActorId<'a>,
    /// The name to show; for an agent, its current name.
    pub name: Cow<'a, str>,
}

/// What identifies an actor in answers and in filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ActorId<'a> {
    /// The identity of an agent, whatever its name is now.
    Agent(AgentId),
    /// The name of a human or of a worker of the system.
    Named(Cow<'a, str>),
}

impl ActorView<'_> {
    /// A copy that borrows nothing from the views.
    pub fn into_owned(self) -> ActorView<'static> {
        let id = match self.id {
            ActorId::Agent(agent) => ActorId::Agent(agent),
            ActorId::Named(name) => ActorId::Named(Cow::Owned(name.into_owned())),
        };
        ActorView { kind: self.kind, id, name: Cow::Owned(self.name.into_owned()) }
    }
}

impl Agents {
    /// One agent at `now`. `latest_heartbeat` is its latest heartbeat, where that is too recent or too routine to be
    /// in the log.
    pub fn view(
        &self,
        id: AgentId,
        now: DateTime<Utc>,
        latest_heartbeat: Option<DateTime<Utc>>,
    ) -> Option<AgentView<'_>> {
        self.rows.get(id).map(|row| self.seen(row, now, latest_heartbeat))
    }

    /// An actor with the name to show; an unknown agent shows its identity as its name.
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

    /// The agent's current name; for an unknown agent, its identity.
    pub fn name_or_id(&self, id: AgentId) -> Cow<'_, str> {
        self.name(id).map_or_else(|| Cow::Owned(id.to_string()), |name| Cow::Borrowed(name.as_str()))
    }
}

impl Agents {
    pub(super) fn seen<'a>(
        &self,
        row: &'a Row,
        now: DateTime<Utc>,
        latest_heartbeat: Option<DateTime<Utc>>,
    ) -> AgentView<'a> {
        row.view(self.standing(row), now, latest_heartbeat, self.silence.allowed(row.project))
    }
}

impl Row {
    /// The time of the last event of its stream.
    pub(crate) fn updated_at(&self) -> DateTime<Utc> {
        self.updated_at
    }

    /// Its status and why it is paused, by its own stream alone.
    pub(crate) fn own_standing(&self) -> (Status, Option<PauseReason>) {
        (self.status, self.pause_reason)
    }

    pub(crate) fn view(
        &self,
        (status, pause_reason): (Status, Option<PauseReason>),
        now: DateTime<Utc>,
        latest_heartbeat: Option<DateTime<Utc>>,
        silence: TimeDelta,
    ) -> AgentView<'_> {
        let last_heartbeat = self.last_heartbeat.max(latest_heartbeat);
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
