//! The pages of the policy, and the versions of it.

use axum::http::Method;
use form_urlencoded::Serializer;
use serde_json::json;

use crate::app::{Answer, App};

const SCRIPT: &str = "<script>alert(1)</script>";

/// Sends a form as a browser without JavaScript does.
async fn sent(app: &App, path: &str, by: Option<&str>, fields: &[(&str, &str)]) -> Answer {
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = app.send(Method::POST, path, body);
    match by {
        Some(by) => request.by(by).await,
        None => request.await,
    }
}

#[tokio::test]
async fn the_versions_of_a_policy_tell_what_each_changed() {
    let app = App::new().await;
    assert_eq!(app.get("/api/policy/versions").await.expect(200).body, json!([]));
    app.put("/api/policy", json!({ "tools": { "deploy": "red" } })).await.expect(200);
    let shell = json!({ "tools": { "deploy": "green" }, "spawn": { "maxDepth": 1 } });
    app.put("/api/policy", shell).await.expect(200);
    let page = app.get("/api/policy/versions?limit=1").await.expect(200);
    let latest = &page.body[0];
    assert_eq!((&latest["version"], &latest["publishedBy"]["name"]), (&json!(2), &json!("Sofie")));
    assert_eq!(latest["document"]["tools"]["deploy"], "green");
    let pointers: Vec<_> =
        latest["changes"].as_array().unwrap().iter().map(|change| &change["pointer"]).collect();
    assert_eq!(pointers, ["/spawn/maxDepth", "/tools/deploy"]);
    assert_eq!(
        (&latest["changes"][1]["before"], &latest["changes"][1]["after"]),
        (&json!("red"), &json!("green"))
    );
    let first = app.get(page.next().unwrap()).await.expect(200);
    assert_eq!((&first.body[0]["version"], first.next()), (&json!(1), None));
    assert_eq!(app.get("/api/policy/versions?project=openclaw").await.expect(200).body, json!([]));
    app.get("/api/policy/versions?project=nowhere").await.refused(400, "malformed_query");
    app.get("/api/policy/versions?cursor=x").await.refused(400, "malformed_query");
}

#[tokio::test]
async fn a_caller_of_some_projects_is_told_the_versions_of_theirs_alone() {
    let app = App::new().await;
    app.put("/api/policy", json!({ "tools": { "deploy": "red" } })).await.expect(200);
    app.put("/api/policy?project=openclaw", json!({ "tools": { "deploy": "green" } })).await.expect(200);
    app.operator("Olga", &[]).await;
    let limited = app.operator("Lena", &["openclaw"]).await;
    assert_eq!(app.get("/api/policy/versions").by(&limited).await.expect(200).body, json!([]));
    let own = app.get("/api/policy/versions?project=openclaw").by(&limited).await.expect(200);
    assert_eq!(own.body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_policy_is_readable_and_escaped() {
    let app = App::new().await;
    let default = app.get("/policy").await.expect(200).text;
    assert!(default.contains("None was published yet") && default.contains("Risk of tools"), "{default}");
    let body = json!({ "files": { "never": [SCRIPT] }, "tools": { "deploy": "red" } });
    app.put("/api/policy", body).await.expect(200);
    let page = app.get("/policy").await.expect(200).text;
    assert!(page.contains("Version 1") && page.contains("Published by Sofie"));
    assert!(page.contains("/files/never") && !page.contains(SCRIPT));
    let project = app.get("/policy?project=openclaw").await.expect(200).text;
    assert!(project.contains("no policy of its own") && project.contains("/policy/edit?project=openclaw"));
}

#[tokio::test]
async fn a_policy_is_edited_as_json_with_every_error_at_its_line() {
    let app = App::new().await;
    let form = app.get("/policy/edit").await.expect(200).text;
    assert!(
        form.contains("name=\"_version\" value=\"0\"") && form.contains("&#34;taskBudgets&#34;"),
        "{form}"
    );
    let bad = "{\n  \"tools\": { \"deploy\": \"purple\" },\n  \"spawn\": {\n    \"maxDepth\": -1\n  },\n  \"weather\": 1\n}";
    let refused = sent(&app, "/policy/edit", None, &[("document", bad), ("_version", "0")]).await.expect(422);
    for line in ["Line 2:", "Line 4:", "Line 6:"] {
        assert!(refused.text.contains(line), "{line}: {}", refused.text);
    }
    assert!(refused.text.contains("purple") && refused.facts.is_empty());
    let broken = sent(&app, "/policy/edit", None, &[("document", "{\n  \"tools\": {,\n}")]).await.expect(422);
    assert!(
        broken.text.contains("Line 2:") && broken.text.contains("cannot be read as JSON"),
        "{}",
        broken.text
    );

    let good = [("document", "{ \"tools\": { \"deploy\": \"red\" } }"), ("_version", "0"), ("_key", "k-1")];
    let done = sent(&app, "/policy/edit", None, &good).await.expect(303).recorded(&["policy.published"]);
    assert!(done.header("location").starts_with("/policy?done="), "{}", done.header("location"));
    let stale = [("document", "{}"), ("_version", "0"), ("_key", "k-2")];
    let stale = sent(&app, "/policy/edit", None, &stale).await.expect(412);
    assert!(
        stale.text.contains("Somebody has changed this")
            && stale.text.contains("name=\"_version\" value=\"1\"")
    );
    // The first of a project is made from none, whatever version the one for all has.
    let own = app.get("/policy/edit?project=openclaw").await.expect(200).text;
    assert!(own.contains("name=\"_version\" value=\"0\""));
    let first = [("document", "{}"), ("_version", "0"), ("_key", "k-3")];
    sent(&app, "/policy/edit?project=openclaw", None, &first).await.expect(303);
}

#[tokio::test]
async fn an_action_is_tried_in_place_and_nothing_is_recorded() {
    let app = App::new().await;
    app.agent("Scout").await;
    let action = [("agentId", "Scout"), ("tool", "send_email"), ("params", "{\"to\": \"a@example.org\"}")];
    let judged = sent(&app, "/policy/try", None, &action).await.expect(200).recorded(&[]);
    assert!(
        judged.text.contains("id=\"outcome\"") && judged.text.contains("value=\"Scout\""),
        "{}",
        judged.text
    );
    assert!(judged.text.contains("Needs an approval") || judged.text.contains("Denied"));
    let unknown = [("agentId", SCRIPT), ("tool", "send_email")];
    let refused = sent(&app, "/policy/try", None, &unknown).await.expect(422);
    assert!(refused.text.contains("agentId-error") && !refused.text.contains(SCRIPT), "{}", refused.text);
}

#[tokio::test]
async fn who_may_not_publish_sees_no_form_for_it() {
    let app = App::new().await;
    app.operator("Olga", &[]).await;
    let limited = app.operator("Lena", &["openclaw"]).await;
    let auditor = app.issue("Aude", mc_domain::credential::Bearer::Auditor, &[], None).await;
    for key in [&limited, &auditor] {
        let page = app.get("/policy").by(key).await.expect(200).text;
        assert!(!page.contains("/policy/edit"), "{page}");
        app.get("/policy/edit").by(key).await.expect(403);
        sent(&app, "/policy/edit", Some(key), &[("document", "{}")]).await.expect(403);
    }
    assert!(!app.get("/policy").by(&auditor).await.expect(200).text.contains("/policy/try"));
    app.get("/policy/try").by(&auditor).await.expect(403);
}
