//! Idempotency keys: a repeat gets the first answer, whatever happens in between.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, App, Request, plan};

/// Asserts that the repeat is the first answer again, and is marked as such.
#[track_caller]
fn assert_same(first: &Answer, repeat: &Answer) {
    assert_eq!(repeat.status, first.status, "{}", repeat.text);
    assert_eq!(repeat.text, first.text);
    for name in ["etag", "location", "content-type", "mc-position"] {
        assert_eq!(repeat.headers.get(name), first.headers.get(name), "{name}");
    }
    assert!(repeat.is_replayed() && !first.is_replayed());
    assert!(repeat.facts.is_empty());
}

fn creation(app: &App) -> Request<'_> {
    app.post("/api/tasks", json!({ "title": "Write", "type": "docs" }))
}

#[tokio::test]
async fn a_key_is_given_in_a_header_or_in_the_body() {
    let app = App::new().await;
    let first = creation(&app).key("k-1").await.expect(201).recorded(&["task.created"]);
    assert_same(&first, &creation(&app).key("\"k-1\"").await);
    assert_same(&first, &creation(&app).header("x-idempotency-key", "k-1").await);
    assert_same(&first, &creation(&app).key("k-1").header("x-idempotency-key", "k-1").await);
    let in_body = json!({ "type": "docs", "idempotencyKey": "k-1", "title": "Write" });
    assert_same(&first, &app.post("/api/tasks", in_body.clone()).await);
    assert_same(&first, &app.post("/api/tasks", in_body).key("k-1").await);
    assert!(!creation(&app).key("k-2").await.expect(201).is_replayed());
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let app = App::new().await;
    for key in ["", " ", "a b", "ä", "\"open", &"x".repeat(256)] {
        creation(&app).key(key).await.refused(400, "idempotency_key_invalid");
    }
    creation(&app).key("a").header("x-idempotency-key", "b").await.refused(400, "idempotency_key_invalid");
    for key in [json!(7), json!(""), json!({}), json!("a\u{0}b"), json!("two")] {
        let body = json!({ "title": "Write", "type": "docs", "idempotencyKey": key });
        app.post("/api/tasks", body).key("one").await.refused(400, "idempotency_key_invalid");
    }
}

#[tokio::test]
async fn another_request_under_a_used_key_is_refused() {
    let app = App::new().await;
    app.agent("Scout").await;
    let task = creation(&app).key("k").await.expect(201).id();
    let other = json!({ "title": "Write more", "type": "docs" });
    app.post("/api/tasks", other).key("k").await.refused(422, "idempotency_key_reused");
    let move_it = json!({ "toStatus": "canceled" });
    let moved = app.post(format!("/api/tasks/{task}/transition"), move_it).key("k");
    moved.await.refused(422, "idempotency_key_reused");
    app.patch(format!("/api/tasks/{task}"), json!({})).key("k").await.refused(422, "idempotency_key_reused");
    app.post("/api/agents/scout/pause", json!({})).key("k").await.refused(422, "idempotency_key_reused");
    assert_eq!(app.get(format!("/api/tasks/{task}")).await["status"], "inbox");
}

#[tokio::test]
async fn the_key_of_a_refused_request_is_free_again() {
    let app = App::new().await;
    app.agent("Scout").await;
    let task = app.task("Write").await;
    app.post("/api/agents/scout/pause", json!({})).await.expect(200);
    let claim = || app.post(format!("/api/tasks/{task}/claim"), json!({ "agentId": "scout" })).key("k");
    claim().await.refused(409, "agent_not_active");
    app.post("/api/tasks", json!({ "title": "", "type": "docs" })).key("k").await.refused_fields(&["title"]);
    app.post("/api/agents/scout/resume", json!({})).await.expect(200);
    claim().await.expect(200).recorded(&["task.claimed"]);
}

