//! Reactions that come later: which facts call for which command. A worker issues the commands; the aggregates decide.

mod approvals;
mod retirement;
mod watch;

pub use approvals::{ApprovalDue, approvals_due};
pub use retirement::{Retirement, RetirementCause, retirements};
pub use watch::{Watch, Whereabouts};
