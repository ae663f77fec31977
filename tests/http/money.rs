//! Money: costs are charged whoever ends a run, caps are kept as they were set, and null resets one.

use serde_json::{Value, json};

use crate::app::{App, NOBODY};

/// Scout holds a task, and has a run for it with 20 cents set aside.
struct Desk {
    app: App,
    agent: String,
    task: String,
    run: String,
}

impl Desk {
    async fn new() -> Self {
        let app = App::new().await;
        let agent = app.agent("Scout").await;
        let task = app.in_progress(&agent).await;
        let run = run_of(&app, &agent, Some(&task), json!(0.2)).await;
        Self { app, agent, task, run }
    }

    async fn ended_as(&self, status: &str) {
        assert_eq!(self.app.get(format!("/api/runs/{}", self.run)).await.expect(200)["status"], status);
    }
}

async fn run_of(app: &App, agent: &str, task: Option<&str>, estimate: Value) -> String {
    let request = json!({ "agentId": agent, "taskId": task, "model": "small", "estimatedCost": estimate });
    app.post("/api/runs", request).await.expect(201).id()
}

async fn complete(app: &App, run: &str, end: Value) -> crate::app::Answer {
    app.post(format!("/api/runs/{run}/complete"), end).await
}

fn bill() -> Value {
    json!({ "status": "completed", "inputTokens": 1000, "outputTokens": 50, "cost": 0.125 })
}

#[tokio::test]
async fn a_run_that_somebody_else_ended_takes_its_agents_bill_once() {
    for (how, status) in [
        ("cancel", "aborted"),
        ("block", "aborted"),
        ("quarantine", "aborted"),
        ("restart", "aborted"),
        ("reassign", "aborted"),
        ("stop", "aborted"),
        ("red tool", "aborted"),
        ("abort", "aborted"),
        ("time out", "timeout"),
    ] {
        let Desk { app, agent, task, run } = &Desk::new().await;
        let (ended, body): (String, Value) = match how {
            "cancel" => (format!("/api/tasks/{task}/transition"), json!({ "toStatus": "canceled" })),
            "block" => {
                (format!("/api/tasks/{task}/transition"), json!({ "toStatus": "blocked", "reason": "wait" }))
            }
            "quarantine" => (format!("/api/agents/{agent}/quarantine"), json!({})),
            "restart" => (format!("/api/agents/{agent}/restart"), json!({})),
            "reassign" => {
                let echo = app.agent("Echo").await;
                app.patch(format!("/api/tasks/{task}"), json!({ "assigneeIds": [echo] })).await.expect(200);
                (String::new(), Value::Null)
            }
            "stop" => ("/api/emergency/stop".to_owned(), json!({})),
            "red tool" => {
                let call = json!({ "tool": "send_email", "status": "success" });
                app.post(format!("/api/runs/{run}/tool-calls"), call).await.expect(403);
                (String::new(), Value::Null)
            }
            "abort" => {
                (format!("/api/runs/{run}/complete"), json!({ "status": "aborted", "actor": "human" }))
            }
            _ => (format!("/api/runs/{run}/complete"), json!({ "status": "timeout", "actor": "human" })),
        };
        if !ended.is_empty() {
            app.post(ended, body).await.expect(200);
        }
        let before = app.get(format!("/api/runs/{run}")).await.expect(200);
        assert_eq!((&before["status"], &before["charged"]), (&json!(status), &json!(0)), "{how}");
        let by_human = json!({ "status": "aborted", "cost": 9, "actor": "human" });
        complete(app, run, by_human).await.refused(409, "conflict");

        let told = app.post(format!("/api/runs/{run}/complete"), bill()).key("late").await.expect(200);
        assert_eq!(told["status"], status, "{how}: the end stays");
        assert_eq!(told["endedAt"], before["endedAt"], "{how}");
        assert_eq!(
            (&told["cost"], &told["charged"], &told["unpriced"]),
            (&json!(0.125), &json!(0.125), &json!(false))
        );
        assert_eq!((&told["inputTokens"], &told["outputTokens"]), (&json!(1000), &json!(50)), "{how}");
        assert!(told["billedAt"].is_string(), "{how}");
        complete(app, run, bill()).await.refused(409, "conflict");
        let again = app.post(format!("/api/runs/{run}/complete"), bill()).key("late").await.expect(200);
        assert!(again.is_replayed() && again.body == told.body, "{how}");
        is_booked(app, agent, task, how).await;
    }
}

