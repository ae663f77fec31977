//! The table of routes: a line each, in two parts, as a server that still reads its log answers only the first.

mod agents;
mod alerts;
mod approvals;
mod audit;
mod board;
mod costs;
mod emergency;
mod events;
mod lifetime;
mod maintenance;
mod messages;
mod notifications;
mod policy;
mod problems;
mod projects;
mod prometheus;
mod quorum;
mod reports;
mod runs;
mod sanitize;
mod scope;
mod tasks;
mod transition_input;

use mc_domain::operation::{drain_agent, pause_agent, quarantine_agent, restart_agent, resume_agent};

use crate::{
    app::App,
    health::{self, Health},
    route::{Route, get, patch, post, put},
};

/// The routes that answer from the moment the server listens, also while it recovers.
pub(crate) fn early() -> Vec<Route<Health>> {
    vec![
        get("/health", health::health),
        get("/livez", health::livez),
        get("/readyz", health::readyz),
        get("/problems", problems::index),
        get("/problems/{code}", problems::page),
    ]
}

/// The routes of the recovered server.
pub(crate) fn recovered() -> Vec<Route<App>> {
    vec![
        get("/api/events", events::follow),
        get("/api/projects", projects::list),
        post("/api/projects", projects::create),
        get("/api/projects/{project}", projects::show),
        patch("/api/projects/{project}", projects::edit),
        get("/api/agents", agents::list),
        post("/api/agents", agents::register),
        get("/api/agents/{agent}", agents::show),
        patch("/api/agents/{agent}", agents::edit),
        post("/api/agents/{agent}/heartbeat", agents::record_heartbeat),
        post("/api/agents/{agent}/pause", agents::instruct(pause_agent)),
        post("/api/agents/{agent}/resume", agents::instruct(resume_agent)),
        post("/api/agents/{agent}/drain", agents::instruct(drain_agent)),
        post("/api/agents/{agent}/quarantine", agents::instruct(quarantine_agent)),
        post("/api/agents/{agent}/restart", agents::instruct(restart_agent)),
        post("/api/agents/{agent}/spawn", agents::spawn),
        get("/api/tasks", tasks::list),
        post("/api/tasks", tasks::create),
        get("/api/tasks/{task}", tasks::show),
        patch("/api/tasks/{task}", tasks::edit),
        post("/api/tasks/{task}/claim", tasks::claim),
        post("/api/tasks/{task}/transition", tasks::transition),
        post("/api/tasks/{task}/subscribe", tasks::subscribe),
        post("/api/tasks/{task}/unsubscribe", tasks::unsubscribe),
        post("/api/tasks/{task}/archive", maintenance::archive),
        post("/api/tasks/{task}/restore", maintenance::restore),
        get("/api/tasks/{task}/timeline", messages::timeline),
        get("/api/tasks/{task}/messages", messages::list),
        post("/api/tasks/{task}/messages", messages::post),
        post("/api/maintenance/archive", maintenance::archive_old),
        get("/api/runs", runs::list),
        post("/api/runs", runs::start),
        get("/api/runs/{run}", runs::show),
        post("/api/runs/{run}/complete", runs::complete),
        get("/api/runs/{run}/tool-calls", runs::list_tool_calls),
        post("/api/runs/{run}/tool-calls", runs::call_tool),
        get("/api/costs/daily", costs::daily),
        get("/api/costs/agent/{agent}", costs::of_agent),
        get("/api/approvals", approvals::list),
        post("/api/approvals", approvals::create),
        get("/api/approvals/{approval}", approvals::show),
        post("/api/approvals/{approval}/approve", approvals::approve),
        post("/api/approvals/{approval}/deny", approvals::deny),
        post("/api/approvals/{approval}/request-revision", approvals::request_revision),
        post("/api/approvals/{approval}/resubmit", approvals::resubmit),
        post("/api/approvals/{approval}/withdraw", approvals::withdraw),
        get("/api/alerts", alerts::list),
        get("/api/alerts/{alert}", alerts::show),
        post("/api/alerts/{alert}/acknowledge", alerts::acknowledge),
        post("/api/alerts/{alert}/resolve", alerts::resolve),
        post("/api/alerts/{alert}/ignore", alerts::ignore),
        get("/api/policy", policy::show),
        put("/api/policy", policy::publish),
        post("/api/policy/evaluate", policy::evaluate),
        get("/api/notifications", notifications::list),
        get("/api/notifications/{notification}", notifications::show),
        post("/api/notifications/{notification}/read", notifications::read),
        get("/api/standup", reports::daily),
        get("/api/metrics", reports::key_metrics),
        get("/api/tasks/{task}/report", reports::incident),
        get("/metrics", prometheus::metrics),
        post("/api/emergency/pause-squad", emergency::pause),
        post("/api/emergency/resume-squad", emergency::resume),
        post("/api/emergency/stop", emergency::stop),
        get("/api/board", board::show),
        get("/api/activity", board::activity),
        get("/api/audit/export", audit::export),
    ]
}
