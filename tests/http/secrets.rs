//! Credentials in whatever clients send: the log keeps everything for ever, so it must never get them.

use axum::http::Method;
use mc_store::log::MAX_PAGE_EVENTS;
use serde_json::{Value, json};

use crate::app::{App, plan};

/// A text that occurs nowhere else.
const SECRET: &str = "hunTer9xQ7";

/// A secret by the name of its field, and one by its shape. The latter is assembled here, so that no scanner takes this file
/// for a leak.
fn leak() -> String {
    let shaped =
        format!("{}{SECRET}aB3dE6gH9jK2.{SECRET}mN5pQ8sT1vW4yZ7cF0aB3dE6gH9jK2mN5", ["S", "G."].concat());
    format!("use password={SECRET} or {shaped}")
}

/// The text of the whole log, with the answers that it keeps for repeats.
async fn is_recorded(app: &App) -> bool {
    let mut position = 0;
    loop {
        let page = app.state().log().read_all(position, MAX_PAGE_EVENTS).await.unwrap();
        if page.iter().any(|stored| format!("{stored:?}").contains(SECRET)) {
            return true;
        }
        match page.last() {
            Some(last) => position = last.position,
            None => return false,
        }
    }
}

#[tokio::test]
async fn no_write_records_a_credential() {
    let app = App::new().await;
    let (agent, other) = (app.agent("Scout").await, app.agent("Nova").await);
    let mut body = json!({ "title": leak(), "description": leak(), "type": "docs", "labels": [leak()] });
    let task = app.post("/api/tasks", body.clone()).await.expect(201).id();
    let task_path = format!("/api/tasks/{task}");
    body.as_object_mut().unwrap().remove("type");
    let artifact = json!({ "name": leak(), "kind": "evidence", "content": leak() });
    let linked =
        json!({ "name": "Log", "kind": "evidence", "url": format!("https://me:{SECRET}@a.example/x") });
    let about_agent = |what: &str| format!("/api/agents/{other}/{what}");
    let writes = [
        (Method::PATCH, task_path.clone(), body),
        (Method::PATCH, task_path.clone(), json!({ "assigneeIds": [agent], "reason": leak() })),
        (
            Method::POST,
            format!("{task_path}/transition"),
            json!({ "toStatus": "in_progress", "agentId": agent, "workPlan": [leak(), leak(), "c"] }),
        ),
        (
            Method::POST,
            format!("{task_path}/messages"),
            json!({ "content": leak(), "artifacts": [artifact, linked], "agentId": agent }),
        ),
        (
            Method::POST,
            format!("{task_path}/transition"),
            json!({ "toStatus": "review", "agentId": agent, "deliverable": leak(), "reviewChecklist": [leak()] }),
        ),
        (
            Method::POST,
            format!("{task_path}/transition"),
            json!({ "toStatus": "in_progress", "reason": leak() }),
        ),
        (
            Method::POST,
            format!("{task_path}/transition"),
            json!({ "toStatus": "blocked", "blockedReason": leak() }),
        ),
        (
            Method::POST,
            format!("/api/agents/{agent}/heartbeat"),
            json!({ "sessionKey": leak(), "errorMessage": leak() }),
        ),
        (Method::POST, "/api/agents".to_owned(), json!({ "name": leak(), "allowedTools": [leak()] })),
        (Method::PATCH, format!("/api/agents/{agent}"), json!({ "emoji": leak() })),
        (Method::POST, about_agent("pause"), json!({ "reason": leak() })),
        (Method::POST, about_agent("resume"), json!({ "reason": leak() })),
        (Method::POST, about_agent("drain"), json!({ "reason": leak() })),
        (Method::POST, about_agent("quarantine"), json!({ "reason": leak() })),
        (Method::POST, about_agent("restart"), json!({ "reason": leak() })),
        (
            Method::POST,
            "/api/projects".to_owned(),
            json!({ "name": leak(), "slug": "leaky", "description": leak() }),
        ),
        (Method::POST, "/api/emergency/pause-squad".to_owned(), json!({ "reason": leak() })),
        (Method::POST, "/api/emergency/resume-squad".to_owned(), json!({ "reason": leak() })),
        (Method::POST, "/api/emergency/stop".to_owned(), json!({ "reason": leak() })),
        (
            Method::POST,
            "/api/tasks".to_owned(),
            json!({ "title": "By somebody", "type": "docs", "actor": { "type": "human", "id": leak() } }),
        ),
    ];
    for (method, path, body) in writes {
        let asked = format!("{method} {path} {body}");
        let answer = app.send(method, path, body.to_string()).await;
        assert!(answer.status.is_success(), "{asked}: {}", answer.text);
        assert!(!answer.text.contains(SECRET), "{asked}: {}", answer.text);
        assert!(!is_recorded(&app).await, "{asked}");
    }
}

#[tokio::test]
async fn no_request_of_an_agent_at_work_records_a_credential() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let task = app.in_progress(&agent).await;
    let run = json!({ "agentId": agent, "taskId": task, "model": leak(), "sessionKey": leak() });
    let run = app.post("/api/runs", run).await.expect(201).id();
    let approval = json!({
        "taskId": task, "agentId": agent, "actionType": "tool_call", "risk": "yellow",
        "summary": leak(), "justification": leak(), "rollbackPlan": leak(),
        "payload": { "tool": "http_request", "params": { "password": SECRET, "note": leak() } },
    });
    let tool = json!({
        "tool": "http_request", "status": "failed",
        "inputPreview": { "password": SECRET }, "outputPreview": leak(), "error": leak(),
    });
    app.post(format!("/api/runs/{run}/tool-calls"), tool).await.expect(201);
    let ended =
        json!({ "status": "failed", "inputTokens": 1, "outputTokens": 1, "cost": 0.01, "error": leak() });
    app.post(format!("/api/runs/{run}/complete"), ended).await.expect(200);
    let approval = app.post("/api/approvals", approval).await.expect(201).id();
    let path = |what: &str| format!("/api/approvals/{approval}/{what}");
    app.post(path("request-revision"), json!({ "decision": leak() })).await.expect(200);
    let other = json!({ "agentId": agent, "summary": leak(), "payload": { "token": SECRET } });
    app.post(path("resubmit"), other).await.expect(200);
    app.post(path("deny"), json!({ "decision": leak() })).await.expect(200);
    for alert in app.get("/api/alerts").await.column("id") {
        app.post(format!("/api/alerts/{alert}/acknowledge"), json!({ "note": leak() })).await.expect(200);
    }
    assert!(!is_recorded(&app).await);
}

#[tokio::test]
async fn a_key_that_is_a_credential_is_refused() {
    let app = App::new().await;
    let body = json!({ "title": "Write", "type": "docs" });
    app.post("/api/tasks", body)
        .key("sk-live-0123456789abcdef")
        .await
        .refused(400, "idempotency_key_invalid");
}

#[tokio::test]
async fn what_only_looks_like_one_stays() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let harmless = "The product domain, its maintainers, the deliverable and inputTokens: 512";
    let body = json!({ "title": harmless, "type": "docs", "assigneeIds": [agent] });
    let task = app.post("/api/tasks", body).await.expect(201);
    assert_eq!(task["title"], harmless);
    let start = json!({ "toStatus": "in_progress", "agentId": agent, "workPlan": plan() });
    app.moved(&task.id(), start).await;
    let kept = app.get(format!("/api/tasks/{}", task.id())).await;
    assert_ne!(kept["leaseId"], Value::Null);
}
