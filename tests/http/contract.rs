//! Every route refuses what it would ignore: parameters, scopes and headers that the table does not list for it.

use axum::{body::Body, http::Method};
use mc_server::service;
use serde_json::{Value, json};

use crate::app::{Answer, App, NOBODY};

/// The headers that change the meaning of a request.
const MEANINGFUL: [(&str, &str); 6] = [
    ("idempotency-key", "\"k-1\""),
    ("x-idempotency-key", "k-1"),
    ("if-match", "\"1\""),
    ("if-none-match", "\"1\""),
    ("last-event-id", "0"),
    ("mc-position", "0"),
];

/// The address of a route, with an id that no entity has in every variable part.
fn address(route: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { NOBODY.to_owned() } else { part.to_owned() };
    route.split('/').map(part).collect::<Vec<_>>().join("/")
}

async fn ask(app: &App, method: &Method, address: String) -> Answer {
    app.send(method.clone(), address, Body::empty()).await
}

#[tokio::test]
async fn every_route_refuses_a_parameter_it_does_not_have_and_names_those_it_has() {
    let app = App::new().await;
    for (method, route, contract) in service::contracts() {
        let answer = ask(&app, &method, format!("{}?colour=red", address(route))).await;
        let refused = answer.refused(400, "malformed_query");
        assert_eq!(refused.error_fields(), ["colour"], "{method} {route}");
        let detail = refused["detail"].as_str().unwrap();
        let names_none = detail.contains("takes no parameters");
        assert_eq!(names_none, contract.parameters.is_empty(), "{method} {route}: {detail}");
        for parameter in contract.parameters {
            assert!(detail.contains(parameter), "{method} {route} does not name {parameter}: {detail}");
        }
    }
}

#[tokio::test]
async fn every_route_honours_a_scope_or_refuses_it() {
    let app = App::new().await;
    for (method, route, contract) in service::contracts() {
        // The project does not exist. A route that reads it says so; another one says that it does not take it.
        let answer = ask(&app, &method, format!("{}?project=nowhere", address(route))).await;
        let honoured = contract.parameters.contains(&"project");
        if honoured && answer.status == 422 {
            // This route checks the body first, and an empty one has too few fields.
            assert!(answer.facts.is_empty());
            continue;
        }
        let refused = answer.refused(400, "malformed_query");
        assert_eq!(refused.error_fields(), ["project"], "{method} {route}");
    }
}

#[tokio::test]
async fn every_route_refuses_a_parameter_that_is_empty_or_says_two_things() {
    let app = App::new().await;
    for (method, route, contract) in service::contracts() {
        for parameter in contract.parameters {
            for query in [format!("{parameter}="), parameter.to_owned(), format!("{parameter}=%20")] {
                let refused = ask(&app, &method, format!("{}?{query}", address(route))).await;
                let refused = refused.refused(400, "malformed_query");
                assert_eq!(refused.error_fields(), [parameter], "{method} {route}?{query}");
            }
        }
    }
}

#[tokio::test]
async fn every_route_refuses_a_header_that_would_change_what_is_meant_and_is_not_looked_at() {
    let app = App::new().await;
    for (method, route, contract) in service::contracts() {
        for (name, value) in MEANINGFUL {
            let honoured = contract.headers.iter().any(|honoured| honoured.as_str() == name);
            let harmless = method.is_safe() && !["if-match", "last-event-id", "mc-position"].contains(&name);
            if honoured || harmless {
                continue;
            }
            let request = app.send(method.clone(), address(route), Body::empty()).header(name, value);
            let refused = request.await.refused(400, "malformed_header");
            let detail = refused["detail"].as_str().unwrap().to_lowercase();
            assert!(detail.contains(&format!("does not look at {name}")), "{method} {route}: {detail}");
        }
    }
}

#[tokio::test]
async fn every_write_takes_an_idempotency_key_and_every_write_on_an_entity_a_version() {
    // Of what opens and ends sessions no answer is kept: a repeat opens another, or finds nothing to end.
    let is_kept = |route: &str| route != "/api/session";
    let writes = service::contracts().into_iter().filter(|(method, ..)| !method.is_safe());
    for (method, route, contract) in writes.filter(|(_, route, _)| is_kept(route)) {
        let honours = |name: &str| contract.headers.iter().any(|honoured| honoured.as_str() == name);
        assert!(honours("idempotency-key") && honours("x-idempotency-key"), "{method} {route}");
        let creates_another = route.ends_with("/spawn");
        if route.contains('{') && !creates_another {
            assert!(honours("if-match"), "{method} {route}");
        }
    }
}

