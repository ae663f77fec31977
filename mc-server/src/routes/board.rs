//! `/api/board` and `/api/activity`: the overview that operators look at first.

use std::str::FromStr;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use mc_domain::{
    actor::Actor,
    task::{Priority, TaskType},
    values::{Label, Name},
};
use mc_projections::{
    activity::{self, ActivityQuery},
    board::{BoardQuery, board},
};
use serde::Deserialize;

use crate::{
    access::Caller,
    app::App,
    extract::{Limit, List, Query},
    lookup,
    page::{history_problem, listed},
    problem::Problem,
};

/// The parameters of `GET /api/board`; lists of values mean any of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhichBoard {
    project: Option<String>,
    #[serde(default, rename = "type")]
    kind: List<TaskType>,
    #[serde(default)]
    assignee: List<String>,
    #[serde(default)]
    priority: List<Priority>,
    #[serde(default)]
    label: List<Label>,
    blocked: Option<bool>,
    search: Option<String>,
    #[serde(default)]
    all: bool,
    limit: Option<Limit>,
}

/// The parameters of `GET /api/activity`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhichNews {
    project: Option<String>,
    #[serde(default, rename = "type")]
    kind: List<NewsType>,
    #[serde(default)]
    actor: List<String>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// A type that news can be filtered by, in any case.
#[derive(Debug)]
struct NewsType(&'static str);

impl FromStr for NewsType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = activity::TYPES.iter().find(|known| known.eq_ignore_ascii_case(text));
        known.map(|known| Self(known)).ok_or_else(|| format!("must be one of {}", activity::TYPES.join(", ")))
    }
}

/// `GET /api/board`: the Kanban board of a project, or of all. `all=true` shows failed and canceled tasks too,
/// `limit` is the most cards of one column. `type`, `assignee`, `priority`, `label`, `blocked` and `search` leave the cards
/// and the counts of what they let through.
///
/// Problems: `malformed-query`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<WhichBoard>,
) -> Result<Response, Problem> {
    let now = app.now();
    app.answer(|views| {
        let default = BoardQuery::default();
        let project = lookup::scope(views, caller.reach(), query.project.as_deref())?;
        let query = BoardQuery {
            reach: caller.reach().within(&project.into()),
            kind: query.kind.0,
            assignee: lookup::agents_in_query(views, caller.reach(), &query.assignee.0, project, "assignee")?,
            priority: query.priority.0,
            label: query.label.0,
            blocked: query.blocked,
            search: query.search,
            all_columns: query.all,
            cards_per_column: query.limit.map_or(default.cards_per_column, Limit::rows),
        };
        Ok(Json(board(views, &query, now)).into_response())
    })
    .await
}

/// `GET /api/activity`: what happened, newest first. `type` takes names of events (`task.claimed`) or of what they
/// happened to (`task`), `actor` names of agents, operators and workers.
///
/// Problems: `malformed-query`.
pub async fn activity(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<WhichNews>,
) -> Result<Response, Problem> {
    let query = app
        .read(|views| {
            let reach = caller.reach();
            let project = lookup::scope(views, reach, query.project.as_deref())?;
            let actors = query.actor.0.iter().map(|actor| {
                let named = Name::new(actor).ok();
                match (lookup::agent(views, reach, actor, project), named) {
                    (Ok(agent), _) => Ok(vec![Actor::Agent(agent)]),
                    (Err(_), Some(name)) => Ok(vec![Actor::Human(name.clone()), Actor::System(name)]),
                    (Err(unknown), None) => Err(unknown.in_query("actor")),
                }
            });
            let actor = actors.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
            Ok::<_, Problem>(ActivityQuery {
                reach: reach.within(&project.into()),
                kind: query.kind.0.iter().map(|kind| kind.0.to_owned()).collect(),
                actor,
                limit: query.limit.map(Limit::rows),
                cursor: query.cursor,
            })
        })
        .await??;
    let page = app.projected().activity(&query).await.map_err(history_problem)?;
    app.answer(|_| listed(&uri, Ok(page))).await
}