/// Asserts that every view shows an eighth of a dollar, and its tokens.
async fn is_booked(app: &App, agent: &str, task: &str, how: &str) {
    let day = app.get("/api/costs/daily").await.expect(200);
    assert_eq!(
        (&day["total"], &day["runs"], &day["unpricedRuns"]),
        (&json!(0.125), &json!(1), &json!(0)),
        "{how}"
    );
    assert_eq!((&day["inputTokens"], &day["byTask"][0]["cost"]), (&json!(1000), &json!(0.125)), "{how}");
    assert_eq!(day["byModel"][0]["cost"], 0.125, "{how}");
    let costs = app.get(format!("/api/costs/agent/{agent}")).await.expect(200);
    assert_eq!(
        (&costs["today"], &costs["total"], &costs["remaining"]),
        (&json!(0.125), &json!(0.125), &json!(1.875)),
        "{how}"
    );
    let spent = app.get(format!("/api/agents/{agent}")).await.expect(200);
    assert_eq!((&spent["todaySpend"], &spent["totalSpend"]), (&json!(0.125), &json!(0.125)), "{how}");
    assert_eq!(app.get(format!("/api/tasks/{task}")).await.expect(200)["cost"], 0.125, "{how}");
    let timeline = app.get(format!("/api/tasks/{task}/timeline")).await.expect(200);
    assert!(timeline.column("type").contains(&"run.billed"), "{how}");
    assert_eq!(app.get("/api/standup").await.expect(200)["spend"], 0.125, "{how}");
    let runs = app.get("/api/runs?sortBy=cost&order=desc").await.expect(200);
    assert_eq!(runs.body[0]["cost"], 0.125, "{how}");
}

#[tokio::test]
async fn a_cost_that_the_agent_does_not_know_afterwards_is_what_had_been_set_aside() {
    let desk = Desk::new().await;
    desk.app.post(format!("/api/agents/{}/quarantine", desk.agent), json!({})).await.expect(200);
    let told = complete(&desk.app, &desk.run, json!({ "status": "failed", "cost": null })).await.expect(200);
    assert_eq!(
        (&told["cost"], &told["charged"], &told["unpriced"]),
        (&json!(null), &json!(0.2), &json!(true))
    );
    assert_eq!(desk.app.get("/api/costs/daily").await.expect(200)["unpricedRuns"], 1);
    desk.ended_as("aborted").await;
}

#[tokio::test]
async fn an_overrun_that_is_told_afterwards_is_contained() {
    let desk = Desk::new().await;
    let path = format!("/api/tasks/{}/transition", desk.task);
    desk.app.post(path, json!({ "toStatus": "canceled" })).await.expect(200);
    complete(&desk.app, &desk.run, json!({ "status": "completed", "cost": 2.5 })).await.expect(200);
    let scout = desk.app.get("/api/agents/scout").await.expect(200);
    assert_eq!((&scout["status"], &scout["pauseReason"]), (&json!("paused"), &json!("budget")));
    let alerts = desk.app.get("/api/alerts?type=budget_exceeded").await.expect(200);
    assert_eq!(alerts.body.as_array().unwrap().len(), 1);
    assert_eq!(desk.app.get("/api/approvals").await.expect(200).body[0]["actionType"], "budget_override");
}

#[tokio::test]
async fn a_run_above_the_cap_per_run_raises_an_alert() {
    let Desk { app, run, .. } = &Desk::new().await;
    complete(app, run, json!({ "status": "completed", "cost": 0.26 })).await.expect(200);
    let alerts = app.get("/api/alerts?type=budget_exceeded").await.expect(200);
    assert_eq!(
        (alerts.column("runId"), alerts.body[0]["severity"].as_str()),
        (vec![run.as_str()], Some("error"))
    );
    assert_eq!(app.get("/api/agents/scout").await.expect(200)["status"], "active");
}

