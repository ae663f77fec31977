//! Runs, costs, approvals, alerts, notifications, the policy, reports and emergencies, as an operator uses them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::App;

/// Scout at work on a task.
async fn at_work() -> (App, String, String) {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    (app, scout.to_string(), task.to_string())
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_run_is_started_used_and_charged_once() {
    let (app, scout, task) = at_work().await;
    let request = json!({ "agentId": scout, "taskId": task, "model": "small", "estimatedCost": 0.2 });
    let run = id(&app.post("/api/runs", request).await.expect(201).body);
    let call = json!({ "tool": "search", "status": "success", "inputPreview": "token=abcdef123456" });
    app.post(format!("/api/runs/{run}/tool-calls"), call).await.expect(201);
    let calls = app.get(format!("/api/runs/{run}/tool-calls")).await.expect(200);
    assert!(!calls.text.contains("abcdef123456"), "{}", calls.text);

    let end = json!({ "status": "completed", "inputTokens": 10, "outputTokens": 5, "cost": 0.125 });
    app.post(format!("/api/runs/{run}/complete"), end.clone()).await.expect(200);
    app.post(format!("/api/runs/{run}/complete"), end).await.refused(409, "conflict");
    assert_eq!(app.get(format!("/api/runs/{run}")).await.expect(200)["cost"], 0.125);
    assert_eq!(app.get("/api/runs?agentId=scout&limit=10").await.expect(200).body[0]["id"], run);
    assert_eq!(app.get("/api/costs/daily").await.expect(200)["total"], 0.125);
    assert_eq!(app.get("/api/costs/agent/scout").await.expect(200)["today"], 0.125);
    assert_eq!(app.get(format!("/api/tasks/{task}")).await.expect(200)["cost"], 0.125);
}

#[tokio::test]
async fn a_run_that_is_too_dear_is_contained_until_it_is_approved() {
    let (app, scout, task) = at_work().await;
    let request = json!({ "agentId": scout, "taskId": task, "model": "large", "estimatedCost": 9 });
    let refused = app.post("/api/runs", request).await.expect(409);
    let approval = refused["approvalId"].as_str().unwrap().to_owned();
    assert_eq!(app.get(format!("/api/tasks/{task}")).await.expect(200)["status"], "needs_approval");
    assert_eq!(app.get("/api/agents/scout").await.expect(200)["pauseReason"], "budget");
    let alert = app.get("/api/alerts?resolved=false").await.expect(200).body[0].clone();
    assert_eq!(alert["type"], "budget_exceeded");

    assert_eq!(id(&app.get("/api/approvals").await.expect(200).body[0]), approval);
    let yes = json!({ "approver": "operator", "decision": "Approved with increased budget" });
    let answer = app.post(format!("/api/approvals/{approval}/approve"), yes.clone()).await.expect(200);
    assert_eq!(answer["status"], "approved");
    app.post(format!("/api/approvals/{approval}/approve"), yes).await.expect(200).recorded(&[]);
    let no = json!({ "approver": "operator", "decision": "No" });
    app.post(format!("/api/approvals/{approval}/deny"), no).await.refused(409, "already_decided");
    assert_eq!(app.get(format!("/api/approvals/{approval}")).await.expect(200)["status"], "approved");
    assert_eq!(app.get("/api/agents/scout").await.expect(200)["status"], "active");

    let alert = id(&alert);
    app.post(format!("/api/alerts/{alert}/acknowledge"), json!({ "note": "seen" })).await.expect(200);
    app.post(format!("/api/alerts/{alert}/resolve"), json!({})).await.expect(200);
    app.post(format!("/api/alerts/{alert}/ignore"), json!({})).await.refused(409, "conflict");
    assert_eq!(app.get(format!("/api/alerts/{alert}")).await.expect(200)["status"], "resolved");
    let report = app.get(format!("/api/tasks/{task}/report")).await.expect(200);
    assert!(report.text.starts_with("# "), "{}", report.text);
}

#[tokio::test]
async fn a_request_is_revised_and_withdrawn_by_who_asked() {
    let (app, scout, _) = at_work().await;
    let ask = json!({
        "agentId": scout, "actionType": "tool_call", "summary": "Send the newsletter", "risk": "red",
        "justification": "It is Monday", "payload": { "tool": "send_email" },
    });
    let approval = id(&app.post("/api/approvals", ask.clone()).await.expect(201).body);
    let revise = json!({ "approver": "operator", "decision": "To a test list first" });
    app.post(format!("/api/approvals/{approval}/request-revision"), revise).await.expect(200);
    let mut again = ask;
    again["summary"] = json!("Send it to the test list");
    let resubmitted = app.post(format!("/api/approvals/{approval}/resubmit"), again).await;
    assert!([200, 422].contains(&resubmitted.status.as_u16()), "{}", resubmitted.text);
    let withdrawn = json!({ "agentId": scout });
    let withdrawn = app.post(format!("/api/approvals/{approval}/withdraw"), withdrawn).await;
    assert_eq!(withdrawn.expect(200)["status"], "canceled");
}

#[tokio::test]
async fn a_mention_is_read_once() {
    let (app, _, task) = at_work().await;
    app.agent("Echo").await;
    let said = json!({ "content": "@Echo, what do you think?" });
    app.post(format!("/api/tasks/{task}/messages"), said).await.expect(201);
    app.get("/api/notifications?agentId=echo&unread=true").await.expect(200);
    app.get("/api/notifications/01890000-0000-7000-8000-000000000000").await.refused(404, "not_found");
    let nothing = "/api/notifications/01890000-0000-7000-8000-000000000000/read";
    app.post(nothing, json!({})).await.refused(404, "not_found");
    app.post("/api/notifications/nothing/read", json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_policy_is_shown_published_and_asked() {
    let (app, scout, _) = at_work().await;
    let policy = app.get("/api/policy").await.expect(200);
    assert_eq!(policy["roles"]["intern"]["dailyCap"], 2);
    let bad = json!({ "nonsense": true, "thresholds": { "warningPercent": 900 } });
    app.put("/api/policy", bad).await.refused(422, "invalid_fields");
    let ask =
        json!({ "agentId": scout, "tool": "shell_exec", "params": { "command": "ls; sudo rm  -rf /" } });
    let answer = app.post("/api/policy/evaluate", ask).await.expect(200).recorded(&[]);
    assert_eq!(answer["decision"], "deny");
}

#[tokio::test]
async fn a_policy_is_published_for_the_project_that_the_body_names() {
    let app = App::new().await;
    let site = app.post("/api/projects", json!({ "name": "Site", "slug": "site" })).await.expect(201);
    for (field, written) in
        [("project", json!(5)), ("project", json!("nope")), ("projectId", json!(["site"]))]
    {
        app.put("/api/policy", json!({ field: written })).await.refused_fields(&[field]);
    }
    let two = json!({ "project": "site", "projectId": "openclaw" });
    app.put("/api/policy", two).await.refused_fields(&["projectId"]);
    app.put("/api/policy", json!({ "tools": { "A B": "purple" } }))
        .await
        .refused_fields(&["tools.A B", "tools.A B"]);
    let same = json!({ "project": "site", "projectId": site["id"] });
    let published = app.put("/api/policy", same).await.expect(200).recorded(&["policy.published"]);
    assert_eq!(published["projectId"], site["id"]);
    assert_eq!(app.get("/api/policy").await.expect(200)["version"], 0);
}

#[tokio::test]
async fn the_tag_of_a_projects_policy_lets_its_first_one_be_published() {
    let app = App::new().await;
    app.post("/api/projects", json!({ "name": "Site", "slug": "site" })).await.expect(201);
    app.put("/api/policy", json!({ "spawn": { "maxDepth": 1 } })).await.expect(200);
    let inherited = app.get("/api/policy?project=site").await.expect(200);
    assert_eq!((inherited.etag(), &inherited["version"]), ("\"0\"", &json!(1)));
    assert_eq!((&inherited["projectId"], &inherited["spawn"]["maxDepth"]), (&json!(null), &json!(1)));
    let tag = inherited.etag().to_owned();
    let first = app.put("/api/policy?project=site", inherited.body.clone()).if_match(&tag).await.expect(200);
    assert_eq!((first.etag(), &first["version"]), ("\"1\"", &json!(1)));
    assert_eq!(app.get("/api/policy?project=site").await.expect(200)["projectId"], first["projectId"]);
    let late = app.put("/api/policy?project=site", json!({})).if_match(&tag).await;
    late.refused(412, "precondition_failed");
}

#[tokio::test]
async fn a_draining_agent_is_asked_about_the_task_it_works_on() {
    let (app, scout, task) = at_work().await;
    app.post("/api/agents/scout/drain", json!({ "reason": "Upgrade" })).await.expect(200);
    let ask = |task: Value| json!({ "agentId": scout, "tool": "search", "params": {}, "taskId": task });
    for task in [json!(null), json!(task)] {
        let answer = app.post("/api/policy/evaluate", ask(task)).await.expect(200);
        assert_eq!(answer["decision"], "allow");
    }
    app.agent("Idle").await;
    app.post("/api/agents/idle/drain", json!({ "reason": "Upgrade" })).await.expect(200);
    let ask = json!({ "agentId": "idle", "tool": "search", "params": {} });
    assert_eq!(app.post("/api/policy/evaluate", ask).await.expect(200)["decision"], "deny");
}

#[tokio::test]
async fn a_preview_has_no_secret_of_a_nested_value() {
    let (app, scout, task) = at_work().await;
    let request = json!({ "agentId": scout, "taskId": task, "model": "small" });
    let run = id(&app.post("/api/runs", request).await.expect(201).body);
    let input = json!({ "argv": ["login", "--password", "hunTer2zz"], "say": "hunTer2zz" });
    let call = json!({ "tool": "search", "status": "success", "inputPreview": input });
    app.post(format!("/api/runs/{run}/tool-calls"), call).await.expect(201);
    let calls = app.get(format!("/api/runs/{run}/tool-calls")).await.expect(200);
    assert!(!calls.text.contains("hunTer2zz"), "{}", calls.text);
}

#[tokio::test]
async fn a_squad_is_paused_resumed_and_stopped() {
    let (app, _, task) = at_work().await;
    assert_eq!(app.post("/api/emergency/pause-squad", json!({})).await.expect(200)["paused"], 1);
    assert_eq!(app.post("/api/emergency/pause-squad", json!({})).await.expect(200)["paused"], 0);
    app.post("/api/emergency/resume-squad", json!({})).await.expect(200);
    app.post("/api/emergency/stop", json!({ "reason": "Costs" })).await.expect(200);
    assert_eq!(app.get(format!("/api/tasks/{task}")).await.expect(200)["status"], "blocked");
}

#[tokio::test]
async fn the_figures_of_the_day_are_told() {
    let (app, _, _) = at_work().await;
    assert_eq!(app.get("/api/standup").await.expect(200)["agents"]["total"], 1);
    assert!(app.get("/api/standup?format=markdown").await.expect(200).text.contains("# "));
    assert_eq!(app.get("/api/metrics").await.expect(200)["agentHealth"]["active"], 1);
    let metrics = app.get("/metrics").await.expect(200).text;
    let notifications = app.get("/api/metrics").await.expect(200)["notifications"].clone();
    assert_eq!(notifications, json!({ "waiting": 0, "overdueSecs": 0 }));
    for name in [
        "mc_agents_active",
        "mc_projection_lag_events",
        "mc_log_queued_commits",
        "mc_tasks_total",
        "mc_notifications_waiting 0",
        "mc_notifications_overdue_seconds 0",
        "mc_worker_backlog",
        "mc_worker_behind_seconds",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn an_agent_spawns_helpers_within_its_rights() {
    let app = App::new().await;
    app.post("/api/agents", json!({ "name": "Nova", "role": "lead" })).await.expect(201);
    let child = json!({ "name": "Nova-1", "role": "intern", "purpose": "Read the archive" });
    let child = app.post("/api/agents/nova/spawn", child).await.expect(201);
    assert_eq!(child["parentAgentId"], app.get("/api/agents/nova").await.expect(200)["id"]);
    app.post("/api/agents", json!({ "name": "Scout", "role": "intern" })).await.expect(201);
    let refused = app.post("/api/agents/scout/spawn", json!({ "name": "x", "purpose": "y" })).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn closed_tasks_are_archived_and_restored() {
    let app = App::new().await;
    let task = id(&app.post("/api/tasks", json!({ "title": "Old", "type": "docs" })).await.expect(201).body);
    let cancel = json!({ "toStatus": "canceled" });
    app.post(format!("/api/tasks/{task}/transition"), cancel).await.expect(200);
    app.post(format!("/api/tasks/{task}/archive"), json!({})).await.expect(200).recorded(&["task.archived"]);
    assert_eq!(app.get("/api/tasks").await.expect(200).body, json!([]));
    app.post(format!("/api/tasks/{task}/restore"), json!({})).await.expect(200).recorded(&["task.restored"]);
    app.post("/api/maintenance/archive", json!({ "olderThan": "90d" })).await.expect(200).recorded(&[]);

    app.wait(TimeDelta::minutes(1));
    let archive =
        |older_than| app.post("/api/maintenance/archive", json!({ "olderThan": older_than })).key("k");
    let first = archive("0d").await.expect(200).recorded(&["task.archived"]);
    assert_eq!(first.body, json!({ "archived": 1, "taskIds": [task] }));
    let again = archive("0d").await.expect(200).recorded(&[]);
    assert!(again.is_replayed() && again.body == first.body);
    archive("90d").await.refused(422, "idempotency_key_reused");
}

#[tokio::test]
async fn no_client_can_take_the_key_of_a_worker() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let beat = || app.post(format!("/api/agents/{agent}/heartbeat"), json!({}));
    beat().key("mission-control approval-sweeper/expire/x").await.refused(400, "idempotency_key_invalid");
    beat().key("approval-sweeper/expire/x").await.expect(200);
}

#[tokio::test]
async fn what_a_published_policy_says_holds_at_once() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let policy = json!({ "taskBudgets": { "docs": 1.5 }, "loops": { "maxMessages": 2 } });
    app.put("/api/policy", policy).await.expect(200).recorded(&["policy.published"]);
    let task = json!({ "title": "Short", "type": "docs", "assigneeIds": [scout] });
    let task = app.post("/api/tasks", task).await.expect(201);
    assert_eq!(task["budget"], 1.5);
    let task = id(&task.body);
    for _ in 0..3 {
        let said = json!({ "agentId": scout, "content": "Really?" });
        app.post(format!("/api/tasks/{task}/messages"), said).await.expect(201);
    }
    assert_eq!(app.get(format!("/api/tasks/{task}")).await.expect(200)["status"], "blocked");
    assert_eq!(app.get("/api/alerts?type=loop_detected").await.expect(200).body[0]["taskId"], task);
}

#[tokio::test]
async fn a_repeated_publication_is_answered_with_what_was_published_then() {
    let app = App::new().await;
    let publish = |limit: u32| json!({ "loops": { "maxMessages": limit } });
    let first = app.put("/api/policy", publish(10)).key("a").await.expect(200);
    app.put("/api/policy", publish(11)).key("b").await.expect(200);
    let again = app.put("/api/policy", publish(10)).key("a").await.expect(200);
    assert!(again.is_replayed());
    assert_eq!((&again.body, again.etag()), (&first.body, first.etag()));

    let shown = app.get("/api/policy").await.expect(200);
    assert_eq!(shown.header("mc-position"), app.head().to_string());
    app.get("/api/policy").header("if-none-match", shown.etag()).await.expect(304);
    app.get("/api/policy").header("if-none-match", first.etag()).await.expect(200);
}

/// Two parents spawn at once while the limit leaves room for one child.
#[tokio::test]
async fn a_race_for_the_last_place_creates_one_agent() {
    let app = App::new().await;
    for number in 0..29 {
        let role = if number < 2 { "lead" } else { "intern" };
        app.post("/api/agents", json!({ "name": format!("a{number}"), "role": role })).await.expect(201);
    }
    let spawn = |parent: u32| {
        let body = json!({ "name": format!("child{parent}"), "purpose": "Read along" });
        app.post(format!("/api/agents/a{parent}/spawn"), body)
    };
    let (first, second) = tokio::join!(spawn(0), spawn(1));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
    assert_eq!(app.get("/api/agents?limit=100").await.column("name").len(), 30);
}

#[tokio::test]
async fn more_autonomy_is_asked_for_and_had_once_somebody_else_agrees() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let path = format!("/api/agents/{scout}");
    let itself = json!({ "type": "agent", "id": scout });
    let more = || json!({ "budgets": { "dailyCap": 9, "perRunCap": 3 }, "role": "lead", "actor": itself });
    let refused = app.patch(&path, more()).await.expect(403);
    let approval = refused["approvalId"].as_str().unwrap().to_owned();
    assert_eq!(app.get(&path).await["role"], "intern");
    let again = app.patch(&path, more()).await.expect(403);
    assert_eq!(again["approvalId"], approval);

    let approve = format!("/api/approvals/{approval}/approve");
    app.post(&approve, json!({ "approver": "Scout" })).await.refused(403, "forbidden");
    app.post(&approve, json!({ "approver": "operator", "decision": "It has earned it" })).await.expect(200);
    let now = app.get(&path).await.expect(200);
    assert_eq!((&now["role"], &now["budgets"]), (&json!("lead"), &json!({ "dailyCap": 9, "perRunCap": 3 })));
    app.patch(&path, more()).await.expect(200).recorded(&[]);
}

#[tokio::test]
async fn what_the_policy_says_of_expiry_holds_for_every_approval() {
    let app = App::new().await;
    app.put("/api/policy", json!({ "approvals": { "expiresAfterSecs": 3600 } })).await.expect(200);
    let scout = app.agent("Scout").await;
    let more = json!({ "role": "lead", "actor": { "type": "agent", "id": scout } });
    app.patch(format!("/api/agents/{scout}"), more).await.expect(403);
    let run = json!({ "agentId": scout, "model": "m", "estimatedCost": 50 });
    app.post("/api/runs", run).await.expect(409);
    let open = app.get("/api/approvals").await;
    let in_an_hour = (app.now() + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    assert_eq!(open.column("expiresAt"), [in_an_hour.as_str(), in_an_hour.as_str()]);
    let beyond = json!({ "approvals": { "expiresAfterSecs": 30, "escalatesAfterSecs": 10 } });
    app.put("/api/policy", beyond).await.refused(422, "invalid_fields");
}
