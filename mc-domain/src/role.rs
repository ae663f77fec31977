//! The role of an agent, and what it may spend: what the policy sets limits for, and every profile names.

use serde::{Deserialize, Serialize};

use crate::{money::Usd, values::string_enum};

string_enum! {
    /// How much an agent may do by itself, lowest first.
    Role {
        /// Every guarded action needs an approval.
        Intern = "intern",
        /// Guarded actions are allowed as far as the allow-lists go.
        Specialist = "specialist",
        /// Guarded actions are allowed freely.
        Lead = "lead",
        /// The Chief Agent Officer's own seat.
        Cao = "cao",
    }
}

impl Role {
    /// What an agent of this role may spend when nobody says otherwise.
    pub const fn default_caps(self) -> Caps {
        match self {
            Self::Intern => Caps { daily: Usd::cents(200), per_run: Usd::cents(25) },
            Self::Specialist => Caps { daily: Usd::cents(500), per_run: Usd::cents(75) },
            Self::Lead => Caps { daily: Usd::cents(1200), per_run: Usd::cents(150) },
            Self::Cao => Caps { daily: Usd::cents(2500), per_run: Usd::cents(300) },
        }
    }

    /// Whether an agent of this role may create sub-agents.
    pub const fn may_spawn(self) -> bool {
        !matches!(self, Self::Intern)
    }
}

/// What an agent may spend on a day and in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Caps {
    /// The most that all its runs of one UTC day may cost together.
    #[serde(rename = "dailyMicroUsd")]
    pub daily: Usd,
    /// In one run, as it was asked for; what holds is [`Caps::per_run_in_force`].
    #[serde(rename = "perRunMicroUsd")]
    pub per_run: Usd,
}

impl Caps {
    /// What one run may cost: no more than the whole day. A lower day takes it along, and a higher one brings it back.
    pub fn per_run_in_force(self) -> Usd {
        self.per_run.min(self.daily)
    }
}
