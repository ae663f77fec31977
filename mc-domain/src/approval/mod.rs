//! An approval: the permission to do exactly one thing, asked for by one and decided by another.
//!
//! State: `Unrequested → pending ⇄ escalated → approved | denied | expired | canceled`
//!
//! Invariants:
//! 1. An operator or a policy rule decides, never an agent, and never who asked.
//! 2. Only what is open is decided, and the first decision stands: the same answer again changes nothing, another is
//!    refused.
//! 3. Expiry is judged whenever somebody comes to act on it, not only by the sweeper: what is overdue expires first.
//! 4. It is bound to a hash of what was asked and on which terms; when the requestor asks for something else, or on other
//!    terms, earlier endorsements fall.
//! 5. Where two decisions are required, they are two different deciders', whatever the case of their names.
//! 6. It permits its own agent, for its own task, exactly what was asked, and a tool is used under it once.

mod ask;
mod command;
mod content;
mod decide;
mod event;
mod state;
#[cfg(test)]
mod tests;
mod values;

pub use ask::{Ask, Terms, ToolUse};
pub use command::{Command, Rejection, Request};
pub use content::Action;
pub use event::Event;
pub use state::{Approval, Requested, Stage, Turn};
pub use values::{
    ActionType, Difference, InvalidRequest, Payload, Quorum, Risk, Ruling, Status, Subject, Verdict, tool_of,
};

pub use crate::{
    content_hash::{ContentHash, InvalidHash},
    policy_limits::{InvalidLifetime, Lifetime},
};
