//! Reactions that come later: which facts call for which command. A worker issues the commands; the aggregates decide.

mod approvals;
mod notifications;
mod retirement;
#[cfg(test)]
mod tests;
mod watch;

pub use approvals::{ApprovalDue, approvals_due};
pub use notifications::{Directory, notifications};
pub use retirement::{Retirement, retirements};
pub use watch::Watch;

pub use crate::agent::RetirementCause;
