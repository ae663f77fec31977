//! `/metrics`: figures for a monitoring system.

use std::{fmt::Write, sync::Arc};

use axum::{
    Extension,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use mc_domain::{agent, reach::Reach};
use mc_projections::{instant::Millis, metrics::counts, views::Views};

use crate::{app::App, connections::Connections, problem::Problem, requests::Requests};

/// The text format of Prometheus, version 0.0.4.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const COMMITS: &str = "mc_commit_duration_seconds";
const TICKS: &str = "mc_worker_last_tick_timestamp_seconds";
const BACKLOG: &str = "mc_worker_backlog";
const BEHIND: &str = "mc_worker_behind_seconds";

/// `GET /metrics`: figures in the text format of Prometheus.
///
/// Problems: `store-damaged`.
pub async fn metrics(
    State(app): State<App>,
    Extension(requests): Extension<Arc<Requests>>,
    connections: Option<Extension<Arc<Connections>>>,
) -> Result<Response, Problem> {
    let lag = app.projected().lag();
    let mut text = app.read(|views| text(&app, views, lag)).await?;
    requests.write_to(&mut text);
    app.access().write_to(&mut text);
    if let Some(Extension(connections)) = connections {
        connections.write_to(&mut text);
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn text(app: &App, views: &Views, lag: u64) -> String {
    let now = counts(views, &Reach::All, app.now(), |id| app.last_heartbeat(id));
    let active = now.agents.get(&agent::Status::Active).copied().unwrap_or_default();
    let mut text = Exposition::default();
    text.gauge("mc_agents_active", "Agents that work.", active);
    text.gauge("mc_agents_stale", "Agents that should have shown that they live.", now.agents_stale);
    text.gauge("mc_agent_error_streak", "The most errors in a row of any agent.", now.max_error_streak);
    text.head("mc_tasks_total", "Tasks by status.", "gauge");
    for (status, count) in &now.tasks {
        text.sample("mc_tasks_total", &format!("{{status=\"{status}\"}}"), count);
    }
    let breaches = now.budget_breaches_total;
    text.counter("mc_budget_breaches_total", "How often a budget was exceeded.", breaches);
    let loops = now.loops_detected_total;
    text.counter("mc_loops_detected_total", "How often work went round in circles.", loops);
    let pending = now.approvals_pending;
    text.gauge("mc_approvals_pending", "Approvals that wait for a decision.", pending);
    text.gauge("mc_runs_open", "Runs under way.", now.runs_open);
    let cost = now.cost_micro_usd_total;
    text.counter("mc_cost_micro_usd_total", "What all runs were charged, in micro-dollars.", cost);
    let waiting = now.notifications.waiting;
    text.gauge("mc_notifications_waiting", "Notifications that are queued and have not arrived.", waiting);
    let overdue = now.notifications.overdue_secs;
    text.gauge("mc_notifications_overdue_seconds", "How long the longest due of them has been due.", overdue);
    text.gauge("mc_log_position", "The position of the last event the views reflect.", views.position());
    text.gauge("mc_projection_lag_events", "Events that the views did not reflect yet.", lag);
    text.gauge("mc_log_queued_commits", "Commits that wait to be written.", app.log().queued());
    let ahead = app.log().written_ahead_bytes();
    text.gauge(
        "mc_store_write_ahead_bytes",
        "Bytes in the write-ahead log that have not started over.",
        ahead,
    );
    let leads = u8::from(app.health().leads());
    text.gauge("mc_node_leads", "1 on the node that runs the workers, 0 on the others.", leads);
    let streams = app.streams();
    text.gauge("mc_event_streams", "Event streams that are open.", streams.open_now());
    text.gauge("mc_event_streams_limit", "The most event streams there may be.", streams.limit());
    text.head(COMMITS, "How long writes took.", "histogram");
    app.commits().write_to(&mut text.0, COMMITS, "");
    text.head(TICKS, "When each worker last did its turn, in seconds since 1970.", "gauge");
    let workers = app.health().workers();
    for (worker, pulse) in &workers {
        if let Some(Millis(at)) = pulse.last_tick {
            text.sample(TICKS, &named(worker), at.timestamp());
        }
    }
    text.head(
        BACKLOG,
        "What the last turn of each worker left to do: events to tell of, notifications.",
        "gauge",
    );
    workers.iter().for_each(|(worker, pulse)| text.sample(BACKLOG, &named(worker), pulse.backlog));
    text.head(BEHIND, "How long the first of it that is due has waited.", "gauge");
    workers.iter().for_each(|(worker, pulse)| text.sample(BEHIND, &named(worker), pulse.behind_secs));
    text.0
}

fn named(worker: &str) -> String {
    format!("{{worker=\"{worker}\"}}")
}

/// The text of the exposition, to which each metric appends its lines.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, help, "gauge");
        self.sample(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, help, "counter");
        self.sample(name, "", value);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}
