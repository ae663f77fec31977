//! The body of a new agent, and the profile it declares.

use std::collections::BTreeSet;

use mc_domain::{
    agent::{Agent, Profile, Registered, Role},
    policy::document::Document,
    task::TaskType,
    values::{Label, Name, Reason},
};
use serde::Deserialize;

use super::profile::{AgentBudgets, check_limits, usual_caps};
use crate::{extract::Given, problem::Problem};

/// The body of a registration and of a spawn; both take the same fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAgent {
    #[serde(alias = "project")]
    pub(super) project_id: Option<String>,
    name: Given<Name>,
    emoji: Option<Label>,
    role: Option<Role>,
    allowed_task_types: Option<BTreeSet<TaskType>>,
    allowed_tools: Option<BTreeSet<Label>>,
    #[serde(default)]
    budgets: AgentBudgets,
    heartbeat_interval_secs: Option<u32>,
    pub(super) parent_agent_id: Option<String>,
    pub(super) purpose: Option<Reason>,
}

impl NewAgent {
    pub(super) fn profile(&self, policy: &Document) -> Result<Profile, Problem> {
        check_limits(self.allowed_tools.as_ref(), self.heartbeat_interval_secs)?;
        let role = self.role.unwrap_or(Role::Intern);
        let caps = usual_caps(policy, role);
        Ok(Profile {
            emoji: self.emoji.clone(),
            allowed_task_types: self.allowed_task_types.clone().unwrap_or_default(),
            allowed_tools: self.allowed_tools.clone().unwrap_or_default(),
            caps: self.budgets.applied_to(caps, caps)?,
            heartbeat_interval_secs: self.heartbeat_interval_secs.unwrap_or_default(),
            ..Profile::new(self.name.0.clone(), role)
        })
    }

    /// What it declares: of an agent that is known, what it does not name stays as it is.
    pub(super) fn declared(&self, profile: &Profile, agent: &Agent) -> Profile {
        let Ok(known) = agent.registered().map(Registered::profile) else { return profile.clone() };
        Profile {
            emoji: self.emoji.clone().or_else(|| known.emoji.clone()),
            allowed_task_types: self.allowed_task_types.clone().unwrap_or(known.allowed_task_types.clone()),
            allowed_tools: self.allowed_tools.clone().unwrap_or(known.allowed_tools.clone()),
            heartbeat_interval_secs: self.heartbeat_interval_secs.unwrap_or(known.heartbeat_interval_secs),
            ..profile.clone()
        }
    }
}
