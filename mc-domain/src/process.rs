//! Reactions that come later: which facts call for which command. A worker issues the commands; the aggregates decide.

mod retirement;

pub use retirement::{Retirement, RetirementCause, retirements};
