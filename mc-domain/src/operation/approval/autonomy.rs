//! More autonomy: what an agent asks for, and what it gets once somebody else has said yes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    agent::{self, Caps, Profile, Role},
    approval::Approval,
    consequence::{
        authority::acts_for_itself,
        budget_override::{Allowed, withdraw_overrides},
        profile_change::record_profile,
    },
    json::Json,
    money::Usd,
    rejection::Rejection,
    transaction::{Entity, Transaction},
    values::Label,
};

/// What an agent may do by itself, as an approval's payload says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autonomy {
    role: Role,
    #[serde(rename = "dailyCapMicroUsd")]
    daily_cap: Usd,
    #[serde(rename = "perRunCapMicroUsd")]
    per_run_cap: Usd,
    allowed_tools: BTreeSet<Label>,
}

impl Autonomy {
    /// The autonomy that `profile` gives its agent.
    pub fn of(profile: &Profile) -> Self {
        let Caps { daily, per_run } = profile.caps;
        let (role, allowed_tools) = (profile.role, profile.allowed_tools.clone());
        Self { role, daily_cap: daily, per_run_cap: per_run, allowed_tools }
    }

    /// As it is sent and stored.
    pub fn payload(&self) -> Json {
        Json::of(self).expect("it has only text keys and whole numbers")
    }

    fn applied_to(self, profile: &Profile) -> Profile {
        let Self { role, daily_cap, per_run_cap, allowed_tools } = self;
        let caps = Caps { daily: daily_cap, per_run: per_run_cap };
        Profile { role, caps, allowed_tools, ..profile.clone() }
    }
}

/// Gives the agent that an approval is about what was asked for it, and frees what that has room for now. A payload that
/// says something else grants nothing by itself: an operator changes the profile by hand.
pub(super) fn grant_autonomy(tx: &mut Transaction<'_>, approval: &Entity<Approval>) -> Result<(), Rejection> {
    let requested = approval.requested()?;
    let asked = requested.ask.parameters();
    let wanted = asked.and_then(|payload| serde_json::from_str::<Autonomy>(&payload.to_string()).ok());
    let (Some(wanted), Some(agent)) = (wanted, requested.subject.agent) else { return Ok(()) };
    let agent = tx.agent(agent)?;
    let registered = agent.registered()?;
    acts_for_itself(tx, &agent)?;
    let change = agent::Command::ChangeProfile(wanted.applied_to(&registered.profile));
    let changed = tx.decide(&agent, change)?;
    record_profile(tx, &agent, changed)?;
    match registered.overrun() {
        Some(overrun) => {
            let before = Allowed::Agent(agent.id, registered.profile.caps);
            withdraw_overrides(tx, before, &[overrun.approval])
        }
        None => Ok(()),
    }
}
