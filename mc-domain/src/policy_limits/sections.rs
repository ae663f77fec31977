//! The sections of a policy that are numbers and nothing else, with what they are until an operator publishes others.

use serde::{Deserialize, Serialize};

use crate::{money::Usd, role::Role};

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }
    };
}
pub(crate) use section;

section!(
    /// What each role may spend, and whether it may spawn.
    #[derive(Copy)]
    Roles {
        /// The rules of interns.
        intern: RoleRules,
        /// The rules of specialists.
        specialist: RoleRules,
        /// The rules of leads.
        lead: RoleRules,
        /// Of the Chief Agent Officer's seat.
        cao: RoleRules,
    }
);

/// What one role may spend and spawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleRules {
    /// The most that an agent of this role may spend on one UTC day.
    #[serde(rename = "dailyCapMicroUsd")]
    pub daily_cap: Usd,
    /// The most that one run of an agent of this role may cost.
    #[serde(rename = "perRunCapMicroUsd")]
    pub per_run_cap: Usd,
    /// Whether agents of this role may create sub-agents.
    pub may_spawn: bool,
}

section!(
    /// Shares of a budget that raise an alert, in percent.
    #[derive(Copy)]
    Thresholds {
        /// The share that raises a warning, in percent.
        warning_percent: u32,
        /// The share that raises an error, in percent.
        error_percent: u32,
    }
);

section!(
    /// How many sub-agents there may be, and for how long.
    #[derive(Copy)]
    SpawnLimits {
        /// The most sub-agents in service of one agent.
        max_children: u32,
        /// Levels below an agent that nobody spawned.
        max_depth: u32,
        /// The most active agents of all projects.
        max_active_agents: u32,
        /// After which a sub-agent is retired.
        retire_after_secs: u32,
    }
);

section!(
    /// When a task or an agent goes round in circles.
    #[derive(Copy)]
    LoopThresholds {
        /// More messages than this within the window.
        max_messages: u32,
        /// The window that messages are counted in, in seconds.
        messages_window_secs: u32,
        /// A task that is sent back more often than this goes round in circles.
        max_review_cycles: u32,
        /// Two agents alternating more often than this within the window.
        max_alternations: u32,
        /// The window that turns of two agents are counted in, in seconds.
        alternations_window_secs: u32,
        /// One pair of statuses back and forth this often …
        pair_repeats: u32,
        /// … among at least this many transitions …
        pair_transitions: u32,
        /// … within this window, in seconds.
        pair_window_secs: u32,
        /// This many tool calls of one run failing with one error.
        identical_tool_errors: u32,
        /// So many failed runs of a task …
        failed_runs: u32,
        /// … among this many last ones.
        failed_runs_among: u32,
    }
);

section!(
    /// How long things may stay silent, and how many errors an agent may make in a row.
    #[derive(Copy)]
    Timeouts {
        /// By how much a heartbeat may be later than the agent declared.
        stale_after_secs: u32,
        /// How long a task is held without a run after the last heartbeat.
        lease_secs: u32,
        /// After which a run without an end is timed out.
        run_timeout_secs: u32,
        /// The errors in a row that raise a warning.
        error_streak_warning: u32,
        /// The errors in a row that quarantine the agent.
        error_streak_quarantine: u32,
    }
);

section!(
    /// How much there may be of one thing, so that one agent alone does not fill what all of them share.
    #[derive(Copy)]
    Limits {
        /// Messages in the thread of one task; then only operators and the rules post there.
        max_thread_messages: u32,
        /// Agents of one project that are not offline.
        max_agents: u32,
        /// Open tasks that one agent created; operators create as many as they like.
        max_open_tasks: u32,
    }
);

section!(
    /// What holds of every run, whatever its task or agent.
    #[derive(Copy)]
    RunRules {
        /// The least that is set aside for a run, whatever it is expected to cost: more than nothing.
        #[serde(rename = "leastReservedMicroUsd")]
        least_reserved: Usd,
    }
);

impl RunRules {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Limits {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Roles {
    /// The rules that agents of one role are held to.
    pub fn of(&self, role: Role) -> &RoleRules {
        match role {
            Role::Intern => &self.intern,
            Role::Specialist => &self.specialist,
            Role::Lead => &self.lead,
            Role::Cao => &self.cao,
        }
    }
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;

impl Default for RunRules {
    fn default() -> Self {
        Self { least_reserved: Usd::cents(1) }
    }
}

impl Default for Roles {
    fn default() -> Self {
        let of = |role: Role| {
            let caps = role.default_caps();
            RoleRules { daily_cap: caps.daily, per_run_cap: caps.per_run, may_spawn: role.may_spawn() }
        };
        Self {
            intern: of(Role::Intern),
            specialist: of(Role::Specialist),
            lead: of(Role::Lead),
            cao: of(Role::Cao),
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { warning_percent: 80, error_percent: 95 }
    }
}

impl Default for SpawnLimits {
    fn default() -> Self {
        Self { max_children: 3, max_depth: 2, max_active_agents: 30, retire_after_secs: 6 * HOUR }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_thread_messages: 2_000, max_agents: 200, max_open_tasks: 1_000 }
    }
}

impl Default for LoopThresholds {
    fn default() -> Self {
        Self {
            max_messages: 20,
            messages_window_secs: 30 * MINUTE,
            max_review_cycles: 3,
            max_alternations: 8,
            alternations_window_secs: 10 * MINUTE,
            pair_repeats: 3,
            pair_transitions: 6,
            pair_window_secs: HOUR,
            identical_tool_errors: 3,
            failed_runs: 5,
            failed_runs_among: 10,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            stale_after_secs: 5 * MINUTE,
            lease_secs: 2 * HOUR,
            run_timeout_secs: 2 * HOUR,
            error_streak_warning: 3,
            error_streak_quarantine: 5,
        }
    }
}
