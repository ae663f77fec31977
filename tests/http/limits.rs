//! Limits on amounts: the server refuses an agent that floods a project, an inbox or a thread, and names the limit.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, App};

async fn limited(limits: Value) -> App {
    let app = App::new().await;
    app.put("/api/policy", json!({ "limits": limits })).await.expect(200);
    app
}

fn by_status(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    answers.iter().for_each(|answer| *counts.entry(answer.status.as_u16()).or_default() += 1);
    counts
}

#[tokio::test]
async fn a_project_takes_no_more_agents_than_its_policy_allows_however_many_register_at_once() {
    let app = limited(json!({ "maxAgents": 5 })).await;
    let register =
        |n: usize| app.post("/api/agents", json!({ "name": format!("Agent {n}"), "role": "lead" }));
    let answers = join_all((0..20).map(|n| async move { register(n).await })).await;
    assert_eq!(by_status(&answers), BTreeMap::from([(201, 5), (422, 15)]));
    let refused = answers.iter().find(|answer| answer.status == 422).unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("limits.maxAgents"), "{}", refused.text);
    register(20).await.refused(422, "limit_reached");
    let agents = app.get("/api/agents").await.expect(200);
    let known = agents.body[0].clone();
    app.post("/api/agents", json!({ "name": known["name"], "role": "lead" })).await.expect(200);
    let (parent, child) =
        (known["id"].as_str().unwrap(), json!({ "name": "Helper", "purpose": "Read along" }));
    app.post(format!("/api/agents/{parent}/spawn"), child.clone()).await.refused(422, "limit_reached");
    app.put("/api/policy", json!({ "limits": { "maxAgents": 6 } })).await.expect(200);
    app.post(format!("/api/agents/{parent}/spawn"), child).await.expect(201);
}

#[tokio::test]
async fn an_agent_leaves_no_more_tasks_open_than_its_policy_allows() {
    let app = limited(json!({ "maxOpenTasks": 3 })).await;
    let scout = app.agent("Scout").await;
    let task = json!({ "title": "Look", "type": "docs", "actor": { "type": "agent", "id": scout } });
    let create = || app.post("/api/tasks", task.clone());
    let answers = join_all((0..12).map(|_| async { create().await })).await;
    assert_eq!(by_status(&answers), BTreeMap::from([(201, 3), (422, 9)]));
    let refused = answers.iter().find(|answer| answer.status == 422).unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("limits.maxOpenTasks"), "{}", refused.text);
    create().await.refused(422, "limit_reached");
    for _ in 0..5 {
        app.task("An operator's").await;
    }
    let created = answers.iter().find(|answer| answer.status == 201).unwrap()["id"].clone();
    let path = format!("/api/tasks/{}/transition", created.as_str().unwrap());
    app.post(path, json!({ "toStatus": "canceled" })).await.expect(200);
    create().await.expect(201);
    create().await.refused(422, "limit_reached");
}

#[tokio::test]
async fn a_thread_that_a_loop_blocked_takes_no_more_from_agents() {
    let app = App::new().await;
    app.put("/api/policy", json!({ "loops": { "maxMessages": 2 } })).await.expect(200);
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let path = format!("/api/tasks/{task}/messages");
    let by_scout = json!({ "content": "Half way.", "actor": { "type": "agent", "id": scout } });
    for _ in 0..3 {
        app.post(&path, by_scout.clone()).await.expect(201);
    }
    assert_eq!(app.get(format!("/api/tasks/{task}")).await["status"], "blocked");
    app.post(&path, by_scout.clone()).await.refused(422, "rule_broken");
    app.post(&path, json!({ "content": "Go on, but say less." })).await.expect(201);
    let go_on = json!({ "toStatus": "in_progress" });
    app.post(format!("/api/tasks/{task}/transition"), go_on).await.expect(200);
    app.post(&path, by_scout).await.expect(201);
}
