//! The pages of tasks: the list, one of them, and the forms, as a browser without scripts sends them.

use axum::http::Method;
use mc_domain::credential::Bearer;
use serde_json::{Value, json};

use crate::app::{Answer, App, NOBODY};

const SCRIPT: &str = "<script>alert(1)</script>";

/// Sends a form as a browser does.
async fn send(app: &App, path: &str, fields: &[(&str, &str)]) -> Answer {
    app.send(Method::POST, path, encoded(fields))
        .header("content-type", "application/x-www-form-urlencoded")
        .await
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
        bytes.collect::<String>()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The value of a hidden field of a page.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let field = format!("name=\"{name}\" value=\"");
    let at = page.find(&field).unwrap_or_else(|| panic!("no {name} in {page}")) + field.len();
    page[at..].split('"').next().unwrap()
}

async fn status(app: &App, task: &str) -> Value {
    app.get(format!("/api/tasks/{task}")).await.expect(200)["status"].clone()
}

#[track_caller]
fn has(page: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}

#[track_caller]
fn lacks(page: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(!page.text.contains(text), "{text}: {}", page.text);
    }
}

#[tokio::test]
async fn the_list_has_filters_an_order_and_pages() {
    let app = App::new().await;
    for number in 0..51 {
        app.task(&format!("Number {number:02}")).await;
    }
    let page = app.get("/tasks").await.expect(200);
    has(&page, &["Number 50", "rel=\"next\"", "<th scope=\"col\">Status</th>"]);
    lacks(&page, &["Number 00"]);
    let next = page.text.split("<p id=\"next\"><a href=\"").nth(1).unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let page = app.get(next).await.expect(200);
    has(&page, &["Number 00"]);
    lacks(&page, &["Number 50", "rel=\"next\""]);
    let page =
        app.get("/tasks?search=number+07&status=inbox&sortBy=title&order=desc&type=").await.expect(200);
    has(&page, &["Number 07", "value=\"number 07\"", "<option value=\"title\" selected>"]);
    lacks(&page, &["Number 08"]);
    has(&app.get("/tasks?search=nothing").await.expect(200), &["No task is like that."]);
    has(&app.get("/tasks?archived=true").await.expect(200), &["No task is like that."]);
}

#[tokio::test]
async fn a_task_shows_what_it_is_and_each_part_of_it() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let run = json!({ "agentId": scout, "taskId": task, "model": "m-1", "estimatedCost": 0.1 });
    app.post("/api/runs", run).await.expect(201);
    let message = json!({ "content": "See **this**", "artifacts": [
        { "name": "Prices", "kind": "evidence", "content": "# Rose" },
        { "name": "Chart", "url": "https://a.example/chart.png" },
    ] });
    app.post(format!("/api/tasks/{task}/messages"), message).await.expect(201);
    let page = app.get(format!("/tasks/{task}")).await.expect(200);
    has(&page, &["<h1 id=\"task-title\">Write the guide</h1>", "Scout", "<li>Collect</li>"]);
    has(&page, &["<strong>this</strong>", "Prices", "<h3>Rose</h3>", "href=\"https://a.example/chart.png\""]);
    has(&page, &[&format!("/tasks/{task}/edit"), &format!("action=\"/tasks/{task}/message\"")]);
    has(
        &app.get(format!("/tasks/{task}?part=timeline")).await.expect(200),
        &["task.created", "task.started"],
    );
    has(&app.get(format!("/tasks/{task}?part=artifacts")).await.expect(200), &["Prices", "Chart"]);
    has(&app.get(format!("/tasks/{task}?part=runs")).await.expect(200), &["m-1", "None was asked for."]);
    let report = app.get(format!("/tasks/{task}?part=report")).await.expect(200);
    has(&report, &["id=\"task-report\"", &format!("href=\"/api/tasks/{task}/report\"")]);
    app.get(format!("/tasks/{NOBODY}")).await.expect(404);
}

