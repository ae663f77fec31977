//! Who acts, and in which projects: what a caller's credential lets it do, and what it never sees.

use chrono::TimeDelta;
use mc_domain::credential::Bearer;
use serde_json::{Value, json};

use crate::{
    app::{Answer, App, Key, NOBODY, Request, plan},
    events::follow,
    matrix::notify,
};

/// A server with two projects: Scout and Echo are of the default one, Nova is of another. Ada operates both of them, Eve
/// the other alone, and Scout has a credential.
struct World {
    app: App,
    scout: String,
    echo: String,
    nova: String,
    ada: Key,
    eve: Key,
    by_scout: Key,
}

async fn world() -> World {
    let app = App::new().await;
    let (scout, echo) = (app.agent("Scout").await, app.agent("Echo").await);
    let nova = app.foreign_agent("Nova").await;
    let ada = app.operator("Ada", &[]).await;
    let eve = app.operator("Eve", &["elsewhere"]).await;
    let by_scout = app.credential_of(&scout).await;
    World { app, scout, echo, nova, ada, eve, by_scout }
}

fn task(title: &str) -> Value {
    json!({ "title": title, "type": "docs" })
}

fn approval(agent: &str) -> Value {
    json!({
        "agentId": agent,
        "actionType": "tool_call",
        "summary": "Send the newsletter",
        "risk": "red",
        "justification": "The campaign is due",
    })
}

impl World {
    /// A task of the default project.
    async fn task(&self) -> String {
        self.app.post("/api/tasks", task("Write")).by(&self.ada).await.expect(201).id()
    }

    /// A run of an agent, of no task.
    async fn run(&self, agent: &str) -> String {
        let body = json!({ "agentId": agent, "model": "small", "estimatedCost": 0.1 });
        self.app.post("/api/runs", body).by(&self.ada).await.expect(201).id()
    }

    fn say(&self, task: &str, body: Value) -> Request<'_> {
        self.app.post(format!("/api/tasks/{task}/messages"), body)
    }
}

/// What an answer says, whichever id it is about.
fn wording(answer: &Answer, id: &str) -> (u16, String) {
    (answer.status.as_u16(), answer["detail"].as_str().unwrap_or_default().replace(id, "…"))
}

#[tokio::test]
async fn an_operator_acts_under_the_name_of_the_credential() {
    let World { app, ada, scout, .. } = world().await;
    let mut body = task("Write");
    let created = app.post("/api/tasks", body.clone()).by(&ada).await.expect(201);
    assert_eq!(created.facts[0].metadata.actor.to_string(), "Ada");
    assert_eq!(created.facts[0].metadata.credential, Some(ada.id));
    for itself in [json!("human"), json!({ "type": "human", "id": "ADA" })] {
        body["actor"] = itself;
        let created = app.post("/api/tasks", body.clone()).by(&ada).await.expect(201);
        assert_eq!(created.facts[0].metadata.actor.to_string(), "Ada");
    }
    for another in [
        json!("system"),
        json!("agent"),
        json!({ "type": "human", "id": "Sofie" }),
        json!({ "type": "agent", "id": scout }),
        json!({ "type": "agent", "id": NOBODY }),
    ] {
        body["actor"] = another;
        app.post("/api/tasks", body.clone()).by(&ada).await.refused(403, "actor_mismatch");
    }
}

#[tokio::test]
async fn nobody_acts_without_a_credential_once_one_was_issued() {
    let World { app, scout, .. } = world().await;
    app.post("/api/tasks", task("Write")).await.refused(401, "credential_missing");
    app.get(format!("/api/agents/{scout}")).await.refused(401, "credential_missing");
}

