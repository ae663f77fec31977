//! `/metrics`: figures for a monitoring system.

use std::fmt::Write;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use mc_domain::{agent, alert, task};
use mc_projections::{
    agents::AgentQuery,
    alerts::AlertQuery,
    page::{MAX_LIMIT, Page},
    views::Views,
};

use super::invalid_cursor;
use crate::{problem::Problem, state::App};

/// The text format of Prometheus, version 0.0.4.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`: figures in the text format of Prometheus.
///
/// Problems: `store-damaged`.
pub async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let lag = app.projected().lag();
    let text = app.read(|views| text(&app, views, lag)).await??;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn text(app: &App, views: &Views, lag: u64) -> Result<String, Problem> {
    let (mut text, agents) = (Exposition::default(), agents(app, views)?);
    text.gauge("mc_agents_active", "Agents that work.", agents.active);
    text.gauge("mc_agents_stale", "Agents that should have shown that they live.", agents.stale);
    text.gauge("mc_agent_error_streak", "The most errors in a row of any agent.", agents.error_streak);
    text.head("mc_tasks_total", "Tasks by status.", "gauge");
    for status in task::Status::ALL {
        text.sample("mc_tasks_total", &format!("{{status=\"{status}\"}}"), views.tasks.count(None, *status));
    }
    let breaches = raised(views, alert::Kind::BudgetExceeded)?;
    text.counter("mc_budget_breaches_total", "How often a budget was exceeded.", breaches);
    let loops = raised(views, alert::Kind::LoopDetected)?;
    text.counter("mc_loops_detected_total", "How often work went round in circles.", loops);
    let pending = views.approvals.open_count(None);
    text.gauge("mc_approvals_pending", "Approvals that wait for a decision.", pending);
    let cost = views.costs.total().micros();
    text.counter("mc_cost_micro_usd_total", "What all runs were charged, in micro-dollars.", cost);
    text.gauge("mc_log_position", "The position of the last event the views reflect.", views.position());
    text.gauge("mc_projection_lag_events", "Events that the views do not reflect yet.", lag);
    app.commits().write_to(&mut text.0);
    Ok(text.0)
}

/// What there is to know of all agents.
struct AgentFigures {
    active: usize,
    stale: usize,
    error_streak: u32,
}

fn agents(app: &App, views: &Views) -> Result<AgentFigures, Problem> {
    let (now, mut query) = (app.now(), AgentQuery { limit: Some(MAX_LIMIT), ..AgentQuery::default() });
    let mut figures = AgentFigures { active: 0, stale: 0, error_streak: 0 };
    loop {
        let page = views.agents.list(&query, now, |id| app.last_heard(id)).map_err(invalid_cursor)?;
        for agent in &page.items {
            figures.active += usize::from(agent.status == agent::Status::Active);
            figures.stale += usize::from(agent.stale);
            figures.error_streak = figures.error_streak.max(agent.error_streak);
        }
        match page.next {
            Some(cursor) => query.cursor = Some(cursor),
            None => return Ok(figures),
        }
    }
}

/// How often alerts of a type were raised.
fn raised(views: &Views, kind: alert::Kind) -> Result<u64, Problem> {
    let (mut query, mut count) =
        (AlertQuery { kind: vec![kind], limit: Some(MAX_LIMIT), ..AlertQuery::default() }, 0);
    loop {
        let Page { items, next } = views.alerts.list(&query, &views.agents).map_err(invalid_cursor)?;
        count += items.iter().map(|alert| u64::from(alert.count)).sum::<u64>();
        match next {
            Some(cursor) => query.cursor = Some(cursor),
            None => return Ok(count),
        }
    }
}

/// The text as it grows.
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