#[tokio::test]
async fn costs_finer_than_a_micro_dollar_are_rounded_up_and_limits_are_exact() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    for (told, booked) in
        [(json!(0.0044985), 0.004499), (json!("0.0044985"), 0.004499), (json!(0.30000000000000004), 0.300001)]
    {
        let run = run_of(&app, &agent, None, json!(0.010_000_1)).await;
        assert_eq!(app.get(format!("/api/runs/{run}")).await.expect(200)["estimatedCost"], 0.010001);
        let ended = complete(&app, &run, json!({ "status": "completed", "cost": told })).await.expect(200);
        assert_eq!(ended["cost"], booked);
    }
    let finer = json!(0.100_000_01);
    let task = json!({ "title": "Count", "type": "docs", "estimatedCost": finer });
    let task = app.post("/api/tasks", task).await.expect(201);
    assert_eq!(task["estimatedCost"], 0.100001);
    let edited =
        app.patch(format!("/api/tasks/{}", task.id()), json!({ "estimatedCost": 0.200_000_01 })).await;
    assert_eq!(edited.expect(200)["estimatedCost"], 0.200001);
    let corrected = app.patch("/api/agents/scout", json!({ "todaySpend": 0.100_000_01 })).await.expect(200);
    assert_eq!(corrected["todaySpend"], 0.100001);
    let ask = json!({
        "agentId": agent, "actionType": "budget_override", "summary": "More", "risk": "yellow",
        "justification": "It is dear", "estimatedCost": finer,
    });
    assert_eq!(app.post("/api/approvals", ask).await.expect(201)["estimatedCost"], 0.100001);

    app.patch("/api/agents/scout", json!({ "budgets": { "dailyCap": finer } }))
        .await
        .refused(422, "invalid_fields");
    app.patch(format!("/api/tasks/{}", task.id()), json!({ "budget": finer }))
        .await
        .refused_fields(&["budget"]);
    app.patch("/api/projects/openclaw", json!({ "budgets": { "dailyCap": finer } }))
        .await
        .refused(422, "invalid_fields");
    let run = run_of(&app, &agent, None, json!(0.1)).await;
    for cost in [json!(-0.000_000_1), json!("NaN"), json!(100_000_000.5), json!(1e300)] {
        complete(&app, &run, json!({ "status": "completed", "cost": cost })).await.refused_fields(&["cost"]);
    }
}

#[tokio::test]
async fn an_estimate_of_nothing_sets_the_least_of_the_policy_aside() {
    let app = App::new().await;
    let agent = json!({ "name": "Scout", "budgets": { "dailyCap": 1, "perRunCap": 1 } });
    let agent = app.post("/api/agents", agent).await.expect(201).id();
    let run = run_of(&app, &agent, None, json!(0)).await;
    assert_eq!(app.get(format!("/api/runs/{run}")).await.expect(200)["estimatedCost"], 0.01);
    assert_eq!(app.get("/api/policy").await.expect(200)["runs"], json!({ "leastReserved": 0.01 }));

    for refused in [json!(0), json!(-1), json!(null), json!("much")] {
        app.put("/api/policy", json!({ "runs": { "leastReserved": refused } }))
            .await
            .refused(422, "invalid_fields");
    }
    let published = app.put("/api/policy", json!({ "runs": { "leastReserved": 0.9 } })).await.expect(200);
    assert_eq!(published["runs"]["leastReserved"], 0.9);
    run_of(&app, &agent, None, json!(0)).await;
    let request = json!({ "agentId": agent, "model": "small", "estimatedCost": 0 });
    app.post("/api/runs", request).await.expect(409);
}

