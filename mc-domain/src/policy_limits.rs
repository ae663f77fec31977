//! The figures of a document that decisions are held to, small enough to be handed to each of them.

mod lifetime;
mod sections;

use chrono::TimeDelta;

pub use lifetime::{InvalidLifetime, Lifetime};
pub(crate) use sections::section;
pub use sections::{Limits, LoopThresholds, RoleRules, Roles, RunRules, SpawnLimits, Thresholds, Timeouts};

use crate::{money::Usd, task_type::TaskType};

/// What the policy in force says in numbers.
///
/// ```
/// use mc_domain::policy::document::{Document, PolicyLimits};
///
/// assert_eq!(Document::default().policy_limits(), PolicyLimits::default());
/// assert_eq!(PolicyLimits::default().stale_after().num_minutes(), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyLimits {
    /// What each role may spend and spawn.
    pub roles: Roles,
    /// How many sub-agents there may be, and for how long.
    pub spawn: SpawnLimits,
    /// When a budget is reported as used up.
    pub thresholds: Thresholds,
    /// When a task or an agent goes round in circles.
    pub loops: LoopThresholds,
    /// How long things may stay silent, and how many errors there may be in a row.
    pub timeouts: Timeouts,
    /// How much there may be of one thing.
    pub limits: Limits,
    /// After which an undecided approval is escalated.
    pub escalates_after_secs: u32,
    /// After which an undecided approval expires, where nobody says otherwise.
    pub expires_after_secs: u32,
    /// What a task may cost when nobody says otherwise.
    pub task_budgets: TaskBudgets,
    /// The least that is set aside for a run, whatever it is expected to cost.
    pub least_reserved: Usd,
}

/// What a task of each type may cost when nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskBudgets([Usd; TaskType::ALL.len()]);

impl Default for TaskBudgets {
    fn default() -> Self {
        Self::said_by(TaskType::default_budget)
    }
}

impl TaskBudgets {
    pub(crate) fn said_by(budget: impl Fn(TaskType) -> Usd) -> Self {
        let mut budgets = [Usd::ZERO; TaskType::ALL.len()];
        budgets.iter_mut().zip(TaskType::ALL).for_each(|(slot, kind)| *slot = budget(*kind));
        Self(budgets)
    }

    /// What a task of one type may cost.
    pub fn of(&self, kind: TaskType) -> Usd {
        let known = TaskType::ALL.iter().zip(self.0).find(|(known, _)| **known == kind);
        known.map_or(Usd::ZERO, |(_, budget)| budget)
    }
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self {
            roles: Roles::default(),
            spawn: SpawnLimits::default(),
            thresholds: Thresholds::default(),
            loops: LoopThresholds::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            escalates_after_secs: 30 * 60,
            expires_after_secs: 24 * 60 * 60,
            task_budgets: TaskBudgets::default(),
            least_reserved: RunRules::default().least_reserved,
        }
    }
}

impl PolicyLimits {
    /// How long beyond its own declared interval an agent may be silent before it counts as stale.
    pub fn stale_after(&self) -> TimeDelta {
        TimeDelta::seconds(self.timeouts.stale_after_secs.into())
    }

    /// How long after its holder's last sign of life a lease without a run lasts.
    pub fn lease_lasts(&self) -> TimeDelta {
        TimeDelta::seconds(self.timeouts.lease_secs.into())
    }

    /// How long a run may last.
    pub fn run_lasts(&self) -> TimeDelta {
        TimeDelta::seconds(self.timeouts.run_timeout_secs.into())
    }

    /// How long an approval is open, where nobody says otherwise.
    pub fn approvals_last(&self) -> Lifetime {
        Lifetime::new(TimeDelta::seconds(self.expires_after_secs.into())).unwrap_or_default()
    }

    /// How long an approval waits for a decision before attention is drawn to it.
    pub fn escalates_after(&self) -> TimeDelta {
        TimeDelta::seconds(self.escalates_after_secs.into())
    }
}
