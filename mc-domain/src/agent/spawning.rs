//! Creating sub-agents: what is asked for, for how long, and in what a sub-agent would exceed its parent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::Profile;
use crate::{
    ids::{AgentId, TaskId},
    values::{Reason, string_enum},
};

string_enum! {
    /// Which limit on spawning is reached.
    SpawnBound {
        /// The sub-agents in service of one agent.
        Children = "children",
        /// The levels of sub-agents below an agent that nobody spawned.
        Depth = "depth",
        /// The active agents of all projects.
        ActiveAgents = "active_agents",
    }
}

/// A sub-agent that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Spawn {
    /// The identity of the sub-agent, drawn by the caller.
    pub child: AgentId,
    /// What it is to be and to be allowed.
    pub profile: Profile,
    /// What it is created for, kept in the record of its parent.
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

/// Why a sub-agent is to be retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetirementCause {
    /// It has been in service as long as it may.
    TimeIsUp,
    /// The task its parent worked on is done or canceled.
    TaskClosed,
    /// The agent that created it is retired, or is to be.
    ParentRetired,
    /// It went offline by itself, and its parent does not know yet.
    WentOffline,
}

impl RetirementCause {
    /// The cause in the words of the note on the retirement.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimeIsUp => "its time as a sub-agent is up",
            Self::TaskClosed => "the task it was created for is closed",
            Self::ParentRetired => "the agent that created it is retired",
            Self::WentOffline => "it went offline",
        }
    }
}

/// The tool that an agent creates sub-agents with.
pub const SPAWN_TOOL: &str = "spawn_agent";

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
