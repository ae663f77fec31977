//! What an agent is made of.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{LeaseId, TaskId},
    role::{Caps, Role},
    task_type::TaskType,
    values::{Label, Name, string_enum},
};

/// The most often that a heartbeat without news is recorded.
pub const HEARTBEAT_RECORDED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// The most runs that one agent may have under way.
pub const MAX_OPEN_RUNS: usize = 16;

string_enum! {
    /// The status of an agent; `standing.rs` has the moves between them.
    Status {
        /// It works, and may take tasks.
        Active = "active",
        /// It is stopped, and may be resumed by whom the ground of the pause allows.
        Paused = "paused",
        /// It finishes its current task and takes no new one.
        Draining = "draining",
        /// Stopped at once; only an operator lets it work again.
        Quarantined = "quarantined",
        /// It said goodbye, or was taken out of service.
        Offline = "offline",
    }
}

string_enum! {
    /// Why an agent is paused; who may lift the pause depends on it.
    PauseReason {
        /// An operator paused it, or it has drained.
        Operator = "operator",
        /// It was paused with its whole squad.
        Squad = "squad",
        /// It reached a budget; it ends with the UTC day, or when more is allowed.
        Budget = "budget",
        /// It made too many errors in a row.
        ErrorStreak = "error_streak",
    }
}

impl PauseReason {
    /// Whether a pause on this ground becomes one on the other: those that end by themselves make way for an instruction.
    pub(super) const fn yields_to(self, other: Self) -> bool {
        matches!((self, other), (Self::Budget | Self::ErrorStreak, Self::Operator | Self::Squad))
    }
}

string_enum! {
    /// What ended an agent's hold on a task.
    Ending {
        /// The agent handed its work in.
        Submitted = "submitted",
        /// The task waits for an approval.
        HeldForApproval = "held_for_approval",
        /// Work on the task was blocked, whoever did that.
        Blocked = "blocked",
        /// The agent reported that the work failed.
        Failed = "failed",
        /// The task was given back to its assignees, or to others.
        Reassigned = "reassigned",
        /// An operator called the task off.
        Canceled = "canceled",
        /// An operator made the agent begin anew.
        Restarted = "restarted",
        /// An operator corrected the agent's record.
        Corrected = "corrected",
        /// The agent was quarantined, which blocks its task.
        Quarantined = "quarantined",
        /// The agent went offline, which blocks its task.
        WentOffline = "went_offline",
    }
}

string_enum! {
    /// What an agent is told with the answer to its heartbeat.
    Directive {
        /// Stop until an operator or the system resumes you.
        Pause = "pause",
        /// Finish the current task and take no new one.
        Drain = "drain",
        /// Stop at once, and do nothing more.
        Quarantine = "quarantine",
        /// Drop what you do and begin anew.
        Restart = "restart",
    }
}

/// What an agent is and may do: everything that an edit may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Its name, unique in its project.
    pub name: Name,
    /// An emoji to show with its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<Label>,
    /// How much it may do by itself.
    pub role: Role,
    /// The task types it accepts; none named means all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed_task_types: BTreeSet<TaskType>,
    /// The tools it may use; none named means all that the policy allows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed_tools: BTreeSet<Label>,
    /// What it may spend on a day and in one run.
    pub caps: Caps,
    /// How many seconds it lets pass between two heartbeats, as it declared: 0 to 86,400.
    #[serde(default)]
    pub heartbeat_interval_secs: u32,
}

impl Profile {
    /// An agent of `role` with everything else as it is by default.
    pub fn new(name: Name, role: Role) -> Self {
        Self {
            name,
            emoji: None,
            role,
            allowed_task_types: BTreeSet::new(),
            allowed_tools: BTreeSet::new(),
            caps: role.default_caps(),
            heartbeat_interval_secs: 0,
        }
    }
}

/// A hold on a task: no other agent works on it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// The task that is held.
    pub task: TaskId,
    /// The lease it is held under.
    pub lease: LeaseId,
}
