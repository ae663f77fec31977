//! `/api/standup`, `/api/metrics` and `/api/tasks/{task}/report`: what operators read.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use mc_domain::{ids::TaskId, string_enum};
use mc_projections::{
    as_of::views_as_of,
    metrics,
    standup::{StandupQuery, standup},
    views::Views,
};
use serde::Deserialize;

use super::scope::Scope;
use crate::{
    access::Caller,
    answer::EntityRef,
    app::App,
    extract::{Day, Path, Query},
    headers::at_position,
    lookup,
    problem::{Kind, Problem},
};

const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// Which standup is asked for, today's when no day is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichStandup {
    date: Option<Day>,
    project: Option<String>,
    format: Option<Format>,
}

string_enum! {
    /// The format of a report, which also sets its content type.
    Format {
        /// A JSON object, for programs.
        Json = "json",
        /// A Markdown document, for people.
        Markdown = "markdown",
    }
}

/// `GET /api/standup`: how the day of a project, or of all, went. `format=markdown` for people. A day that is over is
/// told as it was at its end, by a fold of the log up to there.
///
/// Problems: `malformed-query`.
pub async fn daily(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<WhichStandup>,
) -> Result<Response, Problem> {
    let now = app.now();
    let today = now.date_naive();
    let day = query.date.unwrap_or(Day(today));
    let Day(date) = day;
    if date > today {
        let detail = format!("The parameter \"date\" must not be after today, which is {today} (UTC).");
        return Err(Problem::new(Kind::MalformedQuery, detail));
    }
    let report = |views: &Views| {
        let reach = lookup::listed(views, caller.reach(), query.project.as_deref())?;
        let report = standup(views, StandupQuery { reach, date }, now, |id| app.last_heartbeat(id));
        Ok(match query.format {
            Some(Format::Markdown) => ([(header::CONTENT_TYPE, MARKDOWN)], report.markdown()).into_response(),
            Some(Format::Json) | None => Json(report).into_response(),
        })
    };
    if date == today {
        return app.answer(report).await;
    }
    let last = app.read(|views| views.hours.last_by(date)).await?;
    let then = views_as_of(app.log().as_ref(), last).await?;
    Ok(at_position(report(&then)?, then.position()))
}

/// `GET /api/metrics`: the key figures of a project, or of all: agents, tasks, costs, incidents.
///
/// Problems: `malformed-query`.
pub async fn key_metrics(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
) -> Result<Response, Problem> {
    let now = app.now();
    app.answer(|views| {
        let reach = scope.reach(views, caller.reach())?;
        let figures = metrics::metrics(views, &reach, now, |id| app.last_heartbeat(id));
        Ok(Json(figures).into_response())
    })
    .await
}

/// `GET /api/tasks/{task}/report`: the incident report on a task, as Markdown.
///
/// Problems: `not-found`.
pub async fn incident(
    State(app): State<App>,
    caller: Caller,
    Path(task): Path<TaskId>,
) -> Result<Response, Problem> {
    app.read(|views| EntityRef::Task(task).within(views, caller.reach())).await??;
    let report = app.projected().report(task, app.now()).await?;
    let report = report.ok_or_else(|| Problem::not_found("task", task))?;
    app.answer(|_| Ok(([(header::CONTENT_TYPE, MARKDOWN)], report).into_response())).await
}
