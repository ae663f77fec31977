//! A full disk, and a file that disappears: what the server still records, and how it refuses the rest.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chrono::TimeDelta;
use mc_store::sqlite::{Disk, SqliteLog};
use serde_json::{Value, json};

use crate::app::App;

const MIB: u64 = 1024 * 1024;

/// Starts a server on a disk whose free bytes the test sets.
async fn on_small_disk() -> (App, Arc<AtomicU64>) {
    let directory = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(1024 * MIB));
    let asked = Arc::clone(&free);
    let disk = Disk::new(move |_| Some(asked.load(Ordering::Relaxed)));
    let log = SqliteLog::open_on(directory.path().join("log.db"), None, disk).unwrap();
    (App::on_log(Arc::new(log), directory).await, free)
}

/// Registers an agent that works on a task in a run. Returns the task and the run.
async fn at_work(app: &App, name: &str) -> (String, String) {
    let agent = app.agent(name).await;
    let task = app.in_progress(&agent).await;
    let run = app.post("/api/runs", json!({ "agentId": agent, "taskId": task, "model": "small" })).await;
    (task, run.expect(201).id())
}

fn ask(agent: &str) -> Value {
    json!({
        "agentId": agent, "actionType": "tool_call", "summary": format!("Send the newsletter of {agent}"),
        "risk": "red", "justification": "It is Monday", "payload": { "tool": "send_email" },
    })
}

#[tokio::test]
async fn on_a_nearly_full_disk_only_what_contains_is_recorded() {
    let (app, free) = on_small_disk().await;
    let (task, run) = at_work(&app, "Scout").await;
    let (other, _) = at_work(&app, "Echo").await;
    app.agent("Nova").await;
    app.agent("Gamma").await;
    let (denied, open) = (
        app.post("/api/approvals", ask("nova")).await.expect(201).id(),
        app.post("/api/approvals", ask("gamma")).await.expect(201).id(),
    );
    app.wait(TimeDelta::minutes(10));

    free.store(63 * MIB, Ordering::Relaxed);
    let health = app.get("/health").await.expect(503);
    assert_eq!(
        (&health["services"]["store"], &health["notices"][0]["code"]),
        (&json!("error"), &json!("storage_full"))
    );
    // A client that checks readiness before it sends continues to send, so that its stops arrive.
    app.get("/readyz").await.expect(200);
    for (path, body) in [
        ("/api/tasks".to_owned(), json!({ "title": "More", "type": "docs" })),
        ("/api/agents".to_owned(), json!({ "name": "More" })),
        ("/api/runs".to_owned(), json!({ "agentId": "nova", "model": "small" })),
        (format!("/api/tasks/{task}/messages"), json!({ "content": "More" })),
        (format!("/api/approvals/{open}/approve"), json!({ "approver": "operator", "decision": "Yes" })),
    ] {
        let refused = app.post(path, body).await.refused(507, "storage_full");
        assert!(
            refused["detail"].as_str().unwrap().contains("Stopping, pausing, denying"),
            "{}",
            refused.text
        );
    }
    let contain = [
        ("/api/agents/scout/heartbeat".to_owned(), json!({}), "agent.heartbeat_recorded"),
        (format!("/api/runs/{run}/complete"), json!({ "status": "completed", "cost": 0.1 }), "run.completed"),
        (
            format!("/api/tasks/{task}/transition"),
            json!({ "toStatus": "blocked", "reason": "No room" }),
            "task.blocked",
        ),
        (
            format!("/api/approvals/{denied}/deny"),
            json!({ "approver": "operator", "decision": "No" }),
            "approval.denied",
        ),
        ("/api/agents/nova/pause".to_owned(), json!({}), "agent.paused"),
        ("/api/agents/gamma/quarantine".to_owned(), json!({ "reason": "Odd" }), "agent.quarantined"),
        ("/api/emergency/pause-squad".to_owned(), json!({}), "project.squad_paused"),
        ("/api/emergency/stop".to_owned(), json!({ "reason": "No room" }), "task.blocked"),
    ];
    for (path, body, fact) in contain {
        let answer = app.post(&path, body).await.expect(200);
        assert!(
            answer.facts.iter().any(|recorded| recorded.event_type == fact),
            "{path}: {:?}",
            answer.facts
        );
    }
    assert_eq!(app.get(format!("/api/tasks/{other}")).await.expect(200)["status"], "blocked");
    // A repeated stop has nothing left to stop, and still succeeds.
    app.post("/api/emergency/stop", json!({ "reason": "Again" })).key("again").await.expect(200);
    app.post("/api/emergency/resume-squad", json!({})).await.refused(507, "storage_full");

    free.store(7 * MIB, Ordering::Relaxed);
    app.post("/api/agents/echo/quarantine", json!({ "reason": "Odd" })).await.refused(507, "storage_full");
    free.store(64 * MIB, Ordering::Relaxed);
    app.get("/health").await.expect(200);
    app.post("/api/tasks", json!({ "title": "More", "type": "docs" })).await.expect(201);
}

#[tokio::test]
async fn nothing_is_written_into_a_file_that_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (file, aside) = (directory.path().join("log.db"), directory.path().join("aside.db"));
    let log = SqliteLog::open(&file).unwrap();
    let app = App::on_log(Arc::new(log), directory).await;
    let task = app.task("Before").await;
    let more = || json!({ "title": "More", "type": "docs" });

    std::fs::rename(&file, &aside).unwrap();
    for replaced in [false, true] {
        if replaced {
            std::fs::copy(&aside, &file).unwrap();
        }
        let refused = app.post("/api/tasks", more()).await.refused(503, "store_displaced");
        assert!(refused["detail"].as_str().unwrap().contains("moves the file back"), "{}", refused.text);
        app.post("/api/emergency/stop", json!({})).await.refused(503, "store_displaced");
        let health = app.get("/health").await.expect(503);
        assert_eq!(
            (&health["status"], &health["notices"][0]["code"]),
            (&json!("degraded"), &json!("store_displaced"))
        );
        app.get("/readyz").await.refused(503, "store_displaced");
        app.get(format!("/api/tasks/{task}")).await.expect(200);
    }
    std::fs::rename(&aside, &file).unwrap();
    app.get("/health").await.expect(200);
    app.post("/api/tasks", more()).await.expect(201);
    let metrics = app.get("/metrics").await.expect(200).text;
    assert!(metrics.contains("mc_store_write_ahead_bytes "), "{metrics}");
    let app = app.restarted().await;
    assert_eq!(app.get("/api/tasks").await.expect(200).body.as_array().unwrap().len(), 2);
}
