//! A task and its holder end and begin their hold together, whatever the cause.

use std::collections::BTreeMap;

use super::{
    alerts::{alert_loop, resolve_block_alerts},
    budget_pause::lift_pause_of_yesterday,
    run_end::abort_task_runs,
    unawaited_approvals::withdraw_unawaited,
};
use crate::{
    agent::{self, Agent, Ending, Work},
    ids::{AgentId, MessageId, TaskId},
    rejection::Rejection,
    task::{self, Containment, Hold, Loop, Stage, Status, Task},
    transaction::{Entity, Transaction},
    values::Name,
};

/// Decides `command` on the task with all that follows ([`record_with_holder`]).
pub(crate) fn execute_with_holder(
    tx: &mut Transaction<'_>,
    task: &Entity<Task>,
    command: task::Command,
    ending: Ending,
) -> Result<(), Rejection> {
    let events = tx.decide(task, command)?;
    record_with_holder(tx, task, events, ending)
}

/// Adds the task's events and what follows from them for others: releases the agent that lost the task, engages the one
/// that got it, aborts the runs that are left without work, and withdraws the approvals that the task no longer waits for.
/// Where the events complete a loop, the task is blocked at once.
pub(crate) fn record_with_holder(
    tx: &mut Transaction<'_>,
    task: &Entity<Task>,
    events: Vec<task::Event>,
    ending: Ending,
) -> Result<(), Rejection> {
    let task = tx.get::<Task>(&task.id)?;
    let moved = !events.is_empty();
    let recorded = tx.record(&task, events)?;
    let looped = moved && contain_loop(tx, &recorded)?;
    let ending = if looped { Ending::Blocked } else { ending };
    let after = tx.get::<Task>(&task.id)?;
    let (before, now) = (task.present()?, after.present()?);
    pass_on(tx, task.id, before.hold(), now.hold(), ending)?;
    if is_blocked(before.stage) && !is_blocked(now.stage) {
        resolve_block_alerts(tx, task.id)?;
    }
    if looped {
        abort_task_runs(&mut tx.as_system(), task.id, before, ending)?;
    } else {
        abort_task_runs(tx, task.id, before, ending)?;
    }
    withdraw_unawaited(tx, before, now)?;
    if looped { alert_loop(tx, &after) } else { Ok(()) }
}

fn pass_on(
    tx: &mut Transaction<'_>,
    task: TaskId,
    before: Option<Hold>,
    after: Option<Hold>,
    ending: Ending,
) -> Result<(), Rejection> {
    if before == after {
        return Ok(());
    }
    if let Some(hold) = before {
        let holder = tx.agent(hold.holder)?;
        tx.execute(&holder, agent::Command::Release { task, ending })?;
    }
    if let Some(hold) = after {
        lift_pause_of_yesterday(tx, hold.holder)?;
        let holder = tx.agent(hold.holder)?;
        tx.execute(&holder, agent::Command::Engage(Work { task, lease: hold.lease }))?;
    }
    Ok(())
}

/// Whether work on a task stands still for a reason of its own, also while an approval is asked for meanwhile.
fn is_blocked(stage: Stage) -> bool {
    matches!(stage, Stage::Blocked | Stage::NeedsApproval { from: Status::Blocked, .. })
}

/// Stops a task that goes round in circles after its last events; whether it does.
fn contain_loop(tx: &mut Transaction<'_>, task: &Entity<Task>) -> Result<bool, Rejection> {
    let Some(found) = task.present()?.loop_found(tx.context()) else { return Ok(false) };
    let contain = containment(tx, task, found)?;
    tx.as_system().execute(task, contain)?;
    Ok(true)
}

/// The command that stops a task because of the loop that was found, with the names of those who took part.
pub(crate) fn containment(
    tx: &mut Transaction<'_>,
    task: &Entity<Task>,
    found: Loop,
) -> Result<task::Command, Rejection> {
    let participants = found.participants.iter().filter_map(|actor| actor.agent());
    let agents: Vec<_> = participants.chain(task.present()?.assignees.iter().copied()).collect();
    let names = names(tx, &agents)?;
    Ok(task::Command::Contain(Containment { found, message: summary_id(task), names }))
}

fn names(tx: &mut Transaction<'_>, agents: &[AgentId]) -> Result<BTreeMap<AgentId, Name>, Rejection> {
    let mut names = BTreeMap::new();
    for id in agents {
        if let Ok(agent) = tx.get::<Agent>(id)?.registered() {
            names.insert(*id, agent.profile.name.clone());
        }
    }
    Ok(names)
}

/// Derived from the task and its version: few commands ever need one, so no caller has to draw it, and each retry of a
/// command gets the same.
fn summary_id(task: &Entity<Task>) -> MessageId {
    MessageId::new(uuid::Uuid::from_u128(task.id.uuid().as_u128() ^ u128::from(task.version)))
}

/// The task that an agent holds.
pub(crate) fn held_task(tx: &mut Transaction<'_>, agent: AgentId) -> Result<Option<Entity<Task>>, Rejection> {
    let Some(work) = tx.agent(agent)?.registered()?.work else { return Ok(None) };
    Ok(Some(tx.get::<Task>(&work.task)?))
}
