//! `/api/tasks/{task}/transition`: what a move needs, and who makes it.

use serde_json::{Value, json};

use crate::app::{Answer, App, NOBODY, plan};

fn by(agent: &str) -> Value {
    json!({ "type": "agent", "id": agent })
}

async fn try_move(app: &App, task: &str, body: Value) -> Answer {
    app.post(format!("/api/tasks/{task}/transition"), body).await
}

async fn with_scout() -> (App, String) {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    (app, scout)
}

async fn in_review(app: &App, agent: &str) -> String {
    let task = app.in_progress(agent).await;
    let hand_in =
        json!({ "toStatus": "review", "deliverable": "The guide", "reviewChecklist": ["links work"] });
    app.moved(&task, hand_in).await;
    task
}

#[tokio::test]
async fn a_task_goes_from_the_inbox_to_done() {
    let (app, scout) = with_scout().await;
    let task = app.task("Write").await;
    app.post(format!("/api/tasks/{task}/claim"), json!({ "agentId": "scout" })).await.expect(200);
    let start = json!({ "toStatus": "in_progress", "actor": by("scout"), "workPlan": { "bullets": plan() } });
    let started = app.moved(&task, start).await.recorded(&["task.started", "agent.engaged"]);
    assert_eq!((&started["workPlan"], &started["holderId"]), (&plan(), &json!(scout)));
    let agent = app.get("/api/agents/scout").await;
    assert_eq!((&agent["currentTaskId"], &agent["leaseId"]), (&json!(task), &started["leaseId"]));
    let hand_in = json!({
        "toStatus": "REVIEW", "actor": by("scout"), "leaseId": started["leaseId"],
        "deliverable": { "name": "Guide", "url": "https://example.org/guide" },
        "reviewChecklist": { "items": [{ "label": "links work", "checked": true, "note": "all 12" }] },
    });
    app.moved(&task, hand_in).await.recorded(&["task.submitted", "agent.released"]);
    let done = app.moved(&task, json!({ "toStatus": "done", "reason": "well done" })).await;
    let done = done.recorded(&["task.completed"]);
    assert_eq!(done["approval"]["approvedBy"], json!({ "type": "human", "id": "Sofie", "name": "Sofie" }));
    assert_eq!(done["approval"]["note"], "well done");
}

#[tokio::test]
async fn what_a_move_lacks_is_named_together_with_every_way_that_is_open() {
    let (app, scout) = with_scout().await;
    let assigned = app.assigned(&scout).await;
    let refused = try_move(&app, &assigned, json!({ "toStatus": "in_progress" })).await;
    let refused = refused.refused(422, "illegal_transition");
    assert_eq!(refused.error_fields(), ["workPlan"]);
    assert_eq!(refused["allowedTransitions"], json!(["inbox", "in_progress", "blocked", "canceled"]));

    let working = app.in_progress(&scout).await;
    let refused = try_move(&app, &working, json!({ "toStatus": "review", "actor": by("scout") })).await;
    let refused = refused.refused(422, "illegal_transition");
    assert_eq!(refused.error_fields(), ["deliverable", "reviewChecklist"]);
    assert_eq!(refused["allowedTransitions"], json!(["review", "blocked", "failed"]));
    let refused = try_move(&app, &working, json!({ "toStatus": "blocked" })).await;
    assert_eq!(refused.refused(422, "illegal_transition").error_fields(), ["blockedReason"]);
    let refused = try_move(&app, &working, json!({ "toStatus": "review", "deliverable": "x" })).await;
    assert_eq!(refused.refused(422, "illegal_transition").error_fields(), ["reviewChecklist"]);
}

#[tokio::test]
async fn work_is_sent_back_with_feedback_only() {
    let (app, scout) = with_scout().await;
    app.agent("Nova").await;
    let task = in_review(&app, &scout).await;
    let refused = try_move(&app, &task, json!({ "toStatus": "in_progress" })).await;
    assert_eq!(refused.refused(422, "illegal_transition").error_fields(), ["reason"]);
    let back = json!({ "toStatus": "in_progress", "actor": by("nova"), "reason": "tighten the intro" });
    let back = app.moved(&task, back).await.recorded(&["task.sent_back", "agent.engaged"]);
    assert_eq!((&back["reviewCycles"], &back["holderId"]), (&json!(1), &json!(scout)));
}

