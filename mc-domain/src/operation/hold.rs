//! A task and its holder end and begin their hold together, whatever the cause.

use super::{Cast, Decision, Entity, Rejection, by_system};
use crate::{
    agent::{self, Ending, Work},
    aggregate::{Aggregate, Moment},
    ids::MessageId,
    task::{self, Containment, Task},
};

/// Adds the task's events, and to the agents concerned what follows from them: whoever lost the task is released,
/// whoever got it is engaged. Where the events complete a loop, the task is blocked at once.
pub(super) fn decide_with_holder(
    decision: &mut Decision,
    task: &Entity<Task>,
    events: Vec<task::Event>,
    ending: Ending,
    cast: &Cast,
    moment: &Moment,
) -> Result<(), Rejection> {
    let (events, contained) = contain_loop(task, events, cast, moment)?;
    let ending = if contained { Ending::Blocked } else { ending };
    let before = task.present()?.hold();
    let after = task.after(&events).present()?.hold();
    decision.add_task(task, events);
    if before == after {
        return Ok(());
    }
    if let Some(hold) = before {
        let holder = cast.agent(hold.holder)?;
        let release = agent::Command::Release { task: task.id, ending };
        decision.add_agent(holder, holder.decide(release, moment)?);
    }
    if let Some(hold) = after {
        let holder = cast.agent(hold.holder)?;
        let work = Work { task: task.id, lease: hold.lease };
        decision.add_agent(holder, holder.decide(agent::Command::Engage(work), moment)?);
    }
    Ok(())
}

/// The events, and where a loop is found after them, those that stop it; whether it was.
fn contain_loop(
    task: &Entity<Task>,
    mut events: Vec<task::Event>,
    cast: &Cast,
    moment: &Moment,
) -> Result<(Vec<task::Event>, bool), Rejection> {
    if events.is_empty() {
        return Ok((events, false));
    }
    let after = task.after(&events);
    let Some(found) = after.present()?.loop_found(&cast.loop_limits, moment.now) else {
        return Ok((events, false));
    };
    let containment = Containment { found, message: summary_id(&after), names: cast.names() };
    events.extend(after.decide(task::Command::Contain(containment), &by_system(moment))?);
    Ok((events, true))
}

/// Derived from the task and its version instead of drawn by the caller: hardly a command ever needs it, and each retry
/// of one gets the same.
fn summary_id(task: &Entity<Task>) -> MessageId {
    MessageId::new(uuid::Uuid::from_u128(task.id.uuid().as_u128() ^ u128::from(task.version)))
}
