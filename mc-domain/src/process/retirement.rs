//! Which sub-agents are to be retired, and why.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    agent::{Agent, Registered, RetirementCause, Status},
    ids::{AgentId, TaskId},
    transaction::Entity,
};

/// A sub-agent that is to be retired, by [`crate::operation::retire_agent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retirement {
    /// The sub-agent to be retired.
    pub child: AgentId,
    /// The agent that created it; none where that one is not known.
    pub parent: Option<AgentId>,
    /// Why it is retired, for the record.
    pub cause: RetirementCause,
}

/// The sub-agents among `agents` that are to be retired at `now`, and theirs with them; `is_closed` says whether a task is
/// done or canceled.
///
/// Asking again after a retirement names it no more, so a worker may run twice or late.
pub fn retirements(
    agents: &[Entity<Agent>],
    is_closed: impl Fn(TaskId) -> bool,
    now: DateTime<Utc>,
) -> Vec<Retirement> {
    let in_service: BTreeSet<_> = registered(agents).flat_map(|(_, agent)| agent.children.clone()).collect();
    let due = |(child, agent): (AgentId, &Registered)| {
        let cause = cause(agent, in_service.contains(&child), &is_closed, now)?;
        Some(Retirement { child, parent: agent.parent, cause })
    };
    let mut found: Vec<_> = registered(agents).filter_map(due).collect();
    let retired = registered(agents).filter(|(_, agent)| agent.is_retired()).map(|(id, _)| id);
    let mut gone: BTreeSet<_> = retired.chain(found.iter().map(|retirement| retirement.child)).collect();
    loop {
        let left_behind = left_behind(agents, &in_service, &gone);
        if left_behind.is_empty() {
            return found;
        }
        gone.extend(left_behind.iter().map(|retirement| retirement.child));
        found.extend(left_behind);
    }
}

fn registered(agents: &[Entity<Agent>]) -> impl Iterator<Item = (AgentId, &Registered)> {
    agents.iter().filter_map(|agent| Some((agent.id, agent.registered().ok()?)))
}

/// Those in service whose parent is `gone`, and who are not themselves.
fn left_behind(
    agents: &[Entity<Agent>],
    in_service: &BTreeSet<AgentId>,
    gone: &BTreeSet<AgentId>,
) -> Vec<Retirement> {
    let serves = |child: &AgentId| in_service.contains(child) && !gone.contains(child);
    let orphans = registered(agents).filter(|(child, agent)| agent.commission().is_some() && serves(child));
    let retirement = |(child, agent): (AgentId, &Registered)| {
        let parent = agent.parent.filter(|parent| gone.contains(parent));
        parent.map(|_| Retirement { child, parent, cause: RetirementCause::ParentRetired })
    };
    orphans.filter_map(retirement).collect()
}

fn cause(
    agent: &Registered,
    in_service: bool,
    is_closed: impl Fn(TaskId) -> bool,
    now: DateTime<Utc>,
) -> Option<RetirementCause> {
    let commission = agent.commission()?;
    match agent.status() {
        Status::Offline => in_service.then_some(RetirementCause::WentOffline),
        Status::Active | Status::Paused | Status::Draining | Status::Quarantined => match () {
            () if agent.is_retired() => None,
            () if now >= commission.until => Some(RetirementCause::TimeIsUp),
            () if commission.task.is_some_and(is_closed) => Some(RetirementCause::TaskClosed),
            () => None,
        },
    }
}
