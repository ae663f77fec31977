//! An agent: a program that works on tasks.
//!
//! State: `Unregistered → active ⇄ paused | draining | quarantined | offline`
//!
//! Invariants:
//! 1. The status moves only along the table in `standing.rs`; what was imposed is undone by nobody but an operator
//!    (a pause for a budget also by the system): not by a heartbeat, not by registering again, not by a goodbye.
//! 2. It holds at most one task at a time, under one lease.
//! 3. As many errors in a row as the policy allows quarantine it, in the commit that counts the last one.
//! 4. No agent raises its own role, tools or budgets.
//! 5. A heartbeat is recorded when it has news, or [`HEARTBEAT_RECORDED_EVERY`] after the last recorded one.
//! 6. It creates sub-agents only as far as its role and the policy allow, and none that may do more than itself.
//! 7. It has at most [`MAX_OPEN_RUNS`] runs under way, and knows each of them until that one ends.
//! 8. A sub-agent that is retired stays so until its parent spawns it again, and what was imposed on it stays even then.
//! 9. Only an operator excepts it from a halt of its squad, and only while it is active.

mod command;
mod decide;
mod event;
mod spawning;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod values;

pub use command::{Command, Corrections, Heartbeat, Rejection};
pub use event::{Correction, Event};
pub use spawning::{Commission, RetirementCause, SPAWN_TOOL, Spawn, SpawnBound};
pub use standing::{Standing, allowed_statuses, is_stale};
pub use state::{Agent, Assignee, Overrun, Overspent, Registered, Service, TypeRule};
pub use values::{
    Directive, Ending, HEARTBEAT_RECORDED_EVERY, MAX_OPEN_RUNS, PauseReason, Profile, Status, Work,
};

pub use crate::role::{Caps, Role};
