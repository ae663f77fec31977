//! The wording of refusals: names as registered, advice that works, and what is allowed.

use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn a_name_keeps_its_case_at_the_beginning_of_a_sentence() {
    let app = App::new().await;
    app.agent("nova").await;
    app.post("/api/agents/nova/pause", json!({})).await.expect(200);
    let run = json!({ "agentId": "nova", "model": "m" });
    let refused = app.post("/api/runs", run).await.refused(409, "agent_not_active");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("nova is paused") && !detail.contains("Nova"), "{detail}");
    let refused = app.post("/api/agents/nova/drain", json!({})).await.refused(422, "illegal_transition");
    assert!(!refused["detail"].as_str().unwrap().contains("Nova"), "{}", refused.text);
}

#[tokio::test]
async fn a_heartbeat_says_of_the_agent_what_is_its_own_to_say() {
    let app = App::new().await;
    app.agent("Scout").await;
    let beat = |status: &str| app.post("/api/agents/scout/heartbeat", json!({ "status": status }));
    for status in ["paused", "draining", "quarantined", "busy", ""] {
        let refused = beat(status).await.refused(422, "invalid_fields");
        assert_eq!(refused.error_fields(), ["status"]);
        assert!(
            refused["detail"].as_str().unwrap().contains("must be active or offline"),
            "{}",
            refused.text
        );
    }
    app.post("/api/agents/scout/pause", json!({})).await.expect(200);
    for status in ["active", "ACTIVE"] {
        assert_eq!(beat(status).await.expect(200)["agent"]["status"], "paused");
    }
    app.post("/api/agents/scout/resume", json!({})).await.expect(200);
    assert_eq!(beat("offline").await.expect(200)["agent"]["status"], "offline");
}

#[tokio::test]
async fn a_limit_on_spawning_is_refused_with_advice_that_can_be_followed() {
    let app = App::new().await;
    app.post("/api/agents", json!({ "name": "Nova", "role": "lead" })).await.expect(201);
    for (limits, advice) in [
        (json!({ "maxChildren": 0 }), "an operator can raise spawn.maxChildren"),
        (json!({ "maxActiveAgents": 1 }), "Pause an agent first"),
    ] {
        app.put("/api/policy", json!({ "spawn": limits })).await.expect(200);
        let child = json!({ "name": "Kid", "purpose": "help" });
        let refused = app.post("/api/agents/nova/spawn", child).await.refused(422, "rule_broken");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(advice) && !detail.contains("Retire"), "{detail}");
    }
}

#[tokio::test]
async fn comments_by_the_operator_alone_are_no_loop() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    for nth in 0..25 {
        let comment = json!({ "content": format!("Thought {nth}") });
        app.post(format!("/api/tasks/{task}/messages"), comment).await.expect(201);
    }
    assert_eq!(app.get(format!("/api/tasks/{task}")).await["status"], "in_progress");
}
