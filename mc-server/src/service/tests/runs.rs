//! Runs and their costs over HTTP, from start to what the budgets say.

use axum::http::Method;
use serde_json::{Value, json};

use super::client::Client;

#[tokio::test]
async fn a_run_is_started_charged_once_and_counted() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    let run = client.run("scout", 0.4).await.expect(201);
    assert_eq!(run.headers["location"], format!("/api/runs/{}", run.id()).as_str());
    assert_eq!((&run.body["status"], &run.body["estimatedCost"]), (&json!("running"), &json!(0.4)));

    let complete = format!("/api/runs/{}/complete", run.id());
    let end = json!({ "status": "COMPLETED", "inputTokens": 10, "outputTokens": 5, "cost": 0.25 });
    let ended = client.send(Method::POST, &complete, end.clone(), Some("end-1")).await.expect(200);
    assert_eq!((&ended.body["status"], &ended.body["cost"]), (&json!("completed"), &json!(0.25)));
    let again = client.send(Method::POST, &complete, end.clone(), Some("end-1")).await.expect(200);
    assert_eq!((again.body, &again.headers["idempotency-replayed"]), (ended.body, &"true".parse().unwrap()));
    client.post(&complete, end).await.refused(409, "conflict");

    let costs = client.get(&format!("/api/costs/agent/{agent}")).await.expect(200);
    assert_eq!((&costs.body["today"], &costs.body["remaining"]), (&json!(0.25), &json!(0.75)));
    let day = client.get("/api/costs/daily").await.expect(200);
    assert_eq!((&day.body["total"], &day.body["runs"]), (&json!(0.25), &json!(1)));
    client.get("/api/costs/daily?date=tomorrow").await.refused(400, "malformed_query");
    client.get("/api/costs/agent/nobody").await.refused(404, "not_found");
}

#[tokio::test]
async fn what_nobody_knows_the_cost_of_is_charged_what_was_set_aside() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let run = client.run("Scout", 0.4).await.expect(201).id();
    let end = json!({ "status": "failed", "cost": null, "error": "lost it" });
    let ended = client.post(&format!("/api/runs/{run}/complete"), end).await.expect(200);
    assert_eq!((&ended.body["unpriced"], &ended.body["charged"]), (&json!(true), &json!(0.4)));
}

#[tokio::test]
async fn costs_and_tokens_that_are_none_are_refused() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let run = client.run("Scout", 0.1).await.expect(201).id();
    let complete = format!("/api/runs/{run}/complete");
    for cost in [json!(-1), json!("NaN"), json!(1e300), json!(-0.000_000_1), json!(true)] {
        let body = json!({ "status": "completed", "cost": cost });
        client.post(&complete, body).await.refused(422, "invalid_fields");
    }
    for tokens in [json!(-1), json!(1.5), json!(99_999_999_999_u64), json!("many")] {
        let body = json!({ "status": "completed", "inputTokens": tokens });
        client.post(&complete, body).await.refused(422, "invalid_fields");
    }
    client.post(&complete, json!({ "status": "gone" })).await.refused(422, "invalid_fields");
    client.post("/api/runs/nothing/complete", json!({ "status": "failed" })).await.refused(404, "not_found");
    client.post("/api/runs", json!({ "agentId": "x", "model": "m" })).await.refused(422, "invalid_fields");
}

#[tokio::test]
async fn a_run_that_is_too_dear_is_refused_and_contained_until_it_is_approved() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    let task = client.task(&agent).await;
    let body = json!({ "agentId": agent, "taskId": task, "model": "m", "estimatedCost": 5 });
    let refused = client.send(Method::POST, "/api/runs", body.clone(), Some("dear")).await;
    let refused = refused.refused(409, "budget_exceeded");
    let approval = refused.body["approvalId"].as_str().unwrap().to_owned();
    let again = client.send(Method::POST, "/api/runs", body, Some("dear")).await;
    let again = again.refused(409, "budget_exceeded");
    assert_eq!(again.body["approvalId"], approval);
    assert_eq!(again.headers["idempotency-replayed"], "true");

    let agent_path = format!("/api/agents/{agent}");
    let paused = client.get(&agent_path).await.expect(200);
    assert_eq!((&paused.body["status"], &paused.body["pauseReason"]), (&json!("paused"), &json!("budget")));
    let held = client.get(&format!("/api/tasks/{task}")).await.expect(200);
    assert_eq!(held.body["status"], "needs_approval");
    let alerts = client.get("/api/alerts?resolved=false&type=budget_exceeded").await.expect(200);
    assert_eq!(alerts.body.as_array().unwrap().len(), 1);

    let note = json!({ "approver": "operator", "decision": "Approved with increased budget" });
    let approved = client.post(&format!("/api/approvals/{approval}/approve"), note).await.expect(200);
    assert_eq!(approved.body["status"], "approved");
    assert_eq!(client.get(&agent_path).await.body["status"], "active");
    assert_ne!(client.get(&format!("/api/tasks/{task}")).await.body["status"], "needs_approval");
}