/// Sends every kind of write with a key, in an order in which each is possible.
fn writes(scout: &str, task: &str) -> Vec<(&'static str, String, Value)> {
    let task = |action: &str| format!("/api/tasks/{task}{action}");
    let agent = |action: &str| format!("/api/agents/{scout}{action}");
    vec![
        ("POST", "/api/projects".to_owned(), json!({ "name": "SiteGPT", "slug": "sitegpt" })),
        ("PATCH", "/api/projects/sitegpt".to_owned(), json!({ "name": "SiteGPT 2" })),
        ("POST", "/api/agents".to_owned(), json!({ "name": "Echo" })),
        ("POST", "/api/agents".to_owned(), json!({ "name": "scout", "emoji": "🔭" })),
        (
            "POST",
            "/api/tasks".to_owned(),
            json!({ "title": "Write", "type": "docs", "assigneeIds": ["scout"] }),
        ),
        ("PATCH", task(""), json!({ "title": "Rewrite" })),
        ("POST", task("/claim"), json!({ "agentId": "scout" })),
        (
            "POST",
            task("/transition"),
            json!({ "toStatus": "in_progress", "agentId": "scout", "workPlan": plan() }),
        ),
        (
            "POST",
            task("/messages"),
            json!({ "content": "halfway", "agentId": "scout", "mentions": ["scout"] }),
        ),
        ("POST", agent("/heartbeat"), json!({ "sessionKey": "s-1" })),
        ("POST", agent("/pause"), json!({ "reason": "lunch" })),
        ("POST", agent("/resume"), json!({})),
        ("POST", agent("/resume"), json!({ "reason": "again, which changes nothing" })),
        ("PATCH", agent(""), json!({ "todaySpend": 1.5 })),
        ("POST", agent("/drain"), json!({})),
        ("POST", agent("/restart"), json!({})),
        ("POST", agent("/quarantine"), json!({ "reason": "runaway" })),
    ]
}

async fn sent(app: &App, number: usize, (method, path, body): &(&str, String, Value)) -> Answer {
    app.send(method.parse().unwrap(), path, body.to_string()).key(&format!("write-{number}")).await
}

#[tokio::test]
async fn every_write_is_answered_the_same_also_after_time_changes_and_a_restart() {
    let app = App::on_disk().await;
    let (scout, task) = (app.agent("Scout").await, app.task("Write").await);
    let writes = writes(&scout, &task);
    let mut firsts = Vec::new();
    for (number, write) in writes.iter().enumerate() {
        app.wait(TimeDelta::seconds(61));
        firsts.push(sent(&app, number, write).await);
        assert!(firsts[number].status.is_success(), "{write:?}: {}", firsts[number].text);
        assert_same(&firsts[number], &sent(&app, number, write).await);
    }
    // Then the entities change: other names, other versions, another day.
    app.patch(format!("/api/agents/{scout}"), json!({ "name": "Ranger", "status": "active" }))
        .await
        .expect(200);
    app.patch(format!("/api/tasks/{task}"), json!({ "title": "Another title" })).await.expect(200);
    app.post("/api/agents/ranger/heartbeat", json!({})).await.expect(200);
    app.wait(TimeDelta::days(1));
    let head = app.head();
    for (number, write) in writes.iter().enumerate() {
        assert_same(&firsts[number], &sent(&app, number, write).await);
    }
    let app = app.restarted().await;
    for (number, write) in writes.iter().enumerate() {
        assert_same(&firsts[number], &sent(&app, number, write).await);
    }
    assert_eq!(app.head(), head);
}

#[tokio::test]
async fn a_repeat_is_answered_although_its_version_has_moved() {
    let app = App::new().await;
    let task = app.task("Write").await;
    let rename =
        || app.patch(format!("/api/tasks/{task}"), json!({ "title": "New" })).key("k").if_match("\"1\"");
    let first = rename().await.expect(200);
    assert_same(&first, &rename().await);
}

#[tokio::test]
async fn a_repeat_is_answered_although_the_name_in_its_address_is_gone() {
    let app = App::new().await;
    app.agent("Scout").await;
    let rename = || app.patch("/api/agents/scout", json!({ "name": "Ranger" })).key("k");
    let first = rename().await.expect(200);
    assert_same(&first, &rename().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_repeats_one_is_committed_and_all_are_answered_alike() {
    let app = App::on_disk().await;
    let before = app.head();
    let answers = join_all((0..32).map(|_| creation(&app).key("k").into_future())).await;
    assert_eq!(app.head(), before + 1);
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text));
    assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
}
