//! The views of Mission Control: folds of the log, and the runner that keeps them current.
//!
//! Everything anyone looks at is a fold of the log. A [`projection::Projection`] is one such fold; [`views::Views`]
//! holds them all at one position; [`runner::Runner`] follows the log and hands out [`runner::Projected`], through
//! which the views are read and a write waits for its own effect. The types that views serialise are the bodies of
//! the REST answers, so there is no second layer of them. Nothing here reads a clock: "now" comes in with the
//! question. What a view keeps only the place of (threads, timelines, the older activity) [`history`] reads from
//! the log.

pub mod activity;
pub mod agents;
pub mod alerts;
pub mod approvals;
pub mod audit;
mod births;
pub mod board;
pub mod costs;
pub mod dollars;
pub mod history;
pub mod instant;
#[cfg(test)]
mod laws;
mod merge;
pub mod messages;
pub mod metrics;
pub mod page;
pub mod projection;
pub mod projects;
pub mod report;
pub mod runner;
pub mod runs;
pub mod script;
pub mod standup;
pub mod summary;
pub mod tasks;
pub mod then;
pub mod timeline;
pub mod views;
