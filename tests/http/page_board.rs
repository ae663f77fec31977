//! The board as a page: its cards, its filters, and what of it who sees.

use chrono::TimeDelta;
use mc_domain::credential::Bearer;
use serde_json::json;

use crate::app::App;

const SCRIPT: &str = "<script>alert(1)</script>";

#[tokio::test]
async fn a_card_says_what_the_task_is_who_has_it_and_where_it_may_go() {
    let app = App::new().await;
    let body = json!({ "name": "Scout", "emoji": "🔎" });
    let scout = app.post("/api/agents", body).await.expect(201).id();
    let task = app.in_progress(&scout).await;
    app.wait(TimeDelta::minutes(2));
    let page = app.get("/").await.expect(200).text;
    for shown in [
        "Write the guide",
        "docs",
        "P3",
        "🔎",
        "Scout",
        "$0.00 of $3.00",
        "2 min</time> here",
        "data-moves=\"assigned review blocked canceled\"",
        "data-status=\"in_progress\" data-droppable",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(page.contains(&format!("href=\"/tasks/{task}/move\" data-dialog")), "{page}");
}

#[tokio::test]
async fn a_card_leads_to_the_approval_that_it_waits_for() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let body = json!({
        "agentId": scout, "taskId": task, "actionType": "tool_call", "summary": "Send it", "risk": "yellow",
        "justification": "It is ready",
    });
    let approval = app.post("/api/approvals", body).await.expect(201).id();
    let page = app.get("/").await.expect(200).text;
    assert!(page.contains(&format!("href=\"/approvals/{approval}\"")), "{page}");
    let page = app.get(format!("/tasks/{task}")).await.expect(200).text;
    assert!(page.contains("Waiting for a decision") && page.contains("Send it"), "{page}");
}

#[tokio::test]
async fn filters_stay_in_the_form_and_narrow_the_columns_down() {
    let app = App::new().await;
    app.task("First").await;
    let body = json!({ "title": "Second", "type": "engineering", "priority": 1, "labels": ["auth"] });
    app.post("/api/tasks", body).await.expect(201);
    for query in
        ["type=engineering", "priority=1", "label=auth", "search=second", "blocked=false&search=SECOND"]
    {
        let page = app.get(format!("/?{query}&assignee=")).await.expect(200).text;
        assert!(page.contains(">Second</a>") && !page.contains(">First</a>"), "{query}: {page}");
        assert!(page.contains("Clear filters"), "{query}");
    }
    let page = app.get("/?type=engineering").await.expect(200).text;
    assert!(page.contains("<option value=\"engineering\" selected>"), "{page}");
    let page = app.get("/?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await.expect(200).text;
    assert!(!page.contains(SCRIPT) && page.contains("Nothing like that."), "{page}");
}

#[tokio::test]
async fn failed_and_canceled_tasks_are_shown_on_demand() {
    let app = App::new().await;
    let task = app.task("Given up").await;
    app.moved(&task, json!({ "toStatus": "canceled" })).await;
    let page = app.get("/").await.expect(200).text;
    assert!(!page.contains("Given up") && page.contains("0 failed, 1 canceled"), "{page}");
    assert!(page.contains("href=\"/?all=true\""), "{page}");
    let page = app.get("/?all=true").await.expect(200).text;
    assert!(page.contains("Given up") && page.contains("id=\"column-failed\""), "{page}");
}

#[tokio::test]
async fn what_others_wrote_is_shown_as_text() {
    let app = App::new().await;
    let agent = json!({ "name": "Scout <b>", "emoji": "<i>" });
    let scout = app.post("/api/agents", agent).await;
    let task = app.task(SCRIPT).await;
    if scout.status == 201 {
        let assigned = json!({ "assigneeIds": [scout.id()] });
        app.patch(format!("/api/tasks/{task}"), assigned).await.expect(200);
    }
    app.moved(&task, json!({ "toStatus": "blocked", "blockedReason": SCRIPT })).await;
    let page = app.get("/").await.expect(200).text;
    assert!(!page.contains(SCRIPT) && !page.contains("<b>") && !page.contains("<i>"), "{page}");
    assert!(page.matches("script&#62;alert(1)").count() >= 2, "{page}");
}

#[tokio::test]
async fn who_does_not_operate_sees_no_act_and_nobody_sees_other_projects() {
    let app = App::new().await;
    app.task("Here").await;
    app.foreign_agent("Echo").await;
    let there = json!({ "title": "There", "type": "docs", "projectId": "elsewhere" });
    app.post("/api/tasks", there).await.expect(201);
    app.operator("Ada", &[]).await;
    let auditor = app.issue("Ann", Bearer::Auditor, &["openclaw"], None).await;
    let page = app.get("/").by(&auditor).await.expect(200).text;
    assert!(page.contains("Here") && !page.contains("There"), "{page}");
    for act in ["data-dialog", "data-droppable", "/move", "/tasks/new"] {
        assert!(!page.contains(act), "{act}: {page}");
    }
}