#[tokio::test]
async fn what_another_figure_lowered_comes_back_with_it() {
    let app = App::new().await;
    app.agent("Scout").await;
    let budgets = async |asked: Value| {
        app.patch("/api/agents/scout", json!({ "budgets": asked })).await.expect(200)["budgets"].clone()
    };
    assert_eq!(budgets(json!({ "dailyCap": 0 })).await, json!({ "dailyCap": 0, "perRunCap": 0 }));
    assert_eq!(budgets(json!({ "dailyCap": 5 })).await, json!({ "dailyCap": 5, "perRunCap": 0.25 }));
    assert_eq!(budgets(json!({ "perRunCap": 1 })).await, json!({ "dailyCap": 5, "perRunCap": 1 }));
    assert_eq!(budgets(json!({ "dailyCap": 0.5 })).await, json!({ "dailyCap": 0.5, "perRunCap": 0.5 }));
    assert_eq!(
        budgets(json!({ "dailyCap": 0.5, "perRunCap": 0.5 })).await,
        json!({ "dailyCap": 0.5, "perRunCap": 0.5 })
    );
    assert_eq!(budgets(json!({ "dailyCap": 9 })).await, json!({ "dailyCap": 9, "perRunCap": 1 }));
}

#[tokio::test]
async fn null_gives_the_usual_budget_back() {
    let app = App::new().await;
    let path = format!("/api/agents/{}", app.agent("Scout").await);
    let both = json!({ "budgets": { "dailyCap": 20, "perRunCap": 5 } });
    app.patch(path.clone(), both).await.expect(200);
    let day = app.patch(path.clone(), json!({ "budgets": { "dailyCap": null } })).await.expect(200);
    assert_eq!(day["budgets"], json!({ "dailyCap": 2, "perRunCap": 2 }));
    let run = app.patch(path.clone(), json!({ "budgets": { "perRunCap": null } })).await.expect(200);
    assert_eq!(run["budgets"], json!({ "dailyCap": 2, "perRunCap": 0.25 }));
    app.put("/api/policy", json!({ "roles": { "lead": { "dailyCap": 30, "perRunCap": 4 } } }))
        .await
        .expect(200);
    let lead = json!({ "role": "lead", "budgets": { "dailyCap": null, "perRunCap": null } });
    let lead = app.patch(path, lead).await.expect(200);
    assert_eq!(lead["budgets"], json!({ "dailyCap": 30, "perRunCap": 4 }), "the policy's");

    let task = json!({ "title": "Count", "type": "docs", "budget": 7 });
    let task = format!("/api/tasks/{}", app.post("/api/tasks", task).await.expect(201).id());
    assert_eq!(app.patch(task.clone(), json!({ "budget": null })).await.expect(200)["budget"], 3);
    let kind = json!({ "type": "engineering", "budget": null });
    assert_eq!(app.patch(task, kind).await.expect(200)["budget"], 8);
}

#[tokio::test]
async fn null_is_refused_where_nothing_can_be_taken_away() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let task = app.assigned(&agent).await;
    let (agent, task) = (format!("/api/agents/{agent}"), format!("/api/tasks/{task}"));
    for (path, fields, may_be_null) in [
        (
            task.as_str(),
            &["title", "type", "priority", "assigneeIds", "reviewerIds", "labels"][..],
            &["description", "estimatedCost", "budget", "dueAt", "reason"][..],
        ),
        (
            &agent,
            &[
                "name",
                "role",
                "allowedTaskTypes",
                "allowedTools",
                "budgets",
                "heartbeatIntervalSecs",
                "status",
                "errorStreak",
                "todaySpend",
            ],
            &["emoji", "currentTaskId", "reason"],
        ),
        ("/api/projects/openclaw", &["name", "budgets"], &["description"]),
    ] {
        let known = app.patch(path, json!({ "nonsense": 1 })).await.refused_fields(&["nonsense"]);
        let message = known["errors"][0]["message"].as_str().unwrap();
        let named = message.strip_prefix("is not known; known are ").unwrap().split(", ");
        for field in named {
            let answer = app.patch(path, json!({ field: null })).await;
            match may_be_null.contains(&field) {
                true => drop(answer.expect(200)),
                false => {
                    assert!(fields.contains(&field), "{path}: what does a null in {field} mean?");
                    let refused = answer.refused_fields(&[field]);
                    let said = refused["errors"][0]["message"].as_str().unwrap();
                    assert_eq!(said, "must not be null; leave it out to keep what it is");
                }
            }
        }
    }
    app.patch(task, json!({ "title": null, "labels": null, "description": null }))
        .await
        .refused(422, "invalid_fields");
}

