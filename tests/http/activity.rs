//! `/api/activity`: the newest events that are news, in plain sentences.

use mc_projections::activity::TYPES;
use serde_json::json;

use crate::app::App;

async fn busy() -> App {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let body = json!({ "toStatus": "blocked", "reason": "no brief", "agentId": "scout" });
    app.moved(&task, body).await;
    app
}

#[tokio::test]
async fn the_feed_tells_what_happened_newest_first() {
    let app = busy().await;
    let feed = app.get("/api/activity").await.expect(200);
    let types = [
        "alert.raised",
        "task.blocked",
        "task.started",
        "task.assigned",
        "task.created",
        "agent.registered",
        "project.created",
    ];
    assert_eq!(feed.column("type"), types);
    assert_eq!(feed.column("summary")[1], "Scout blocked “Write the guide”: no brief");
    assert_eq!(feed.body[1]["entity"]["kind"], "task");
    assert_eq!(feed.body[1]["actor"]["type"], "agent");
}

#[tokio::test]
async fn the_feed_is_filtered_by_type_actor_and_project() {
    let app = busy().await;
    for (query, count) in [
        ("type=task", 4),
        ("type=TASK.BLOCKED,agent", 2),
        ("actor=scout", 2),
        ("actor=Sofie", 4),
        ("actor=mission-control", 1),
        ("actor=nobody-of-that-name", 0),
        ("project=openclaw&limit=2", 2),
    ] {
        let feed = app.get(format!("/api/activity?{query}")).await.expect(200);
        assert_eq!(feed.body.as_array().unwrap().len(), count, "{query}: {}", feed.text);
    }
}

#[tokio::test]
async fn an_unknown_type_is_refused_and_the_known_ones_are_named() {
    let app = App::new().await;
    for kind in ["tasks", "task.", "task.claimd", "agent.engaged", "task,nonsense"] {
        let refused = app.get(format!("/api/activity?type={kind}")).await.refused(400, "malformed_query");
        let detail = refused["detail"].as_str().unwrap();
        assert!(TYPES.iter().all(|known| detail.contains(known)), "{detail}");
        assert_eq!(refused.error_fields(), ["type"]);
    }
    for kind in TYPES {
        app.get(format!("/api/activity?type={kind}")).await.expect(200);
    }
}

#[tokio::test]
async fn an_actor_that_can_be_nobody_is_refused() {
    let app = App::new().await;
    for query in ["actor=%00", "project=nowhere"] {
        app.get(format!("/api/activity?{query}")).await.refused(400, "malformed_query");
    }
}
