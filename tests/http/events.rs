//! `/api/events`: the log as server-sent events.

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::app::{App, Request};

/// A reader of a stream, event by event.
pub struct Reader {
    stream: BodyDataStream,
    text: String,
}

/// One server-sent event, as the client reads it.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub id: u64,
    pub name: String,
    pub data: Value,
}

/// Opens a stream.
pub async fn follow(request: Request<'_>) -> Reader {
    let response = request.response().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Reader { stream: Body::into_data_stream(response.into_body()), text: String::new() }
}

impl Reader {
    /// The next event; nothing at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(event) = parsed(&block) {
                    return Some(event);
                }
            }
            self.text.push_str(std::str::from_utf8(&self.stream.next().await?.unwrap()).unwrap());
        }
    }

    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.next().await.unwrap().id);
        }
        ids
    }
}

/// Parses an event; nothing for a comment or a lone `retry`.
fn parsed(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).unwrap();
    Some(Event { id: field("id")?.parse().unwrap(), name: field("event")?.to_owned(), data })
}

#[tokio::test]
async fn the_past_comes_first_and_then_what_is_recorded() {
    let app = App::new().await;
    let mut reader = follow(app.get("/api/events?after=0")).await;
    let first = reader.next().await.unwrap();
    assert_eq!((first.id, first.name.as_str()), (1, "reservation.reserved"));
    assert_eq!(reader.ids(app.head() as usize - 1).await, [2]);
    let task = app.task("Write").await;
    let created = reader.next().await.unwrap();
    assert_eq!((created.id, created.name.as_str()), (app.head(), "task.created"));
    assert_eq!(created.data["entity"], json!({ "kind": "task", "id": task }));
    assert_eq!(created.data["at"], "2026-09-22T12:00:00.000Z");
}

#[tokio::test]
async fn whoever_names_no_start_gets_what_comes() {
    let app = App::new().await;
    let mut reader = follow(app.get("/api/events")).await;
    app.task("Write").await;
    assert_eq!(reader.next().await.unwrap().id, 3);
}

#[tokio::test]
async fn a_reader_resumes_without_a_gap_or_a_repeat() {
    let app = App::new().await;
    app.task("One").await;
    let mut reader = follow(app.get("/api/events?after=0")).await;
    let seen = reader.ids(2).await;
    drop(reader);
    app.task("Two").await;
    // When a browser reconnects, its header counts, not the parameter of its old address.
    let again = app.get("/api/events?after=0").header("last-event-id", seen[1].to_string());
    let mut reader = follow(again).await;
    app.task("Three").await;
    assert_eq!(reader.ids(3).await, [3, 4, 5]);
}

#[tokio::test]
async fn a_reader_of_one_project_gets_nothing_of_others() {
    let app = App::new().await;
    app.foreign_agent("Echo").await;
    let mut reader = follow(app.get("/api/events?project=elsewhere")).await;
    app.task("Here").await;
    let body = json!({ "title": "There", "type": "docs", "projectId": "elsewhere" });
    let there = app.post("/api/tasks", body).await.expect(201).id();
    assert_eq!(reader.next().await.unwrap().data["entity"]["id"], there);
}

#[tokio::test]
async fn a_stream_ends_when_the_server_does() {
    let app = App::new().await;
    let mut reader = follow(app.get("/api/events?after=0")).await;
    reader.ids(2).await;
    app.state().shutdown().cancel();
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn a_start_that_is_none_is_refused() {
    let app = App::new().await;
    for query in ["after=-1", "after=x", "after=1&after=2", "since=1", "project=nowhere"] {
        app.get(format!("/api/events?{query}")).await.refused(400, "malformed_query");
    }
    for id in ["x", "-1", "1.5", "18446744073709551616"] {
        app.get("/api/events").header("last-event-id", id).await.refused(400, "malformed_header");
    }
}

#[tokio::test]
async fn a_start_beyond_the_last_position_is_refused_unless_another_node_may_have_reached_it() {
    let app = App::new().await;
    let after = app.get("/api/events?after=99").await;
    let last = app.get("/api/events").header("last-event-id", "99").await;
    if app.state().log().nodes().is_some() {
        after.refused(503, "position_not_reached");
        last.refused(503, "position_not_reached");
    } else {
        after.refused(400, "malformed_query");
        last.refused(400, "malformed_header");
    }
}
