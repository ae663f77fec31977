//! Two nodes on one log: what one answers, the other knows, decides on and goes on from.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;

use crate::{
    app::App,
    events::follow,
    several::{Database, Node},
};

async fn two() -> (std::sync::Arc<Database>, [std::sync::Arc<Node>; 2], [App; 2]) {
    let (database, nodes) = Database::with_nodes::<2>();
    let apps = [App::on_node(&nodes[0]).await, App::on_node(&nodes[1]).await];
    (database, nodes, apps)
}

#[tokio::test]
async fn a_node_decides_on_what_another_committed_without_a_conflict() {
    let (database, _, [a, b]) = two().await;
    let path = format!("/api/tasks/{}", a.task("Write").await);
    for (app, title) in [(&b, "Rewrite"), (&a, "Write again"), (&b, "Done with it")] {
        app.patch(&path, json!({ "title": title })).await.expect(200);
    }
    assert_eq!(database.conflicts(), 0);
    assert_eq!(a.get(&path).await.expect(200)["title"], "Done with it");
}

#[tokio::test]
async fn a_node_that_is_late_is_overtaken_and_decides_anew() {
    let (database, [_, late], [a, b]) = two().await;
    let path = format!("/api/tasks/{}", a.task("Write").await);
    b.patch(&path, json!({ "title": "Rewrite" })).await.expect(200);
    late.is_late(true);
    a.patch(&path, json!({ "priority": 1 })).await.expect(200);
    let changed = b.patch(&path, json!({ "title": "Write again" })).await.expect(200);
    assert_eq!((&changed["title"], &changed["priority"]), (&json!("Write again"), &json!(1)));
    assert_eq!(database.conflicts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_and_a_write_wait_for_what_another_node_answered() {
    let (_, [_, late], [a, b]) = two().await;
    late.is_late(true);
    let created = a.post("/api/tasks", json!({ "title": "Write", "type": "docs" })).await.expect(201);
    let (path, position) = (format!("/api/tasks/{}", created.id()), created.header("mc-position"));
    let page = format!("/tasks/{}", created.id());
    b.get(&path).await.expect(404);
    for path in [path.as_str(), "/api/tasks", "/api/events", &page] {
        let refused = b.get(path).header("mc-position", position).await.refused(503, "position_not_reached");
        assert_eq!(refused.header("retry-after"), "2");
    }
    let refused = b.patch(&path, json!({ "title": "Rewrite" })).header("mc-position", position).await;
    assert_eq!(refused.refused(503, "position_not_reached").header("retry-after"), "2");
    let waits = async { b.get(&path).header("mc-position", position).await.expect(200) };
    let (found, ()) = tokio::join!(waits, async { late.is_late(false) });
    assert_eq!(found["title"], "Write");
    let tasks = b.get("/api/tasks").header("mc-position", position).await.expect(200);
    assert_eq!(tasks.column("title"), ["Write"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_at_another_node_without_a_gap_or_a_repeat() {
    let (_, [_, late], [a, b]) = two().await;
    late.is_late(true);
    let mut stream = follow(a.get("/api/events?after=0")).await;
    for title in ["Write", "Read"] {
        a.task(title).await;
    }
    let mut ids = Vec::new();
    while ids.last() != Some(&(a.head() - 1)) {
        ids.push(stream.next().await.unwrap().id);
    }
    let last = ids.last().unwrap().to_string();
    let refused = b.get("/api/events").header("last-event-id", &last).await;
    assert_eq!(refused.refused(503, "position_not_reached").header("retry-after"), "2");
    let resumed = follow(b.get("/api/events").header("last-event-id", &last));
    let (mut stream, ()) = tokio::join!(resumed, async { late.is_late(false) });
    b.task("Answer").await;
    while ids.last() != Some(&b.head()) {
        ids.push(stream.next().await.unwrap().id);
    }
    assert_eq!(ids, (1..=b.head()).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_nodes_together_take_no_more_agents_than_the_policy_allows() {
    let (_, _, [a, b]) = two().await;
    a.put("/api/policy", json!({ "limits": { "maxAgents": 5 } })).await.expect(200);
    let (a, b) = (&a, &b);
    let register = |n: usize| async move {
        let app = if n.is_multiple_of(2) { a } else { b };
        app.post("/api/agents", json!({ "name": format!("Agent {n}"), "role": "lead" })).await.status.as_u16()
    };
    let mut answers = BTreeMap::new();
    for status in join_all((0..20).map(register)).await {
        *answers.entry(status).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([(201, 5), (422, 15)]));
}

#[tokio::test]
async fn a_credential_that_another_node_revoked_is_good_for_no_write() {
    let (_, [_, late], [a, b]) = two().await;
    let (sofie, other) = (a.operator("Sofie", &[]).await, a.operator("Nova", &[]).await);
    let task = json!({ "title": "Write", "type": "docs" });
    b.post("/api/tasks", task.clone()).by(&other).await.expect(201);
    late.is_late(true);
    let revoked =
        a.post(format!("/api/credentials/{}/revoke", other.id), json!({})).by(&sofie).await.expect(200);
    b.get("/api/tasks").by(&other).await.expect(200);
    assert_eq!(b.post("/api/tasks", task).by(&other).await.expect(401)["code"], "credential_revoked");
    late.is_late(false);
    b.get("/api/tasks").by(&sofie).header("mc-position", revoked.header("mc-position")).await.expect(200);
    b.get("/api/tasks").by(&other).await.refused(401, "credential_revoked");
}
