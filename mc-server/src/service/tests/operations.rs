//! Stopping the squad, alerts, sub-agents, the policy and the figures.

use axum::http::Method;
use serde_json::{Value, json};

use super::client::Client;

#[tokio::test]
async fn a_squad_is_stopped_and_resumed_as_a_whole() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    let echo = client.agent("Echo", 1.0).await;
    let task = client.task(&agent).await;
    client.post(&format!("/api/agents/{echo}/quarantine"), json!({})).await.expect(200);

    let paused = client.post("/api/emergency/pause-squad", Value::Null).await.expect(200);
    assert_eq!(paused.body, json!({ "paused": 1, "agents": [agent] }));
    let again = client.post("/api/emergency/pause-squad", Value::Null).await.expect(200);
    assert_eq!(again.body, json!({ "paused": 0, "agents": [] }));
    client.run("Scout", 0.1).await.refused(409, "agent_not_active");
    let resumed = client.post("/api/emergency/resume-squad", json!({ "project": "openclaw" })).await;
    assert_eq!(resumed.expect(200).body, json!({ "resumed": 1, "agents": [agent] }));

    let stopped = client.post("/api/emergency/stop", json!({ "reason": "Costs" })).await.expect(200);
    assert_eq!((&stopped.body["paused"], &stopped.body["blocked"]), (&json!(1), &json!(1)));
    assert_eq!(client.get(&format!("/api/tasks/{task}")).await.body["status"], "blocked");
    assert_eq!(client.get(&format!("/api/agents/{echo}")).await.body["status"], "quarantined");
    client.post(&format!("/api/agents/{agent}/resume"), json!({})).await.expect(200);
    client.run("Scout", 0.1).await.refused(409, "squad_stopped");
    client.post("/api/emergency/stop", json!({ "project": "x" })).await.refused(422, "invalid_fields");
    let by_agent = json!({ "actor": { "type": "agent", "id": agent } });
    client.post("/api/emergency/pause-squad", by_agent).await.refused(403, "forbidden");
}

#[tokio::test]
async fn alerts_are_acknowledged_and_resolved_once() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    client.post(&format!("/api/agents/{agent}/quarantine"), json!({})).await.expect(200);
    let alert = client.get("/api/alerts?resolved=false&severity=critical").await.expect(200);
    let path = format!("/api/alerts/{}", alert.body[0]["id"].as_str().unwrap());
    let seen = client.post(&format!("{path}/acknowledge"), json!({ "note": "I look" })).await.expect(200);
    assert_eq!(seen.body["status"], "acknowledged");
    client.post(&format!("{path}/resolve"), json!({})).await.expect(200);
    client.post(&format!("{path}/ignore"), json!({})).await.refused(409, "conflict");
    let by_agent = json!({ "actor": { "type": "agent", "id": agent } });
    client.post(&format!("{path}/resolve"), by_agent).await.refused(403, "forbidden");
    assert_eq!(client.get("/api/alerts?resolved=false").await.body, json!([]));
    client.get("/api/alerts?severity=bad").await.refused(400, "malformed_query");
    client.get("/api/alerts/00000000-0000-0000-0000-000000000000").await.refused(404, "not_found");
}

#[tokio::test]
async fn an_agent_spawns_within_its_own_limits() {
    let client = Client::new().await;
    let lead = json!({ "name": "Nova", "role": "lead" });
    let lead = client.post("/api/agents", lead).await.expect(201).id();
    let spawn = format!("/api/agents/{lead}/spawn");
    let child = json!({ "name": "Nova-1", "role": "intern", "purpose": "Read the papers" });
    let spawned = client.post(&spawn, child).await.expect(201);
    assert_eq!(spawned.body["parentAgentId"], lead);
    client.post(&spawn, json!({ "name": "Nova-2" })).await.refused(422, "invalid_fields");
    let above = json!({ "name": "Nova-3", "role": "cao", "purpose": "Rule" });
    client.post(&spawn, above).await.refused(422, "rule_broken");
    let below = format!("/api/agents/{}/spawn", spawned.id());
    client.post(&below, json!({ "name": "x", "purpose": "y" })).await.refused(403, "forbidden");
    let alias = json!({ "name": "Nova-4", "parentAgentId": lead, "purpose": "Write" });
    client.post("/api/agents", alias).await.expect(201);
}

#[tokio::test]
async fn the_policy_is_shown_published_and_judges_without_recording() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let policy = client.get("/api/policy").await.expect(200);
    assert_eq!(
        (&policy.body["version"], &policy.body["roles"]["intern"]["dailyCap"]),
        (&json!(0), &json!(2))
    );
    let mut changed = policy.body.clone();
    changed["roles"]["intern"]["dailyCap"] = json!(2.5);
    let published = client.send(Method::PUT, "/api/policy", changed, None).await.expect(200);
    assert_eq!(
        (&published.body["version"], &published.body["roles"]["intern"]["dailyCap"]),
        (&json!(1), &json!(2.5))
    );
    let wrong = json!({ "sell": {}, "network": { "allow": "all" } });
    let wrong = client.send(Method::PUT, "/api/policy", wrong, None).await.refused(422, "invalid_fields");
    assert_eq!(wrong.body["errors"].as_array().unwrap().len(), 2);

    let ask = |params: Value| json!({ "agentId": "Scout", "tool": "shell_exec", "params": params });
    let before = client.get("/api/policy").await.headers["etag"].clone();
    let judged = client.post("/api/policy/evaluate", ask(json!({ "command": "sudo ls" }))).await.expect(200);
    assert_eq!(judged.body["decision"], "deny");
    let hostile = ask(json!({ "command": "$(((((`\u{0}\u{202e}'\"\\" }));
    client.post("/api/policy/evaluate", hostile).await.expect(200);
    assert_eq!(client.get("/api/policy").await.headers["etag"], before);
    client
        .post("/api/policy/evaluate", json!({ "agentId": "x", "tool": "y" }))
        .await
        .refused(422, "invalid_fields");
}

#[tokio::test]
async fn the_figures_have_their_names_and_types() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let metrics = client.get("/metrics").await.expect(200);
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for line in
        ["mc_agents_active 1", "mc_tasks_total{status=\"inbox\"} 0", "# TYPE mc_approvals_pending gauge"]
    {
        assert!(metrics.text.lines().any(|written| written == line), "{line} is not in {}", metrics.text);
    }
}

#[tokio::test]
async fn operators_read_the_standup_the_figures_and_an_incident() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    let task = client.task(&agent).await;
    client.get("/api/standup").await.expect(200);
    let written = client.get("/api/standup?date=2026-02-01&format=markdown").await.expect(200);
    assert_eq!(written.headers["content-type"], "text/markdown; charset=utf-8");
    client.get("/api/standup?format=pdf").await.refused(400, "malformed_query");
    client.get("/api/metrics?project=openclaw").await.expect(200);
    client.get("/api/metrics?project=x").await.refused(400, "malformed_query");
    let report = client.get(&format!("/api/tasks/{task}/report")).await.expect(200);
    assert!(report.text.contains("Write it"), "{}", report.text);
    client.get(&format!("/api/tasks/{agent}/report")).await.refused(404, "not_found");
}
