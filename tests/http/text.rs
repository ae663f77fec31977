//! What people read and decide on: texts that show nothing, hide something, or pass for others.

use serde_json::json;

use crate::app::App;

/// A direction mark, a zero-width space, a soft hyphen, an override, a selector, a filler.
const UNSEEN: [&str; 6] = ["\u{200f}", "\u{200b}", "\u{ad}", "\u{202e}", "\u{fe0f}", "\u{3164}"];

#[tokio::test]
async fn names_that_hide_something_or_mix_look_alikes_are_refused() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let look_alikes = ["S\u{441}out", "\u{405}ofie", "S\u{43e}fie"].map(str::to_owned);
    for name in UNSEEN.iter().map(|unseen| format!("So{unseen}fie")).chain(look_alikes) {
        app.post("/api/agents", json!({ "name": name })).await.refused_fields(&["name"]);
        let project = json!({ "name": name, "slug": "elsewhere" });
        app.post("/api/projects", project).await.refused_fields(&["name"]);
        app.patch(format!("/api/agents/{scout}"), json!({ "name": name })).await.refused_fields(&["name"]);
        app.patch("/api/projects/openclaw", json!({ "name": name })).await.refused_fields(&["name"]);
        let task = json!({ "title": "X", "type": "docs", "actor": { "type": "human", "id": name } });
        app.post("/api/tasks", task).await.refused_fields(&["actor.id"]);
        let spawn = json!({ "name": name, "purpose": "help" });
        app.post(format!("/api/agents/{scout}/spawn"), spawn).await.refused_fields(&["name"]);
    }
    let refused = app.post("/api/agents", json!({ "name": "Sc\u{ad}out" })).await.refused_fields(&["name"]);
    assert!(
        refused["errors"][0]["message"].as_str().unwrap().ends_with("such as U+00AD"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_text_of_which_nothing_can_be_seen_is_none() {
    let app = App::new().await;
    let (scout, task) = (app.agent("Scout").await, app.task("Pricing").await);
    for unseen in UNSEEN {
        let unseen = format!("{unseen} \u{200b}\n");
        app.post("/api/tasks", json!({ "title": unseen, "type": "docs" })).await.refused_fields(&["title"]);
        app.post("/api/agents", json!({ "name": unseen })).await.refused_fields(&["name"]);
        app.patch(format!("/api/tasks/{task}"), json!({ "title": unseen })).await.refused_fields(&["title"]);
        let message = json!({ "content": unseen });
        app.post(format!("/api/tasks/{task}/messages"), message).await.refused_fields(&["content"]);
        let reason = json!({ "reason": unseen });
        app.post(format!("/api/agents/{scout}/pause"), reason.clone()).await.refused_fields(&["reason"]);
        app.post("/api/emergency/pause-squad", reason).await.refused_fields(&["reason"]);
        let blocked = json!({ "toStatus": "blocked", "blockedReason": unseen });
        app.post(format!("/api/tasks/{task}/transition"), blocked).await.refused_fields(&["blockedReason"]);
        let label = json!({ "title": "X", "type": "docs", "labels": ["a", unseen] });
        app.post("/api/tasks", label).await.refused_fields(&["labels[1]"]);
    }
}

#[tokio::test]
async fn what_is_decided_on_is_what_it_looks_like() {
    let app = App::new().await;
    app.agent("Scout").await;
    let ask = json!({
        "agentId": "scout", "actionType": "tool_call", "risk": "red",
        "summary": "Send the newsletter", "justification": "It is tested",
    });
    let with = |field: &str, text: &str| {
        let mut ask = ask.clone();
        ask[field] = json!(text);
        ask
    };
    for field in ["summary", "justification", "rollbackPlan"] {
        for text in ["Send \u{202e}gnp.exe", "Se\u{200b}nd", "S\u{435}nd the newsletter", "Send \u{2066}it"] {
            app.post("/api/approvals", with(field, text)).await.refused_fields(&[field]);
        }
        app.post("/api/approvals", with(field, "\u{200b}")).await.refused_fields(&[field]);
    }
    let summary = "Предложить 10μs 👩\u{200d}💻 می\u{200c}خواهم 山田アシスタント";
    let asked = app.post("/api/approvals", with("summary", summary)).await.expect(201);
    assert_eq!(asked["summary"], summary);
    let again = json!({ "agentId": "scout", "summary": "Send \u{202e}it" });
    let resubmit = app.post(format!("/api/approvals/{}/resubmit", asked.id()), again);
    resubmit.await.refused_fields(&["summary"]);
}

#[tokio::test]
async fn a_slug_says_what_is_wrong_with_it_once() {
    let app = App::new().await;
    for slug in ["a--b", "A", "a\u{200b}", "a\u{0}", "\u{200b}", "x".repeat(64).as_str()] {
        let body = json!({ "name": "X", "slug": slug });
        let refused = app.post("/api/projects", body).await.refused_fields(&["slug"]);
        let message = refused["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("single hyphens between them"), "{slug:?}: {message}");
    }
}