#[tokio::test]
async fn a_crowd_never_gets_more_than_a_dollar_out_of_a_dollar() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let starts = (0..64).map(|_| client.run("Scout", 0.1));
    let answers = futures_util::future::join_all(starts).await;
    let started = answers.iter().filter(|answer| answer.status == 201).count();
    assert!(started <= 10, "{started} runs of ten cents");
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)));
    let heard = client.post("/api/agents/scout/heartbeat", json!({})).await.expect(200);
    let left = heard.body["budget"]["remaining"].as_f64().unwrap();
    assert!((left - (1.0 - 0.1 * started as f64)).abs() < 1e-9, "{left} left after {started}");
}

#[tokio::test]
async fn tools_are_recorded_without_credentials() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let run = client.run("Scout", 0.1).await.expect(201).id();
    let path = format!("/api/runs/{run}/tool-calls");
    let secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCD";
    let call =
        json!({ "tool": "shell_exec", "status": "success", "inputPreview": format!("KEY={secret} ls") });
    let called = client.post(&path, call).await.expect(201);
    assert_eq!((&called.body["number"], &called.body["tool"]), (&json!(1), &json!("shell_exec")));
    let list = client.get(&path).await.expect(200);
    assert!(!list.text.contains(secret) && list.text.contains("shell_exec"), "{}", list.text);
    client.post(&path, json!({ "tool": "x", "status": "odd" })).await.refused(422, "invalid_fields");
    client.get("/api/runs/00000000-0000-0000-0000-000000000000/tool-calls").await.refused(404, "not_found");
    let other = json!({ "type": "agent", "id": client.agent("Echo", 1.0).await });
    let by_other = json!({ "tool": "x", "status": "success", "actor": other });
    client.post(&path, by_other).await.refused(403, "forbidden");
}

#[tokio::test]
async fn runs_are_listed_as_the_runbook_asks() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    for cost in [0.1, 0.3, 0.2] {
        let run = client.run("Scout", 0.3).await.expect(201).id();
        let end = json!({ "status": "completed", "cost": cost });
        client.post(&format!("/api/runs/{run}/complete"), end).await.expect(200);
    }
    let dearest = client.get("/api/runs?sortBy=cost&order=desc&limit=20").await.expect(200);
    let costs: Vec<Value> = dearest.body.as_array().unwrap().iter().map(|run| run["cost"].clone()).collect();
    assert_eq!(costs, [json!(0.3), json!(0.2), json!(0.1)]);
    let own = client.get(&format!("/api/runs?agentId={agent}&limit=2&status=completed")).await.expect(200);
    assert_eq!(own.body.as_array().unwrap().len(), 2);
    for bad in ["sortBy=luck", "status=odd", "agentId=nobody", "limit=0", "taskId=x"] {
        client.get(&format!("/api/runs?{bad}")).await.refused(400, "malformed_query");
    }
}

#[tokio::test]
async fn more_money_for_the_task_or_the_project_lets_its_agent_go_on() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 10.0).await;
    let task = client.task(&agent).await;
    let standing = async || client.get("/api/agents/scout").await.body["status"].clone();
    let change = async |path: &str, body| client.send(Method::PATCH, path, body, None).await.expect(200);

    let dear = json!({ "agentId": agent, "taskId": task, "model": "sonnet", "estimatedCost": 4 });
    client.post("/api/runs", dear).await.refused(409, "budget_exceeded");
    assert_eq!(standing().await, "paused");
    change(&format!("/api/tasks/{task}"), json!({ "budget": 5 })).await;
    assert_eq!(standing().await, "active");

    change("/api/projects/openclaw", json!({ "budgets": { "dailyCap": 1 } })).await;
    client.run("Scout", 2.0).await.refused(409, "budget_exceeded");
    assert_eq!(standing().await, "paused");
    change("/api/projects/openclaw", json!({ "budgets": { "dailyCap": null } })).await;
    assert_eq!(standing().await, "active");
}

#[tokio::test]
async fn an_agent_registers_no_other() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    let other = json!({ "name": "Boss", "role": "cao", "actor": { "type": "agent", "id": agent } });
    let refused = client.post("/api/agents", other).await.refused(403, "forbidden");
    assert!(refused.body["detail"].as_str().unwrap().contains("/spawn"), "{}", refused.text);
}
