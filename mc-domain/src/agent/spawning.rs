//! Creating sub-agents: who may, how many, how deep, and with how much of its own autonomy.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Event, Registered, Rejection, standing::Standing, values::Profile};
use crate::{
    aggregate::CommandContext,
    ids::{AgentId, TaskId},
    policy::document::PolicyLimits,
    values::{Reason, string_enum},
};

string_enum! {
    /// Which limit on spawning is reached.
    SpawnBound {
        /// Sub-agents of one agent.
        Children = "children",
        /// Levels of sub-agents.
        Depth = "depth",
        /// Active agents in all.
        ActiveAgents = "active_agents",
    }
}

/// A sub-agent that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Spawn {
    /// Its identity.
    pub child: AgentId,
    /// What it is to be and to be allowed.
    pub profile: Profile,
    /// What for.
    pub purpose: Reason,
    /// How many agents are active now, in all.
    pub active_agents: u32,
}

/// What a sub-agent was created for, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commission {
    /// How many agents are above it: 1 for the sub-agent of an agent that nobody spawned.
    pub depth: u32,
    /// The task its parent worked on; when that closes, the sub-agent is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// When it is retired at the latest.
    pub until: DateTime<Utc>,
}

/// The tool that an agent creates sub-agents with.
pub const SPAWN_TOOL: &str = "spawn_agent";

impl Registered {
    /// Whether a tool is among those it may use, as far as its own list says.
    fn may_use(&self, tool: &str) -> bool {
        let tools = &self.profile.allowed_tools;
        tools.is_empty() || tools.iter().any(|allowed| allowed.as_str() == tool)
    }

    /// How many agents are above it.
    pub fn depth(&self) -> u32 {
        self.commission.map_or(u32::from(self.parent.is_some()), |commission| commission.depth)
    }

    /// What a sub-agent that it creates now is commissioned for: what it works on itself, or else was created for.
    pub fn commission_of_child(&self, context: &CommandContext) -> Commission {
        let lasts = TimeDelta::seconds(context.policy.spawn.retire_after_secs.into());
        Commission {
            depth: self.depth().saturating_add(1),
            task: self.work.map(|work| work.task).or(self.commission.and_then(|commission| commission.task)),
            until: context.now + lasts,
        }
    }

    /// Invariant 6.
    pub(super) fn spawn(&self, spawn: Spawn, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        let Spawn { child, profile, purpose, active_agents } = spawn;
        let PolicyLimits { roles, spawn: limits, .. } = context.policy;
        let name = || self.profile.name.clone();
        if self.standing_on(context.now.date_naive()) != Standing::Active {
            return Err(self.not_active());
        }
        if !roles.of(self.profile.role).may_spawn {
            return Err(Rejection::MayNotSpawn { name: name(), role: self.profile.role });
        }
        if context.actor.agent().is_some() && !self.may_use(SPAWN_TOOL) {
            return Err(Rejection::SpawnToolMissing { name: name() });
        }
        let above = self.profile.exceeded_by(&profile);
        if !above.is_empty() {
            return Err(Rejection::ChildAbove { name: name(), what: above.join(", ") });
        }
        if self.children.contains(&child) {
            return Ok(vec![]);
        }
        let children = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        let reached = [
            (SpawnBound::Children, children, limits.max_children),
            (SpawnBound::Depth, self.depth(), limits.max_depth),
            (SpawnBound::ActiveAgents, active_agents, limits.max_active_agents),
        ];
        match reached.into_iter().find(|(_, actual, limit)| actual >= limit) {
            Some((bound, _, limit)) => Err(Rejection::SpawnLimit { name: name(), bound, limit }),
            None => Ok(vec![Event::Spawned { child, purpose, at: context.now }]),
        }
    }
}

impl Profile {
    /// In what `other` may do more than this.
    pub(super) fn exceeded_by(&self, other: &Self) -> Vec<&'static str> {
        let (mine, theirs) = (&self.allowed_tools, &other.allowed_tools);
        let more_tools = !mine.is_empty() && (theirs.is_empty() || !theirs.is_subset(mine));
        let exceeded = [
            ("role", other.role > self.role),
            ("daily cap", other.caps.daily > self.caps.daily),
            ("per-run cap", other.caps.per_run > self.caps.per_run),
            ("tools", more_tools),
        ];
        exceeded.into_iter().filter(|(_, exceeded)| *exceeded).map(|(what, _)| what).collect()
    }
}
