#![allow(clippy::unwrap_used)]

mod agents;
mod approvals;
mod bills;
mod creation;
mod credentials;
mod leases;
mod loops;
mod overrides;
mod permits;
mod runs;
mod spawning;
mod squads;
mod work;

use std::collections::BTreeSet;

use super::*;
use crate::{
    actor::Actor,
    agent::{self, Agent, Ending, PauseReason, Profile, Role},
    aggregate::{Aggregate, CommandContext},
    budget::{self, Cause},
    ids::{AgentId, ApprovalId},
    policy::document::PolicyLimits,
    project,
    recorded::{AnyEvent, StreamId},
    rejection::NotLoaded,
    reservation, run,
    spec::{
        ECHO, ELSEWHERE, LEASE, NEXT_LEASE, NOVA, OPENCLAW, SCOUT, TASK, World, by, entity, equipped, name,
        now, plan, reason, registered, registered_as, scout, sofie, stream, system, task_in, world,
    },
    task::{self, Move, Status, Task, TaskType},
    transaction::{Entity, Transaction},
};

fn task_at(status: Status) -> Entity<Task> {
    entity(TASK, task_in(status))
}

/// Scout, Echo or Nova, with nothing to do.
fn idle(id: AgentId) -> Entity<Agent> {
    let (who, role) = match id {
        SCOUT => ("Scout", Role::Intern),
        ECHO => ("Echo", Role::Intern),
        _ => ("Nova", Role::Lead),
    };
    entity(id, registered(who, role))
}

/// Scout at work on the task, as `task_at(Status::InProgress)` has it.
fn working() -> Entity<Agent> {
    idle(SCOUT).after(&[engaged(LEASE)])
}

fn draining(agent: &Entity<Agent>) -> Entity<Agent> {
    agent.after(&[agent::Event::DrainStarted { note: None }])
}

fn paused(agent: &Entity<Agent>, reason: PauseReason) -> Entity<Agent> {
    agent.after(&[agent::Event::Paused { reason, note: None }])
}

fn quarantined(agent: &Entity<Agent>) -> Entity<Agent> {
    agent.after(&[agent::Event::Quarantined { note: None }])
}

fn elsewhere(id: AgentId, who: &str) -> Entity<Agent> {
    let profile = Profile::new(name(who), Role::Intern);
    let project = ELSEWHERE;
    entity(id, [agent::Event::Registered { project, profile, parent: None, purpose: None, at: now() }])
}

/// An agent that takes tasks of one type, and not that of the tests' task.
fn writer(id: AgentId, who: &str) -> Entity<Agent> {
    let allowed_task_types = BTreeSet::from([TaskType::Docs]);
    entity(id, registered_as(Profile { allowed_task_types, ..Profile::new(name(who), Role::Intern) }))
}

/// A name of the default project, with the reservations and the bearer that the transaction has of it.
fn names(tx: &mut Transaction<'_>, who: &str) -> Result<Names, NotLoaded> {
    Names::load(tx, OPENCLAW, &name(who), &Claims::default())
}

fn engaged(lease: crate::ids::LeaseId) -> agent::Event {
    agent::Event::Engaged { task: TASK, lease }
}

fn released(ending: Ending) -> agent::Event {
    agent::Event::Released { task: TASK, lease: LEASE, ending }
}

fn started(from: Status, holder: AgentId) -> task::Event {
    task::Event::Started {
        from,
        holder,
        lease: NEXT_LEASE,
        plan: Some(plan()),
        reason: Some(reason("because")),
        at: now(),
    }
}

fn blocked(from: Status, why: &str) -> task::Event {
    task::Event::Blocked { from, reason: reason(why), at: now() }
}

fn assigned<const N: usize>(from: Status, agents: [AgentId; N], why: Option<&str>) -> task::Event {
    task::Event::Assigned { from, assignees: BTreeSet::from(agents), reason: why.map(reason), at: now() }
}
