//! What is done with an approval.

mod autonomy;
mod decide_approval;
mod end_approval;
mod request_approval;

pub use crate::consequence::budget_override::{Allowed, budget_asked_for, withdraw_overrides};
pub use autonomy::Autonomy;
pub use decide_approval::{Answer, DecideApproval, decide_approval};
pub use end_approval::{escalate_approval, expire_approval, withdraw_approval};
pub use request_approval::{request_approval, resubmit_approval};