#[tokio::test]
async fn what_browsers_and_programs_send_by_themselves_breaks_nothing() {
    let app = App::new().await;
    for path in ["/api/tasks", "/api/board", "/health", "/metrics", "/api/agents"] {
        let request = app.get(path).header("if-none-match", "\"1\"").header("idempotency-key", "k");
        let request = request.header("if-modified-since", "Thu, 26 Nov 2026 09:00:00 GMT");
        let request = request.header("accept", "*/*").header("user-agent", "curl/8.5.0");
        request.header("cache-control", "no-cache").header("x-forwarded-for", "::1").await.expect(200);
    }
}

#[tokio::test]
async fn a_scope_in_the_query_says_where_something_is_created() {
    let app = App::new().await;
    app.foreign_agent("Nova").await;
    let elsewhere = app.get("/api/projects/elsewhere").await.id();
    let in_project = |answer: Answer| assert_eq!(answer["projectId"], *elsewhere, "{}", answer.text);

    let task = json!({ "title": "Write", "type": "docs" });
    in_project(app.post("/api/tasks?project=elsewhere", task.clone()).await.expect(201));
    in_project(app.post(format!("/api/tasks?project={elsewhere}"), task.clone()).await.expect(201));
    in_project(app.post("/api/agents?project=elsewhere", json!({ "name": "Echo" })).await.expect(201));
    let run = json!({ "agentId": "nova", "model": "m" });
    in_project(app.post("/api/runs?project=elsewhere", run.clone()).await.expect(201));
    let ask =
        json!({ "actionType": "tool_call", "summary": "Send", "risk": "yellow", "justification": "why" });
    in_project(app.post("/api/approvals?project=elsewhere", ask.clone()).await.expect(201));
    let intention = json!({ "agentId": "nova", "tool": "read" });
    app.post("/api/policy/evaluate?project=elsewhere", intention.clone()).await.expect(200);

    // The agent belongs to the other project: the server does not widen the scope to include it.
    for (path, body) in [("/api/runs", run), ("/api/policy/evaluate", intention)] {
        let refused = app.post(format!("{path}?project=openclaw"), body).await;
        assert_eq!(refused.refused(422, "invalid_fields").error_fields(), ["agentId"], "{path}");
    }
    for field in ["project", "projectId"] {
        let mut both = task.clone();
        both[field] = json!("elsewhere");
        app.post("/api/tasks?project=elsewhere", both.clone()).await.expect(201);
        let refused = app.post("/api/tasks?project=openclaw", both).await.refused(400, "malformed_query");
        assert_eq!(refused.error_fields(), ["project"]);
    }
}

#[tokio::test]
async fn an_approval_is_asked_for_in_one_project() {
    let app = App::new().await;
    let nova = app.foreign_agent("Nova").await;
    let task = app.task("Write").await;
    let ask = |more: Value| {
        let mut ask =
            json!({ "actionType": "tool_call", "summary": "Send", "risk": "yellow", "justification": "why" });
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask
    };
    for (query, more, field) in [
        ("", json!({ "taskId": task, "projectId": "elsewhere" }), "taskId"),
        ("?project=elsewhere", json!({ "taskId": task }), "taskId"),
        ("", json!({ "agentId": nova, "projectId": "openclaw" }), "agentId"),
        ("?project=openclaw", json!({ "agentId": nova }), "agentId"),
    ] {
        let refused = app.post(format!("/api/approvals{query}"), ask(more)).await;
        assert_eq!(refused.refused(422, "invalid_fields").error_fields(), [field]);
    }
    app.post("/api/approvals?project=elsewhere", ask(json!({ "agentId": nova }))).await.expect(201);
}

#[tokio::test]
async fn an_emergency_reaches_no_further_than_it_says() {
    let app = App::new().await;
    app.agent("Scout").await;
    app.foreign_agent("Nova").await;
    let status = async |agent: &str| app.get(format!("/api/agents/{agent}")).await["status"].clone();
    for (call, becomes) in [("pause-squad", "paused"), ("resume-squad", "active"), ("stop", "paused")] {
        let path = |scope: &str| format!("/api/emergency/{call}?{scope}");
        for scope in ["project=", "project=nowhere", "squad=elsewhere", "project=elsewhere&project=openclaw"]
        {
            app.post(path(scope), json!({})).await.refused(400, "malformed_query");
        }
        let both = json!({ "project": "openclaw" });
        app.post(path("project=elsewhere"), both).await.refused(400, "malformed_query");
        app.post(path("project=elsewhere"), json!({})).await.expect(200);
        assert_eq!(
            (status("nova").await, status("scout").await),
            (json!(becomes), json!("active")),
            "{call}"
        );
    }
}

