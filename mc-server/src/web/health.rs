//! Health: which parts of the server work, what its workers have left to do, and where its log is.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::{IntoResponse, Response};
use mc_domain::credential::Role;
use serde::Deserialize;

use super::{
    Shell, Visit, board,
    html::{Html, Refused, go_to},
    times::{self, Time},
};
use crate::health;

/// Where a monitor is at home, which may see nothing else.
const HEALTH: &str = "/health-and-workers";

#[derive(Template)]
#[template(path = "health.html")]
pub(super) struct HealthPage {
    shell: Shell,
    report: Report,
    /// The position of the last event, for those who may know more than whether the server works.
    position: Option<u64>,
    version: &'static str,
}

#[derive(Deserialize)]
struct Report {
    status: String,
    services: BTreeMap<String, String>,
    workers: Option<BTreeMap<String, Worker>>,
    leads: Option<bool>,
    #[serde(default)]
    notices: Vec<Notice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    last_tick: Option<Time>,
    late: bool,
    backlog: u64,
    behind_secs: i64,
}

#[derive(Deserialize)]
struct Notice {
    code: String,
    detail: String,
}

/// `GET /`: the board; a monitor, which may not see it, is sent to what it may.
pub(super) async fn home(visit: Visit) -> Result<Response, Refused> {
    match visit.caller.role() {
        Role::Monitor => Ok(go_to(HEALTH, visit.is_scripted)),
        Role::Operator | Role::Agent | Role::Auditor => Ok(board::show(visit).await?.into_response()),
    }
}

/// `GET /health-and-workers`: what `GET /health` tells this caller.
pub(super) async fn show(visit: Visit) -> Result<Html<HealthPage>, Refused> {
    let insider = visit.app.insider_as(&visit.caller);
    let report = health::told(visit.app.health(), insider).await?;
    let report: Report = serde_json::from_value(report).map_err(|error| {
        tracing::error!(%error, "the page of health does not understand the report");
        crate::problem::Problem::internal()
    })?;
    let position = report.workers.as_ref().map(|_| visit.app.log().head());
    let shell = visit.shell("Health", HEALTH).await?;
    Ok(Html(HealthPage { shell, report, position, version: env!("CARGO_PKG_VERSION") }))
}
