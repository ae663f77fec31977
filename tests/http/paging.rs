//! Lists: limits, and cursors that show every row once while others add rows.

use std::collections::BTreeSet;

use mc_store::testing::Place;
use serde_json::json;

use crate::{
    app::App,
    audit::{fill, world_of},
};

/// Reads a list to its end, adding a row after every page, and returns the member `name` of all rows.
async fn walked(app: &App, first: &str, name: &str) -> Vec<String> {
    let (mut seen, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(address) = next {
        let page = app.get(&address).await.expect(200);
        assert!(page.body.as_array().unwrap().len() <= 3, "{address}");
        seen.extend(page.column(name).into_iter().map(str::to_owned));
        next = page.next().map(str::to_owned);
        app.task("Added meanwhile").await;
    }
    seen
}

#[tokio::test]
async fn every_list_is_walked_without_a_gap_or_a_repeat_while_rows_are_added() {
    let app = App::new().await;
    let mut tasks = BTreeSet::new();
    for number in 0..10 {
        app.agent(&format!("agent-{number}")).await;
        tasks.insert(app.task(&format!("Task {number}")).await);
    }
    for query in
        ["limit=3", "limit=3&sortBy=title", "limit=3&status=inbox&order=asc", "limit=3&search=task%20"]
    {
        let seen = walked(&app, &format!("/api/tasks?{query}"), "id").await;
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "{query}");
        assert!(distinct.is_superset(&tasks), "{query}");
    }
    let agents = walked(&app, "/api/agents?limit=3&sortBy=name", "name").await;
    assert_eq!(agents, (0..10).map(|number| format!("agent-{number}")).collect::<Vec<_>>());
    assert_eq!(walked(&app, "/api/projects?limit=1", "slug").await, ["openclaw"]);
    let feed = walked(&app, "/api/activity?limit=3&type=agent", "type").await;
    assert_eq!(feed, vec!["agent.registered"; 10]);
}

#[tokio::test]
async fn threads_and_timelines_are_walked_too() {
    let app = App::new().await;
    let task = app.task("Write").await;
    for number in 0..7 {
        let body = json!({ "content": format!("message {number}") });
        app.post(format!("/api/tasks/{task}/messages"), body).await.expect(201);
    }
    let seen = walked(&app, &format!("/api/tasks/{task}/messages?limit=3"), "content").await;
    assert_eq!(seen, (0..7).map(|number| format!("message {number}")).collect::<Vec<_>>());
    let seen = walked(&app, &format!("/api/tasks/{task}/timeline?limit=3&order=desc"), "type").await;
    assert_eq!((seen.len(), seen[7].as_str()), (8, "task.created"));
}

#[tokio::test]
async fn a_list_shows_a_hundred_rows_and_a_thousand_at_most() {
    let app = App::new().await;
    for number in 0..101 {
        app.task(&format!("Task {number}")).await;
    }
    let page = app.get("/api/tasks").await.expect(200);
    assert_eq!(page.body.as_array().unwrap().len(), 100);
    let rest = app.get(page.next().unwrap()).await.expect(200);
    assert_eq!((rest.column("title"), rest.next()), (vec!["Task 0"], None));
    let all = app.get("/api/tasks?limit=1000").await.expect(200);
    assert_eq!((all.body.as_array().unwrap().len(), all.next()), (101, None));
}

#[tokio::test]
async fn limits_out_of_range_are_refused_and_the_range_is_named() {
    let app = App::new().await;
    let task = app.task("Write").await;
    let lists = ["tasks", "agents", "projects", "activity", "board"].map(|list| format!("/api/{list}"));
    let histories = ["messages", "timeline"].map(|list| format!("/api/tasks/{task}/{list}"));
    for list in lists.iter().chain(&histories) {
        for limit in ["0", "1001", "x", "-1", "1.5", "99999999999999999999", "1e3"] {
            let refused = app.get(format!("{list}?limit={limit}")).await.refused(400, "malformed_query");
            let detail = refused["detail"].as_str().unwrap();
            assert!(detail.contains("1 to 1000"), "{list} {limit}: {detail}");
            assert_eq!(refused.error_fields(), ["limit"]);
        }
        app.get(format!("{list}?limit=1")).await.expect(200);
        app.get(format!("{list}?limit=1000")).await.expect(200);
        app.get(format!("{list}?limit=")).await.refused(400, "malformed_query");
    }
}

#[tokio::test]
async fn a_cursor_is_of_one_question() {
    let app = App::new().await;
    for title in ["a", "b", "c"] {
        app.task(title).await;
    }
    let next = app.get("/api/tasks?limit=1&status=inbox").await.next().unwrap().to_owned();
    let cursor = next.split("cursor=").nth(1).unwrap();
    app.get(format!("/api/tasks?limit=2&status=inbox&cursor={cursor}")).await.expect(200);
    for query in ["status=done", "status=inbox&order=asc", "status=inbox&sortBy=title", ""] {
        app.get(format!("/api/tasks?{query}&cursor={cursor}")).await.refused(400, "malformed_query");
    }
    app.get(format!("/api/agents?cursor={cursor}")).await.refused(400, "malformed_query");
    for cursor in ["x", "%00", "bm90IGpzb24", &"A".repeat(5_000)] {
        app.get(format!("/api/tasks?cursor={cursor}")).await.refused(400, "malformed_query");
    }
}

#[tokio::test]
async fn a_search_finds_what_lies_beyond_as_many_tasks_as_are_looked_at_at_once() {
    let place = Place::chosen();
    let log = place.open();
    fill(&log, 10_500).await;
    let world = world_of(log, place).await;
    let found = world.ask("GET", "/api/tasks?search=TITLE%207.1", json!({})).await;
    let titles: Vec<_> =
        found.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Title 7.1"]);
}
