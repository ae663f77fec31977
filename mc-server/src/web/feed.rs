//! Feed: what happened, the newest first, and who did it.

use askama::Template;
use mc_projections::activity::TYPES;
use serde::Deserialize;

use super::{
    Shell, Visit,
    html::{Html, Refused},
    lists::{Actor, next_page},
    times::{self, Time},
};

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 4] = ["project", "type", "actor", "cursor"];

#[derive(Template)]
#[template(path = "feed.html")]
pub(super) struct FeedPage {
    shell: Shell,
    news: Vec<News>,
    types: &'static [&'static str],
    kind: String,
    actor: String,
    is_later: bool,
    next: Option<String>,
}

#[derive(Deserialize)]
struct News {
    position: u64,
    at: Time,
    #[serde(rename = "type")]
    kind: String,
    actor: Actor,
    summary: String,
    entity: Entity,
}

#[derive(Deserialize)]
struct Entity {
    kind: String,
    id: String,
}

impl News {
    /// The page of what it happened to, where there is one.
    fn address(&self) -> Option<String> {
        let Entity { kind, id } = &self.entity;
        let part: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        match kind.as_str() {
            "task" | "agent" | "run" | "approval" => Some(format!("/{kind}s/{part}")),
            "alert" => Some("/alerts".to_owned()),
            "policy" => Some("/policy".to_owned()),
            _ => None,
        }
    }
}

/// `GET /feed`: the news of a project, or of all of the visitor's.
pub(super) async fn show(visit: Visit) -> Result<Html<FeedPage>, Refused> {
    let path = visit.api("/api/activity", &PASSED_ON, &[("limit", "50")]);
    let (news, next) = visit.rest.get_page(&path).await?;
    let of = |name: &str| visit.parameter(name).unwrap_or_default().to_owned();
    Ok(Html(FeedPage {
        shell: visit.shell("Feed", "/feed").await?,
        news,
        types: TYPES,
        kind: of("type"),
        actor: of("actor"),
        is_later: visit.parameter("cursor").is_some(),
        next: next_page(&visit, next.as_deref()),
    }))
}