#[tokio::test]
async fn a_reason_without_what_it_is_for_is_refused() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let task = app.assigned(&agent).await;
    app.patch(format!("/api/tasks/{task}"), json!({ "reason": "because" })).await.refused_fields(&["reason"]);
    app.patch(format!("/api/agents/{agent}"), json!({ "reason": "because" }))
        .await
        .refused_fields(&["reason"]);
    let pause = json!({ "status": "paused", "reason": "lunch" });
    app.patch(format!("/api/agents/{agent}"), pause).await.expect(200);
}

#[tokio::test]
async fn a_resubmission_takes_away_what_is_null() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let ask = json!({
        "agentId": agent, "actionType": "budget_override", "summary": "More", "risk": "yellow",
        "justification": "It is dear", "rollbackPlan": "None", "estimatedCost": 1,
    });
    let path = format!("/api/approvals/{}/resubmit", app.post("/api/approvals", ask).await.expect(201).id());
    let less = json!({ "agentId": agent, "estimatedCost": null, "rollbackPlan": null });
    let less = app.post(path.clone(), less).await.expect(200);
    assert_eq!((&less["estimatedCost"], &less["rollbackPlan"]), (&json!(null), &json!(null)));
    app.post(path, json!({ "agentId": agent, "summary": null })).await.refused_fields(&["summary"]);
}

#[tokio::test]
async fn registering_again_without_any_type_or_tool_means_all() {
    let app = App::new().await;
    let first = json!({
        "name": "Scout", "allowedTaskTypes": ["docs"], "allowedTools": ["search"], "heartbeatIntervalSecs": 900,
        "emoji": "🔍",
    });
    app.post("/api/agents", first).await.expect(201);
    let kept = app.post("/api/agents", json!({ "name": "Scout" })).await.expect(200).recorded(&[]);
    assert_eq!((&kept["allowedTaskTypes"], &kept["heartbeatIntervalSecs"]), (&json!(["docs"]), &json!(900)));
    let all =
        json!({ "name": "Scout", "allowedTaskTypes": [], "allowedTools": [], "heartbeatIntervalSecs": 0 });
    let all = app.post("/api/agents", all).await.expect(200);
    assert_eq!((&all["allowedTaskTypes"], &all["allowedTools"]), (&json!([]), &json!([])));
    assert_eq!((&all["heartbeatIntervalSecs"], &all["emoji"]), (&json!(0), &json!("🔍")));
}

#[tokio::test]
async fn done_takes_a_note() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    for way in ["review", "needs_approval"] {
        let task = app.in_progress(&agent).await;
        app.moved(&task, json!({ "toStatus": "review", "deliverable": "x", "reviewChecklist": ["y"] })).await;
        if way == "needs_approval" {
            app.moved(&task, json!({ "toStatus": "needs_approval" })).await;
        }
        let path = format!("/api/tasks/{task}/transition");
        for bare in [json!({ "toStatus": "done" }), json!({ "toStatus": "done", "reason": null })] {
            let refused = app.post(path.clone(), bare).await.refused(422, "illegal_transition");
            assert_eq!(refused.error_fields(), ["reason"], "{way}");
        }
        let done = app.post(path, json!({ "toStatus": "done", "reason": "Clear" })).await.expect(200);
        assert_eq!(
            (&done["approval"]["note"], &done["approval"]["approvedBy"]["name"]),
            (&json!("Clear"), &json!("Sofie"))
        );
    }
}

