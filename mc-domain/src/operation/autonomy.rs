//! More autonomy: what an agent asks for, and what it gets once somebody else has said yes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Allowed, Cast, Decision, Entity, Rejection, register_agent::change_profile, withdraw_overrides};
use crate::{
    agent::{Caps, Profile, Role},
    aggregate::CommandContext,
    approval::Approval,
    json::Json,
    money::Usd,
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
    /// That of a profile.
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

/// Gives the agent that an approval is about what was asked for it, and what that has room for now is no longer held. A payload that says something else grants nothing by
/// itself: an operator changes the profile by hand.
pub(super) fn grant_autonomy(
    decision: &mut Decision,
    approval: &Entity<Approval>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let requested = approval.requested()?;
    let asked = requested.ask.parameters();
    let wanted = asked.and_then(|payload| serde_json::from_str::<Autonomy>(&payload.to_string()).ok());
    let (Some(wanted), Some(agent)) = (wanted, requested.subject.agent) else { return Ok(()) };
    let agent = cast.agent(agent)?.after_decision(decision);
    let profile = wanted.applied_to(&agent.registered()?.profile);
    let changed = change_profile(requested.subject.project, &agent, None, profile, cast, context)?;
    *decision = std::mem::take(decision).and(changed);
    let Some(overrun) = agent.registered()?.overrun() else { return Ok(()) };
    let held = [cast.find::<Approval>(&overrun.approval)?];
    let before = Allowed::Agent(agent.id, agent.registered()?.profile.caps);
    let freed = withdraw_overrides(before, &held, &cast.after(decision), context)?;
    *decision = std::mem::take(decision).and(freed);
    Ok(())
}
