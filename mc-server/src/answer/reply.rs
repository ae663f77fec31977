//! What a write answers, in the form that is kept with its commit.

use mc_domain::{
    agent::Directive,
    ids::{AgentId, MessageId, ProjectId, RunId, TaskId},
};
use serde::{Deserialize, Serialize};

use super::{
    entity_ref::EntityRef,
    heartbeat::Offer,
    squad::{HaltOrder, SquadAnswer},
};
use crate::problem::Problem;

/// What a write answers. Its tags are stored with every kept answer, so they never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// `201`: the entity that was created.
    Created(EntityRef),
    /// `200`: the entity as it now is.
    Changed(EntityRef),
    /// `201`: the message that was posted to a task, and the names it mentions that nobody has.
    Posted(TaskId, MessageId, #[serde(default)] Vec<String>),
    /// `200`: the answer to a heartbeat.
    Heartbeat(AgentId, Vec<Directive>, Offer),
    /// `201`: the use of a tool in a run, by its number.
    ToolCalled(RunId, u32),
    /// `200`: the agents that a squad's resumption resumed.
    Squad(SquadAnswer),
    /// `200`: what followed from a halt, which is carried out first where it is still to be done.
    Halted(HaltOrder),
    /// `200`: the tasks that were archived.
    Archived(Vec<TaskId>),
    /// `200`: the policy of a project, or the one for all, as it was published.
    Policy(Option<ProjectId>),
    /// The problem of a refusal whose consequences were committed, such as an agent that is paused.
    Refused(Problem),
}

impl Reply {
    /// The agent it shows, whose last heartbeat may not be in the log.
    pub(crate) fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Created(shown) | Self::Changed(shown) => shown.agent(),
            Self::Heartbeat(agent, ..) => Some(*agent),
            Self::Posted(..)
            | Self::ToolCalled(..)
            | Self::Squad(_)
            | Self::Halted(_)
            | Self::Archived(_)
            | Self::Policy(_)
            | Self::Refused(_) => None,
        }
    }
}
