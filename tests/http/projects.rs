//! `/api/projects`: creating, editing and listing projects.

use serde_json::json;

use crate::app::{App, NOBODY};

fn site_gpt() -> serde_json::Value {
    json!({ "name": "SiteGPT", "slug": "sitegpt", "description": "AI-powered website assistant" })
}

#[tokio::test]
async fn the_default_project_is_there_from_the_start() {
    let app = App::new().await;
    let projects = app.get("/api/projects").await.expect(200);
    assert_eq!(projects.column("slug"), ["openclaw"]);
    assert_eq!(projects.column("name"), ["OpenClaw"]);
}

#[tokio::test]
async fn a_project_is_created_and_found_by_id_and_slug() {
    let app = App::new().await;
    let created = app.post("/api/projects", site_gpt()).await.expect(201);
    let created = created.recorded(&["reservation.reserved", "project.created"]);
    assert_eq!(created.header("location"), format!("/api/projects/{}", created.id()));
    assert_eq!((created.etag(), &created["version"]), ("\"1\"", &json!(1)));
    assert_eq!(created["createdAt"], "2026-09-22T12:00:00.000Z");
    for name in ["sitegpt", &created.id()] {
        assert_eq!(app.get(format!("/api/projects/{name}")).await.expect(200).body, created.body);
    }
}

#[tokio::test]
async fn a_slug_belongs_to_one_project() {
    let app = App::new().await;
    let first = app.post("/api/projects", site_gpt()).await.expect(201).id();
    let refused = app.post("/api/projects", site_gpt()).await.refused(409, "already_exists");
    assert_eq!(refused["holder"]["projectId"], first);
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_null_takes_away() {
    let app = App::new().await;
    app.post("/api/projects", site_gpt()).await.expect(201);
    let change = json!({ "budgets": { "dailyCap": 12.5 } });
    let edited = app.patch("/api/projects/sitegpt", change).await.expect(200).recorded(&["project.edited"]);
    assert_eq!((&edited["budgets"]["dailyCap"], &edited["name"]), (&json!(12.5), &json!("SiteGPT")));
    let cleared = json!({ "description": null, "budgets": { "dailyCap": null } });
    let edited = app.patch("/api/projects/sitegpt", cleared).await.expect(200);
    assert_eq!((&edited["description"], &edited["budgets"]["dailyCap"]), (&json!(null), &json!(null)));
    app.patch("/api/projects/sitegpt", json!({})).await.expect(200).recorded(&[]);
}

#[tokio::test]
async fn a_slug_never_changes() {
    let app = App::new().await;
    app.patch("/api/projects/openclaw", json!({ "slug": "other" })).await.refused_fields(&["slug"]);
}

#[tokio::test]
async fn slugs_that_cannot_stand_in_an_address_are_refused() {
    let app = App::new().await;
    for slug in ["", "Upper", "a b", "-a", "a-", "ä", "a/b", "a\u{0}b", &"x".repeat(64)] {
        let body = json!({ "name": "X", "slug": slug });
        app.post("/api/projects", body).await.refused_fields(&["slug"]);
    }
}

#[tokio::test]
async fn everything_wrong_with_a_project_is_named_at_once() {
    let app = App::new().await;
    let body = json!({ "name": "", "slug": "A b", "colour": "red", "budgets": { "dailyCap": -1 } });
    let refused = app.post("/api/projects", body).await.refused(422, "invalid_fields");
    let mut fields = refused.error_fields();
    fields.sort_unstable();
    assert_eq!(fields, ["budgets.dailyCap", "colour", "name", "slug"]);
}

#[tokio::test]
async fn a_project_that_is_not_there_is_not_found() {
    let app = App::new().await;
    for project in ["nowhere", NOBODY, "%00", "%F0%9F%92%A5"] {
        app.get(format!("/api/projects/{project}")).await.refused(404, "not_found");
        let change = app.patch(format!("/api/projects/{project}"), json!({ "name": "X" }));
        change.await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn an_agent_creates_and_edits_no_project() {
    let app = App::new().await;
    app.agent("Scout").await;
    let body = json!({ "name": "X", "slug": "x", "actor": { "type": "agent", "id": "scout" } });
    app.post("/api/projects", body).await.refused(403, "forbidden");
    let body = json!({ "name": "X", "actor": { "type": "agent", "id": "scout" } });
    app.patch("/api/projects/openclaw", body).await.refused(403, "forbidden");
}
