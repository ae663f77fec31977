//! `/api/agents`: registration, heartbeats, instructions, and the list.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, NOBODY};

async fn with_scout() -> App {
    let app = App::new().await;
    app.agent("Scout").await;
    app
}

#[tokio::test]
async fn a_new_agent_gets_what_its_role_allows() {
    let app = App::new().await;
    let body =
        json!({ "name": "Scout", "emoji": "🔍", "role": "INTERN", "allowedTaskTypes": ["SEO_RESEARCH"] });
    let scout = app.post("/api/agents", body).await.expect(201);
    let scout = scout.recorded(&["reservation.reserved", "agent.registered"]);
    assert_eq!(scout.header("location"), format!("/api/agents/{}", scout.id()));
    assert_eq!(scout["budgets"], json!({ "dailyCap": 2, "perRunCap": 0.25 }));
    assert_eq!(scout["allowedTaskTypes"], json!(["seo_research"]));
    assert_eq!((&scout["status"], &scout["role"]), (&json!("active"), &json!("intern")));
    assert_eq!((&scout["todaySpend"], &scout["errorStreak"]), (&json!(0), &json!(0)));
    assert_eq!((&scout["currentTaskId"], &scout["parentAgentId"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn an_agent_that_registers_again_is_the_same_one_with_its_old_role() {
    let app = with_scout().await;
    let again = json!({ "name": "sCOUT", "role": "lead", "emoji": "🔭", "budgets": { "dailyCap": 20 } });
    let known = app.post("/api/agents", again).await.expect(200).recorded(&["agent.profile_changed"]);
    assert_eq!((&known["name"], &known["role"]), (&json!("Scout"), &json!("intern")));
    assert_eq!((&known["emoji"], &known["budgets"]["dailyCap"]), (&json!("🔭"), &json!(2)));
    assert_eq!(app.get("/api/agents").await.column("name"), ["Scout"]);
}

#[tokio::test]
async fn registering_again_brings_back_from_offline_but_not_from_quarantine() {
    let app = with_scout().await;
    app.patch("/api/agents/scout", json!({ "status": "offline" })).await.expect(200);
    let back = app.post("/api/agents", json!({ "name": "Scout" })).await.expect(200);
    assert_eq!(back.recorded(&["agent.signed_on"])["status"], "active");
    app.post("/api/agents/scout/quarantine", json!({})).await.expect(200);
    let still = app.post("/api/agents", json!({ "name": "Scout" })).await.expect(200).recorded(&[]);
    assert_eq!(still["status"], "quarantined");
}

#[tokio::test]
async fn an_agent_is_found_by_id_and_by_name_and_in_its_project() {
    let app = with_scout().await;
    let elsewhere = app.foreign_agent("Scout").await;
    let here = app.get("/api/agents/SCOUT").await.expect(200).id();
    assert_eq!(app.get(format!("/api/agents/{here}")).await.expect(200).id(), here);
    assert_eq!(app.get("/api/agents/scout?project=elsewhere").await.expect(200).id(), elsewhere);
    for agent in ["nobody", NOBODY, "%00", "Sc%20out"] {
        app.get(format!("/api/agents/{agent}")).await.refused(404, "not_found");
    }
    app.get("/api/agents/scout?project=nowhere").await.refused(400, "malformed_query");
}

#[tokio::test]
async fn a_name_that_only_other_projects_know_twice_is_ambiguous() {
    let app = App::new().await;
    app.foreign_agent("Echo").await;
    app.post("/api/projects", json!({ "name": "Third", "slug": "third" })).await.expect(201);
    app.get("/api/agents/echo").await.expect(200);
    app.post("/api/agents", json!({ "name": "Echo", "project": "third" })).await.expect(201);
    let refused = app.get("/api/agents/echo").await.refused(409, "conflict");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("elsewhere") && detail.contains("third"), "{detail}");
}

#[tokio::test]
async fn agents_are_filtered_and_sorted() {
    let app = App::new().await;
    for (name, role) in [("beta", "lead"), ("Alpha", "intern"), ("gamma", "intern")] {
        app.post("/api/agents", json!({ "name": name, "role": role })).await.expect(201);
    }
    app.post("/api/agents/gamma/pause", json!({ "reason": "lunch" })).await.expect(200);
    app.patch("/api/agents/alpha", json!({ "todaySpend": 1.5 })).await.expect(200);
    for (query, names) in [
        ("", vec!["gamma", "Alpha", "beta"]),
        ("?role=INTERN", vec!["gamma", "Alpha"]),
        ("?status=paused,quarantined", vec!["gamma"]),
        ("?sortBy=name", vec!["Alpha", "beta", "gamma"]),
        ("?sortBy=name&order=desc", vec!["gamma", "beta", "Alpha"]),
        ("?sortBy=todaySpend&order=desc&limit=1", vec!["Alpha"]),
        ("?stale=true", vec![]),
        ("?project=openclaw&role=lead", vec!["beta"]),
    ] {
        assert_eq!(app.get(format!("/api/agents{query}")).await.expect(200).column("name"), names, "{query}");
    }
}

#[tokio::test]
async fn a_silent_agent_is_stale_until_it_is_heard_of() {
    let app = with_scout().await;
    app.wait(TimeDelta::minutes(6));
    assert_eq!(app.get("/api/agents?stale=true").await.column("name"), ["Scout"]);
    app.post("/api/agents/scout/heartbeat", json!({})).await.expect(200);
    app.wait(TimeDelta::seconds(30));
    app.post("/api/agents/scout/heartbeat", json!({})).await.expect(200).recorded(&[]);
    assert_eq!(
        app.get("/api/agents?stale=false").await.column("lastHeartbeat"),
        ["2026-09-22T12:06:30.000Z"]
    );
}

#[tokio::test]
async fn a_heartbeat_says_what_there_is_to_do() {
    let app = App::new().await;
    let body = json!({ "name": "Scout", "allowedTaskTypes": ["docs"] });
    let scout = app.post("/api/agents", body).await.expect(201).id();
    let (assigned, open) = (app.assigned(&scout).await, app.task("Open").await);
    app.post("/api/tasks", json!({ "title": "Not mine", "type": "social" })).await.expect(201);
    let answer = app.post("/api/agents/scout/heartbeat", json!({ "sessionKey": "s-1" })).await.expect(200);
    let answer = answer.recorded(&["agent.heartbeat_recorded"]);
    assert_eq!(answer["assignedTasks"][0]["id"], assigned);
    assert_eq!(answer["claimableTasks"].as_array().unwrap().len(), 1);
    assert_eq!(answer["claimableTasks"][0]["id"], open);
    assert_eq!(answer["budget"], json!({ "dailyCap": 2, "todaySpend": 0, "remaining": 2 }));
    assert_eq!((&answer["directives"], &answer["agent"]["id"]), (&json!([]), &json!(scout)));
}

#[tokio::test]
async fn five_errors_in_a_row_quarantine_and_block_the_work() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let error = json!({ "errorMessage": "connection reset" });
    for streak in 1..=4 {
        let answer = app.post("/api/agents/scout/heartbeat", error.clone()).await.expect(200);
        assert_eq!(
            (&answer["agent"]["errorStreak"], &answer["agent"]["status"]),
            (&json!(streak), &json!("active"))
        );
    }
    let fifth = app.post("/api/agents/scout/heartbeat", error).await.expect(200);
    assert_eq!(
        (&fifth["agent"]["status"], &fifth["directives"]),
        (&json!("quarantined"), &json!(["quarantine"]))
    );
    let task = app.get(format!("/api/tasks/{task}")).await.expect(200);
    assert_eq!((&task["status"], &task["holderId"]), (&json!("blocked"), &Value::Null));
}

#[tokio::test]
async fn a_heartbeat_undoes_nothing_that_was_imposed() {
    let app = with_scout().await;
    app.post("/api/agents/scout/pause", json!({})).await.expect(200).recorded(&["agent.paused"]);
    let body = json!({ "status": "active" });
    let answer = app.post("/api/agents/scout/heartbeat", body).await.expect(200);
    assert_eq!((&answer["agent"]["status"], &answer["directives"]), (&json!("paused"), &json!(["pause"])));
    assert_eq!(
        (&answer["agent"]["pauseReason"], &answer["claimableTasks"]),
        (&json!("operator"), &json!([]))
    );
    app.post("/api/agents/scout/heartbeat", json!({ "status": "OFFLINE" })).await.refused(403, "forbidden");
}

#[tokio::test]
async fn an_agent_beats_for_nobody_else() {
    let app = with_scout().await;
    app.agent("Echo").await;
    let body = json!({ "actor": { "type": "agent", "id": "echo" } });
    app.post("/api/agents/scout/heartbeat", body).await.refused(403, "forbidden");
    app.post(format!("/api/agents/{NOBODY}/heartbeat"), json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_agent_is_paused_resumed_drained_quarantined_and_restarted() {
    let app = with_scout().await;
    let reason = json!({ "reason": "maintenance" });
    let status = |answer: crate::app::Answer| answer.expect(200)["status"].as_str().unwrap().to_owned();
    assert_eq!(status(app.post("/api/agents/scout/pause", reason.clone()).await), "paused");
    assert_eq!(status(app.post("/api/agents/scout/resume", reason.clone()).await), "active");
    assert_eq!(status(app.post("/api/agents/scout/drain", reason.clone()).await), "draining");
    assert_eq!(status(app.post("/api/agents/scout/quarantine", reason.clone()).await), "quarantined");
    assert_eq!(status(app.post("/api/agents/scout/restart", reason.clone()).await), "active");
    let told = app.post("/api/agents/scout/heartbeat", json!({})).await.expect(200);
    assert_eq!(told["directives"], json!(["restart"]));
    let told = app.post("/api/agents/scout/heartbeat", json!({})).await.expect(200);
    assert_eq!(told["directives"], json!([]));
}

#[tokio::test]
async fn doing_again_what_was_done_records_nothing() {
    let app = with_scout().await;
    for what in ["pause", "quarantine"] {
        app.post(format!("/api/agents/scout/{what}"), json!({})).await.expect(200);
        app.post(format!("/api/agents/scout/{what}"), json!({})).await.expect(200).recorded(&[]);
    }
}

#[tokio::test]
async fn a_status_that_cannot_be_reached_is_refused_with_those_that_can() {
    let app = with_scout().await;
    app.post("/api/agents/scout/quarantine", json!({})).await.expect(200);
    for what in ["pause", "drain"] {
        let refused = app.post(format!("/api/agents/scout/{what}"), json!({})).await;
        let refused = refused.refused(422, "illegal_transition");
        assert_eq!(refused["allowedTransitions"], json!(["active", "offline"]));
    }
    app.patch("/api/agents/scout", json!({ "status": "offline" })).await.expect(200);
    for what in ["pause", "resume", "drain", "quarantine", "restart"] {
        let refused = app.post(format!("/api/agents/scout/{what}"), json!({})).await;
        assert_eq!(refused.refused(422, "illegal_transition")["allowedTransitions"], json!([]));
    }
}

#[tokio::test]
async fn an_agent_stops_and_frees_nobody() {
    let app = with_scout().await;
    let body = json!({ "actor": { "type": "agent", "id": "scout" } });
    for what in ["pause", "resume", "drain", "quarantine", "restart"] {
        app.post(format!("/api/agents/scout/{what}"), body.clone()).await.refused(403, "forbidden");
        app.post(format!("/api/agents/{NOBODY}/{what}"), json!({})).await.refused(404, "not_found");
        let misspelt = app.post(format!("/api/agents/scout/{what}"), json!({ "reasn": "x" }));
        misspelt.await.refused_fields(&["reasn"]);
    }
}

#[tokio::test]
async fn quarantine_blocks_the_work_in_the_same_commit() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let body = json!({ "reason": "runaway" });
    let answer = app.post("/api/agents/scout/quarantine", body).await.expect(200);
    assert_eq!(answer["currentTaskId"], Value::Null);
    let answer = answer.recorded(&["agent.quarantined", "agent.released", "task.blocked", "alert.raised"]);
    assert!(answer.facts.iter().all(|fact| fact.metadata.command_id == answer.facts[0].metadata.command_id));
    let task = app.get(format!("/api/tasks/{task}")).await.expect(200);
    assert_eq!(task["blockedReason"], "Scout was quarantined: runaway");
}

#[tokio::test]
async fn restart_gives_the_work_back_to_be_started_anew() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    app.post("/api/agents/scout/restart", json!({})).await.expect(200);
    let task = app.get(format!("/api/tasks/{task}")).await.expect(200);
    assert_eq!((&task["status"], &task["assigneeIds"]), (&json!("assigned"), &json!([scout])));
}

#[tokio::test]
async fn the_reset_of_the_runbook_sets_the_record_straight() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    app.post("/api/agents/scout/heartbeat", json!({ "errorMessage": "x" })).await.expect(200);
    app.patch("/api/agents/scout", json!({ "todaySpend": 1.25 }))
        .await
        .expect(200)
        .recorded(&["agent.corrected", "budget.adjusted"]);
    app.post("/api/agents/scout/pause", json!({})).await.expect(200);
    let reset = json!({ "status": "active", "errorStreak": 0, "todaySpend": 0, "currentTaskId": null });
    let agent = app.patch(format!("/api/agents/{scout}"), reset.clone()).await.expect(200);
    assert_eq!((&agent["status"], &agent["errorStreak"]), (&json!("active"), &json!(0)));
    assert_eq!((&agent["todaySpend"], &agent["currentTaskId"]), (&json!(0), &Value::Null));
    assert_eq!(app.get(format!("/api/tasks/{task}")).await["status"], "assigned");
    app.patch(format!("/api/agents/{scout}"), reset).await.expect(200).recorded(&[]);
}

#[tokio::test]
async fn an_agent_does_not_raise_its_own_autonomy() {
    let app = App::new().await;
    app.post("/api/agents", json!({ "name": "Scout", "allowedTools": ["search"] })).await.expect(201);
    for more in [
        json!({ "budgets": { "dailyCap": 20 } }),
        json!({ "budgets": { "perRunCap": 1.5 } }),
        json!({ "role": "cao" }),
        json!({ "allowedTools": ["search", "shell_exec"] }),
        json!({ "allowedTools": [] }),
    ] {
        let mut body = more.clone();
        body["actor"] = json!({ "type": "agent", "id": "scout" });
        let refused = app.patch("/api/agents/scout", body).await.expect(403);
        assert_eq!(refused["code"], "approval_required");
        assert!(refused["approvalId"].is_string());
        refused.recorded(&["reservation.reserved", "approval.requested"]);
        app.patch("/api/agents/scout", more).await.expect(200);
    }
}

#[tokio::test]
async fn a_name_is_changed_once_and_free_again() {
    let app = with_scout().await;
    app.agent("Echo").await;
    let refused = app.patch("/api/agents/scout", json!({ "name": "ECHO" })).await;
    assert_eq!(refused.refused(409, "already_exists")["holder"]["name"], "Echo");
    app.patch("/api/agents/scout", json!({ "name": "Ranger" })).await.expect(200);
    app.get("/api/agents/scout").await.refused(404, "not_found");
    app.agent("Scout").await;
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let app = App::new().await;
    for name in ["", "  ", "a\u{0}b", "two\nlines", "\u{7f}", &"x".repeat(101), &"é".repeat(10_000)] {
        app.post("/api/agents", json!({ "name": name })).await.refused_fields(&["name"]);
    }
    for name in [json!(7), json!(null), json!(["Scout"]), json!({ "first": "Scout" })] {
        app.post("/api/agents", json!({ "name": name })).await.refused_fields(&["name"]);
    }
    app.post("/api/agents", json!({})).await.refused_fields(&["name"]);
}

#[tokio::test]
async fn strange_names_are_kept_as_they_are() {
    let app = App::new().await;
    for name in ["🔍🧙‍♂️", "سكاوت", "O'Brien \"Bob\"", "x'; DROP TABLE events;--", "<b>Scout</b>", "%00"]
    {
        let agent = app.post("/api/agents", json!({ "name": name })).await.expect(201);
        assert_eq!(agent["name"], name);
        assert_eq!(app.get(format!("/api/agents/{}", agent.id())).await["name"], name);
    }
}

#[tokio::test]
async fn amounts_that_are_none_are_refused() {
    let app = with_scout().await;
    for cap in [
        json!(-1),
        json!(-0.01),
        json!(0.000_000_1),
        json!(1e300),
        json!(100_000_000.5),
        json!("NaN"),
        json!("Infinity"),
        json!("1e3"),
        json!(""),
        json!(true),
        json!([1]),
    ] {
        let body = json!({ "budgets": { "dailyCap": cap } });
        app.patch("/api/agents/scout", body).await.refused_fields(&["budgets.dailyCap"]);
    }
    let below = json!({ "budgets": { "dailyCap": 1, "perRunCap": 2 } });
    app.patch("/api/agents/scout", below).await.refused_fields(&["budgets.perRunCap"]);
    let exact = json!({ "budgets": { "dailyCap": 99_999_999.999_999_f64 } });
    let edited = app.patch("/api/agents/scout", exact).await.expect(200);
    assert!(edited.text.contains("\"dailyCap\":99999999.999999"), "{}", edited.text);
}

#[tokio::test]
async fn numbers_and_words_out_of_range_are_refused() {
    let app = with_scout().await;
    for (field, value) in [
        ("errorStreak", json!(-1)),
        ("errorStreak", json!(1.5)),
        ("errorStreak", json!(4_294_967_296_u64)),
        ("heartbeatIntervalSecs", json!(86_401)),
        ("heartbeatIntervalSecs", json!(-5)),
        ("todaySpend", json!(-2)),
        ("status", json!("sleeping")),
        ("role", json!("king")),
        ("currentTaskId", json!("nothing")),
        ("currentTaskId", json!(NOBODY)),
        ("emoji", json!("")),
        ("reason", json!("x".repeat(2_001))),
    ] {
        app.patch("/api/agents/scout", json!({ field: value })).await.refused_fields(&[field]);
    }
    let refused = app.patch("/api/agents/scout", json!({ "allowedTaskTypes": ["docs", "painting"] })).await;
    refused.refused_fields(&["allowedTaskTypes[1]"]);
    let tools: Vec<_> = (0..201).map(|number| format!("tool-{number}")).collect();
    app.patch("/api/agents/scout", json!({ "allowedTools": tools })).await.refused_fields(&["allowedTools"]);
}

#[tokio::test]
async fn an_agent_of_an_unknown_project_is_refused() {
    let app = App::new().await;
    let body = json!({ "name": "Scout", "projectId": "nowhere" });
    app.post("/api/agents", body).await.refused_fields(&["projectId"]);
    app.patch(format!("/api/agents/{NOBODY}"), json!({ "emoji": "x" })).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_lower_day_takes_the_cap_per_run_with_it() {
    let app = App::new().await;
    let agent = json!({ "name": "Scout", "role": "intern", "budgets": { "dailyCap": 0.1 } });
    let agent = app.post("/api/agents", agent).await.expect(201);
    assert_eq!(agent["budgets"], json!({ "dailyCap": 0.1, "perRunCap": 0.1 }));
    let path = format!("/api/agents/{}", agent.id());
    app.patch(path.clone(), json!({ "budgets": agent["budgets"] })).await.expect(200).recorded(&[]);
    app.patch(path, json!({ "budgets": { "perRunCap": 1 } })).await.refused_fields(&["budgets.perRunCap"]);
}

#[tokio::test]
async fn an_answer_about_an_agent_is_never_one_that_a_client_has_already() {
    let app = App::new().await;
    let path = format!("/api/agents/{}", app.agent("Scout").await);
    app.post(format!("{path}/heartbeat"), json!({})).await.expect(200);
    app.wait(TimeDelta::seconds(20));
    let before = app.get(path.clone()).await.expect(200);
    app.post(format!("{path}/heartbeat"), json!({})).await.expect(200).recorded(&[]);
    let after = app.get(path).header("if-none-match", before.etag()).await.expect(200);
    assert_ne!(after["lastHeartbeat"], before["lastHeartbeat"]);
}

#[tokio::test]
async fn a_long_error_of_a_heartbeat_is_cut_and_not_refused() {
    let app = App::new().await;
    let path = format!("/api/agents/{}/heartbeat", app.agent("Scout").await);
    let trace = "at line one\n".repeat(1_000);
    let answer = app.post(path, json!({ "errorMessage": trace })).await.expect(200);
    assert!(answer["agent"]["lastError"].as_str().unwrap().starts_with("at line one"));
}

#[tokio::test]
async fn a_purpose_belongs_to_a_sub_agent() {
    let app = App::new().await;
    let agent = json!({ "name": "Scout", "purpose": "Look around" });
    app.post("/api/agents", agent).await.refused_fields(&["purpose"]);
}

#[tokio::test]
async fn a_run_for_a_task_that_is_not_there_names_the_field() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let run = json!({ "agentId": agent, "taskId": NOBODY, "model": "m" });
    app.post("/api/runs", run).await.refused_fields(&["taskId"]);
}