#[tokio::test]
async fn what_others_wrote_is_shown_as_text() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let body = json!({
        "title": SCRIPT, "description": SCRIPT, "type": "docs", "labels": [SCRIPT], "assigneeIds": [scout],
    });
    let task = app.post("/api/tasks", body).await.expect(201).id();
    app.moved(&task, json!({ "toStatus": "in_progress", "workPlan": [SCRIPT, SCRIPT, SCRIPT] })).await;
    let message = json!({ "content": format!("{SCRIPT}\n\n[x](javascript:alert(1))"), "artifacts": [
        { "name": SCRIPT, "content": SCRIPT }, { "name": SCRIPT, "url": SCRIPT },
    ] });
    app.post(format!("/api/tasks/{task}/messages"), message).await.expect(201);
    app.moved(&task, json!({ "toStatus": "blocked", "blockedReason": SCRIPT })).await;
    for path in
        ["", "?part=timeline", "?part=artifacts", "?part=runs", "?part=report", "/edit", "/move", "/assign"]
    {
        let page = app.get(format!("/tasks/{task}{path}")).await.expect(200);
        lacks(&page, &[SCRIPT, "href=\"javascript:", "href=\"<", "style="]);
        has(&page, &["script&"]);
    }
    lacks(&app.get("/tasks").await.expect(200), &[SCRIPT]);
}

#[tokio::test]
async fn a_new_task_is_created_by_its_form() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    has(&app.get("/tasks/new").await.expect(200), &["id=\"form\"", "name=\"title\"", "Scout"]);
    let fields = [
        ("title", "Compare prices"),
        ("description", "All of *them*"),
        ("type", "customer_research"),
        ("priority", "2"),
        ("labels", "a\r\nb"),
        ("budget", "2,50"),
        ("dueAt", "2026-12-24T18:00"),
        ("assigneeIds", &scout),
    ];
    let sent = send(&app, "/tasks/new", &fields).await.expect(303);
    assert!(sent.header("location").starts_with("/?done="), "{:?}", sent.headers);
    let task = &app.get("/api/tasks").await.expect(200).body[0];
    assert_eq!(
        (&task["title"], &task["priority"], &task["budget"], &task["labels"], &task["assigneeIds"]),
        (&json!("Compare prices"), &json!(2), &json!(2.5), &json!(["a", "b"]), &json!([scout]))
    );
    let refused = send(&app, "/tasks/new", &[("title", ""), ("description", "Kept"), ("type", "docs")]).await;
    let refused = refused.expect(422);
    has(&refused, &["id=\"title-error\"", "Kept"]);
    let refused = send(&app, "/tasks/new", &[("title", "x"), ("budget", "much")]).await.expect(422);
    has(&refused, &["must be a number", "value=\"much\""]);
}

#[tokio::test]
async fn an_edit_changes_the_details_and_is_refused_over_newer_ones() {
    let app = App::new().await;
    let task = app.task("Write it").await;
    let path = format!("/tasks/{task}/edit");
    let form = app.get(path.clone()).await.expect(200);
    has(&form, &["value=\"Write it\""]);
    let version = hidden(&form.text, "_version");
    let fields = [
        ("title", "Write it well"),
        ("type", "docs"),
        ("priority", "1"),
        ("budget", "3"),
        ("labels", "x"),
        ("_version", version),
    ];
    send(&app, &path, &fields).await.expect(303).recorded(&["task.edited"]);
    let stale = [("title", "Write it badly"), ("type", "docs"), ("priority", "1"), ("_version", version)];
    let refused = send(&app, &path, &stale).await.expect(412).recorded(&[]);
    has(&refused, &["Somebody has changed this", "value=\"Write it badly\"", "It is now: Write it well"]);
    let again =
        [("title", "Write it badly"), ("type", "docs"), ("_version", hidden(&refused.text, "_version"))];
    send(&app, &path, &again).await.expect(303);
}

