//! `/api/tasks`: creating, editing, finding, claiming.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{App, NOBODY, plan};

#[tokio::test]
async fn a_new_task_waits_in_the_inbox() {
    let app = App::new().await;
    let body = json!({
        "title": "Compare prices", "description": "Three\nrivals", "type": "CUSTOMER_RESEARCH", "priority": 1,
        "labels": ["q3", "pricing"], "estimatedCost": 0.1, "dueAt": "2026-10-01T09:00:00+02:00",
    });
    let task = app.post("/api/tasks", body).await.expect(201).recorded(&["task.created"]);
    assert_eq!(task.header("location"), format!("/api/tasks/{}", task.id()));
    assert_eq!((&task["status"], &task["type"]), (&json!("inbox"), &json!("customer_research")));
    assert_eq!((&task["budget"], &task["estimatedCost"], &task["cost"]), (&json!(5), &json!(0.1), &json!(0)));
    assert_eq!((&task["labels"], &task["priority"]), (&json!(["pricing", "q3"]), &json!(1)));
    assert_eq!(
        (&task["dueAt"], &task["description"]),
        (&json!("2026-10-01T07:00:00.000Z"), &json!("Three\nrivals"))
    );
    assert_eq!(task["createdBy"], json!({ "type": "human", "id": "Sofie", "name": "Sofie" }));
    assert_eq!(app.get(format!("/api/tasks/{}", task.id())).await.expect(200).body, task.body);
}

#[tokio::test]
async fn a_task_with_assignees_begins_assigned_and_with_the_default_priority() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let body = json!({ "title": "Write", "type": "docs", "assigneeIds": ["scout"] });
    let task = app.post("/api/tasks", body).await.expect(201).recorded(&["task.created", "task.assigned"]);
    assert_eq!((&task["status"], &task["priority"]), (&json!("assigned"), &json!(3)));
    assert_eq!(task["assigneeIds"], json!([scout]));
}

#[tokio::test]
async fn a_task_belongs_to_the_project_it_names() {
    let app = App::new().await;
    app.post("/api/projects", json!({ "name": "SiteGPT", "slug": "sitegpt" })).await.expect(201);
    let body = json!({ "title": "There", "type": "docs", "projectId": "sitegpt" });
    app.post("/api/tasks", body).await.expect(201);
    app.task("Here").await;
    assert_eq!(app.get("/api/tasks?project=sitegpt").await.column("title"), ["There"]);
    assert_eq!(app.get("/api/tasks?project=openclaw").await.column("title"), ["Here"]);
    assert_eq!(app.get("/api/tasks").await.column("title"), ["Here", "There"]);
}

#[tokio::test]
async fn a_task_may_be_part_of_another_of_its_project() {
    let app = App::new().await;
    app.foreign_agent("Echo").await;
    let parent = app.task("Whole").await;
    let part = json!({ "title": "Part", "type": "docs", "parentTaskId": parent });
    assert_eq!(app.post("/api/tasks", part).await.expect(201)["parentTaskId"], parent);
    for (project, parent) in [("elsewhere", parent.as_str()), ("openclaw", NOBODY), ("openclaw", "nothing")] {
        let body = json!({ "title": "Part", "type": "docs", "projectId": project, "parentTaskId": parent });
        app.post("/api/tasks", body).await.refused_fields(&["parentTaskId"]);
    }
}

#[tokio::test]
async fn bad_tasks_are_refused_field_by_field() {
    let app = App::new().await;
    let many: Vec<_> = (0..21).map(|number| format!("label-{number}")).collect();
    let agents = vec!["scout"; 21];
    for (field, value) in [
        ("title", json!("")),
        ("title", json!("\t")),
        ("title", json!("x".repeat(201))),
        ("title", json!("a\u{0}b")),
        ("title", json!("two\nlines")),
        ("title", json!(42)),
        ("description", json!("x".repeat(10_001))),
        ("description", json!("bell\u{7}")),
        ("type", json!("painting")),
        ("type", json!(null)),
        ("priority", json!(0)),
        ("priority", json!(5)),
        ("priority", json!(-1)),
        ("priority", json!(2.5)),
        ("priority", json!("high")),
        ("priority", json!(1e20)),
        ("labels", json!(many)),
        ("labels", json!("q3")),
        ("labels[0]", json!([""])),
        ("estimatedCost", json!(-0.5)),
        ("estimatedCost", json!("NaN")),
        ("budget", json!(0.000_000_1)),
        ("budget", json!(1e12)),
        ("dueAt", json!("tomorrow")),
        ("dueAt", json!("2026-02-30T00:00:00Z")),
        ("dueAt", json!("2026-10-01")),
        ("dueAt", json!(1_790_000_000)),
        ("dueAt", json!("+262000-01-01T00:00:00Z")),
        ("dueAt", json!("-0001-01-01T00:00:00Z")),
        ("assigneeIds", json!("scout")),
        ("assigneeIds", json!(agents)),
        ("assigneeIds[0]", json!(["nobody"])),
        ("assigneeIds[0]", json!([NOBODY])),
        ("assigneeIds[0]", json!([7])),
        ("reviewerIds[0]", json!(["nobody"])),
        ("projectId", json!("nowhere")),
        ("status", json!("done")),
        ("version", json!(1)),
    ] {
        let mut body = json!({ "title": "Fine", "type": "docs" });
        body[field.split('[').next().unwrap()] = value;
        app.post("/api/tasks", body).await.refused_fields(&[field]);
    }
    app.post("/api/tasks", json!({})).await.refused_fields(&["title"]);
}