#[tokio::test]
async fn a_raised_cap_frees_what_it_held_whichever_that_was() {
    for (path, low, high) in [
        (
            "/api/agents/scout",
            json!({ "budgets": { "dailyCap": 0.1 } }),
            json!({ "budgets": { "dailyCap": 20 } }),
        ),
        (
            "/api/agents/scout",
            json!({ "budgets": { "perRunCap": 0.1 } }),
            json!({ "budgets": { "perRunCap": 0.2 } }),
        ),
        ("task", json!({ "budget": 0.1 }), json!({ "budget": 0.2 })),
        (
            "/api/projects/openclaw",
            json!({ "budgets": { "dailyCap": 0.1 } }),
            json!({ "budgets": { "dailyCap": null } }),
        ),
    ] {
        let app = App::new().await;
        let agent = app.agent("Scout").await;
        let task = app.in_progress(&agent).await;
        let at = if path == "task" { format!("/api/tasks/{task}") } else { path.to_owned() };
        app.patch(at.clone(), low).await.expect(200);
        let request = json!({ "agentId": agent, "taskId": task, "model": "small", "estimatedCost": 0.2 });
        let approval = app.post("/api/runs", request.clone()).await.expect(409)["approvalId"].clone();
        let approval = format!("/api/approvals/{}", approval.as_str().unwrap());
        assert_eq!(
            app.get(format!("/api/tasks/{task}")).await.expect(200)["status"],
            "needs_approval",
            "{at}"
        );

        let raised = app.patch(at.clone(), high).await.expect(200);
        let facts: Vec<_> = raised.facts.iter().map(|fact| &*fact.event_type).collect();
        assert!(facts.contains(&"approval.withdrawn") && facts.contains(&"task.started"), "{at}: {facts:?}");
        assert_eq!(app.get(approval).await.expect(200)["status"], "canceled", "{at}");
        let back = app.get(format!("/api/tasks/{task}")).await.expect(200);
        assert_eq!((&back["status"], &back["holderId"]), (&json!("in_progress"), &json!(agent)), "{at}");
        app.post("/api/runs", request).await.expect(201);
    }
}

#[tokio::test]
async fn what_does_not_fit_under_the_new_cap_stays_held() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    let task = app.in_progress(&agent).await;
    let path = format!("/api/tasks/{task}");
    app.patch(path.clone(), json!({ "budget": 0.1 })).await.expect(200);
    let request = json!({ "agentId": agent, "taskId": task, "model": "small", "estimatedCost": 0.2 });
    let approval = app.post("/api/runs", request).await.expect(409)["approvalId"].clone();
    app.patch(path.clone(), json!({ "budget": 0.15 })).await.expect(200);
    assert_eq!(app.get(path).await.expect(200)["status"], "needs_approval");
    let approval = format!("/api/approvals/{}", approval.as_str().unwrap());
    assert_eq!(app.get(approval).await.expect(200)["status"], "pending");
}

#[tokio::test]
async fn a_run_that_is_not_there_takes_no_bill() {
    let app = App::new().await;
    complete(&app, NOBODY, bill()).await.refused(404, "not_found");
}

/// One request lowers the cap and corrects what was spent: each tells of the threshold that it crosses itself.
#[tokio::test]
async fn a_correction_does_not_tell_again_of_what_the_lower_cap_crossed() {
    let app = App::new().await;
    app.agent("Scout").await;
    app.patch("/api/agents/scout", json!({ "todaySpend": 1 })).await.expect(200);
    let run = run_of(&app, "scout", None, json!(0.01)).await;
    complete(&app, &run, json!({ "status": "completed", "cost": 0 })).await.expect(200);
    let both = json!({ "budgets": { "dailyCap": 1.1, "perRunCap": 0.1 }, "todaySpend": 0.5 });
    app.patch("/api/agents/scout", both).await.expect(200).recorded(&[
        "agent.profile_changed",
        "agent.corrected",
        "budget.cap_changed",
        "budget.threshold_crossed",
        "budget.adjusted",
        "alert.raised",
    ]);
}

#[tokio::test]
async fn an_unknown_approval_is_not_found_whatever_version_is_expected() {
    let app = App::new().await;
    for what in ["approve", "withdraw", "resubmit"] {
        let unknown = app.post(format!("/api/approvals/{NOBODY}/{what}"), json!({}));
        unknown.if_match("\"3\"").await.refused(404, "not_found");
    }
}
