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

async fn ask(client: &Client, body: Value) -> Answer {
    client.post("/api/approvals", body).await
}

fn wanted(agent: &str, more: Value) -> Value {
    let mut body = json!({
        "agentId": agent, "actionType": "tool_call", "risk": "yellow", "summary": "Do it", "justification": "It is due",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn publish(client: &Client, approvals: Value) -> impl Future<Output = Answer> + '_ {
    client.send(Method::PUT, "/api/policy", json!({ "approvals": approvals }), None)
}

#[tokio::test]
async fn nobody_raises_the_budget_of_somebody_else() {
    let client = Client::new().await;
    let (scout, nova) = (client.agent("Scout", 1.0).await, client.agent("Nova", 5.0).await);
    let today = chrono::Utc::now().date_naive();
    let of = |agent: &str| json!({ "budget": format!("agent/{agent}/{today}") });
    let request = |agent: &str| {
        wanted("Scout", json!({ "actionType": "budget_override", "payload": of(agent), "estimatedCost": 2 }))
    };
    let refused = ask(&client, request(&nova)).await.refused(422, "rule_broken");
    assert!(refused.body["detail"].as_str().unwrap().contains("its own agent, task or project"));
    let own = ask(&client, request(&scout)).await.expect(201).id();
    let turned = json!({ "agentId": "Scout", "payload": of(&nova) });
    answer(&client, &own, "resubmit", turned).await.refused(422, "rule_broken");
    answer(&client, &own, "approve", json!({})).await.expect(200);
    let left = async |agent| client.get(&format!("/api/costs/agent/{agent}")).await.body["remaining"].clone();
    assert_eq!((left("Scout").await, left("Nova").await), (json!(3), json!(5)));
}

#[tokio::test]
async fn who_read_another_amount_or_risk_does_not_approve_it() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let cheap = wanted("Scout", json!({ "actionType": "budget_override", "estimatedCost": 1 }));
    let asked = ask(&client, cheap).await.expect(201);
    let read = asked.body["contentHash"].clone();
    for change in [json!({ "estimatedCost": 5000 }), json!({ "risk": "red", "estimatedCost": 1 })] {
        let mut again = json!({ "agentId": "Scout" });
        again.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let changed = answer(&client, &asked.id(), "resubmit", again).await.expect(200);
        assert_ne!(changed.body["contentHash"], read);
        let blindly = json!({ "contentHash": read });
        answer(&client, &asked.id(), "approve", blindly).await.refused(409, "conflict");
    }
}

#[tokio::test]
async fn different_actions_are_different_approvals() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    let saying = |summary: &str| wanted("Scout", json!({ "summary": summary }));
    let newsletter = ask(&client, saying("Send newsletter")).await.expect(201).id();
    assert_eq!(ask(&client, saying("Send newsletter")).await.expect(200).id(), newsletter);
    ask(&client, saying("Drop production table")).await.expect(201);

    let using = |key: &str| wanted("Scout", json!({ "payload": { "tool": "x", "token": key } }));
    let (one, other) = ("sk-abcdefghijklmnopqrstuvwxyz012345", "sk-543210zyxwvutsrqponmlkjihgfedcba");
    let first = ask(&client, using(one)).await.expect(201);
    assert!(!first.text.contains(one), "{}", first.text);
    ask(&client, using(other)).await.expect(201);
    assert_eq!(ask(&client, using(one)).await.expect(200).id(), first.id());
}

#[tokio::test]
async fn the_policy_says_how_many_decide_whatever_is_claimed() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    publish(&client, json!({ "tools": { "deploy_prod": 2 } })).await.expect(200);
    let claimed = wanted("Scout", json!({ "payload": { "tool": " Deploy_Prod " } }));
    let asked = ask(&client, claimed).await.expect(201);
    assert_eq!((&asked.body["risk"], &asked.body["requiredDecisions"]), (&json!("red"), &json!(2)));

    let by = |name: &str| json!({ "approver": { "type": "human", "id": name } });
    for name in ["Sofie", "sofie", "SOFIE"] {
        let one = answer(&client, &asked.id(), "approve", by(name)).await.expect(200);
        assert_eq!((&one.body["status"], &one.body["decisions"][1]), (&json!("pending"), &Value::Null));
    }
    let two = answer(&client, &asked.id(), "approve", by("Ada")).await.expect(200);
    assert_eq!(two.body["status"], "approved");
    assert_eq!(two.body["decisions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_turns_red_takes_as_many_decisions_as_red_does() {
    let client = Client::new().await;
    client.agent("Scout", 1.0).await;
    publish(&client, json!({ "redDecisions": 2 })).await.expect(200);
    let asked = ask(&client, wanted("Scout", json!({ "payload": { "tool": "git_push" } }))).await.expect(201);
    assert_eq!((&asked.body["risk"], &asked.body["requiredDecisions"]), (&json!("yellow"), &json!(1)));
    let red = json!({ "agentId": "Scout", "risk": "red" });
    let turned = answer(&client, &asked.id(), "resubmit", red).await.expect(200);
    assert_eq!(turned.body["requiredDecisions"], 2);
    let tool = json!({ "agentId": "Scout", "risk": "yellow", "payload": { "tool": "payment" } });
    let turned = answer(&client, &asked.id(), "resubmit", tool).await.expect(200);
    assert_eq!((&turned.body["risk"], &turned.body["requiredDecisions"]), (&json!("red"), &json!(2)));
    let one = answer(&client, &asked.id(), "approve", json!({})).await.expect(200);
    assert_eq!(one.body["status"], "pending");
    assert_eq!(client.get(&format!("/api/approvals/{}", asked.id())).await.body["requiredDecisions"], 2);
}

#[tokio::test]
async fn more_autonomy_takes_as_many_decisions_as_red_does() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    publish(&client, json!({ "redDecisions": 2 })).await.expect(200);
    let body = json!({ "budgets": { "dailyCap": 50 }, "actor": { "type": "agent", "id": agent } });
    let refused = client.send(Method::PATCH, &format!("/api/agents/{agent}"), body, None).await;
    let approval = refused.refused(403, "approval_required").body["approvalId"].clone();
    let approval = client.get(&format!("/api/approvals/{}", approval.as_str().unwrap())).await;
    assert_eq!(approval.expect(200).body["requiredDecisions"], 2);
}

#[tokio::test]
async fn a_task_that_is_over_takes_its_approvals_with_it() {
    let client = Client::new().await;
    let agent = client.agent("Scout", 1.0).await;
    for to in ["canceled", "done", "assigned"] {
        let task = client.task(&agent).await;
        let asked = ask(&client, wanted("Scout", json!({ "taskId": task }))).await.expect(201).id();
        let body = json!({ "toStatus": to, "reason": "Not needed any more" });
        client.post(&format!("/api/tasks/{task}/transition"), body).await.expect(200);
        let approval = client.get(&format!("/api/approvals/{asked}")).await.expect(200);
        assert_eq!(approval.body["status"], "canceled");
        let approve = answer(&client, &asked, "approve", json!({})).await;
        approve.refused(409, "already_decided");
        let deny = answer(&client, &asked, "deny", json!({ "decision": "No" })).await;
        deny.refused(409, "already_decided");
        assert_eq!(client.get(&format!("/api/tasks/{task}")).await.body["status"], to);
    }
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
