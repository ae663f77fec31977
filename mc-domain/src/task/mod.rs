//! A task: a piece of work, from the inbox to done.
//!
//! State: `Absent → inbox → assigned → in_progress → review → done`, with `needs_approval`, `blocked` and `failed`
//! beside the way and `canceled` at its end.
//!
//! Invariants:
//! 1. The status moves only along the table in `transitions.rs`, and `canceled` is final.
//! 2. An agent moves only what is assigned to it, and sends back only what is not.
//! 3. In progress means held: by one agent, under one lease. A write that names a lease which is over is refused.
//! 4. Work starts with a plan, is handed in with a deliverable and a self-review, is sent back with feedback, and is
//!    blocked with a reason, and accepted with a note. What was handed in counts until the work is sent back or given back, a plan until others get it.
//! 5. Whoever gets it is vouched for by the agent's own aggregate ([`crate::agent::Assignee`]).
//! 6. What waits for approvals is moved by an operator, or by the verdicts of just these approvals, each vouched for by
//!    the approval's own aggregate ([`crate::approval::Verdict`]): back to where it came from by the last yes or
//!    withdrawal, to blocked by the first no or expiry.
//! 7. Traffic or runs that cross a limit of the policy's block it in the commit that crosses it. What is blocked, failed,
//!    done or canceled is not watched, and whoever moves it on from there starts the counts anew.
//! 8. Only what is done or canceled is archived; whatever moves it again restores it.

mod command;
mod containment;
mod decide;
mod event;
mod state;
#[cfg(test)]
mod tests;
mod transitions;
mod values;

pub use command::{
    Command, Containment, Crew, MAX_ARTIFACTS, Message, Move, Rejection, Requirement, Settlement,
};
pub use containment::{
    LAST_EXCHANGES, Loop, LoopKind, MAX_EXCERPT_CHARS, MAX_MESSAGES_WATCHED, MAX_MOVES_WATCHED,
    MAX_RUNS_WATCHED, Traffic,
};
pub use event::Event;
pub use state::{Hold, Present, Stage, Task};
pub use transitions::allowed_transitions;
pub use values::{
    Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Details, InvalidShape, MessageKind,
    Priority, Status, WorkPlan,
};

pub use crate::task_type::TaskType;