#[tokio::test]
async fn an_agent_acts_as_itself_alone() {
    let world = world().await;
    let World { app, scout, echo, nova, by_scout, .. } = &world;
    let task = world.task().await;
    let said = world.say(&task, json!({ "content": "Hello" })).by(by_scout).await.expect(201);
    assert_eq!(said["author"]["id"], **scout);
    for itself in
        [json!("agent"), json!({ "type": "agent", "id": "scout" }), json!({ "type": "agent", "id": scout })]
    {
        let body = json!({ "content": "Hello", "actor": itself, "agentId": "Scout" });
        world.say(&task, body).by(by_scout).await.expect(201);
    }
    let others = [echo.as_str(), "Echo", nova, "Nova", NOBODY, "Sofie"];
    let claims = others.iter().map(|id| json!({ "type": "agent", "id": id }));
    for another in claims.chain([json!("human"), json!("system")]) {
        let body = json!({ "content": "Hello", "actor": another });
        world.say(&task, body).by(by_scout).await.refused(403, "actor_mismatch");
    }
    // Whether there is such an agent makes no difference.
    for another in others {
        let own = json!({ "agentId": another });
        let with = |mut body: Value| {
            body["agentId"] = json!(another);
            body
        };
        for (path, body) in [
            (format!("/api/tasks/{task}/claim"), own.clone()),
            (format!("/api/tasks/{task}/subscribe"), own.clone()),
            (format!("/api/tasks/{task}/messages"), with(json!({ "content": "Hello" }))),
            (format!("/api/tasks/{task}/transition"), with(json!({ "toStatus": "in_progress" }))),
            ("/api/runs".to_owned(), with(json!({ "model": "small" }))),
            ("/api/approvals".to_owned(), approval(another)),
            ("/api/policy/evaluate".to_owned(), with(json!({ "tool": "search" }))),
            (
                "/api/agents".to_owned(),
                json!({ "name": "Helper", "parentAgentId": another, "purpose": "Help" }),
            ),
        ] {
            app.post(path, body).by(by_scout).await.refused(403, "actor_mismatch");
        }
    }
    app.post(format!("/api/tasks/{task}/claim"), json!({ "agentId": "Scout" }))
        .by(by_scout)
        .await
        .expect(200);
    let started = json!({ "toStatus": "in_progress", "workPlan": plan() });
    app.post(format!("/api/tasks/{task}/transition"), started).by(by_scout).await.expect(200);
}

#[tokio::test]
async fn an_agent_need_not_say_that_it_is_itself() {
    let world = world().await;
    let World { app, scout, by_scout, ada, .. } = &world;
    let task = world.task().await;
    let claim = app.post(format!("/api/tasks/{task}/claim"), json!({}));
    assert_eq!(claim.by(by_scout).await.expect(200)["assigneeIds"], json!([scout]));
    let run = json!({ "model": "small", "estimatedCost": 0.1 });
    assert_eq!(app.post("/api/runs", run.clone()).by(by_scout).await.expect(201)["agentId"], **scout);
    app.post("/api/policy/evaluate", json!({ "tool": "search" })).by(by_scout).await.expect(200);
    let mut ask = approval("");
    ask.as_object_mut().unwrap().remove("agentId");
    assert_eq!(app.post("/api/approvals", ask).by(by_scout).await.expect(201)["agentId"], **scout);
    app.post("/api/runs", run).by(ada).await.refused_fields(&["agentId"]);
}

#[tokio::test]
async fn an_agent_marks_its_own_notifications_alone_as_read() {
    let World { app, scout, echo, nova, ada, by_scout, .. } = world().await;
    for (recipient, status) in [(&scout, 200), (&echo, 403), (&nova, 404)] {
        let project = app.get(format!("/api/agents/{recipient}")).by(&ada).await.expect(200);
        let project = project["projectId"].as_str().unwrap();
        let notification = notify(&app, project, recipient, "today").await;
        let read = app.post(format!("/api/notifications/{notification}/read"), json!({})).by(&by_scout).await;
        read.expect(status);
    }
}

#[tokio::test]
async fn an_agent_changes_no_other_and_sees_those_of_its_project() {
    let World { app, scout, echo, nova, by_scout, .. } = world().await;
    app.get(format!("/api/agents/{echo}")).by(&by_scout).await.expect(200);
    app.get(format!("/api/agents/{nova}")).by(&by_scout).await.refused(404, "not_found");
    let helper = json!({ "name": "Helper", "purpose": "Help" });
    for (other, status, kind) in [(&echo, 403, "actor_mismatch"), (&nova, 404, "not_found")] {
        let heartbeat = app.post(format!("/api/agents/{other}/heartbeat"), json!({}));
        heartbeat.by(&by_scout).await.refused(status, kind);
        let spawn = app.post(format!("/api/agents/{other}/spawn"), helper.clone());
        spawn.by(&by_scout).await.refused(status, kind);
        let edit = app.patch(format!("/api/agents/{other}"), json!({ "emoji": "🦊" }));
        edit.by(&by_scout).await.refused(status, kind);
    }
    app.post(format!("/api/agents/{scout}/heartbeat"), json!({})).by(&by_scout).await.expect(200);
    app.post("/api/agents/Scout/heartbeat", json!({})).by(&by_scout).await.expect(200);
}

