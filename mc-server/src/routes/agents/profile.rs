//! The budgets of agents, and the limits on what their profiles declare.

use std::collections::BTreeSet;

use mc_domain::{
    agent::{Caps, Role},
    policy::document::Document,
    values::Label,
};
use mc_projections::dollars::Dollars;
use serde::Deserialize;

use crate::{extract::double_option, problem::Problem};

/// The longest interval between heartbeats that an agent may declare: a day.
const MAX_HEARTBEAT_INTERVAL_SECS: u32 = 86_400;
/// The most tools an agent's list may have.
const MAX_TOOLS: usize = 200;

/// What an agent may spend; `null` for what its role may.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentBudgets {
    #[serde(default, deserialize_with = "double_option")]
    daily_cap: Option<Option<Dollars>>,
    #[serde(default, deserialize_with = "double_option")]
    per_run_cap: Option<Option<Dollars>>,
}

impl AgentBudgets {
    /// `usual` is what the role may spend. The cap per run is kept as it is asked for, also where the day does not allow as
    /// much; who asks for it above the day that holds is told so.
    pub(super) fn applied_to(self, caps: Caps, usual: Caps) -> Result<Caps, Problem> {
        let chosen = |asked: Option<Option<Dollars>>, now, usual| match asked {
            None => now,
            Some(None) => usual,
            Some(Some(cap)) => cap.0,
        };
        let daily = chosen(self.daily_cap, caps.daily, usual.daily);
        // Who sends back what is shown asks for no change.
        let shown = daily == caps.daily && self.per_run_cap == Some(Some(Dollars(caps.per_run_in_force())));
        let per_run = match shown {
            true => caps.per_run,
            false => chosen(self.per_run_cap, caps.per_run, usual.per_run),
        };
        let caps = Caps { daily, per_run };
        match self.per_run_cap.flatten() {
            Some(asked) if asked.0 > caps.daily => {
                Err(Problem::invalid_field("budgets.perRunCap", "must not be above dailyCap"))
            }
            Some(_) | None => Ok(caps),
        }
    }
}

/// The caps that the policy gives an agent of this role by default.
pub(super) fn usual_caps(policy: &Document, role: Role) -> Caps {
    let rules = policy.roles.of(role);
    Caps { daily: rules.daily_cap, per_run: rules.per_run_cap }
}

pub(super) fn check_limits(
    tools: Option<&BTreeSet<Label>>,
    interval_secs: Option<u32>,
) -> Result<(), Problem> {
    if tools.is_some_and(|tools| tools.len() > MAX_TOOLS) {
        return Err(Problem::invalid_field("allowedTools", format!("must be at most {MAX_TOOLS}")));
    }
    if interval_secs.is_some_and(|secs| secs > MAX_HEARTBEAT_INTERVAL_SECS) {
        let message = format!("must be at most {MAX_HEARTBEAT_INTERVAL_SECS} seconds");
        return Err(Problem::invalid_field("heartbeatIntervalSecs", message));
    }
    Ok(())
}
