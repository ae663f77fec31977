//! Numbers keep their digits: in answers, in comparisons of requests, and in every export.

use axum::http::Method;
use mc_domain::json::Json;
use serde_json::json;

use crate::app::{Answer, App};

/// Pairs of numbers that are equal, or not representable, as 64-bit floats.
const PAIRS: [(&str, &str); 4] = [
    ("12345678901234567890123", "12345678901234567890124"),
    ("0.1", "0.10000000000000001"),
    ("1e400", "1e401"),
    ("9007199254740993.0", "9007199254740992.0"),
];

fn ask(params: &str) -> String {
    format!(
        r#"{{"agentId": "scout", "actionType": "tool_call", "summary": "Pay", "risk": "red", "justification": "It is due",
            "payload": {{"tool": "payment", "params": {params}}}}}"#
    )
}

/// The member `name` of an answer whose numbers the client of these tests cannot represent.
fn text(answer: &Answer, name: &str) -> String {
    let body = Json::parse(&answer.text).unwrap();
    body.get(name).and_then(Json::as_str).unwrap().to_owned()
}

async fn post(app: &App, path: &str, body: String) -> Answer {
    app.send(Method::POST, path, body).await
}

#[tokio::test]
async fn an_approval_shows_the_digits_as_they_were_sent() {
    let app = App::new().await;
    app.agent("Scout").await;
    for number in PAIRS.into_iter().flat_map(|(one, other)| [one, other]).chain(["-0", "1.50", "1E+05", "7"])
    {
        let params = format!(r#"{{ "to": "x", "amount":  {number}, "password": "hunTer9x" }}"#);
        let asked = post(&app, "/api/approvals", ask(&params)).await.expect(201);
        let shown = format!(
            r#""payload":{{"params":{{"amount":{number},"password":"[redacted:password]","to":"x"}},"tool":"payment"}}"#
        );
        assert!(asked.text.contains(&shown), "{number}: {}", asked.text);
        let read = app.get(format!("/api/approvals/{}", text(&asked, "id"))).await.expect(200);
        assert!(read.text.contains(&shown), "{number}: {}", read.text);
    }
}

#[tokio::test]
async fn two_numbers_are_two_requests_and_two_hashes() {
    let app = App::new().await;
    app.agent("Scout").await;
    let amount = |number: &str| ask(&format!(r#"{{"amount": {number}}}"#));
    for (one, other) in PAIRS {
        let first = post(&app, "/api/approvals", amount(one)).await.expect(201);
        let second = post(&app, "/api/approvals", amount(other)).await.expect(201);
        assert_ne!(text(&first, "contentHash"), text(&second, "contentHash"), "{one} and {other}");
        // The order of members and white space do not count: this finds the open approval.
        let same = ask(&format!("{{\n\t\"amount\" :{one} }}"));
        let same = post(&app, "/api/approvals", same).await.expect(200);
        assert_eq!(text(&same, "id"), text(&first, "id"));
    }
}

#[tokio::test]
async fn an_approval_permits_the_digits_it_was_given_for_and_no_others() {
    for (one, other) in PAIRS {
        let app = App::new().await;
        app.agent("Scout").await;
        let params = |number: &str| format!(r#"{{"amount": {number}}}"#);
        let asked = post(&app, "/api/approvals", ask(&params(one))).await.expect(201);
        let approval = text(&asked, "id");
        app.post(format!("/api/approvals/{approval}/approve"), json!({})).await.expect(200);
        let judge = async |number: &str| {
            let body = format!(
                r#"{{"agentId": "scout", "tool": "payment", "params": {}, "approvalId": "{approval}"}}"#,
                params(number)
            );
            post(&app, "/api/policy/evaluate", body).await.expect(200)["decision"].clone()
        };
        assert_eq!(
            (judge(one).await, judge(other).await),
            (json!("allow"), json!("needs_approval")),
            "{one}"
        );

        let run = app.post("/api/runs", json!({ "agentId": "scout", "model": "m" })).await.expect(201).id();
        let used = |number: &str| {
            let path = format!("/api/runs/{run}/tool-calls");
            let body = format!(
                r#"{{"tool": "payment", "status": "success", "approvalId": "{approval}", "params": {0}, "inputPreview": {0}}}"#,
                params(number)
            );
            (path, body)
        };
        let (path, body) = used(one);
        let recorded = post(&app, &path, body).await.expect(201);
        assert_eq!(recorded["inputPreview"], format!("{{\"amount\":{one}}}"));
    }
}

#[tokio::test]
async fn a_use_with_other_digits_than_those_approved_is_contained() {
    for (one, other) in PAIRS {
        let app = App::new().await;
        app.agent("Scout").await;
        let asked = post(&app, "/api/approvals", ask(&format!(r#"{{"amount": {one}}}"#))).await.expect(201);
        let approval = text(&asked, "id");
        app.post(format!("/api/approvals/{approval}/approve"), json!({})).await.expect(200);
        let run = app.post("/api/runs", json!({ "agentId": "scout", "model": "m" })).await.expect(201).id();
        let body = format!(
            r#"{{"tool": "payment", "status": "success", "approvalId": "{approval}", "params": {{"amount": {other}}}}}"#
        );
        let refused = post(&app, &format!("/api/runs/{run}/tool-calls"), body).await.expect(403);
        assert_eq!(refused["code"], "approval_required", "{one} and {other}");
    }
}

#[tokio::test]
async fn a_key_stands_for_the_digits_it_came_with() {
    let app = App::new().await;
    app.agent("Scout").await;
    for (nth, (one, other)) in PAIRS.into_iter().enumerate() {
        let send = |number: &str| {
            let body = ask(&format!(r#"{{"amount": {number}}}"#));
            app.send(Method::POST, "/api/approvals", body).key(&format!("key-{nth}"))
        };
        let first = send(one).await.expect(201);
        let again = send(one).await.expect(201);
        assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
        send(other).await.refused(422, "idempotency_key_reused");
    }
}

#[tokio::test]
async fn what_is_exported_and_told_has_the_digits_too_also_after_a_restart() {
    let mut app = App::on_disk().await;
    app.agent("Scout").await;
    let task = app.task("Pay the bill").await;
    let numbers = PAIRS.map(|(_, number)| number);
    for number in numbers {
        let payload = format!(
            r#"{{"tool": "payment", "params": {{"sent_at": "2026-02-01T09:00:00Z", "amount": {number}}}}}"#
        );
        let body = format!(
            r#"{{"taskId": "{task}", "actionType": "tool_call", "summary": "Pay", "risk": "red", "justification": "due",
                "payload": {payload}}}"#
        );
        let approval = text(&post(&app, "/api/approvals", body).await.expect(201), "id");
        app.post(format!("/api/approvals/{approval}/withdraw"), json!({})).await.expect(200);
    }
    for restarted in [false, true] {
        if restarted {
            app = app.restarted().await;
        }
        let paths = [
            "/api/audit/export".to_owned(),
            "/api/audit/export?format=ndjson".to_owned(),
            "/api/audit/export?format=cloudevents".to_owned(),
            "/api/approvals?status=all".to_owned(),
            format!("/api/tasks/{task}/timeline"),
        ];
        for path in paths {
            let told = app.get(&path).await.expect(200);
            for number in numbers {
                // The names and the form of the members stay as sent, too.
                let shown = format!(r#""params":{{"amount":{number},"sent_at":"2026-02-01T09:00:00Z"}}"#);
                assert!(told.text.contains(&shown), "{path} does not show {number}: {}", told.text);
            }
        }
        let table = app.get("/api/audit/export?format=csv").await.expect(200);
        for number in numbers {
            assert!(table.text.contains(&format!(r#"""amount"":{number},"#)), "{number}: {}", table.text);
        }
    }
}

#[tokio::test]
async fn a_number_is_whole_however_it_is_written_and_a_refusal_repeats_its_digits() {
    let app = App::new().await;
    for priority in ["1", "1.0", "1e0", "10e-1"] {
        let body = format!(r#"{{"title": "Write", "type": "docs", "priority": {priority}}}"#);
        assert_eq!(post(&app, "/api/tasks", body).await.expect(201)["priority"], 1, "{priority}");
    }
    for (field, sent, said) in [
        ("priority", "1.5", "was 1.5"),
        ("priority", "1e400", "was 1e400"),
        ("priority", "12345678901234567890123", "was 12345678901234567890123"),
        ("title", "1.0", "was 1.0"),
        ("title", "1e999", "was 1e999"),
        ("title", "0.10000000000000001", "was 0.10000000000000001"),
    ] {
        let body = format!(r#"{{"type": "docs", "{field}": {sent}}}"#);
        let refused = post(&app, "/api/tasks", body).await.refused(422, "invalid_fields");
        let errors = refused["errors"].as_array().unwrap();
        let error = errors.iter().find(|error| error["field"] == field).unwrap();
        assert!(error["message"].as_str().unwrap().ends_with(said), "{field} {sent}: {error}");
    }
}