#[tokio::test]
async fn an_agent_gives_itself_nothing() {
    let world = world().await;
    let World { app, scout, by_scout, .. } = &world;
    let task = world.task().await;
    let asked = app.post("/api/approvals", approval(scout)).by(by_scout).await.expect(201).id();
    for wanted in [
        json!({ "role": "lead" }),
        json!({ "budgets": { "dailyCap": 1000 } }),
        json!({ "budgets": { "perRunCap": 2 } }),
    ] {
        let answer = app.patch(format!("/api/agents/{scout}"), wanted).by(by_scout).await.expect(403);
        assert_eq!(answer["code"], "approval_required", "{}", answer.text);
    }
    app.post(format!("/api/agents/{scout}/pause"), json!({})).by(&world.ada).await.expect(200);
    for imposed in [
        json!({ "status": "active" }),
        json!({ "todaySpend": 0.5 }),
        json!({ "errorStreak": 0, "todaySpend": 1 }),
        json!({ "status": "offline" }),
        json!({ "status": "draining" }),
    ] {
        app.patch(format!("/api/agents/{scout}"), imposed).by(by_scout).await.refused(403, "forbidden");
    }
    for (path, body) in [
        (format!("/api/agents/{scout}/resume"), json!({})),
        (format!("/api/approvals/{asked}/approve"), json!({})),
        (format!("/api/approvals/{asked}/deny"), json!({ "decision": "No" })),
        ("/api/agents".to_owned(), json!({ "name": "Helper" })),
        ("/api/emergency/resume-squad".to_owned(), json!({})),
    ] {
        app.post(path, body).by(by_scout).await.refused(403, "forbidden");
    }
    for change in [json!({ "budget": 100 }), json!({ "assigneeIds": [scout] }), json!({ "title": "Mine" })] {
        app.patch(format!("/api/tasks/{task}"), change).by(by_scout).await.refused(403, "forbidden");
    }
    let dear = json!({ "title": "Dear", "type": "docs", "budget": 1000 });
    app.post("/api/tasks", dear).by(by_scout).await.refused(403, "forbidden");
    app.put("/api/policy", json!({})).by(by_scout).await.refused(403, "forbidden");
}

#[tokio::test]
async fn an_operator_decides_in_the_own_name() {
    let world = world().await;
    let World { app, scout, echo, ada, .. } = &world;
    let asked = app.post("/api/approvals", approval(scout)).by(&world.by_scout).await.expect(201).id();
    let approve = |approver: Value| {
        app.post(format!("/api/approvals/{asked}/approve"), json!({ "approver": approver })).by(ada)
    };
    for another in [
        json!("Sofie"),
        json!("Echo"),
        json!("system"),
        json!("Nobody"),
        json!({ "type": "human", "id": "Eve" }),
        json!({ "type": "agent", "id": echo }),
    ] {
        approve(another).await.refused(403, "actor_mismatch");
    }
    let approved = approve(json!("ada")).await.expect(200);
    assert_eq!(approved.facts[0].metadata.actor.to_string(), "Ada");
    approve(json!("operator")).await.expect(200).recorded(&[]);
}

