//! What clients see: given stored facts, when HTTP, then status, body and new facts.
//!
//! One file per resource. [`app`] has the server in this process and the client that talks to it; a refusal is
//! checked with [`app::Answer::refused`], which also holds that nothing was recorded.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod activity;
mod agents;
mod app;
mod audit;
mod board;
mod contract;
mod control;
mod conventions;
mod coverage;
mod digits;
mod emergency;
mod events;
mod idempotency;
mod limits;
mod messages;
mod money;
mod paging;
mod projects;
mod secrets;
mod service;
mod standup;
mod storage;
mod table;
mod tasks;
mod text;
mod transitions;
mod wording;
