//! What clients see: given stored events, when a request comes, then status, body and new events.
//!
//! There is one file per resource. [`app`] has the server in this process and its client. [`app::Answer::refused`] checks a
//! refusal, and that it recorded nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod access;
mod activity;
mod agents;
mod app;
mod audit;
mod authority;
mod board;
mod contract;
mod control;
mod conventions;
mod coverage;
mod credentials;
mod digits;
mod emergency;
mod events;
mod idempotency;
mod limits;
mod matrix;
mod messages;
mod money;
mod nodes_clocks;
mod nodes_exchange;
mod nodes_lead;
mod nodes_touch;
mod nodes_views;
mod page_agents;
mod page_alerts;
mod page_approvals;
mod page_board;
mod page_costs;
mod page_credentials;
mod page_emergency;
mod page_harmless;
mod page_hostile;
mod page_notifications;
mod page_policy;
mod page_tasks;
mod paging;
mod projects;
mod secrets;
mod service;
mod several;
mod standup;
mod storage;
mod table;
mod tasks;
mod text;
mod transitions;
mod wording;
