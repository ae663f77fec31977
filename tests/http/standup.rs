//! `/api/standup`: the report of a day, of today or a past one.

use chrono::TimeDelta;
use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn a_day_that_is_over_is_told_as_it_was_at_its_end() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let (task, day) = (app.in_progress(&agent).await, app.now().date_naive());
    app.moved(&task, json!({ "toStatus": "blocked", "reason": "No access" })).await;
    app.wait(TimeDelta::days(1));
    app.moved(&task, json!({ "toStatus": "assigned" })).await;
    app.agent("Nova").await;

    let today = app.get("/api/standup").await.expect(200);
    assert_eq!((&today["agents"]["total"], &today["blocked"]), (&json!(2), &json!([])));
    let then = app.get(format!("/api/standup?date={day}")).await.expect(200);
    assert_eq!((&then["agents"]["total"], &then["counts"]["blocked"]), (&json!(1), &json!(1)));
    assert_eq!(then["blocked"][0]["reason"], "No access");
    assert!(then.header("mc-position").parse::<u64>().unwrap() < app.head());
    let before = app.get("/api/standup?date=2020-01-01").await.expect(200);
    assert_eq!((&before["agents"]["total"], &before["tasks"]["total"]), (&json!(0), &json!(0)));
    let written = app.get(format!("/api/standup?date={day}&format=markdown")).await.expect(200);
    assert!(written.text.contains("- Write the guide (Scout): No access"), "{}", written.text);
}

#[tokio::test]
async fn every_task_is_completed_on_one_day_also_when_the_clock_is_set_back() {
    let app = App::new().await;
    let (scout, first) = (app.agent("Scout").await, app.now().date_naive());
    let hand_in = json!({
        "toStatus": "review",
        "deliverable": { "name": "Guide", "url": "https://example.org/guide" },
        "reviewChecklist": { "items": [{ "label": "links work", "checked": true }] },
    });
    for days in [1, -1, 2, -1] {
        let task = app.in_progress(&scout).await;
        app.moved(&task, hand_in.clone()).await;
        app.wait(TimeDelta::days(days));
        app.moved(&task, json!({ "toStatus": "done", "reason": "It reads well." })).await;
    }
    app.wait(TimeDelta::days(2));
    let mut completed = 0;
    for day in first.iter_days().take(4) {
        let report = app.get(format!("/api/standup?date={day}")).await.expect(200);
        completed += report["counts"]["completedLast24h"].as_u64().unwrap();
    }
    assert_eq!(completed, 4);
}

#[tokio::test]
async fn a_day_that_is_still_to_come_is_refused() {
    let app = App::new().await;
    app.get("/api/standup?date=2099-01-01").await.refused(400, "malformed_query");
    app.get("/api/standup?date=yesterday").await.refused(400, "malformed_query");
}

#[tokio::test]
async fn more_than_a_report_names_is_counted_all_the_same() {
    let app = App::new().await;
    for n in 0..102 {
        let task = app.task(&format!("Task {n}")).await;
        app.moved(&task, json!({ "toStatus": "blocked", "reason": "No access" })).await;
    }
    let report = app.get("/api/standup").await.expect(200);
    assert_eq!(report["counts"]["blocked"], 102);
    assert_eq!(report["blocked"].as_array().unwrap().len(), 100);
    let written = app.get("/api/standup?format=markdown").await.expect(200);
    assert!(written.text.contains("- and 2 more"), "{}", written.text);
}
