//! Which sub-agents are to be retired, and why.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    agent::{Agent, Registered, Status},
    ids::{AgentId, TaskId},
    operation::Entity,
};

/// A sub-agent that is to be retired, by [`crate::operation::retire_agent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retirement {
    /// Who.
    pub child: AgentId,
    /// Who created it.
    pub parent: Option<AgentId>,
    /// Why.
    pub cause: RetirementCause,
}

/// Why a sub-agent is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetirementCause {
    /// It has been in service as long as it may.
    TimeIsUp,
    /// The task its parent worked on is done or canceled.
    TaskClosed,
    /// It went offline by itself, and its parent does not know yet.
    WentOffline,
}

impl RetirementCause {
    /// The cause in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimeIsUp => "its time as a sub-agent is up",
            Self::TaskClosed => "the task it was created for is closed",
            Self::WentOffline => "it went offline",
        }
    }
}

/// The sub-agents among `agents` that are to be retired at `now`; `closed` are the tasks that are done or canceled.
///
/// Asking again after a retirement names it no more, so a worker may run twice or late.
pub fn retirements(
    agents: &[Entity<Agent>],
    closed: &BTreeSet<TaskId>,
    now: DateTime<Utc>,
) -> Vec<Retirement> {
    let registered = || agents.iter().filter_map(|agent| Some((agent.id, agent.registered().ok()?)));
    let in_service: BTreeSet<AgentId> = registered().flat_map(|(_, agent)| agent.children.clone()).collect();
    registered()
        .filter_map(|(child, agent)| {
            let cause = cause(agent, in_service.contains(&child), closed, now)?;
            Some(Retirement { child, parent: agent.parent, cause })
        })
        .collect()
}

fn cause(
    agent: &Registered,
    in_service: bool,
    closed: &BTreeSet<TaskId>,
    now: DateTime<Utc>,
) -> Option<RetirementCause> {
    let commission = agent.commission?;
    match agent.status() {
        Status::Offline => in_service.then_some(RetirementCause::WentOffline),
        Status::Active | Status::Paused | Status::Draining | Status::Quarantined => match () {
            () if agent.retired => None,
            () if now >= commission.until => Some(RetirementCause::TimeIsUp),
            () if commission.task.is_some_and(|task| closed.contains(&task)) => {
                Some(RetirementCause::TaskClosed)
            }
            () => None,
        },
    }
}
