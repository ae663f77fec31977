//! The table of routes: a line each, with what it asks of its caller ([`Needs`](crate::access::Needs)). In two parts, as a
//! server that still reads its log answers only the first.

mod agents;
mod alerts;
mod approvals;
mod audit;
mod board;
mod costs;
mod credentials;
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
pub(crate) mod session;
mod tasks;
mod transition_input;

pub(crate) use self::credentials::NewCredential;

use mc_domain::operation::{drain_agent, pause_agent, quarantine_agent, restart_agent, resume_agent};

use crate::{
    access::Needs::{
        Auditing, AuditingAll, Credential, Governing, Nothing, Operating, Reading, Watching, WatchingAll,
        Working,
    },
    app::App,
    health::{self, Health},
    route::{Route, delete, get, patch, post, put},
};

/// The routes that answer from the moment the server listens, also while it recovers.
pub(crate) fn early() -> Vec<Route<Health>> {
    vec![
        get("/health", Nothing, health::health),
        get("/livez", Nothing, health::livez),
        get("/readyz", Nothing, health::readyz),
        get("/problems", Nothing, problems::index),
        get("/problems/{code}", Nothing, problems::page),
    ]
}

/// The routes of the recovered server.
pub(crate) fn recovered() -> Vec<Route<App>> {
    vec![
        get("/api/events", Reading, events::follow),
        post("/api/session", Nothing, session::open),
        delete("/api/session", Credential, session::end),
        get("/api/whoami", Credential, credentials::whoami),
        get("/api/credentials", AuditingAll, credentials::list),
        post("/api/credentials", Governing, credentials::issue),
        get("/api/credentials/{credential}", AuditingAll, credentials::show),
        patch("/api/credentials/{credential}", Governing, credentials::edit),
        post("/api/credentials/{credential}/revoke", Governing, credentials::revoke),
        get("/api/projects", Reading, projects::list),
        post("/api/projects", Governing, projects::create),
        get("/api/projects/{project}", Reading, projects::show),
        patch("/api/projects/{project}", Operating, projects::edit),
        get("/api/agents", Reading, agents::list),
        post("/api/agents", Working, agents::register),
        get("/api/agents/{agent}", Reading, agents::show),
        patch("/api/agents/{agent}", Working, agents::edit),
        post("/api/agents/{agent}/heartbeat", Working, agents::record_heartbeat),
        post("/api/agents/{agent}/pause", Operating, agents::instruct(pause_agent)),
        post("/api/agents/{agent}/resume", Operating, agents::instruct(resume_agent)),
        post("/api/agents/{agent}/drain", Operating, agents::instruct(drain_agent)),
        post("/api/agents/{agent}/quarantine", Operating, agents::instruct(quarantine_agent)),
        post("/api/agents/{agent}/restart", Operating, agents::instruct(restart_agent)),
        post("/api/agents/{agent}/spawn", Working, agents::spawn),
        get("/api/tasks", Reading, tasks::list),
        post("/api/tasks", Working, tasks::create),
        get("/api/tasks/{task}", Reading, tasks::show),
        patch("/api/tasks/{task}", Working, tasks::edit),
        post("/api/tasks/{task}/claim", Working, tasks::claim),
        post("/api/tasks/{task}/transition", Working, tasks::transition),
        post("/api/tasks/{task}/subscribe", Working, tasks::subscribe),
        post("/api/tasks/{task}/unsubscribe", Working, tasks::unsubscribe),
        post("/api/tasks/{task}/archive", Operating, maintenance::archive),
        post("/api/tasks/{task}/restore", Operating, maintenance::restore),
        get("/api/tasks/{task}/timeline", Reading, messages::timeline),
        get("/api/tasks/{task}/messages", Reading, messages::list),
        post("/api/tasks/{task}/messages", Working, messages::post),
        post("/api/maintenance/archive", Operating, maintenance::archive_old),
        get("/api/runs", Reading, runs::list),
        post("/api/runs", Working, runs::start),
        get("/api/runs/{run}", Reading, runs::show),
        post("/api/runs/{run}/complete", Working, runs::complete),
        get("/api/runs/{run}/tool-calls", Reading, runs::list_tool_calls),
        post("/api/runs/{run}/tool-calls", Working, runs::call_tool),
        get("/api/costs/daily", Reading, costs::daily),
        get("/api/costs/agent/{agent}", Reading, costs::of_agent),
        get("/api/approvals", Reading, approvals::list),
        post("/api/approvals", Working, approvals::create),
        get("/api/approvals/{approval}", Reading, approvals::show),
        post("/api/approvals/{approval}/approve", Operating, approvals::approve),
        post("/api/approvals/{approval}/deny", Operating, approvals::deny),
        post("/api/approvals/{approval}/request-revision", Operating, approvals::request_revision),
        post("/api/approvals/{approval}/resubmit", Working, approvals::resubmit),
        post("/api/approvals/{approval}/withdraw", Working, approvals::withdraw),
        get("/api/alerts", Reading, alerts::list),
        get("/api/alerts/{alert}", Reading, alerts::show),
        post("/api/alerts/{alert}/acknowledge", Operating, alerts::acknowledge),
        post("/api/alerts/{alert}/resolve", Operating, alerts::resolve),
        post("/api/alerts/{alert}/ignore", Operating, alerts::ignore),
        get("/api/policy", Reading, policy::show),
        put("/api/policy", Governing, policy::publish),
        get("/api/policy/versions", Reading, policy::versions),
        post("/api/policy/evaluate", Working, policy::evaluate),
        get("/api/notifications", Reading, notifications::list),
        get("/api/notifications/{notification}", Reading, notifications::show),
        post("/api/notifications/{notification}/read", Working, notifications::read),
        get("/api/standup", Reading, reports::daily),
        get("/api/metrics", Watching, reports::key_metrics),
        get("/api/tasks/{task}/report", Reading, reports::incident),
        get("/metrics", WatchingAll, prometheus::metrics),
        post("/api/emergency/pause-squad", Operating, emergency::pause),
        post("/api/emergency/resume-squad", Operating, emergency::resume),
        post("/api/emergency/stop", Operating, emergency::stop),
        get("/api/board", Reading, board::show),
        get("/api/activity", Reading, board::activity),
        get("/api/audit/export", Auditing, audit::export),
    ]
}
