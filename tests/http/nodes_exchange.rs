//! What nodes tell one another beside the log: heartbeats, uses of credentials, and what they admit.

use chrono::TimeDelta;
use serde_json::json;

use crate::{
    app::App,
    several::{Database, until},
};

#[tokio::test(start_paused = true)]
async fn a_heartbeat_counts_on_every_node_by_the_clock_of_each() {
    let (_, [one, two]) = Database::with_nodes();
    let (a, b) = (App::on_node(&one).await, App::on_node(&two).await);
    let scout = a.agent("Scout").await;
    b.wait(TimeDelta::minutes(10));
    let path = format!("/api/agents/{scout}/heartbeat");
    b.post(&path, json!({})).await.expect(200).recorded(&["agent.heartbeat_recorded"]);
    [&a, &b].iter().for_each(|app| app.wait(TimeDelta::seconds(50)));
    b.post(&path, json!({})).await.expect(200).recorded(&[]);
    let id = scout.parse().unwrap();
    until(|| a.state().last_heartbeat(id) == Some(a.now())).await;
    assert_eq!(b.state().last_heartbeat(id), Some(b.now()));
}

#[tokio::test(start_paused = true)]
async fn the_use_of_a_credential_is_known_on_every_node() {
    let (_, [one, two]) = Database::with_nodes();
    let (a, b) = (App::on_node(&one).await, App::on_node(&two).await);
    let (sofie, nova) = (a.operator("Sofie", &[]).await, a.operator("Nova", &[]).await);
    b.get("/api/tasks").by(&nova).await.expect(200);
    let told = async {
        let path = format!("/api/credentials/{}", nova.id);
        while a.get(&path).by(&sofie).await.expect(200)["lastUsedAt"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), told).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_address_that_alternates_between_nodes_has_one_limit_for_its_failures() {
    let (_, [one, two]) = Database::with_nodes();
    let (a, b) = (App::on_node(&one).await, App::on_node(&two).await);
    let sofie = a.operator("Sofie", &[]).await;
    let wrong = format!("mc_{}", "x".repeat(43));
    b.get("/api/tasks").by(&sofie).await.expect(200);
    for _ in 0..60 {
        a.get("/api/tasks").by(&wrong).await.expect(401);
    }
    a.get("/api/tasks").by(&wrong).await.refused(429, "too_many_failures");
    let refused = async {
        while b.get("/api/tasks").by(&wrong).await.status != 429 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(1), refused).await.unwrap();
    b.get("/api/tasks").by(&sofie).await.expect(200);
}
