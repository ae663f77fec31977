//! What may have happened to a budget. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::values::Level;
use crate::{
    ids::{ApprovalId, RunId},
    money::Usd,
};

/// A fact about one budget. `at` is the time of the decision; what ends in `After` is the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// Money was set aside for a run.
    #[serde(rename = "reserved")]
    Reserved {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// The amount that is set aside or given back.
        #[serde(rename = "amountMicroUsd")]
        amount: Usd,
        /// What the budget allowed at that time.
        #[serde(rename = "capMicroUsd")]
        cap: Usd,
        /// All that is set aside now.
        #[serde(rename = "reservedAfterMicroUsd")]
        reserved_after: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A run was charged, and what was set aside for it given back.
    #[serde(rename = "settled")]
    Settled {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What the run was charged.
        #[serde(rename = "costMicroUsd")]
        cost: Usd,
        /// Whether that is what it has cost; otherwise nobody knows that, and what was set aside was charged.
        priced: bool,
        /// What had been set aside for it.
        #[serde(rename = "releasedMicroUsd")]
        released: Usd,
        /// All that is set aside now.
        #[serde(rename = "reservedAfterMicroUsd")]
        reserved_after: Usd,
        /// All that is spent from here on, this run included.
        #[serde(rename = "spentAfterMicroUsd")]
        spent_after: Usd,
        /// How far that is beyond the limit, where it is.
        #[serde(default, rename = "overrunMicroUsd", skip_serializing_if = "Option::is_none")]
        overrun: Option<Usd>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A run was charged after what was set aside for it had been given back.
    #[serde(rename = "charged")]
    Charged {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What the run was charged.
        #[serde(rename = "costMicroUsd")]
        cost: Usd,
        /// Whether that is what it has cost; otherwise nobody knows that, and what had been set aside was charged.
        priced: bool,
        /// All that is spent from here on, this run included.
        #[serde(rename = "spentAfterMicroUsd")]
        spent_after: Usd,
        /// How far that is beyond the limit, where it is.
        #[serde(default, rename = "overrunMicroUsd", skip_serializing_if = "Option::is_none")]
        overrun: Option<Usd>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// What was set aside for a run was given back.
    #[serde(rename = "released")]
    Released {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// The amount that is set aside or given back.
        #[serde(rename = "amountMicroUsd")]
        amount: Usd,
        /// All that is set aside now.
        #[serde(rename = "reservedAfterMicroUsd")]
        reserved_after: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// More than the cap was allowed.
    #[serde(rename = "granted")]
    Granted {
        /// The approval that allows it.
        approval: ApprovalId,
        /// How much more may be spent.
        #[serde(rename = "amountMicroUsd")]
        amount: Usd,
        /// All that is granted from here on, this grant included.
        #[serde(rename = "grantedAfterMicroUsd")]
        granted_after: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// Single runs beyond the agent's cap per run were allowed.
    #[serde(rename = "run_allowed")]
    RunAllowed {
        /// The approval that allows it.
        approval: ApprovalId,
        /// The most that one run may be expected to cost.
        #[serde(rename = "upToMicroUsd")]
        up_to: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An operator set the record of what was spent straight.
    #[serde(rename = "adjusted")]
    Adjusted {
        /// What was recorded as spent before the correction.
        #[serde(rename = "spentBeforeMicroUsd")]
        spent_before: Usd,
        /// What counts as spent from here on.
        #[serde(rename = "spentAfterMicroUsd")]
        spent_after: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// What the budget allows was changed.
    #[serde(rename = "cap_changed")]
    CapChanged {
        /// What the budget allows from here on.
        #[serde(rename = "capMicroUsd")]
        cap: Usd,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// What is spent has reached a threshold, for the first time that day.
    #[serde(rename = "threshold_crossed")]
    ThresholdCrossed {
        /// The threshold that was crossed.
        level: Level,
        /// The threshold, in per cent of the limit.
        percent: u32,
        /// All that is spent, the charge that crossed it included.
        #[serde(rename = "spentMicroUsd")]
        spent: Usd,
        /// The cap and what was granted.
        #[serde(rename = "limitMicroUsd")]
        limit: Usd,
        /// The UTC day; a task's budget may cross a threshold again on another.
        day: NaiveDate,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It is used up, for the first time that day.
    #[serde(rename = "exceeded")]
    Exceeded {
        /// All that is spent, the charge that crossed it included.
        #[serde(rename = "spentMicroUsd")]
        spent: Usd,
        /// The cap and what was granted.
        #[serde(rename = "limitMicroUsd")]
        limit: Usd,
        /// The UTC day; a task's budget may cross a threshold again on another.
        day: NaiveDate,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Reserved { .. } => "budget.reserved",
            Self::Settled { .. } => "budget.settled",
            Self::Charged { .. } => "budget.charged",
            Self::Released { .. } => "budget.released",
            Self::Granted { .. } => "budget.granted",
            Self::RunAllowed { .. } => "budget.run_allowed",
            Self::Adjusted { .. } => "budget.adjusted",
            Self::CapChanged { .. } => "budget.cap_changed",
            Self::ThresholdCrossed { .. } => "budget.threshold_crossed",
            Self::Exceeded { .. } => "budget.exceeded",
        }
    }
}

impl Event {
    /// The threshold that this tells of, and how many percent of the budget are spent.
    pub(crate) fn threshold(&self) -> Option<(Level, u32)> {
        match self {
            Self::ThresholdCrossed { level, percent, .. } => Some((*level, *percent)),
            Self::Exceeded { .. } => Some((Level::Exceeded, 100)),
            Self::Reserved { .. }
            | Self::Settled { .. }
            | Self::Charged { .. }
            | Self::Released { .. }
            | Self::Granted { .. }
            | Self::RunAllowed { .. }
            | Self::Adjusted { .. }
            | Self::CapChanged { .. } => None,
        }
    }
}