#[tokio::test]
async fn strange_texts_are_kept_as_they_are() {
    let app = App::new().await;
    let long = "ä".repeat(10_000);
    for text in [
        "🔥 emoji 👩‍👩‍👧",
        "עברית وعربي",
        "\u{202e}backwards",
        "\"'`\\",
        "'); DROP TABLE events;--",
        "<script>alert(1)</script>",
        "\u{feff}mark",
        "\u{2028}line",
        &long,
    ] {
        let title: String = text.chars().take(200).collect();
        let body = json!({ "title": title, "description": text, "type": "docs" });
        let task = app.post("/api/tasks", body).await.expect(201);
        assert_eq!((&task["title"], &task["description"]), (&json!(title.trim()), &json!(text.trim())));
    }
}

#[tokio::test]
async fn assignees_must_be_there_active_of_the_project_and_take_the_type() {
    let app = App::new().await;
    let foreign = app.foreign_agent("Echo").await;
    app.post("/api/agents", json!({ "name": "Pixel", "allowedTaskTypes": ["social"] })).await.expect(201);
    app.agent("Scout").await;
    app.post("/api/agents/scout/pause", json!({})).await.expect(200);
    for (agent, status, kind) in [
        ("scout", 409, "agent_not_active"),
        ("pixel", 422, "rule_broken"),
        (foreign.as_str(), 422, "rule_broken"),
        ("echo", 422, "invalid_fields"),
        (NOBODY, 422, "invalid_fields"),
    ] {
        let body = json!({ "title": "Write", "type": "docs", "assigneeIds": [agent] });
        app.post("/api/tasks", body).await.refused(status, kind);
        let task = app.task("Write").await;
        let body = json!({ "assigneeIds": [agent] });
        app.patch(format!("/api/tasks/{task}"), body).await.refused(status, kind);
    }
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_null_takes_away() {
    let app = App::new().await;
    let body =
        json!({ "title": "Write", "type": "docs", "description": "Long", "dueAt": "2026-10-01T00:00:00Z" });
    let task = app.post("/api/tasks", body).await.expect(201).id();
    let change = json!({ "title": "Rewrite", "priority": 2, "description": null });
    let edited =
        app.patch(format!("/api/tasks/{task}"), change.clone()).await.expect(200).recorded(&["task.edited"]);
    assert_eq!((&edited["title"], &edited["priority"]), (&json!("Rewrite"), &json!(2)));
    assert_eq!(
        (&edited["description"], &edited["dueAt"]),
        (&Value::Null, &json!("2026-10-01T00:00:00.000Z"))
    );
    app.patch(format!("/api/tasks/{task}"), change).await.expect(200).recorded(&[]);
    for (field, value) in
        [("title", json!("")), ("status", json!("done")), ("budget", json!(-1)), ("dueAt", json!("x"))]
    {
        app.patch(format!("/api/tasks/{task}"), json!({ field: value })).await.refused_fields(&[field]);
    }
}

#[tokio::test]
async fn a_closed_task_no_longer_changes() {
    let app = App::new().await;
    let task = app.task("Write").await;
    app.moved(&task, json!({ "toStatus": "canceled" })).await;
    app.patch(format!("/api/tasks/{task}"), json!({ "title": "X" })).await.refused(409, "conflict");
}

#[tokio::test]
async fn reassigning_takes_the_work_from_its_holder() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let echo = app.agent("Echo").await;
    let task = app.in_progress(&scout).await;
    let body = json!({ "assigneeIds": ["echo"] });
    let task = app.patch(format!("/api/tasks/{task}"), body).await.expect(200);
    let task = task.recorded(&["task.assigned", "agent.released"]);
    assert_eq!((&task["status"], &task["assigneeIds"]), (&json!("assigned"), &json!([echo])));
    assert_eq!(app.get(format!("/api/agents/{scout}")).await["currentTaskId"], Value::Null);
}