#[tokio::test]
async fn what_is_outside_the_reach_is_answered_as_what_does_not_exist() {
    let world = world().await;
    let World { app, scout, eve, .. } = &world;
    let task = world.task().await;
    let run = world.run(scout).await;
    let asked = app.post("/api/approvals", approval(scout)).by(&world.by_scout).await.expect(201).id();
    let yes = json!({ "decision": "Yes" });
    let reads = [
        ("/api/agents/…", scout),
        ("/api/costs/agent/…", scout),
        ("/api/tasks/…", &task),
        ("/api/tasks/…/timeline", &task),
        ("/api/tasks/…/messages", &task),
        ("/api/tasks/…/report", &task),
        ("/api/runs/…", &run),
        ("/api/runs/…/tool-calls", &run),
        ("/api/approvals/…", &asked),
        ("/api/projects/…", &"openclaw".to_owned()),
        ("/api/tasks?project=…", &"openclaw".to_owned()),
        ("/api/events?project=…", &"openclaw".to_owned()),
        ("/api/audit/export?project=…", &"openclaw".to_owned()),
        ("/api/standup?project=…", &"openclaw".to_owned()),
        ("/api/runs?agentId=…", scout),
        ("/api/notifications?agentId=…", &"Scout".to_owned()),
    ];
    for (path, id) in reads {
        let outside = app.get(path.replace('…', id)).by(eve).await;
        let unknown = app.get(path.replace('…', NOBODY)).by(eve).await;
        assert_eq!(wording(&outside, id), wording(&unknown, NOBODY), "{path}");
        assert!(outside.status.is_client_error(), "{path}");
    }
    let writes = [
        ("/api/agents/…/pause", scout, json!({})),
        ("/api/agents/…/heartbeat", scout, json!({})),
        ("/api/tasks/…/transition", &task, json!({ "toStatus": "canceled" })),
        ("/api/tasks/…/messages", &task, json!({ "content": "Hello" })),
        ("/api/tasks/…/subscribe", &task, json!({})),
        ("/api/tasks/…/archive", &task, json!({})),
        ("/api/runs/…/complete", &run, json!({ "status": "completed" })),
        ("/api/runs/…/tool-calls", &run, json!({ "tool": "search", "status": "success" })),
        ("/api/approvals/…/approve", &asked, yes.clone()),
        ("/api/approvals/…/deny", &asked, yes),
        ("/api/approvals/…/withdraw", &asked, json!({})),
        ("/api/approvals/…/resubmit", &asked, json!({})),
    ];
    for (path, id, body) in writes {
        let outside = app.post(path.replace('…', id), body.clone()).by(eve).await;
        let unknown = app.post(path.replace('…', NOBODY), body).by(eve).await;
        assert_eq!(wording(&outside, id), wording(&unknown, NOBODY), "{path}");
        assert_eq!((outside.status.as_u16(), outside.facts.len()), (404, 0), "{path}");
    }
    let fields = [
        ("/api/tasks", scout, json!({ "title": "Write", "type": "docs", "assigneeIds": ["…"] })),
        ("/api/tasks", scout, json!({ "title": "Write", "type": "docs", "reviewerIds": ["…"] })),
        ("/api/tasks", &task, json!({ "title": "Write", "type": "docs", "parentTaskId": "…" })),
        ("/api/tasks", &"openclaw".to_owned(), json!({ "title": "Write", "type": "docs", "projectId": "…" })),
        ("/api/runs", scout, json!({ "agentId": "…", "model": "small" })),
        ("/api/runs", &task, json!({ "agentId": "Nova", "model": "small", "taskId": "…" })),
        ("/api/approvals", scout, approval("…")),
        ("/api/policy/evaluate", scout, json!({ "agentId": "…", "tool": "search" })),
        ("/api/policy/evaluate", &task, json!({ "agentId": "Nova", "tool": "search", "taskId": "…" })),
        ("/api/policy/evaluate", &asked, json!({ "agentId": "Nova", "tool": "search", "approvalId": "…" })),
        ("/api/agents", scout, json!({ "name": "Helper", "parentAgentId": "…", "purpose": "Help" })),
        ("/api/emergency/stop", &"openclaw".to_owned(), json!({ "project": "…" })),
    ];
    for (path, id, body) in fields {
        let with = |id: &str| serde_json::from_str(&body.to_string().replace('…', id)).unwrap();
        let outside = app.post(path, with(id)).by(eve).await;
        let unknown = app.post(path, with(NOBODY)).by(eve).await;
        assert_eq!(wording(&outside, id), wording(&unknown, NOBODY), "{path} {body}");
        assert_eq!(
            (outside.status.as_u16(), outside.facts.len()),
            (422, 0),
            "{path} {body}: {}",
            outside.text
        );
    }
}