#[tokio::test]
async fn an_agent_of_another_project_is_not_found_in_this_one() {
    let app = App::new().await;
    let (scout, nova) = (app.agent("Scout").await, app.foreign_agent("Nova").await);
    for (agent, project) in [(scout, "elsewhere"), (nova, "openclaw")] {
        for action in ["", "/heartbeat", "/pause", "/resume", "/drain", "/quarantine", "/restart"] {
            let path = format!("/api/agents/{agent}{action}?project={project}");
            match action {
                "" => app.get(&path).await.refused(404, "not_found"),
                _ => app.post(&path, json!({})).await.refused(404, "not_found"),
            };
        }
        app.patch(format!("/api/agents/{agent}?project={project}"), json!({}))
            .await
            .refused(404, "not_found");
        app.get(format!("/api/costs/agent/{agent}?project={project}")).await.refused(404, "not_found");
        let child = json!({ "name": "Kid", "purpose": "help" });
        app.post(format!("/api/agents/{agent}/spawn?project={project}"), child)
            .await
            .refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_sub_agent_is_of_the_project_of_its_parent() {
    let app = App::new().await;
    app.agent("Scout").await;
    app.foreign_agent("Nova").await;
    let child = json!({ "name": "Kid", "purpose": "help", "projectId": "elsewhere" });
    let refused = app.post("/api/agents/scout/spawn", child).await.refused(422, "invalid_fields");
    assert_eq!(refused.error_fields(), ["projectId"]);
}

#[tokio::test]
async fn a_policy_is_published_where_the_query_and_the_body_agree() {
    let app = App::new().await;
    app.foreign_agent("Nova").await;
    let published = app.put("/api/policy?project=elsewhere", json!({})).await.expect(200);
    assert_eq!(published["version"], 1);
    let both = json!({ "projectId": "openclaw" });
    app.put("/api/policy?project=elsewhere", both).await.refused(400, "malformed_query");
    let same = json!({ "projectId": "elsewhere" });
    app.put("/api/policy?project=elsewhere", same).await.expect(200);
}

#[tokio::test]
async fn a_creation_that_must_be_new_finds_nothing_or_is_refused() {
    let app = App::new().await;
    let only_new = |path: &str, body: Value| app.post(path, body).header("if-none-match", "*");
    only_new("/api/agents", json!({ "name": "Scout" })).await.expect(201);
    let refused = only_new("/api/agents", json!({ "name": "Scout" })).await;
    assert_eq!(refused.refused(412, "precondition_failed")["currentVersion"], 1);
    only_new("/api/tasks", json!({ "title": "Write", "type": "docs" })).await.expect(201);
    only_new("/api/projects", json!({ "name": "New", "slug": "new" })).await.expect(201);
    let ask = json!({ "actionType": "tool_call", "summary": "Send", "risk": "red", "justification": "why" });
    only_new("/api/approvals", ask.clone()).await.expect(201);
    only_new("/api/approvals", ask).await.refused(412, "precondition_failed");
    let publish = || app.put("/api/policy", json!({})).header("if-none-match", "*");
    publish().await.expect(200);
    publish().await.refused(412, "precondition_failed");
    let tagged = app.post("/api/agents", json!({ "name": "Nova" })).header("if-none-match", "\"1\"");
    tagged.await.refused(400, "malformed_header");
}

#[tokio::test]
async fn an_answer_reflects_the_position_that_is_asked_for_or_says_that_it_cannot() {
    let app = App::new().await;
    let at = |position: &str| app.get("/api/tasks").header("mc-position", position);
    let head = app.head();
    assert_eq!(at(&head.to_string()).await.expect(200).header("mc-position"), head.to_string());
    for position in ["", "x", "-1", "1.5", "99999999999999999999"] {
        at(position).await.refused(400, "malformed_header");
    }
    tokio::time::pause();
    let refused = at(&(head + 1).to_string()).await.refused(503, "position_not_reached");
    tokio::time::resume();
    assert_eq!(refused.header("retry-after"), "2");
    let written = app.post("/api/tasks", json!({ "title": "Write", "type": "docs" }));
    written.header("mc-position", head.to_string()).await.expect(201);
    app.get("/livez").header("mc-position", "0").await.refused(400, "malformed_header");
}
