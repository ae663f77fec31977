//! The audit export: who did what and when, and what it changed, straight from the log.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use mc_domain::{
    actor::Actor,
    recorded::{Metadata, StreamId},
    task::{Details, Event, Task, TaskType},
    values::Name,
};
use mc_server::{app::App, health::Health, service::recovered_service};
use mc_store::{
    codec,
    log::{Append, Commit, EventLog},
    testing::Place,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

const EXPORT: &str = "/api/audit/export";

/// A running server with a clock that the test sets.
pub struct World {
    log: Arc<dyn EventLog>,
    service: Router,
    now: Arc<Mutex<DateTime<Utc>>>,
    shutdown: CancellationToken,
    _place: Place,
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn world() -> World {
    let place = Place::chosen();
    world_of(place.open(), place).await
}

/// Starts a server on this log of this place, at nine in the morning.
pub async fn world_of(log: Arc<dyn EventLog>, place: Place) -> World {
    let now = Arc::new(Mutex::new(time("2026-02-01T09:00:00Z")));
    let clock = Arc::clone(&now);
    let shutdown = CancellationToken::new();
    let app = App::recover(
        Arc::clone(&log),
        Name::new("Sofie").unwrap(),
        Arc::new(move || *clock.lock().unwrap()),
        Health::starting(),
        shutdown.clone(),
    );
    World { service: recovered_service(app.await.unwrap()), log, now, shutdown, _place: place }
}

impl World {
    fn at(&self, text: &str) {
        *self.now.lock().unwrap() = time(text);
    }

    /// Sends a request, which must succeed, and returns the body of the answer.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_string())).unwrap();
        let response = self.service.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{method} {path}: {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn task(&self, title: &str) -> String {
        let task = self.ask("POST", "/api/tasks", json!({ "title": title, "type": "docs" })).await;
        task["id"].as_str().unwrap().to_owned()
    }

    async fn get(&self, query: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get(format!("{EXPORT}?{query}")).body(Body::empty()).unwrap();
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn export(&self, query: &str) -> Vec<Value> {
        let (status, _, body) = self.get(query).await;
        assert_eq!(status, 200, "{query}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn refusal(&self, query: &str) -> String {
        let (status, headers, body) = self.get(query).await;
        assert!(status.is_client_error(), "{query}: {status} {body}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        serde_json::from_str::<Value>(&body).unwrap()["detail"].as_str().unwrap().to_owned()
    }
}

fn titles(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["after"]["title"].as_str()).collect()
}

#[tokio::test]
async fn an_entry_says_who_did_what_and_what_changed_by_it() {
    let world = world().await;
    let agent = json!({ "name": "Scout", "role": "intern" });
    let agent = world.ask("POST", "/api/agents", agent).await["id"].as_str().unwrap().to_owned();
    let task = world.task("Write the guide").await;
    world.ask("POST", &format!("/api/tasks/{task}/claim"), json!({ "agentId": agent })).await;
    world.ask("PATCH", &format!("/api/tasks/{task}"), json!({ "title": "Write the long guide" })).await;

    let entries = world.export("").await;
    let positions: Vec<_> = entries.iter().map(|entry| entry["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, (1..=world.log.head()).collect::<Vec<_>>());
    let find = |action: &str| entries.iter().find(|entry| entry["action"] == action).unwrap();

    let created = find("task.created");
    assert_eq!(created["actor"], json!({ "type": "human", "id": "Sofie", "name": "Sofie" }));
    assert_eq!(created["entity"], json!({ "kind": "task", "id": task }));
    assert_eq!((&created["before"], &created["after"]["status"]), (&json!({}), &json!("inbox")));
    assert_eq!(created["at"], "2026-02-01T09:00:00.000Z");

    let claimed = find("task.claimed");
    assert_eq!(claimed["actor"], json!({ "type": "agent", "id": agent, "name": "Scout" }));
    assert_eq!(claimed["before"], json!({ "status": "inbox", "assigneeIds": [] }));
    assert_eq!(claimed["after"], json!({ "status": "assigned", "assigneeIds": [agent] }));
    assert!(claimed["summary"].as_str().unwrap().starts_with("Scout claimed"));

    let edited = find("task.edited");
    assert_eq!(edited["before"], json!({ "title": "Write the guide" }));
    assert_eq!(edited["after"], json!({ "title": "Write the long guide" }));
    let reserved = entries.iter().find(|entry| entry["entity"]["kind"] == "reservation").unwrap();
    assert!(!reserved["after"].as_object().unwrap().is_empty());
}

#[tokio::test]
async fn days_include_both_ends_and_instants_only_the_first() {
    let world = world().await;
    for (at, title) in [
        ("2026-02-01T23:59:59.999999Z", "first"),
        ("2026-02-02T00:00:00Z", "second"),
        ("2026-02-02T23:59:59.999999Z", "third"),
        ("2026-02-03T00:00:00Z", "fourth"),
    ] {
        world.at(at);
        world.task(title).await;
    }
    for (query, expected) in [
        ("startDate=2026-02-01&endDate=2026-02-02", &["first", "second", "third"][..]),
        ("startDate=2026-02-02&endDate=2026-02-02", &["second", "third"]),
        ("startDate=2026-02-03", &["fourth"]),
        ("endDate=2026-02-01", &["first"]),
        ("startDate=2026-02-04", &[]),
        ("endDate=2026-01-01", &[]),
        ("startDate=2026-02-02T00:00:00Z&endDate=2026-02-03T00:00:00Z", &["second", "third"]),
        ("startDate=2026-02-02T01:00:00%2B01:00&endDate=2026-02-02T01:00:00.000001+01:00", &["second"]),
        ("startDate=2026-02-02T00:00:00Z&endDate=2026-02-02T00:00:00Z", &[]),
        ("startDate=2026-02-02T00:00:00Z&endDate=2026-02-02", &["second", "third"]),
        ("", &["first", "second", "third", "fourth"]),
    ] {
        assert_eq!(titles(&world.export(query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn clocks_that_step_back_hide_nothing() {
    let world = world().await;
    for (at, title) in [
        ("2026-02-01T23:59:00Z", "first"),
        ("2026-02-02T00:10:00Z", "second"),
        ("2026-02-01T23:59:30Z", "third"),
        ("2026-02-02T00:20:00Z", "fourth"),
    ] {
        world.at(at);
        world.task(title).await;
    }
    assert_eq!(titles(&world.export("endDate=2026-02-01").await), ["first", "third"]);
    assert_eq!(titles(&world.export("startDate=2026-02-02").await), ["second", "fourth"]);
}

#[tokio::test]
async fn the_days_add_up_to_the_whole_however_far_clocks_step() {
    let world = world().await;
    for at in ["02-03T12:00", "02-01T01:00", "02-05T23:59", "02-01T23:00", "02-04T00:00", "02-03T00:00"] {
        world.at(&format!("2026-{at}:00Z"));
        let task = world.task(at).await;
        world.ask("PATCH", &format!("/api/tasks/{task}"), json!({ "title": format!("{at} again") })).await;
    }
    let (_, _, whole) = world.get("format=ndjson").await;
    let mut days = Vec::new();
    for day in 1..=6 {
        let (_, _, lines) =
            world.get(&format!("startDate=2026-02-0{day}&endDate=2026-02-0{day}&format=ndjson")).await;
        days.extend(lines.lines().map(str::to_owned));
    }
    let position = |line: &String| serde_json::from_str::<Value>(line).unwrap()["position"].as_u64().unwrap();
    days.sort_by_key(position);
    assert_eq!(days, whole.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_would() {
    let world = world().await;
    for (query, part) in [
        ("startDate=2026-02-02&endDate=2026-02-01", "endDate must not be before startDate"),
        ("startDate=2026-02-02T00:00:00Z&endDate=2026-02-01T23:59:59Z", "endDate must not be before"),
        ("startDate=2026-02-30", "startDate must be a day such as 2026-02-01"),
        ("endDate=yesterday", "or an instant such as 2026-02-01T09:00:00Z"),
        ("endDate=2026-2-1", "must be a day"),
        ("format=xml", "json, ndjson, csv, cloudevents"),
        ("project=nope", "nope"),
        ("from=2026-02-01", "startDate, endDate, project, format"),
    ] {
        let detail = world.refusal(query).await;
        assert!(detail.contains(part), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_project_is_exported_without_the_others() {
    let world = world().await;
    world.ask("POST", "/api/projects", json!({ "name": "SiteGPT", "slug": "sitegpt" })).await;
    world.task("at home").await;
    world
        .ask("POST", "/api/tasks", json!({ "title": "elsewhere", "type": "docs", "project": "sitegpt" }))
        .await;
    assert_eq!(titles(&world.export("project=sitegpt").await), ["elsewhere"]);
    assert_eq!(titles(&world.export("project=openclaw").await), ["at home"]);
}

#[tokio::test]
async fn lines_of_json_are_the_same_entries() {
    let world = world().await;
    world.task("Write the guide").await;
    let (_, headers, body) = world.get("format=ndjson&startDate=2026-02-01&endDate=2026-02-02").await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-ndjson");
    assert_eq!(
        headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"audit-2026-02-01-2026-02-02.ndjson\""
    );
    assert_eq!(headers["mc-position"], world.log.head().to_string().as_str());
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, world.export("").await);
    let (_, headers, body) = world.get("startDate=2027-01-01").await;
    assert_eq!(
        (&headers[header::CONTENT_TYPE], body.as_str()),
        (&"application/json".parse().unwrap(), "[\n]\n")
    );
}

#[tokio::test]
async fn spreadsheets_get_cells_and_no_formulas() {
    let world = world().await;
    world.task("=HYPERLINK(\"http://evil\", \"a\")").await;
    world.ask("POST", "/api/agents", json!({ "name": "=1+1", "role": "intern" })).await;
    let agent = json!({ "name": "Plan", "role": "intern" });
    world.ask("POST", "/api/agents", agent).await;
    let (_, headers, body) = world.get("format=csv").await;
    assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/csv"));
    let rows = parse_csv(&body);
    let names = "position,at,actorType,actorId,actorName,action,entityKind,entityId,projectId,summary,before,after,eventId,credentialId";
    assert_eq!(rows[0].join(","), names);
    assert_eq!(rows.len() as u64, world.log.head() + 1);
    for row in &rows {
        assert_eq!(row.len(), 14, "{row:?}");
        assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
    }
    let created = rows.iter().find(|row| row[5] == "task.created").unwrap();
    let after: Value = serde_json::from_str(&created[11]).unwrap();
    assert!(after["title"].as_str().unwrap().starts_with("=HYPERLINK"));
}

/// Parses CSV as RFC 4180, section 2, defines it.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => cell.extend(letters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) => assert_eq!(letters.peek(), Some(&'\n')),
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (other, _) => cell.push(other),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !quoted);
    rows
}

#[tokio::test]
async fn cloud_events_follow_their_specification() {
    let world = world().await;
    let task = world.task("Write the guide").await;
    let (_, headers, body) = world.get("format=cloudevents").await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/cloudevents-batch+json");
    let events: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(events.len() as u64, world.log.head());
    for (event, position) in events.iter().zip(1..) {
        for (name, value) in event.as_object().unwrap() {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
            assert!(value.is_string() || name == "data", "{name}");
        }
        assert_eq!(
            (&event["specversion"], &event["sequence"]),
            (&json!("1.0"), &json!(position.to_string()))
        );
        assert!(event["time"].as_str().unwrap().parse::<DateTime<Utc>>().is_ok());
    }
    let created = events.iter().find(|event| event["type"] == "mc.task.created.v1").unwrap();
    assert_eq!(created["source"], format!("/projects/openclaw/tasks/{task}"));
    assert_eq!(
        (&created["partitionkey"], &created["streamversion"]),
        (&json!(format!("task-{task}")), &json!("1"))
    );
    assert_eq!((&created["actor"], &created["subject"]), (&json!("human:Sofie"), &json!(task)));
    assert_eq!(created["data"]["created"]["details"]["title"], "Write the guide");
}

/// Appends events about tasks. First it creates all, then it edits all, so that the export forgets every task in between.
pub async fn fill(log: &Arc<dyn EventLog>, tasks: u128) {
    let start = time("2026-01-01T00:00:00Z");
    for version in 0..2 {
        for task in 1..=tasks {
            let at = start + TimeDelta::seconds((version * tasks + task).try_into().unwrap());
            let sofie = Actor::Human(Name::new("Sofie").unwrap());
            let details = Details::titled(&format!("Title {task}.{version}"), TaskType::Docs).unwrap();
            let project = Uuid::from_u128(1).into();
            let fact = match version {
                0 => Event::Created { project, details, parent: None, creator: sofie.clone(), at },
                _ => Event::Edited { details },
            };
            let metadata = Metadata {
                event_id: Uuid::from_u128(version * tasks + task).into(),
                recorded_at: at,
                actor: sofie,
                project: Some(project),
                command_id: Uuid::nil().into(),
                idempotency_key: None,
                credential: None,
            };
            let stream = StreamId::of::<Task>(&Uuid::from_u128(task).into());
            let append =
                Append { stream, expected: version as u64, events: vec![codec::encode(&fact, metadata)] };
            log.append(Commit { appends: vec![append], ..Commit::default() }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_before_is_known_of_streams_that_were_forgotten_and_of_ranges_that_begin_later() {
    let place = Place::chosen();
    let log = place.open();
    // More than twice the streams that an export remembers.
    fill(&log, 9_000).await;
    let world = world_of(log, place).await;
    let entries = world.export("endDate=2026-01-02").await;
    assert_eq!(entries.len(), 18_000);
    for (entry, task) in entries[9_000..].iter().zip(1..) {
        assert_eq!(entry["before"], json!({ "title": format!("Title {task}.0") }));
        assert_eq!(entry["after"], json!({ "title": format!("Title {task}.1") }));
    }
    let late = world.export("startDate=2026-01-01T02:46:40Z&endDate=2026-01-02").await;
    assert_eq!(late, entries[9_999..]);
}

#[tokio::test]
async fn an_export_is_made_as_it_is_taken_and_broken_off_at_the_end_of_the_server() {
    let place = Place::chosen();
    let log = place.open();
    fill(&log, 3_000).await;
    let world = world_of(log, place).await;
    let request = Request::get(EXPORT).body(Body::empty()).unwrap();
    let mut body = world.service.clone().oneshot(request).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.len() < 256 * 1024, "{} bytes at once", first.len());
    world.shutdown.cancel();
    assert!(body.collect().await.is_err());
}

#[tokio::test]
async fn the_whole_log_is_exported_when_no_day_is_named() {
    let app = crate::app::App::new().await;
    let exported = app.get("/api/audit/export").await.expect(200);
    assert_eq!(exported.body[0]["action"], "reservation.reserved");
}