#[tokio::test]
async fn a_move_asks_for_what_it_needs_and_for_nothing_else() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.assigned(&scout).await;
    let choose = app.get(format!("/tasks/{task}/move")).await.expect(200);
    has(&choose, &["move/inbox", "move/in_progress", "move/blocked", "move/canceled"]);
    lacks(&choose, &["move/review", "move/done", "move/needs_approval"]);

    let start = format!("/tasks/{task}/move/in_progress");
    let form = app.get(start.clone()).await.expect(200);
    has(&form, &["name=\"workPlan\""]);
    lacks(&form, &["name=\"reason\"", "name=\"deliverable\"", "name=\"assigneeIds\""]);
    let key = hidden(&form.text, "_key");
    let (to, version) = (("toStatus", "in_progress"), ("_version", hidden(&form.text, "_version")));
    let refused =
        send(&app, &start, &[to, ("workPlan", "One\nTwo"), version]).await.expect(422).recorded(&[]);
    has(&refused, &["id=\"workPlan-error\"", "One\nTwo"]);
    let refused = send(&app, &start, &[to, version]).await.recorded(&[]);
    has(&refused, &["id=\"workPlan-error\""]);

    // A second click is the same request.
    let fields = [to, ("workPlan", "One\r\nTwo\r\nThree"), version, ("_key", key)];
    send(&app, &start, &fields).await.expect(303).recorded(&["task.started", "agent.engaged"]);
    send(&app, &start, &fields).await.expect(303).recorded(&[]);
    assert_eq!(status(&app, &task).await, "in_progress");

    let review = format!("/tasks/{task}/move/review");
    let form = app.get(review.clone()).await.expect(200);
    has(&form, &["name=\"deliverable\"", "name=\"reviewChecklist\""]);
    lacks(&form, &["name=\"reason\"", "name=\"workPlan\""]);
    let refused = send(&app, &review, &[("toStatus", "review")]).await.recorded(&[]);
    has(&refused, &["id=\"deliverable-error\"", "id=\"reviewChecklist-error\""]);
    let fields = [
        ("toStatus", "review"),
        ("deliverable", "The guide"),
        ("reviewChecklist", "Links work\nIt reads well"),
    ];
    send(&app, &review, &fields).await.expect(303);

    let back = app.get(start.clone()).await.expect(200);
    has(&back, &["name=\"reason\"", "Feedback"]);
    lacks(&back, &["name=\"workPlan\""]);
    let done = format!("/tasks/{task}/move/done");
    has(&app.get(done.clone()).await.expect(200), &["name=\"reason\""]);
    send(&app, &done, &[("toStatus", "done"), ("reason", "Good")]).await.expect(303);
    assert_eq!(status(&app, &task).await, "done");
}

#[tokio::test]
async fn a_move_that_is_not_possible_is_refused_in_words() {
    let app = App::new().await;
    let task = app.task("Write it").await;
    let refused = app.get(format!("/tasks/{task}/move/done")).await.expect(422);
    has(&refused, &["is in inbox and cannot go to done", "assigned"]);
    let sent = [("toStatus", "done"), ("reason", "Good")];
    let refused = send(&app, &format!("/tasks/{task}/move/done"), &sent).await.expect(422).recorded(&[]);
    has(&refused, &["cannot go from inbox to done", "Good"]);
    app.get(format!("/tasks/{task}/move/nowhere")).await.expect(404);
}

#[tokio::test]
async fn a_move_over_what_somebody_else_did_is_refused() {
    let app = App::new().await;
    let task = app.task("Write it").await;
    let path = format!("/tasks/{task}/move/blocked");
    let form = app.get(path.clone()).await.expect(200);
    app.moved(&task, json!({ "toStatus": "canceled" })).await;
    let fields = [
        ("toStatus", "blocked"),
        ("blockedReason", "No brief"),
        ("_version", hidden(&form.text, "_version")),
    ];
    let refused = send(&app, &path, &fields).await.expect(412).recorded(&[]);
    has(&refused, &["Somebody has changed this", "is in canceled now", "No brief"]);
}