#[tokio::test]
async fn nobody_reviews_its_own_work() {
    let (app, scout) = with_scout().await;
    let task = in_review(&app, &scout).await;
    let back = json!({ "toStatus": "in_progress", "actor": by("scout"), "reason": "once more" });
    try_move(&app, &task, back).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_work_plan_has_three_to_six_bullets() {
    let (app, scout) = with_scout().await;
    let task = app.assigned(&scout).await;
    for plan in [
        json!(["a", "b"]),
        json!(["a", "b", "c", "d", "e", "f", "g"]),
        json!([]),
        json!({}),
        json!("a, b, c"),
        json!(["a", "b", ""]),
        json!(["a", "b", 3]),
        json!({ "bullets": ["a", "b"] }),
    ] {
        let body = json!({ "toStatus": "in_progress", "workPlan": plan });
        let refused = try_move(&app, &task, body).await.refused(422, "invalid_fields");
        assert!(refused.error_fields()[0].starts_with("workPlan"), "{}", refused.text);
    }
}

#[tokio::test]
async fn what_is_handed_in_must_say_something() {
    let (app, scout) = with_scout().await;
    let task = app.in_progress(&scout).await;
    for (field, value) in [
        ("deliverable", json!("")),
        ("deliverable", json!({})),
        ("deliverable", json!({ "content": "a", "url": "b" })),
        ("deliverable", json!({ "content": "a", "kind": "gift" })),
        ("deliverable", json!("x".repeat(10_001))),
        ("deliverable", json!([])),
        ("reviewChecklist", json!([])),
        ("reviewChecklist", json!(vec!["x"; 51])),
        ("reviewChecklist", json!([{ "labl": "x" }])),
        ("reviewChecklist", json!([""])),
        ("reviewChecklist", json!(true)),
    ] {
        let mut body =
            json!({ "toStatus": "review", "deliverable": "Guide", "reviewChecklist": ["read twice"] });
        body[field] = value;
        try_move(&app, &task, body).await.refused_fields(&[field]);
    }
}

#[tokio::test]
async fn moves_that_are_no_moves_are_refused() {
    let (app, scout) = with_scout().await;
    let task = app.assigned(&scout).await;
    for (field, body) in [
        ("toStatus", json!({})),
        ("toStatus", json!({ "toStatus": "finished" })),
        ("toStatus", json!({ "toStatus": "" })),
        ("toStatus", json!({ "toStatus": null })),
        ("toStatus", json!({ "toStatus": ["done"] })),
        ("status", json!({ "toStatus": "blocked", "status": "done" })),
        ("reason", json!({ "toStatus": "blocked", "reason": "x".repeat(2_001) })),
        ("reason", json!({ "toStatus": "blocked", "reason": "a\u{0}b" })),
        ("blockedReason", json!({ "toStatus": "blocked", "blockedReason": " " })),
        ("leaseId", json!({ "toStatus": "blocked", "leaseId": "mine" })),
        ("assigneeIds[0]", json!({ "toStatus": "assigned", "assigneeIds": ["nobody"] })),
        ("agentId", json!({ "toStatus": "blocked", "agentId": "nobody" })),
        ("actor.id", json!({ "toStatus": "blocked", "actor": by("nobody") })),
        ("actor.id", json!({ "toStatus": "blocked", "actor": by(NOBODY) })),
        ("actor.id", json!({ "toStatus": "blocked", "actor": "agent" })),
        ("actor.type", json!({ "toStatus": "blocked", "actor": "robot" })),
    ] {
        try_move(&app, &task, body).await.refused_fields(&[field]);
    }
}

#[tokio::test]
async fn an_agent_moves_only_what_is_its_own() {
    let (app, scout) = with_scout().await;
    app.agent("Echo").await;
    let task = app.in_progress(&scout).await;
    let body = json!({ "toStatus": "blocked", "reason": "mine now", "agentId": "echo" });
    try_move(&app, &task, body).await.refused(403, "forbidden");
}

#[tokio::test]
async fn an_agent_that_is_stopped_moves_nothing() {
    let (app, scout) = with_scout().await;
    let task = app.assigned(&scout).await;
    app.post("/api/agents/scout/pause", json!({})).await.expect(200);
    let start = json!({ "toStatus": "in_progress", "agentId": "scout", "workPlan": plan() });
    try_move(&app, &task, start.clone()).await.refused(409, "agent_not_active");
    let by_operator = json!({ "toStatus": "in_progress", "workPlan": plan() });
    try_move(&app, &task, by_operator).await.refused(409, "agent_not_active");
}

#[tokio::test]
async fn a_draining_agent_finishes_and_then_rests() {
    let (app, scout) = with_scout().await;
    let task = app.in_progress(&scout).await;
    app.post("/api/agents/scout/drain", json!({})).await.expect(200);
    let hand_in = json!({
        "toStatus": "review", "agentId": "scout", "deliverable": "x", "reviewChecklist": ["y"],
    });
    app.moved(&task, hand_in).await.recorded(&["task.submitted", "agent.released", "agent.paused"]);
}

#[tokio::test]
async fn a_late_write_under_a_lease_that_is_over_is_refused() {
    let (app, scout) = with_scout().await;
    let task = app.in_progress(&scout).await;
    let lease = app.get(format!("/api/tasks/{task}")).await["leaseId"].clone();
    app.post("/api/agents/scout/restart", json!({})).await.expect(200);
    app.moved(&task, json!({ "toStatus": "in_progress" })).await;
    let late = json!({ "toStatus": "blocked", "reason": "x", "agentId": "scout", "leaseId": lease });
    let refused = try_move(&app, &task, late).await.refused(409, "conflict");
    assert_ne!(refused["holder"]["leaseId"], lease);
}

#[tokio::test]
async fn a_task_without_assignees_is_assigned_to_those_who_are_named() {
    let (app, scout) = with_scout().await;
    let task = app.task("Write").await;
    let refused = try_move(&app, &task, json!({ "toStatus": "assigned" })).await.refused(422, "rule_broken");
    assert_eq!(refused.error_fields(), ["assigneeIds"]);
    let moved = app.moved(&task, json!({ "toStatus": "assigned", "assigneeIds": ["Scout"] })).await;
    assert_eq!(moved["assigneeIds"], json!([scout]));
}

#[tokio::test]
async fn a_refused_move_leaves_its_new_assignees_behind_too() {
    let (app, _) = with_scout().await;
    let task = app.task("Write").await;
    app.moved(&task, json!({ "toStatus": "canceled" })).await;
    let body = json!({ "toStatus": "assigned", "assigneeIds": ["scout"] });
    try_move(&app, &task, body).await.refused(422, "illegal_transition");
    assert_eq!(app.get(format!("/api/tasks/{task}")).await["assigneeIds"], json!([]));
}

#[tokio::test]
async fn an_agent_that_names_assignees_is_told_to_claim() {
    let (app, _) = with_scout().await;
    let task = app.task("Write").await;
    let body = json!({ "toStatus": "assigned", "assigneeIds": ["scout"], "agentId": "scout" });
    let refused = try_move(&app, &task, body).await.refused(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("claim"));
}

#[tokio::test]
async fn the_unblocking_of_the_runbook_works_as_it_is_written() {
    let (app, scout) = with_scout().await;
    let task = app.assigned(&scout).await;
    app.moved(&task, json!({ "toStatus": "blocked", "blockedReason": "unclear" })).await;
    let body = json!({
        "toStatus": "assigned", "actor": "human", "reason": "Clarified requirements: use approach X",
        "idempotencyKey": "manual-unblock-123",
    });
    assert_eq!(app.moved(&task, body.clone()).await["status"], "assigned");
    assert!(app.moved(&task, body).await.is_replayed());
}

#[tokio::test]
async fn a_deliverable_may_have_a_summary_besides_its_content() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let deliverable =
        json!({ "summary": "Prices are compared", "content": "1. They rose.", "name": "Report" });
    let body = json!({
        "toStatus": "review", "agentId": scout, "deliverable": deliverable, "reviewChecklist": ["links work"],
    });
    app.post(format!("/api/tasks/{task}/transition"), body).await.expect(200);
    let thread = app.get(format!("/api/tasks/{task}/messages")).await.expect(200).text;
    assert!(thread.contains(r"Prices are compared\n\n1. They rose."), "{thread}");
}

#[tokio::test]
async fn tools_and_runs_end_in_the_words_that_people_use() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let run = app
        .post("/api/runs", json!({ "agentId": scout, "taskId": task, "model": "m" }))
        .await
        .expect(201)
        .id();
    let used =
        app.post(format!("/api/runs/{run}/tool-calls"), json!({ "tool": "read_file", "status": "ok" })).await;
    assert_eq!(used.expect(201)["status"], "success");
    let unknown = json!({ "tool": "read_file", "status": "so_so" });
    let refused = app.post(format!("/api/runs/{run}/tool-calls"), unknown).await.expect(422);
    assert!(refused.text.contains("must be one of success, failed, denied"), "{}", refused.text);
    let complete = format!("/api/runs/{run}/complete");
    let refused = app.post(complete.clone(), json!({ "status": "so_so" })).await.expect(422);
    assert!(refused.text.contains("must be one of completed, failed, timeout, aborted"), "{}", refused.text);
    assert_eq!(app.post(complete, json!({ "status": "succeeded" })).await.expect(200)["status"], "completed");
}
