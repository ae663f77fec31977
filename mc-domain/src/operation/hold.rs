//! A task and its holder end and begin their hold together, whatever the cause.

use super::{Cast, Decision, Entity, Rejection};
use crate::{
    agent::{self, Ending, Work},
    aggregate::{Aggregate, Moment},
    task::{self, Task},
};

/// Adds the task's events, and to the agents concerned what follows from them: whoever lost the task is released,
/// whoever got it is engaged.
pub(super) fn decide_with_holder(
    decision: &mut Decision,
    task: &Entity<Task>,
    events: Vec<task::Event>,
    ending: Ending,
    cast: &Cast,
    moment: &Moment,
) -> Result<(), Rejection> {
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
