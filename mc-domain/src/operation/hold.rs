//! A task and its holder end and begin their hold together, whatever the cause.

use super::{
    Cast, Decision, Entity, Rejection, by_system,
    conclude_approval::withdraw_orphan,
    end_run::abort_task_runs,
    raise_alert::{Warning, raise, resolve},
    start_run::lift_pause_of_yesterday,
};
use crate::{
    agent::{self, Ending, Work},
    aggregate::{Aggregate, CommandContext},
    alert::{Key, Kind, Subject},
    ids::{AgentId, MessageId, TaskId},
    task::{self, Containment, Hold, Present, Stage, Status, Task},
    values::Reason,
};

/// Adds the task's events, and to the agents concerned what follows from them: whoever lost the task is released,
/// whoever got it is engaged, the runs that are left without work are broken off, and the approvals that it no longer
/// waits for are withdrawn. Where the events complete a loop, the task is blocked at once.
pub(super) fn decide_with_holder(
    decision: &mut Decision,
    task: &Entity<Task>,
    events: Vec<task::Event>,
    ending: Ending,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let (events, contained) = contain_loop(task, events, cast, context)?;
    let ending = if contained { Ending::Blocked } else { ending };
    let before = task.present()?;
    let after = task.after(&events);
    decision.add_task(task, events);
    pass_on(decision, task.id, (before.hold(), after.present()?.hold()), ending, cast, context)?;
    if is_blocked(before.stage) && !is_blocked(after.present()?.stage) {
        give_the_all_clear(decision, task.id, cast, context)?;
    }
    let stopped_by = if contained { by_system(context) } else { context.clone() };
    abort_task_runs(decision, &after, before, ending, cast, &stopped_by)?;
    withdraw_unawaited(decision, before, after.present()?, cast, context)?;
    if contained { tell_of_loop(decision, &after, cast, context) } else { Ok(()) }
}

/// No approval is open for a task that does not wait for it.
fn withdraw_unawaited(
    decision: &mut Decision,
    before: &Present,
    after: &Present,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    for approval in before.awaits.difference(&after.awaits) {
        let why = format!("the task no longer waits for it: it is {}", after.status());
        let why = Reason::truncated(&why).expect("it says something on one line");
        withdraw_orphan(decision, *approval, why, cast, context)?;
    }
    Ok(())
}

fn pass_on(
    decision: &mut Decision,
    task: TaskId,
    (before, after): (Option<Hold>, Option<Hold>),
    ending: Ending,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    if before == after {
        return Ok(());
    }
    if let Some(hold) = before {
        let holder = cast.agent(hold.holder)?.after_decision(decision);
        let events = holder.decide(agent::Command::Release { task, ending }, context)?;
        decision.add_agent(&holder, events);
    }
    if let Some(hold) = after {
        lift_pause_of_yesterday(decision, cast.agent(hold.holder)?, context)?;
        let holder = cast.agent(hold.holder)?.after_decision(decision);
        let engage = agent::Command::Engage(Work { task, lease: hold.lease });
        let events = holder.decide(engage, context)?;
        decision.add_agent(&holder, events);
    }
    Ok(())
}

/// Whether work on it stands still for a reason of its own: also while an approval is asked for meanwhile.
fn is_blocked(stage: Stage) -> bool {
    matches!(stage, Stage::Blocked | Stage::NeedsApproval { from: Status::Blocked, .. })
}

/// What told that a task is blocked is over when it is not any more.
fn give_the_all_clear(
    decision: &mut Decision,
    task: TaskId,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    [Kind::TaskBlocked, Kind::LoopDetected]
        .into_iter()
        .try_for_each(|kind| resolve(decision, Key::new(kind, Subject::Task(task)), cast, context))
}

/// Tells that `task` was blocked, which no person decided as such.
pub(super) fn tell_of_block(
    decision: &mut Decision,
    task: &Entity<Task>,
    agent: Option<AgentId>,
    reason: Option<&Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let present = task.present()?;
    let title = format!("Blocked: {}", present.details.title);
    let warning = Warning::new(Kind::TaskBlocked, Subject::Task(task.id), present.project, title);
    let warning = match reason {
        Some(reason) => warning.saying(reason.to_string()),
        None => warning,
    };
    let warning = match agent {
        Some(agent) => warning.concerning(agent, None, None),
        None => warning,
    };
    raise(decision, warning, cast, context)
}

fn tell_of_loop(
    decision: &mut Decision,
    task: &Entity<Task>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let present = task.present()?;
    let title = format!("Loop detected: {}", present.details.title);
    let warning = Warning::new(Kind::LoopDetected, Subject::Task(task.id), present.project, title);
    raise(decision, warning, cast, context)
}

/// The events, and where a loop is found after them, those that stop it; whether it was.
fn contain_loop(
    task: &Entity<Task>,
    mut events: Vec<task::Event>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(Vec<task::Event>, bool), Rejection> {
    if events.is_empty() {
        return Ok((events, false));
    }
    let after = task.after(&events);
    let Some(found) = after.present()?.loop_found(context) else {
        return Ok((events, false));
    };
    let containment = Containment { found, message: summary_id(&after), names: cast.names() };
    events.extend(after.decide(task::Command::Contain(containment), &by_system(context))?);
    Ok((events, true))
}

/// Derived from the task and its version instead of drawn by the caller: hardly a command ever needs it, and each retry
/// of one gets the same.
pub(super) fn summary_id(task: &Entity<Task>) -> MessageId {
    MessageId::new(uuid::Uuid::from_u128(task.id.uuid().as_u128() ^ u128::from(task.version)))
}