#[tokio::test]
async fn an_alert_and_a_notification_of_another_project_are_not_there() {
    let world = world().await;
    let World { app, scout, ada, eve, .. } = &world;
    let task = world.task().await;
    let said = world.say(&task, json!({ "content": "@Scout and @Eve, look" })).by(ada).await.expect(201);
    assert_eq!(said["unknownMentions"], json!(["Eve"]), "she is of another project");
    let run = world.run(scout).await;
    let red = json!({ "tool": "deploy", "risk": "red", "status": "success" });
    app.post(format!("/api/runs/{run}/tool-calls"), red).by(&world.by_scout).await.expect(403);
    let alert = app.get("/api/alerts").by(ada).await.expect(200).body[0]["id"].as_str().unwrap().to_owned();
    for path in ["/api/alerts", "/api/runs", "/api/activity?type=task", "/api/notifications"] {
        let seen = app.get(path).by(eve).await.expect(200);
        assert!(seen.body.as_array().unwrap().is_empty(), "{path}: {}", seen.text);
    }
    app.get(format!("/api/alerts/{alert}")).by(eve).await.refused(404, "not_found");
    for what in ["acknowledge", "resolve", "ignore"] {
        let answered = app.post(format!("/api/alerts/{alert}/{what}"), json!({})).by(eve).await;
        let unknown = app.post(format!("/api/alerts/{NOBODY}/{what}"), json!({})).by(eve).await;
        assert_eq!(wording(&answered, &alert), wording(&unknown, NOBODY));
        answered.refused(404, "not_found");
    }
    app.post(format!("/api/alerts/{alert}/resolve"), json!({})).by(ada).await.expect(200);
}

#[tokio::test]
async fn lists_and_figures_are_of_the_reach() {
    let world = world().await;
    let World { app, eve, ada, .. } = &world;
    world.task().await;
    app.post("/api/tasks", task("There")).by(eve).await.expect(201);
    assert_eq!(app.get("/api/tasks").by(eve).await.expect(200).column("title"), ["There"]);
    assert_eq!(app.get("/api/tasks").by(ada).await.expect(200).column("title"), ["There", "Write"]);
    assert_eq!(app.get("/api/agents").by(eve).await.expect(200).column("name"), ["Nova"]);
    assert_eq!(app.get("/api/projects").by(eve).await.expect(200).column("slug"), ["elsewhere"]);
    for path in [
        "/api/board",
        "/api/metrics",
        "/api/standup",
        "/api/costs/daily",
        "/api/activity",
        "/api/audit/export",
        "/api/policy",
    ] {
        let seen = app.get(path).by(eve).await.expect(200);
        let of_project = app.get(format!("{path}?project=elsewhere")).by(ada).await.expect(200);
        // A policy says of which scope it is.
        if path != "/api/policy" {
            assert_eq!(seen.text, of_project.text, "{path}");
        }
        assert!(!seen.text.contains("Scout") && !seen.text.contains("\"Write\""), "{path}: {}", seen.text);
    }
}

#[tokio::test]
async fn names_mean_what_is_within_reach() {
    let World { app, eve, by_scout, .. } = world().await;
    let body = json!({ "name": "Scout" });
    let another = app.post("/api/agents", body).by(&eve).await.expect(201);
    assert_eq!(app.get("/api/agents/scout").by(&eve).await.expect(200).id(), another.id());
    assert_ne!(app.get("/api/agents/scout").by(&by_scout).await.expect(200).id(), another.id());
}

#[tokio::test]
async fn what_names_no_project_is_created_in_the_only_one_or_refused() {
    let World { app, ada, eve, by_scout, .. } = world().await;
    let there = app.get("/api/projects/elsewhere").by(&ada).await.expect(200).id();
    assert_eq!(app.post("/api/tasks", task("A")).by(&eve).await.expect(201)["projectId"], *there);
    let home = app.post("/api/tasks", task("B")).by(&by_scout).await.expect(201);
    assert_ne!(home["projectId"], *there);
    app.post("/api/projects", json!({ "name": "Third", "slug": "third" })).by(&ada).await.expect(201);
    let both = app.operator("Uma", &["elsewhere", "third"]).await;
    app.post("/api/tasks", task("C")).by(&both).await.refused_fields(&["projectId"]);
    let mut named = task("D");
    named["projectId"] = json!("third");
    app.post("/api/tasks", named).by(&both).await.expect(201);
}

