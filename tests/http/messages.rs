//! `/api/tasks/{task}/messages` and `/timeline`: the thread of a task, and its history.

use serde_json::{Value, json};

use crate::app::{Answer, App, NOBODY};

async fn with_task() -> (App, String) {
    let app = App::new().await;
    app.agent("Scout").await;
    let task = app.task("Write").await;
    (app, task)
}

async fn say(app: &App, task: &str, body: Value) -> Answer {
    app.post(format!("/api/tasks/{task}/messages"), body).await
}

#[tokio::test]
async fn a_message_is_posted_and_read_in_order() {
    let (app, task) = with_task().await;
    let first = say(&app, &task, json!({ "content": "First" })).await.expect(201);
    let first = first.recorded(&["task.message_posted"]);
    assert_eq!(first.header("location"), format!("/api/tasks/{task}/messages"));
    assert_eq!((&first["type"], &first["author"]["name"]), (&json!("comment"), &json!("Sofie")));
    let answer = json!({
        "type": "PROGRESS", "content": "Second", "agentId": "scout", "replyTo": first["id"],
        "artifacts": [{ "name": "Notes", "kind": "evidence", "content": "…" }, { "url": "https://example.org" }],
    });
    let second = say(&app, &task, answer).await.expect(201);
    assert_eq!((&second["type"], &second["author"]["name"]), (&json!("progress"), &json!("Scout")));
    assert_eq!((&second["replyTo"], &second["artifacts"][0]["name"]), (&first["id"], &json!("Notes")));
    let thread = app.get(format!("/api/tasks/{task}/messages")).await.expect(200);
    assert_eq!(thread.body, json!([first.body, second.body]));
    let newest = app.get(format!("/api/tasks/{task}/messages?order=desc&limit=1")).await.expect(200);
    assert_eq!(newest.column("content"), ["Second"]);
    let shown = app.get(format!("/api/tasks/{task}")).await;
    assert_eq!((&shown["messageCount"], &shown["artifactCount"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn those_who_are_named_are_mentioned_once_and_the_author_is_not() {
    let (app, task) = with_task().await;
    app.agent("Nova").await;
    let body = json!({ "content": "@Nova and @scout, see me@nova.example", "mentions": ["@NOVA", "sofie"] });
    let said = say(&app, &task, body).await.expect(201);
    let names: Vec<_> = said["mentions"].as_array().unwrap().iter().map(|who| &who["name"]).collect();
    assert_eq!(names.len(), 2, "{}", said.text);
    assert!(names.contains(&&json!("Nova")) && names.contains(&&json!("Scout")));
}

#[tokio::test]
async fn messages_that_say_nothing_or_too_much_are_refused() {
    let (app, task) = with_task().await;
    let other = app.task("Other").await;
    let elsewhere = say(&app, &other, json!({ "content": "x" })).await.expect(201)["id"].clone();
    let artifacts = vec![json!({ "content": "x" }); 21];
    for (field, body) in [
        ("content", json!({})),
        ("content", json!({ "content": "" })),
        ("content", json!({ "content": "x".repeat(10_001) })),
        ("content", json!({ "content": "a\u{0}b" })),
        ("content", json!({ "content": ["x"] })),
        ("type", json!({ "content": "x", "type": "shout" })),
        ("text", json!({ "content": "x", "text": "y" })),
        ("mentions[0]", json!({ "content": "x", "mentions": ["nobody"] })),
        ("mentions", json!({ "content": "x", "mentions": vec!["scout"; 51] })),
        ("replyTo", json!({ "content": "x", "replyTo": NOBODY })),
        ("replyTo", json!({ "content": "x", "replyTo": "first" })),
        ("replyTo", json!({ "content": "x", "replyTo": elsewhere })),
        ("artifacts[0]", json!({ "content": "x", "artifacts": [{ "name": "empty" }] })),
        ("artifacts", json!({ "artifacts": artifacts })),
        ("actor.id", json!({ "content": "x", "actor": { "type": "agent", "id": "nobody" } })),
        ("agentId", json!({ "content": "x", "agentId": NOBODY })),
    ] {
        say(&app, &task, body).await.refused_fields(&[field]);
    }
}

#[tokio::test]
async fn longest_and_strangest_contents_are_kept() {
    let (app, task) = with_task().await;
    for content in ["🔥".repeat(10_000), "\u{202e}rtl \"quoted\"\n'); DROP TABLE events;--".to_owned()] {
        assert_eq!(say(&app, &task, json!({ "content": content })).await.expect(201)["content"], content);
    }
}

#[tokio::test]
async fn only_those_who_may_speak_are_heard() {
    let (app, task) = with_task().await;
    let foreign = app.foreign_agent("Echo").await;
    let body = json!({ "content": "x", "actor": { "type": "agent", "id": foreign } });
    say(&app, &task, body).await.refused(422, "rule_broken");
    say(&app, &task, json!({ "content": "x", "type": "system" })).await.refused(403, "forbidden");
    say(&app, &task, json!({ "content": "x", "type": "system", "actor": "system" })).await.expect(201);
    app.post("/api/agents/scout/pause", json!({})).await.expect(200);
    say(&app, &task, json!({ "content": "x", "agentId": "scout" })).await.expect(201);
    app.post("/api/agents/scout/quarantine", json!({})).await.expect(200);
    say(&app, &task, json!({ "content": "x", "agentId": "scout" })).await.refused(409, "agent_not_active");
}

#[tokio::test]
async fn the_timeline_tells_everything_that_happened_to_the_task_oldest_first() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    app.task("Another").await;
    say(&app, &task, json!({ "content": "halfway" })).await.expect(201);
    app.moved(&task, json!({ "toStatus": "blocked", "reason": "no brief" })).await;
    let timeline = app.get(format!("/api/tasks/{task}/timeline")).await.expect(200);
    let types = ["task.created", "task.assigned", "task.started", "task.message_posted", "task.blocked"];
    assert_eq!(timeline.column("type"), types);
    assert_eq!(timeline.column("summary")[4], "Sofie blocked the task: no brief");
    let positions: Vec<_> =
        timeline.body.as_array().unwrap().iter().map(|row| row["position"].as_u64()).collect();
    assert!(positions.is_sorted());
    let newest = app.get(format!("/api/tasks/{task}/timeline?order=desc&limit=2")).await.expect(200);
    assert_eq!(newest.column("type"), ["task.blocked", "task.message_posted"]);
}

#[tokio::test]
async fn nobody_of_another_project_reviews_or_hears_of_a_task() {
    let app = App::new().await;
    let (task, stranger) = (app.task("Write").await, app.foreign_agent("Stranger").await);
    let task = format!("/api/tasks/{task}");
    app.patch(task.clone(), json!({ "reviewerIds": [stranger] })).await.refused_fields(&["reviewerIds"]);
    let message = json!({ "content": "Look", "mentions": [stranger] });
    app.post(format!("{task}/messages"), message).await.refused_fields(&["mentions[0]"]);
}

#[tokio::test]
async fn whoever_asks_to_hears_of_a_task_until_they_ask_no_more() {
    let app = App::new().await;
    let (task, nova) = (app.task("Write").await, app.agent("Nova").await);
    let by = || json!({ "agentId": nova });
    let followed = app.post(format!("/api/tasks/{task}/subscribe"), by()).await.expect(200);
    let followed = followed.recorded(&["task.subscribed"]);
    assert_eq!(followed["subscribers"], json!([{ "type": "agent", "id": nova, "name": "Nova" }]));
    app.post(format!("/api/tasks/{task}/subscribe"), by()).await.expect(200).recorded(&[]);
    let left = app.post(format!("/api/tasks/{task}/unsubscribe"), by()).await.expect(200);
    assert_eq!(left.recorded(&["task.unsubscribed"])["subscribers"], json!([]));
    app.post(format!("/api/tasks/{task}/unsubscribe"), by()).await.expect(200).recorded(&[]);
    let stranger = app.foreign_agent("Stranger").await;
    app.post(format!("/api/tasks/{task}/subscribe"), json!({ "agentId": stranger }))
        .await
        .refused_fields(&["agentId"]);
    let claimed = json!({ "actor": { "type": "agent", "id": stranger } });
    app.post(format!("/api/tasks/{task}/subscribe"), claimed).await.refused(422, "rule_broken");
}

/// A full thread refuses agents and names the limit; an operator can always post.
#[tokio::test]
async fn a_full_thread_takes_no_more_from_agents() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    app.put("/api/policy", json!({ "limits": { "maxThreadMessages": 2 } })).await.expect(200);
    let path = format!("/api/tasks/{task}/messages");
    let by_scout = json!({ "content": "Half way.", "actor": { "type": "agent", "id": scout } });
    for _ in 0..2 {
        app.post(&path, by_scout.clone()).await.expect(201);
    }
    let refused = app.post(&path, by_scout.clone()).await;
    assert!(refused["detail"].as_str().unwrap().contains("limits.maxThreadMessages"), "{}", refused.text);
    refused.refused(422, "thread_full");
    app.post(&path, json!({ "content": "Go on elsewhere." })).await.expect(201);
    app.put("/api/policy", json!({ "limits": { "maxThreadMessages": 9 } })).await.expect(200);
    app.post(&path, by_scout).await.expect(201);
    app.put("/api/policy", json!({ "limits": { "maxThreadMessages": 0 } })).await.expect(422);
}
