//! The pages of costs, standup, feed and runs.

use serde_json::json;

use crate::app::{App, NOBODY};

/// What would be a script if a page did not escape it.
const SCRIPT: &str = "<script>alert(1)</script>";

/// A server with a run that cost something, every text of it a script. Gives the agent, the task and the run.
async fn with_a_run(app: &App) -> (String, String, String) {
    let agent = app.agent("Scout").await;
    let body = json!({ "title": SCRIPT, "type": "docs", "assigneeIds": [agent] });
    let task = app.post("/api/tasks", body).await.expect(201).id();
    let body = json!({ "agentId": agent, "taskId": task, "model": SCRIPT, "estimatedCost": 0.2 });
    let run = app.post("/api/runs", body).await.expect(201).id();
    let call = json!({
        "tool": "read_file", "status": "failed", "error": SCRIPT, "inputPreview": SCRIPT, "outputPreview": SCRIPT,
    });
    app.post(format!("/api/runs/{run}/tool-calls"), call).await.expect(201);
    let end = json!({ "status": "completed", "cost": 0.15, "inputTokens": 1200 });
    app.post(format!("/api/runs/{run}/complete"), end).await.expect(200);
    (agent, task, run)
}

#[tokio::test]
async fn the_costs_of_a_day_are_shown_by_everything_as_charts_and_tables() {
    let app = App::new().await;
    let (agent, task, _) = with_a_run(&app).await;
    let page = app.get("/costs").await.expect(200).text;
    for part in ["agent", "type", "project", "model", "task"] {
        assert!(page.contains(&format!("id=\"costs-by-{part}\"")), "{part}");
    }
    assert!(page.contains(&format!("href=\"/agents/{agent}\">Scout</a>")), "{page}");
    assert!(page.contains(&format!("href=\"/tasks/{task}\">")));
    assert!(page.contains("<title>Scout: $0.15</title>") && page.contains("role=\"img\""));
    assert!(!page.contains(SCRIPT) && !page.contains("NaN") && !page.contains("style="), "{page}");
    let before = app.get("/costs?date=2026-01-05&project=openclaw").await.expect(200).text;
    assert!(before.contains("Costs of 2026-01-05") && before.contains("No run began on this day"));
    assert!(
        before.contains("/costs?project=openclaw&amp;date=2026-01-04") || before.contains("date=2026-01-04")
    );
    app.get("/costs?date=soon").await.expect(400);
}

#[tokio::test]
async fn the_standup_of_a_day_names_what_is_done_stuck_and_waiting() {
    let app = App::new().await;
    let (_, task, _) = with_a_run(&app).await;
    app.moved(&task, json!({ "toStatus": "blocked", "reason": SCRIPT })).await;
    let page = app.get("/standup").await.expect(200).text;
    assert!(page.contains(&format!("id=\"blocked-{task}\"")), "{page}");
    assert!(
        page.contains("Waiting for a decision")
            && page.contains("No alert is open")
            && !page.contains(SCRIPT)
    );
    let past = app.get("/standup?date=2026-01-05").await.expect(200).text;
    assert!(past.contains("Standup of 2026-01-05") && past.contains("Nothing is blocked"));
    app.get("/standup?date=2099-01-01").await.expect(400);
}

#[tokio::test]
async fn the_feed_is_filtered_and_goes_on() {
    let app = App::new().await;
    for number in 0..60 {
        app.task(&format!("{SCRIPT} {number}")).await;
    }
    let page = app.get("/feed?type=task.created").await.expect(200).text;
    assert_eq!(page.matches("id=\"news-").count(), 50);
    assert!(!page.contains(SCRIPT));
    let at = page.find("rel=\"next\"").expect("a next page");
    let from = page[..at].rfind("href=\"").unwrap() + 6;
    let next = page[from..from + page[from..].find('"').unwrap()].replace("&#38;", "&").replace("&amp;", "&");
    assert!(next.starts_with("/feed?type=task.created&cursor="), "{next}");
    let rest = app.get(next).await.expect(200).text;
    assert_eq!(rest.matches("id=\"news-").count(), 10);
    let nobody = app.get("/feed?actor=Nobody").await.expect(200).text;
    assert!(nobody.contains("Nothing of that kind has happened"));
    app.get("/feed?type=weather").await.expect(400);
}

#[tokio::test]
async fn runs_are_listed_and_shown_with_their_tool_calls() {
    let app = App::new().await;
    let empty = app.get("/runs").await.expect(200).text;
    assert!(empty.contains("No agent has worked yet"));
    let (agent, _, run) = with_a_run(&app).await;
    for query in ["", "?agentId=Scout", "?status=completed&sortBy=cost&order=asc", "?project=openclaw"] {
        let page = app.get(format!("/runs{query}")).await.expect(200).text;
        assert!(page.contains(&format!("id=\"run-{run}\"")) && page.contains(">Scout</a>"), "{query}");
        assert!(page.contains("$0.15") && !page.contains(SCRIPT), "{query}");
    }
    let other = app.get("/runs?status=running").await.expect(200).text;
    assert!(other.contains("No run is like that"));
    let page = app.get(format!("/runs/{run}")).await.expect(200).text;
    assert!(page.contains("Run of Scout") && page.contains(&format!("href=\"/agents/{agent}\"")));
    assert!(page.contains("id=\"call-1\"") && page.contains("read_file") && !page.contains(SCRIPT));
    app.get(format!("/runs/{NOBODY}")).await.expect(404);
}

#[tokio::test]
async fn a_limited_caller_sees_nothing_of_another_project_on_these_pages() {
    let app = App::new().await;
    let echo = app.foreign_agent("Echo").await;
    let body =
        json!({ "title": "Zanzibar", "type": "docs", "projectId": "elsewhere", "assigneeIds": [echo] });
    let task = app.post("/api/tasks", body).await.expect(201).id();
    let body = json!({ "agentId": echo, "taskId": task, "model": "m", "estimatedCost": 0.2 });
    let run = app.post("/api/runs", body).await.expect(201).id();
    app.operator("Olga", &[]).await;
    let limited = app.operator("Lena", &["openclaw"]).await;
    for path in ["/costs", "/standup", "/feed", "/runs", "/policy"] {
        let page = app.get(path).by(&limited).await.expect(200).text;
        assert!(
            !page.contains("Echo") && !page.contains("Zanzibar") && !page.contains("elsewhere"),
            "{path}"
        );
        app.get(format!("{path}?project=elsewhere")).by(&limited).await.expect(400);
    }
    app.get(format!("/runs/{run}")).by(&limited).await.expect(404);
}