#[tokio::test]
async fn an_emergency_is_of_the_operators_projects() {
    let world = world().await;
    let World { app, scout, nova, eve, ada, .. } = &world;
    let halted = app.post("/api/emergency/pause-squad", json!({})).by(eve).await.expect(200);
    assert_eq!(halted["agents"], json!([nova]));
    assert!(halted.facts.iter().all(|fact| fact.metadata.credential == Some(eve.id)));
    let status = async |agent: &str| {
        app.get(format!("/api/agents/{agent}")).by(ada).await.expect(200)["status"].clone()
    };
    assert_eq!((status(scout).await, status(nova).await), (json!("active"), json!("paused")));
    app.post("/api/emergency/stop", json!({})).by(ada).await.expect(200);
    let resumed = app.post("/api/emergency/resume-squad", json!({})).by(eve).await.expect(200);
    assert_eq!(resumed["agents"], json!([nova]));
    assert_eq!((status(scout).await, status(nova).await), (json!("paused"), json!("active")));
}

#[tokio::test]
async fn only_tasks_of_the_operators_projects_are_archived() {
    let world = world().await;
    let World { app, eve, ada, .. } = &world;
    let here = world.task().await;
    let there = app.post("/api/tasks", task("There")).by(eve).await.expect(201).id();
    for task in [&here, &there] {
        let cancel = json!({ "toStatus": "canceled", "reason": "Not needed" });
        app.post(format!("/api/tasks/{task}/transition"), cancel).by(ada).await.expect(200);
    }
    app.wait(TimeDelta::hours(2));
    let archived =
        app.post("/api/maintenance/archive", json!({ "olderThan": "1h" })).by(eve).await.expect(200);
    assert_eq!(archived["taskIds"], json!([there]));
    assert_eq!(archived.facts[0].metadata.credential, Some(eve.id));
}

#[tokio::test]
async fn the_keys_of_one_caller_mean_nothing_to_another() {
    let World { app, ada, eve, by_scout, .. } = world().await;
    let first = app.post("/api/tasks", task("One")).by(&ada).key("k-1").await.expect(201);
    let others = app.post("/api/tasks", task("Two")).by(&eve).key("k-1").await.expect(201);
    let agents = app.post("/api/tasks", task("One")).by(&by_scout).key("k-1").await.expect(201);
    assert!(first.id() != others.id() && first.id() != agents.id() && !agents.is_replayed());
    let again = app.post("/api/tasks", task("One")).by(&ada).key("k-1").await.expect(201);
    assert!(again.is_replayed() && again.id() == first.id());
}

#[tokio::test]
async fn no_agent_takes_the_name_of_an_operator() {
    let World { app, ada, scout, by_scout, .. } = world().await;
    for operator in ["ADA", "Sofie", "Operator", "system", "mission-control"] {
        let body = json!({ "name": operator });
        app.post("/api/agents", body.clone()).by(&ada).await.refused_fields(&["name"]);
        app.patch(format!("/api/agents/{scout}"), body).by(&by_scout).await.refused_fields(&["name"]);
    }
}

#[tokio::test]
async fn an_operator_is_mentioned_by_the_name_of_the_credential() {
    let world = world().await;
    let task = world.task().await;
    let said = world.say(&task, json!({ "content": "@ada, look" })).by(&world.by_scout).await.expect(201);
    assert_eq!(said["mentions"][0]["id"], "Ada");
}

#[tokio::test]
async fn a_stream_is_of_the_reach_and_ends_when_the_credential_is_revoked() {
    let world = world().await;
    let World { app, eve, ada, .. } = &world;
    let mut reader = follow(app.get("/api/events").by(eve)).await;
    world.task().await;
    let there = app.post("/api/tasks", task("There")).by(eve).await.expect(201).id();
    assert_eq!(reader.next().await.unwrap().data["entity"]["id"], there);
    app.revoke(eve).await;
    let mut body = task("Later");
    body["projectId"] = json!("elsewhere");
    app.post("/api/tasks", body).by(ada).await.expect(201);
    assert_eq!(reader.next().await, None);
    app.get("/api/events").by(eve).await.refused(401, "credential_revoked");
}

#[tokio::test]
async fn a_stream_without_a_credential_ends_when_the_first_one_is_issued() {
    let app = App::new().await;
    let mut reader = follow(app.get("/api/events")).await;
    app.operator("Ada", &[]).await;
    assert_eq!(reader.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_credential_expires() {
    let app = App::new().await;
    app.operator("Ada", &[]).await;
    let until = app.now() + TimeDelta::seconds(5);
    let key = app.issue("Auditor", Bearer::Auditor, &[], Some(until)).await;
    let mut reader = follow(app.get("/api/events").by(&key)).await;
    app.wait(TimeDelta::seconds(5));
    assert_eq!(reader.next().await, None);
}
