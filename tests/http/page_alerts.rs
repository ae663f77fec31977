//! The page of alerts: those to be dealt with, and the forms that look after them.

use mc_domain::credential::Bearer;
use serde_json::{Value, json};

use crate::{
    app::{App, Key},
    page_approvals::{SCRIPT, harmless, send, submit},
};

struct World {
    app: App,
    task: String,
    ada: Key,
    eve: Key,
    olga: Key,
    alert: String,
}

/// A server on which Scout ran into an alert, at a task of its own.
async fn world(title: &str) -> World {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    app.foreign_agent("Nova").await;
    let (ada, eve) = (app.operator("Ada", &[]).await, app.operator("Eve", &["elsewhere"]).await);
    let olga = app.issue("Olga", Bearer::Auditor, &[], None).await;
    let task = json!({ "title": title, "type": "docs", "assigneeIds": [scout] });
    let task = app.post("/api/tasks", task).by(&ada).await.expect(201).id();
    let begin = json!({ "toStatus": "in_progress", "workPlan": crate::app::plan() });
    app.post(format!("/api/tasks/{task}/transition"), begin).by(&ada).await.expect(200);
    let run = json!({ "agentId": scout, "taskId": task, "model": "large", "estimatedCost": 9 });
    app.post("/api/runs", run).by(&ada).await.expect(409);
    let alert = app.get("/api/alerts").by(&ada).await.expect(200).body[0]["id"].as_str().unwrap().to_owned();
    World { app, task, ada, eve, olga, alert }
}

impl World {
    async fn page(&self, by: &Key, address: &str) -> String {
        self.app.get(address).by(by).await.expect(200).text
    }

    async fn shown(&self) -> Value {
        self.app.get(format!("/api/alerts/{}", self.alert)).by(&self.ada).await.expect(200).body
    }
}

#[tokio::test]
async fn an_alert_is_acknowledged_with_a_note_and_resolved() {
    let world = world("Write the guide").await;
    let (app, ada, alert) = (&world.app, &world.ada, &world.alert);
    let page = world.page(ada, "/alerts").await;
    for part in ["budget exceeded", "Write the guide", "Scout", &format!("/alerts/{alert}/acknowledge")] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    let note = [("note", "On it")];
    let done = submit(app, ada, &format!("/alerts/{alert}/acknowledge"), &note).await.expect(303);
    assert_eq!(done.header("location"), "/alerts?done=The+alert+is+acknowledged");
    let page = world.page(ada, "/alerts").await;
    assert!(page.contains("On it") && page.contains("Looked after by") && page.contains("Ada"), "{page}");
    assert!(!page.contains(&format!("/alerts/{alert}/acknowledge")), "it is acknowledged: {page}");
    let ignoring = world.page(ada, &format!("/alerts/{alert}/ignore")).await;
    submit(app, ada, &format!("/alerts/{alert}/resolve"), &[]).await.expect(303);
    assert!(!world.page(ada, "/alerts").await.contains(alert));
    for address in ["/alerts?resolved=all", "/alerts?resolved=true"] {
        let page = world.page(ada, address).await;
        assert!(page.contains(alert) && !page.contains(&format!("/alerts/{alert}/resolve")), "{page}");
    }
    let address = format!("/alerts/{alert}/ignore");
    let refused = send(app, ada, &address, &ignoring, &[("note", "Never mind")]).await.expect(409);
    assert!(
        refused.text.contains("Never mind") && refused.text.contains("role=\"alert\""),
        "{}",
        refused.text
    );
    assert_eq!(world.shown().await["status"], "resolved");
}

#[tokio::test]
async fn alerts_are_filtered_and_the_filters_keep_what_was_chosen() {
    let world = world("Write").await;
    let severity = world.shown().await["severity"].as_str().unwrap().to_owned();
    let with = |query: &str| format!("/alerts?{query}");
    for (query, is_there) in [
        (format!("severity={severity}&type=&resolved="), true),
        ("severity=info".to_owned(), false),
        ("type=budget_exceeded".to_owned(), true),
        ("type=loop_detected".to_owned(), false),
        ("project=elsewhere".to_owned(), false),
        ("resolved=true".to_owned(), false),
    ] {
        let page = world.page(&world.ada, &with(&query)).await;
        assert_eq!(page.contains(&world.alert), is_there, "{query}");
    }
    let page = world.page(&world.ada, "/alerts?type=loop_detected").await;
    assert!(page.contains("<option value=\"loop_detected\" selected>"), "{page}");
    assert!(page.contains("No alert is like this"), "{page}");
    world.app.get("/alerts?severity=enormous").by(&world.ada).await.expect(400);
}

#[tokio::test]
async fn what_was_written_is_shown_as_text_and_others_see_nothing() {
    let world = world(SCRIPT).await;
    let alert = &world.alert;
    let note = [("note", SCRIPT)];
    submit(&world.app, &world.ada, &format!("/alerts/{alert}/acknowledge"), &note).await.expect(303);
    let page = world.app.get("/alerts").by(&world.ada).await.expect(200);
    harmless(&page);
    assert!(page.text.contains(&world.task));
    let audited = world.page(&world.olga, "/alerts").await;
    assert!(audited.contains(alert) && !audited.contains("/resolve"), "{audited}");
    let resolve = format!("/alerts/{alert}/resolve");
    send(&world.app, &world.olga, &resolve, "", &[]).await.expect(403).recorded(&[]);
    world.app.get(resolve).by(&world.olga).await.expect(403);
    assert!(!world.page(&world.eve, "/alerts?resolved=all").await.contains(alert));
    world.app.get(format!("/alerts/{alert}/resolve")).by(&world.eve).await.expect(404);
}
