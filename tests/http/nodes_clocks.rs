//! Two nodes on one database of PostgreSQL, whose clocks are ten minutes apart.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use mc_store::{
    postgres::PostgresLog,
    testing::{Database, Postgres},
};
use serde_json::json;

use crate::app::{Answer, App, Request, beginning, plan};

/// How far the clock of the second node is ahead.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// Two nodes on a new database, the second one ahead; nothing where PostgreSQL is not installed.
async fn apart() -> Option<(Database, App, App)> {
    let database = Postgres::shared()?.database();
    let open = || Arc::new(PostgresLog::open(database.url()).unwrap());
    let (behind, ahead) = (App::on_node(&open()).await, App::on_node(&open()).await);
    ahead.wait(AHEAD);
    Some((database, behind, ahead))
}

/// A request that follows what `seen` has answered on the other node.
fn after<'a>(request: Request<'a>, seen: &Answer) -> Request<'a> {
    request.header("mc-position", seen.header("mc-position"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_in_the_future_of_a_node_can_be_gone_on_with_there() {
    let Some((_database, behind, ahead)) = apart().await else { return };
    let agent = ahead.post("/api/agents", json!({ "name": "Scout" })).await.expect(201);
    let task = ahead.post("/api/tasks", json!({ "title": "Write", "type": "docs" })).await.expect(201);
    let task_path = |action: &str| format!("/api/tasks/{}{action}", task.id());
    let claim = || after(behind.post(task_path("/claim"), json!({ "agentId": agent.id() })), &task).key("k");
    let claimed = claim().await.expect(200);
    assert!(claimed["updatedAt"].as_str() < task["updatedAt"].as_str(), "each node goes by its own clock");
    let repeated = ahead.post(task_path("/claim"), json!({ "agentId": agent.id() })).key("k").await;
    assert!(repeated.is_replayed() && repeated.text == claimed.text, "{}", repeated.text);
    let start = json!({ "toStatus": "in_progress", "workPlan": plan(), "agentId": agent.id() });
    let moved = after(ahead.post(task_path("/transition"), start), &claimed).await.expect(200);
    let begin = json!({ "agentId": agent.id(), "taskId": task.id(), "model": "small", "estimatedCost": 0.2 });
    let run = after(ahead.post("/api/runs", begin), &moved).await.expect(201);
    let end = json!({ "status": "completed", "inputTokens": 10, "outputTokens": 5, "cost": 0.1 });
    let ended = after(behind.post(format!("/api/runs/{}/complete", run.id()), end), &run).await.expect(200);
    assert_eq!((&ended["status"], &ended["cost"]), (&json!("completed"), &json!(0.1)));
    assert_eq!(behind.get("/api/costs/daily").await["total"], 0.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_nodes_show_and_export_the_same() {
    let Some((_database, behind, ahead)) = apart().await else { return };
    let mut last = behind.post("/api/agents", json!({ "name": "Scout" })).await.expect(201);
    for (number, node) in [&ahead, &behind, &ahead, &behind].into_iter().enumerate() {
        let body = json!({ "title": format!("Task {number}"), "type": "docs", "assigneeIds": ["scout"] });
        last = after(node.post("/api/tasks", body), &last).await.expect(201);
    }
    let day = beginning().date_naive();
    let export = format!("/api/audit/export?startDate={day}&endDate={day}&format=ndjson");
    let paths = ["/api/tasks", "/api/alerts", "/api/costs/daily", "/api/activity", &export];
    for path in paths {
        let shown = after(behind.get(path), &last).await.expect(200);
        assert_eq!(after(ahead.get(path), &last).await.expect(200).text, shown.text, "{path}");
    }
    assert_eq!(
        behind.get(&export).await.text.lines().count() as u64,
        behind.head(),
        "every event is of that day"
    );
}

/// It is told how long ago the heartbeat was, and not when.
#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_counts_by_the_clock_of_the_node_that_is_asked() {
    let Some((_database, behind, ahead)) = apart().await else { return };
    let agent = behind.post("/api/agents", json!({ "name": "Scout" })).await.expect(201);
    let path = format!("/api/agents/{}", agent.id());
    behind.wait(TimeDelta::hours(1));
    ahead.wait(TimeDelta::hours(1));
    assert_eq!(after(ahead.get(&path), &agent).await.expect(200)["stale"], true);
    let heartbeat = json!({ "sessionKey": "s-1" });
    behind.post(format!("{path}/heartbeat"), heartbeat).await.expect(200);
    let deadline = Utc::now() + TimeDelta::seconds(20);
    while ahead.get(&path).await["stale"] == true {
        assert!(Utc::now() < deadline, "the other node does not hear of it");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(behind.get(&path).await["stale"], false);
}