#[tokio::test]
async fn messages_assignments_subscriptions_and_the_archive_have_forms() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.task("Write it").await;
    let at = |form: &str| format!("/tasks/{task}/{form}");
    let refused = send(&app, &at("message"), &[("content", "")]).await.recorded(&[]);
    assert!(refused.status.is_client_error(), "{}", refused.text);
    let said = send(&app, &at("message"), &[("content", "Hello @Scout")]).await.expect(303);
    assert!(said.header("location").starts_with(&format!("/tasks/{task}?done=")), "{:?}", said.headers);
    send(&app, &at("assign"), &[("assigneeIds", &scout)]).await.expect(303);
    assert_eq!(status(&app, &task).await, "assigned");
    send(&app, &at("subscribe"), &[]).await.expect(303).recorded(&["task.subscribed"]);
    has(&app.get(format!("/tasks/{task}")).await.expect(200), &["/unsubscribe", "Hello @Scout"]);
    send(&app, &at("unsubscribe"), &[]).await.expect(303).recorded(&["task.unsubscribed"]);
    send(&app, &at("move/canceled"), &[("toStatus", "canceled")]).await.expect(303);
    let page = app.get(format!("/tasks/{task}")).await.expect(200);
    has(&page, &["/archive"]);
    lacks(&page, &["/restore", "/edit", "/assign", ">Move to"]);
    send(&app, &at("archive"), &[]).await.expect(303).recorded(&["task.archived"]);
    has(&app.get(format!("/tasks/{task}")).await.expect(200), &["/restore"]);
    send(&app, &at("restore"), &[]).await.expect(303).recorded(&["task.restored"]);
}

#[tokio::test]
async fn who_does_not_operate_sees_no_act_and_nobody_sees_other_projects() {
    let app = App::new().await;
    let here = app.task("Here").await;
    app.foreign_agent("Echo").await;
    let there = json!({ "title": "Faraway", "type": "docs", "projectId": "elsewhere" });
    let there = app.post("/api/tasks", there).await.expect(201).id();
    app.operator("Ada", &[]).await;
    let auditor = app.issue("Ann", Bearer::Auditor, &["openclaw"], None).await;
    for path in ["/tasks".to_owned(), format!("/tasks/{here}")] {
        let page = app.get(path).by(&auditor).await.expect(200);
        has(&page, &["Here"]);
        lacks(&page, &["data-dialog", "Faraway", "Echo", "<textarea", "move/assigned"]);
    }
    app.get(format!("/tasks/{there}")).by(&auditor).await.expect(404);
    for path in ["/edit", "/move", "/move/blocked"] {
        app.get(format!("/tasks/{there}{path}")).by(&auditor).await.expect(403);
    }
    let sent = encoded(&[("toStatus", "canceled")]);
    let path = format!("/tasks/{here}/move/canceled");
    app.send(Method::POST, path, sent).by(&auditor).await.expect(403).recorded(&[]);
}

#[tokio::test]
async fn agents_are_chosen_from_and_named_where_they_are_too_many() {
    let app = App::new().await;
    for number in 0..100 {
        app.agent(&format!("Agent {number}")).await;
    }
    has(&app.get("/tasks/new").await.expect(200), &["type=\"checkbox\" name=\"assigneeIds\""]);
    has(&app.get("/tasks").await.expect(200), &["<select id=\"filter-assignee\"", ">Agent 99</option>"]);
    let last = app.agent("Agent 100").await;
    let form = app.get("/tasks/new").await.expect(200);
    has(&form, &["<textarea id=\"assigneeIds\"", "a name or identity a line"]);
    lacks(&form, &["checkbox"]);
    let fields = [("title", "Write it"), ("type", "docs"), ("assigneeIds", "Agent 100\r\nagent 7")];
    send(&app, "/tasks/new", &fields).await.expect(303);
    for page in ["/tasks?assignee=Agent+100", "/?assignee=agent+7"] {
        let page = app.get(page).await.expect(200);
        has(&page, &["<input id=\"filter-assignee\"", "Write it", "Agent 100"]);
        lacks(&page, &["Agent 99"]);
    }
    has(&app.get("/notifications").await.expect(200), &["<input id=\"agentId\""]);
    has(&app.get(format!("/agents/{last}")).await.expect(200), &["Agent 100"]);
}
