//! `/api/approvals`, and what is opened as one instead of being done.

use axum::http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client};

fn request(agent: &str) -> Value {
    json!({
        "agentId": agent, "actionType": "tool_call", "risk": "RED", "summary": "Deploy the service",
        "justification": "The release is tested", "payload": { "tool": "deploy_prod", "key": "api_key=abc123def456" },
    })
}

async fn asked(client: &Client) -> String {
    client.agent("Cipher", 5.0).await;
    client.post("/api/approvals", request("Cipher")).await.expect(201).id()
}

async fn answer(client: &Client, approval: &str, verb: &str, body: Value) -> Answer {
    client.post(&format!("/api/approvals/{approval}/{verb}"), body).await
}

#[tokio::test]
async fn what_is_asked_for_twice_is_one_approval_without_credentials() {
    let client = Client::new().await;
    let approval = asked(&client).await;
    let again = client.post("/api/approvals", request("Cipher")).await.expect(200);
    assert_eq!(again.id(), approval);
    assert!(!again.text.contains("abc123def456"), "{}", again.text);
    let listed = client.get("/api/approvals").await.expect(200);
    assert_eq!(listed.body.as_array().unwrap().len(), 1);
    client.get("/api/approvals?status=maybe").await.refused(400, "malformed_query");
}

#[tokio::test]
async fn the_first_decision_stands_and_nobody_decides_their_own() {
    let client = Client::new().await;
    let approval = asked(&client).await;
    answer(&client, &approval, "approve", json!({ "approver": "Cipher" })).await.refused(403, "forbidden");
    let own = json!({ "actor": { "type": "agent", "id": "Cipher" } });
    answer(&client, &approval, "approve", own).await.refused(403, "forbidden");
    answer(&client, &approval, "deny", json!({})).await.refused(422, "invalid_fields");
    let yes = json!({ "approver": "operator", "decision": "Approved" });
    answer(&client, &approval, "approve", yes.clone()).await.expect(200);
    answer(&client, &approval, "approve", yes).await.expect(200);
    let no = json!({ "approver": { "type": "human", "id": "Ada" }, "decision": "No" });
    answer(&client, &approval, "deny", no).await.refused(409, "already_decided");
    assert_eq!(client.get("/api/approvals").await.body, json!([]));
    assert_eq!(client.get("/api/approvals?status=all").await.body[0]["status"], "approved");
}

#[tokio::test]
async fn the_requestor_asks_again_or_takes_it_back() {
    let client = Client::new().await;
    let approval = asked(&client).await;
    let note = json!({ "decision": "Deploy to staging first" });
    answer(&client, &approval, "request-revision", note).await.expect(200);
    answer(&client, &approval, "resubmit", json!({ "summary": "Stage" })).await.refused(403, "forbidden");
    let staged = json!({ "agentId": "Cipher", "payload": { "tool": "deploy_staging" } });
    answer(&client, &approval, "resubmit", staged).await.expect(200);
    let withdrawn = answer(&client, &approval, "withdraw", json!({ "agentId": "Cipher" })).await.expect(200);
    assert_eq!(withdrawn.body["status"], "canceled");
    answer(&client, &approval, "approve", json!({})).await.refused(409, "already_decided");
    let nothing = "00000000-0000-0000-0000-000000000000";
    answer(&client, nothing, "approve", json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_agent_that_raises_its_own_budget_gets_an_approval_instead() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    let body = json!({ "budgets": { "dailyCap": 50 }, "actor": { "type": "agent", "id": agent } });
    let path = format!("/api/agents/{agent}");
    let refused = client.send(Method::PATCH, &path, body.clone(), None).await;
    let refused = refused.refused(403, "approval_required");
    let approval =
        client.get(&format!("/api/approvals/{}", refused.body["approvalId"].as_str().unwrap())).await;
    assert_eq!(approval.expect(200).body["actionType"], "autonomy");
    let again = client.send(Method::PATCH, &path, body, None).await.refused(403, "approval_required");
    assert_eq!(again.body["approvalId"], refused.body["approvalId"]);
    assert_eq!(client.get(&path).await.body["budgets"]["dailyCap"], json!(1));
}

#[tokio::test]
async fn nobody_decides_in_the_name_of_the_system() {
    let client = Client::new().await;
    let approval = asked(&client).await;
    let claims = [
        json!({ "actor": { "type": "system" }, "decision": "yes" }),
        json!({ "actor": "system", "decision": "yes" }),
        json!({ "approver": { "type": "system", "id": "rules" }, "decision": "yes" }),
        json!({ "approver": "system", "decision": "yes" }),
    ];
    for claim in claims {
        for verb in ["approve", "deny", "request-revision"] {
            answer(&client, &approval, verb, claim.clone()).await.refused(403, "forbidden");
        }
    }
    assert_eq!(client.get(&format!("/api/approvals/{approval}")).await.body["status"], "pending");
}
