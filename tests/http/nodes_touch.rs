//! A node that cannot reach the database: it refuses writes, says how old its answers are, and recovers by itself.

use std::time::Duration;

use serde_json::json;

use crate::{
    app::App,
    several::{Database, until},
};

#[tokio::test]
async fn a_node_that_is_cut_off_refuses_writes_and_marks_what_it_shows() {
    let (_, [node]) = Database::with_nodes();
    let app = App::on_node(&node).await;
    let (task, new) = (app.task("Write").await, json!({ "title": "Read", "type": "docs" }));
    let scout = app.agent("Scout").await;
    let reads = ["/api/tasks", &format!("/api/tasks/{task}"), "/api/metrics", "/tasks", "/metrics"];
    for path in reads {
        assert!(!app.get(path).await.expect(200).headers.contains_key("mc-stale"), "{path}");
    }
    node.cut_off(7);
    for path in reads {
        assert_eq!(app.get(path).await.expect(200).header("mc-stale"), "7", "{path}");
    }
    let heartbeat = format!("/api/agents/{scout}/heartbeat");
    for (path, body) in [("/api/tasks", new.clone()), (&heartbeat, json!({}))] {
        let refused = app.post(path, body).await.refused(503, "store_unavailable");
        assert_eq!(refused.header("retry-after"), "2");
        assert!(!refused.headers.contains_key("mc-stale"));
    }
    for path in ["/api/audit/export", &format!("/api/tasks/{task}/timeline")] {
        app.get(path).await.refused(503, "store_unavailable");
    }
    node.connect();
    app.post("/api/tasks", new).await.expect(201);
    assert!(!app.get("/api/tasks").await.expect(200).headers.contains_key("mc-stale"));
}

#[tokio::test]
async fn the_health_of_a_node_that_is_cut_off_says_so() {
    let (_, [node]) = Database::with_nodes();
    let app = App::on_node(&node).await;
    node.cut_off(7);
    let health = app.get("/health").await.expect(503);
    let services = json!({ "api": "ok", "store": "error", "workers": "ok" });
    assert_eq!((&health["status"], &health["services"]), (&json!("degraded"), &services));
    assert!(!health.headers.contains_key("mc-stale"));
    app.get("/livez").await.expect(200);
    app.get("/readyz").await.refused(503, "store_unavailable");
    node.connect();
    app.get("/health").await.expect(200);
    app.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn the_page_says_how_old_its_figures_are() {
    let (_, [node]) = Database::with_nodes();
    let app = App::on_node(&node).await;
    let says = |text: &str| text.contains("seconds old: the database does not answer.");
    assert!(!says(&app.get("/costs").await.expect(200).text));
    node.cut_off(7);
    let page = app.get("/costs").await.expect(200).text;
    let banner =
        "id=\"stale\" role=\"status\">These figures are 7 seconds old: the database does not answer.<";
    assert!(page.contains(banner), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_node_recovers_by_itself_however_long_the_database_was_away() {
    let (_, [one, cut]) = Database::with_nodes();
    let (a, b) = (App::on_node(&one).await, App::on_node(&cut).await);
    a.task("Write").await;
    // The head of the other node has moved, and its views have not read so far.
    a.task("Read").await;
    cut.cut_off(0);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(b.get("/api/tasks").await.expect(200).headers.contains_key("mc-stale"));
    cut.connect();
    until(|| b.state().projected().lag() == 0).await;
    assert_eq!(b.get("/api/tasks").await.expect(200).column("title").len(), 2);
}
