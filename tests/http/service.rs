//! `/health`, `/livez`, `/readyz` and the pages that explain the problems.

use mc_server::{health::Phase, problem::Kind};
use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn health_is_reported_as_in_the_runbook() {
    let app = App::new().await;
    let report = app.get("/health").await.expect(200);
    assert_eq!(report["status"], "ok");
    assert_eq!(report["services"], json!({ "api": "ok", "store": "ok", "workers": "ok" }));
    assert!(report["timestamp"].is_u64());
}

#[tokio::test]
async fn a_store_that_is_gone_makes_the_server_degraded_but_alive() {
    let app = App::new().await;
    app.state().log().close().await;
    let report = app.get("/health").await;
    assert_eq!((report.status.as_u16(), &report["status"]), (503, &json!("degraded")));
    assert_eq!(report["services"]["store"], "error");
    assert_eq!(app.get("/livez").await.expect(200)["status"], "ok");
    assert_eq!(app.get("/readyz").await["code"], "store_unavailable");
}

#[tokio::test]
async fn a_server_that_drains_is_no_longer_ready() {
    let app = App::new().await;
    app.get("/readyz").await.expect(200);
    app.state().health().reach(Phase::Draining);
    let refused = app.get("/readyz").await.refused(503, "draining");
    assert_eq!(refused.header("retry-after"), "2");
}

#[tokio::test]
async fn every_problem_is_explained_where_its_type_points() {
    let app = App::new().await;
    let index = app.get("/problems").await.expect(200);
    let refused = app.get("/api/tasks/nothing").await.refused(404, "not_found");
    let page = refused["type"].as_str().unwrap();
    assert!(index.text.contains(page));
    assert!(app.get(page).await.expect(200).text.contains(Kind::NotFound.about()));
    assert!(app.get("/problems/not-found").await.expect(200).text.contains("Not found"));
    app.get("/problems/nonsense").await.refused(404, "not_found");
}
