//! `/api/board`: a column per status, with counts and the first cards.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::App;

fn statuses(board: &Value) -> Vec<&str> {
    board["columns"].as_array().unwrap().iter().map(|column| column["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_board_has_its_columns_in_order_and_its_counts() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let canceled = app.task("Canceled").await;
    app.moved(&canceled, json!({ "toStatus": "canceled" })).await;
    app.wait(TimeDelta::minutes(2));
    let board = app.get("/api/board").await.expect(200);
    let open = ["inbox", "assigned", "in_progress", "review", "needs_approval", "blocked", "done"];
    assert_eq!(statuses(&board.body), open);
    let card = &board["columns"][2]["cards"][0];
    assert_eq!((&card["id"], &card["ageSecs"], &card["budget"]), (&json!(task), &json!(120), &json!(3)));
    assert_eq!(card["assignees"], json!([{ "id": scout, "name": "Scout", "emoji": null }]));
    assert_eq!(board["counts"]["canceled"], 1);
    let all = app.get("/api/board?all=true").await.expect(200);
    assert_eq!(statuses(&all.body)[7..], ["failed", "canceled"]);
    assert_eq!(all["columns"][8]["count"], 1);
}

#[tokio::test]
async fn a_board_is_of_one_project_or_of_all() {
    let app = App::new().await;
    app.foreign_agent("Echo").await;
    app.task("Here").await;
    app.post("/api/tasks", json!({ "title": "There", "type": "docs", "projectId": "elsewhere" }))
        .await
        .expect(201);
    for (query, count) in [("", 2), ("?project=openclaw", 1), ("?project=elsewhere", 1)] {
        assert_eq!(app.get(format!("/api/board{query}")).await["columns"][0]["count"], count, "{query}");
    }
    app.get("/api/board?project=nowhere").await.refused(400, "malformed_query");
}

#[tokio::test]
async fn a_column_shows_as_many_cards_as_asked_for() {
    let app = App::new().await;
    for title in ["a", "b", "c"] {
        app.task(title).await;
    }
    let inbox = &app.get("/api/board?limit=2").await.expect(200)["columns"][0];
    assert_eq!((inbox["cards"].as_array().unwrap().len(), &inbox["count"]), (2, &json!(3)));
}

#[tokio::test]
async fn a_board_shows_what_its_filters_let_through() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    app.assigned(&scout).await;
    let body = json!({ "title": "Fix the Login", "type": "engineering", "priority": 1, "labels": ["auth"] });
    let fix = app.post("/api/tasks", body).await.expect(201).id();
    let stuck = app.task("Stuck").await;
    app.moved(&stuck, json!({ "toStatus": "blocked", "blockedReason": "no brief" })).await;
    let counts = |board: &Value| {
        ["inbox", "assigned", "blocked"].map(|status| board["counts"][status].as_u64().unwrap())
    };
    for (query, expected) in [
        ("", [1, 1, 1]),
        ("?type=docs", [0, 1, 1]),
        ("?assignee=Scout", [0, 1, 0]),
        ("?priority=1,2", [1, 0, 0]),
        ("?label=auth", [1, 0, 0]),
        ("?blocked=true", [0, 0, 1]),
        ("?blocked=false", [1, 1, 0]),
        ("?search=LOGIN", [1, 0, 0]),
        ("?search=LOGIN&type=docs", [0, 0, 0]),
    ] {
        let board = app.get(format!("/api/board{query}")).await.expect(200);
        assert_eq!(counts(&board.body), expected, "{query}");
    }
    let card = &app.get("/api/board?priority=1").await["columns"][0]["cards"][0];
    assert_eq!(card["id"], json!(fix));
    assert_eq!(card["allowedTransitions"], json!(["assigned", "blocked", "canceled"]));
    assert_eq!(card["awaitedApprovalIds"], json!([]));
    app.get("/api/board?assignee=Nobody").await.refused(400, "malformed_query");
}