#[tokio::test]
async fn an_unknown_task_is_not_found_whatever_is_asked_of_it() {
    let app = App::new().await;
    app.agent("Scout").await;
    for task in [NOBODY, "nothing", "%F0%9F%92%A5", "1", "null"] {
        app.get(format!("/api/tasks/{task}")).await.refused(404, "not_found");
        app.patch(format!("/api/tasks/{task}"), json!({ "title": "X" })).await.refused(404, "not_found");
        app.get(format!("/api/tasks/{task}/timeline")).await.refused(404, "not_found");
        app.get(format!("/api/tasks/{task}/messages")).await.refused(404, "not_found");
        let message = app.post(format!("/api/tasks/{task}/messages"), json!({ "content": "x" }));
        message.await.refused(404, "not_found");
        let claim = app.post(format!("/api/tasks/{task}/claim"), json!({ "agentId": "scout" }));
        claim.await.refused(404, "not_found");
        let transition = app.post(format!("/api/tasks/{task}/transition"), json!({ "toStatus": "done" }));
        transition.await.refused(404, "not_found");
    }
    app.get("/api/tasks/%ff").await.refused(400, "malformed_request");
}

#[tokio::test]
async fn tasks_are_filtered_and_sorted() {
    let app = App::new().await;
    app.agent("Scout").await;
    for body in [
        json!({ "title": "Alpha", "type": "docs", "priority": 4, "labels": ["x"], "dueAt": "2026-09-22T13:00:00Z" }),
        json!({ "title": "Beta", "type": "social", "priority": 1, "assigneeIds": ["scout"] }),
        json!({ "title": "gamma", "type": "docs", "description": "ALPHABET soup", "labels": ["x", "y"] }),
    ] {
        app.post("/api/tasks", body).await.expect(201);
    }
    app.wait(TimeDelta::hours(2));
    for (query, titles) in [
        ("status=inbox", vec!["gamma", "Alpha"]),
        ("status=ASSIGNED,blocked", vec!["Beta"]),
        ("status=assigned&status=inbox", vec!["gamma", "Beta", "Alpha"]),
        ("type=social", vec!["Beta"]),
        ("assignee=scout", vec!["Beta"]),
        ("priority=1,4", vec!["Beta", "Alpha"]),
        ("label=y", vec!["gamma"]),
        ("search=alpha", vec!["gamma", "Alpha"]),
        ("search=%27%3B+DROP", vec![]),
        ("overdue=true", vec!["Alpha"]),
        ("sortBy=priority", vec!["Beta", "gamma", "Alpha"]),
        ("sortBy=title&order=desc", vec!["gamma", "Beta", "Alpha"]),
        ("sortBy=CREATEDAT&order=ASC", vec!["Alpha", "Beta", "gamma"]),
        ("sortBy=dueAt&limit=1", vec!["Alpha"]),
    ] {
        assert_eq!(
            app.get(format!("/api/tasks?{query}")).await.expect(200).column("title"),
            titles,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_claim_gives_the_task_to_the_first_who_asks() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    app.agent("Echo").await;
    let task = app.task("Write").await;
    let claim = |agent: &str| app.post(format!("/api/tasks/{task}/claim"), json!({ "agentId": agent }));
    let claimed = claim("scout").await.expect(200).recorded(&["task.claimed"]);
    assert_eq!((&claimed["status"], &claimed["assigneeIds"]), (&json!("assigned"), &json!([scout])));
    assert_eq!(claimed.facts[0].metadata.actor.agent().unwrap().to_string(), scout);
    claim("scout").await.expect(200).recorded(&[]);
    let refused = claim("echo").await.refused(409, "already_claimed");
    assert_eq!(refused["holder"], json!({ "agentId": scout, "name": "Scout" }));
    assert!(refused["detail"].as_str().unwrap().contains("Scout"));
}

#[tokio::test]
async fn claims_that_cannot_be_are_refused() {
    let app = App::new().await;
    let foreign = app.foreign_agent("Echo").await;
    app.post("/api/agents", json!({ "name": "Pixel", "allowedTaskTypes": ["social"] })).await.expect(201);
    app.agent("Scout").await;
    let task = app.task("Write").await;
    for (body, status, kind) in [
        (json!({}), 422, "invalid_fields"),
        (json!({ "agentId": 7 }), 422, "invalid_fields"),
        (json!({ "agentId": "nobody" }), 422, "invalid_fields"),
        (json!({ "agentId": NOBODY }), 422, "invalid_fields"),
        (json!({ "agentId": foreign }), 422, "rule_broken"),
        (json!({ "agentId": "pixel" }), 422, "rule_broken"),
        (json!({ "agentId": "scout", "actor": "human" }), 422, "invalid_fields"),
        (json!({ "agentId": "scout", "actor": { "type": "agent", "id": "pixel" } }), 403, "forbidden"),
        (json!({ "agentId": "scout", "lease": 1 }), 422, "invalid_fields"),
    ] {
        app.post(format!("/api/tasks/{task}/claim"), body).await.refused(status, kind);
    }
    app.post("/api/agents/scout/pause", json!({})).await.expect(200);
    let claim = || app.post(format!("/api/tasks/{task}/claim"), json!({ "agentId": "scout" }));
    claim().await.refused(409, "agent_not_active");
    app.post("/api/agents/scout/resume", json!({})).await.expect(200);
    app.moved(&task, json!({ "toStatus": "blocked", "reason": "no brief" })).await;
    assert_eq!(claim().await.refused(422, "illegal_transition")["allowedTransitions"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_agents_that_claim_at_once_exactly_one_wins() {
    let app = App::on_disk().await;
    for number in 0..32 {
        app.agent(&format!("agent-{number}")).await;
    }
    let task = app.task("Write").await;
    let before = app.head();
    let claims = (0..32).map(|number| {
        let body = json!({ "agentId": format!("agent-{number}") });
        app.post(format!("/api/tasks/{task}/claim"), body).into_future()
    });
    let answers = join_all(claims).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 31, "{statuses:?}");
    assert_eq!(app.head(), before + 1);
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap()["assigneeIds"][0].clone();
    let losers = answers.iter().filter(|answer| answer.status == 409);
    let named: BTreeSet<_> = losers.map(|answer| answer["holder"]["agentId"].to_string()).collect();
    assert_eq!(named, BTreeSet::from([winner.to_string()]));
}

#[tokio::test]
async fn an_agent_holds_one_task_at_a_time() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let (first, second) = (app.in_progress(&scout).await, app.assigned(&scout).await);
    let start = json!({ "toStatus": "in_progress", "agentId": "scout", "workPlan": plan() });
    let refused = app.post(format!("/api/tasks/{second}/transition"), start).await.refused(409, "conflict");
    assert_eq!(refused["holder"]["taskId"], first);
}

#[tokio::test]
async fn labels_with_a_comma_are_found() {
    let app = App::new().await;
    for (title, labels) in [("One", json!(["a,b"])), ("Two", json!(["a", "c\\"])), ("Three", json!(["b"]))] {
        app.post("/api/tasks", json!({ "title": title, "type": "docs", "labels": labels })).await.expect(201);
    }
    let found = async |filter: &str| {
        let mut titles: Vec<_> = app
            .get(format!("/api/tasks?sortBy=createdAt&order=asc&{filter}"))
            .await
            .expect(200)
            .column("title")
            .iter()
            .map(ToString::to_string)
            .collect();
        titles.sort();
        titles.join(" ")
    };
    assert_eq!(found("label=a%5C%2Cb").await, "One");
    assert_eq!(found("label=a,b").await, "Three Two");
    assert_eq!(found("label=a%5C,b,b").await, "One Three");
    assert_eq!(found("label=c%5C%5C").await, "Two");
    assert_eq!(found("label=c%5C").await, "Two");
}

#[tokio::test]
async fn tasks_that_nobody_is_assigned_to_are_found_whatever_agents_are_called() {
    let app = App::new().await;
    let none = app.agent("none").await;
    app.task("Free").await;
    let taken = json!({ "title": "Taken", "type": "docs", "assigneeIds": [none] });
    app.post("/api/tasks", taken).await.expect(201);
    assert_eq!(app.get("/api/tasks?unassigned=true").await.expect(200).column("title"), ["Free"]);
    assert_eq!(app.get("/api/tasks?unassigned=false").await.expect(200).column("title"), ["Taken"]);
    assert_eq!(app.get("/api/tasks?assignee=none").await.expect(200).column("title"), ["Taken"]);
    assert!(app.get("/api/tasks?unassigned=true&assignee=none").await.expect(200).column("title").is_empty());
    app.get("/api/tasks?unassigned=yes").await.refused(400, "malformed_query");
}
