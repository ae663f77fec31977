//! Red tools, and the approvals they are used under.

use serde_json::{Value, json};

use super::client::{Answer, Client};

/// Nova, who works on a task, with a run for it.
struct Desk {
    client: Client,
    agent: String,
    task: String,
    run: String,
}

impl Desk {
    async fn new() -> Self {
        let client = Client::new().await;
        let agent = client.agent("Nova", 5.0).await;
        let task = client.task(&agent).await;
        let body = json!({ "agentId": agent, "taskId": task, "model": "m", "estimatedCost": 0.1 });
        let run = client.post("/api/runs", body).await.expect(201).id();
        Self { client, agent, task, run }
    }

    /// Without the task, so that the run goes on.
    async fn approved(&self, payload: Value) -> String {
        let ask = json!({
            "agentId": self.agent, "actionType": "tool_call", "risk": "red", "summary": "Publish it",
            "justification": "It is ready", "payload": payload,
        });
        let id = self.client.post("/api/approvals", ask).await.expect(201).id();
        self.client.post(&format!("/api/approvals/{id}/approve"), json!({})).await.expect(200);
        id
    }

    async fn uses(&self, call: Value) -> Answer {
        self.client.post(&format!("/api/runs/{}/tool-calls", self.run), call).await
    }

    async fn evaluates(&self, call: Value) -> Answer {
        self.client.post("/api/policy/evaluate", call).await.expect(200)
    }

    async fn is_contained(&self) {
        let status = async |path: String| self.client.get(&path).await.expect(200).body["status"].clone();
        assert_eq!(status(format!("/api/runs/{}", self.run)).await, "aborted");
        assert_eq!(status(format!("/api/tasks/{}", self.task)).await, "blocked");
        assert_eq!(status(format!("/api/agents/{}", self.agent)).await, "quarantined");
        let alerts = self.client.get("/api/alerts?type=policy_violation").await.expect(200);
        assert_eq!(alerts.body[0]["severity"], "critical");
    }
}

#[tokio::test]
async fn used_without_an_approval_are_recorded_contained_and_refused() {
    let desk = Desk::new().await;
    let call = json!({ "tool": "publish", "risk": "green", "status": "success" });
    let refused = desk.uses(call).await.refused(403, "approval_required");
    assert!(
        refused.body["detail"].as_str().unwrap().contains("publish is red and was used"),
        "{}",
        refused.text
    );
    desk.is_contained().await;
    let calls = desk.client.get(&format!("/api/runs/{}/tool-calls", desk.run)).await.expect(200);
    assert_eq!((&calls.body[0]["risk"], &calls.body[0]["approvalId"]), (&json!("red"), &Value::Null));
}

#[tokio::test]
async fn are_used_under_an_approval_once() {
    let desk = Desk::new().await;
    let approval = desk.approved(json!({ "tool": "publish", "params": { "page": 1 } })).await;
    let call = json!({
        "tool": "publish", "params": { "page": 1 }, "status": "success", "approvalId": approval,
    });
    let used = desk.uses(call.clone()).await.expect(201);
    assert_eq!(used.body["approvalId"], approval.as_str());
    let spent = desk.client.get(&format!("/api/approvals/{approval}")).await.expect(200);
    assert_eq!((&spent.body["status"], &spent.body["usedInRun"]), (&json!("approved"), &json!(desk.run)));
    desk.uses(call).await.refused(403, "approval_required");
    desk.is_contained().await;
}

#[tokio::test]
async fn are_not_used_for_something_else_than_was_approved() {
    for call in [
        json!({ "tool": "publish", "params": { "page": 2 } }),
        json!({ "tool": "payment", "params": { "page": 1 } }),
        json!({ "tool": "post_comment", "risk": "red" }),
    ] {
        let desk = Desk::new().await;
        let approval = desk.approved(json!({ "tool": "publish", "params": { "page": 1 } })).await;
        let mut call = call;
        call["status"] = json!("failed");
        call["approvalId"] = json!(approval);
        desk.uses(call).await.refused(403, "approval_required");
        desk.is_contained().await;
    }
}

#[tokio::test]
async fn that_were_denied_need_none() {
    let desk = Desk::new().await;
    desk.uses(json!({ "tool": "publish", "status": "denied" })).await.expect(201);
    desk.uses(json!({ "tool": "web_search", "status": "success" })).await.expect(201);
}

#[tokio::test]
async fn are_allowed_where_an_approval_permits_exactly_this() {
    let desk = Desk::new().await;
    let approval = desk.approved(json!({ "tool": "publish", "params": { "page": 1 } })).await;
    let with = |tool: &str, params: Value, approval: Option<&str>| json!({ "agentId": desk.agent, "tool": tool, "params": params, "approvalId": approval });
    let without = desk.evaluates(with("publish", json!({ "page": 1 }), None)).await;
    assert_eq!(without.body["decision"], "needs_approval");
    let allowed = desk.evaluates(with("publish", json!({ "page": 1 }), Some(&approval))).await;
    assert_eq!(
        (&allowed.body["decision"], &allowed.body["approvalRequired"]),
        (&json!("allow"), &json!(false))
    );
    assert!(allowed.text.contains(&approval), "{}", allowed.text);
    for (tool, params) in
        [("publish", json!({ "page": 2 })), ("publish", json!({})), ("payment", json!({ "page": 1 }))]
    {
        let other = desk.evaluates(with(tool, params, Some(&approval))).await;
        assert_eq!(other.body["decision"], "needs_approval", "{}", other.text);
    }
    let other = desk.client.agent("Echo", 5.0).await;
    let body =
        json!({ "agentId": other, "tool": "publish", "params": { "page": 1 }, "approvalId": approval });
    assert_eq!(desk.evaluates(body).await.body["decision"], "needs_approval");
    let denied = with("shell_exec", json!({ "command": "sudo ls" }), Some(&approval));
    assert_eq!(desk.evaluates(denied).await.body["decision"], "deny");
    let unknown = with("publish", json!({}), Some("00000000-0000-0000-0000-000000000000"));
    desk.client.post("/api/policy/evaluate", unknown).await.refused(422, "invalid_fields");
    let call = json!({
        "tool": "publish", "params": { "page": 1 }, "status": "success", "approvalId": approval,
    });
    desk.uses(call).await.expect(201);
    let spent = desk.evaluates(with("publish", json!({ "page": 1 }), Some(&approval))).await;
    assert_eq!(spent.body["decision"], "needs_approval");
}
