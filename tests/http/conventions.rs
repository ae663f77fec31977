//! The conventions of every route: bodies, problems, versions, positions, actors, hosts, request ids.

use axum::{body::Body, http::Method};
use futures_util::stream;
use serde_json::{Value, json};

use crate::app::{Answer, App, NOBODY};

const MIB: usize = 1024 * 1024;

/// Sends a body, byte for byte, to the route that creates tasks.
async fn raw(app: &App, body: impl Into<Body>) -> Answer {
    app.send(Method::POST, "/api/tasks", body).await
}

#[tokio::test]
async fn a_body_is_json_whatever_it_says_it_is() {
    let app = App::new().await;
    let types = [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json; charset=utf-8",
        "nonsense",
        "",
    ];
    for content_type in types {
        let request = app.post("/api/tasks", json!({ "title": "Write", "type": "docs" }));
        request.header("content-type", content_type).await.expect(201);
    }
    raw(&app, r#" { "title" : "No type at all", "type":"docs" } "#).await.expect(201);
    raw(&app, "\u{feff}{\"title\":\"With a mark\",\"type\":\"docs\"}").await.expect(201);
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object() {
    let app = App::new().await;
    app.agent("Scout").await;
    for body in ["", " \n", "{}"] {
        app.send(Method::POST, "/api/agents/scout/quarantine", body).await.expect(200);
        app.send(Method::POST, "/api/agents/scout/resume", body).await.expect(200);
        app.send(Method::PATCH, "/api/agents/scout", body).await.expect(200).recorded(&[]);
        raw(&app, body).await.refused_fields(&["title"]);
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_object_are_malformed() {
    let app = App::new().await;
    let deep = format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200));
    for body in [
        "{",
        "}",
        "[]",
        "null",
        "7",
        "\"text\"",
        "title=Write&type=docs",
        "{\"title\":}",
        "{'title':'x'}",
        "{\"a\":1,}",
        "{\"a\":1} {}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":-Infinity}",
        "{\"a\":01}",
        "{\"a\":\"\u{1}\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"title\":\"x\",\"title\":\"y\"}",
        "// {}",
        &deep,
    ] {
        raw(&app, body.to_owned()).await.refused(400, "malformed_body");
    }
    for body in [&b"{\"title\":\"\xff\"}"[..], b"\xff\xfe{\0}\0", b"\x80"] {
        raw(&app, body.to_vec()).await.refused(400, "malformed_body");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let app = App::new().await;
    let long = json!({ "title": "x".repeat(MIB), "type": "docs" }).to_string();
    raw(&app, long).await.refused(413, "body_too_large");
    let chunks = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
    raw(&app, Body::from_stream(chunks)).await.refused(413, "body_too_large");
    let declared = app.send(Method::POST, "/api/tasks", "{}").header("content-length", "1048577");
    declared.await.refused(413, "body_too_large");
    let padded = format!("{{\"title\":\"Fits\",\"type\":\"docs\"{}}}", " ".repeat(MIB - 30));
    assert_eq!(padded.len(), MIB);
    raw(&app, padded).await.expect(201);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let app = App::new().await;
    let broken = stream::iter([Ok("{\"title\":"), Err(std::io::Error::other("reset"))]);
    raw(&app, Body::from_stream(broken)).await.refused(400, "malformed_body");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let app = App::new().await;
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/tasks/",
        "//api/tasks",
        "/API/tasks",
        "/api/tasks/x/y/z",
    ] {
        app.get(path).await.refused(404, "no_such_route");
        app.post(path, json!({})).await.refused(404, "no_such_route");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/api/tasks", "GET,HEAD,POST"),
        (Method::PUT, "/api/agents/scout", "GET,HEAD,PATCH"),
        (Method::GET, "/api/tasks/x/claim", "POST"),
        (Method::POST, "/health", "GET,HEAD"),
        (Method::TRACE, "/api/board", "GET,HEAD"),
    ] {
        let refused = app.send(method, path, Body::empty()).await.refused(405, "method_not_allowed");
        let mut allowed: Vec<_> = refused.header("allow").split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{path}");
    }
    let long = format!("/api/tasks?search={}", "x".repeat(8 * 1024));
    app.get(long).await.refused(414, "address_too_long");
}

#[tokio::test]
async fn queries_that_are_not_understood_are_refused() {
    let app = App::new().await;
    for (path, parameter) in [
        ("/api/tasks?colour=red", "colour"),
        ("/api/tasks?status=finished", "status"),
        ("/api/tasks?status=inbox,", ""),
        ("/api/tasks?type=painting", "type"),
        ("/api/tasks?priority=0", "priority"),
        ("/api/tasks?priority=high", "priority"),
        ("/api/tasks?assignee=nobody", "assignee"),
        ("/api/tasks?label=%00", "label"),
        ("/api/tasks?overdue=maybe", "overdue"),
        ("/api/tasks?sortBy=colour", "sortBy"),
        ("/api/tasks?order=up", "order"),
        ("/api/tasks?order=asc&order=desc", "order"),
        ("/api/tasks?project=nowhere", "project"),
        ("/api/tasks?cursor=xyz", "cursor"),
        ("/api/agents?status=sleeping", "status"),
        ("/api/agents?role=king", "role"),
        ("/api/agents?stale=1", "stale"),
        ("/api/agents?sortBy=age", "sortBy"),
        ("/api/agents/scout?colour=red", "colour"),
        ("/api/projects?sortBy=name", "sortBy"),
        ("/api/board?all=yes", "all"),
        ("/api/activity?order=asc", "order"),
    ] {
        let answer = app.get(path).await;
        if parameter.is_empty() {
            answer.expect(200);
            continue;
        }
        assert_eq!(answer.refused(400, "malformed_query").error_fields(), [parameter], "{path}");
    }
    for query in ["search=%", "search=%zz", "search=%ff", "%ff=1"] {
        app.get(format!("/api/tasks?{query}")).await.refused(400, "malformed_query");
    }
}

#[tokio::test]
async fn unknown_words_of_a_filter_are_answered_with_the_known_ones() {
    let app = App::new().await;
    for (path, known) in [
        ("/api/tasks?status=finished", "needs_approval"),
        ("/api/tasks?sortBy=colour", "createdAt"),
        ("/api/agents?role=king", "specialist"),
        ("/api/agents?sortBy=age", "errorStreak"),
        ("/api/agents?order=up", "desc"),
    ] {
        let refused = app.get(path).await.refused(400, "malformed_query");
        assert!(refused["detail"].as_str().unwrap().contains(known), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_reader_that_has_the_version_gets_no_body() {
    let app = App::new().await;
    let (scout, task) = (app.agent("Scout").await, app.task("Write").await);
    let agent = format!("/api/agents/{scout}");
    assert_eq!(app.get(&agent).await.expect(200).etag(), "\"1\"");
    app.get(&agent).header("if-none-match", "*").await.expect(304);
    for path in ["/api/projects/openclaw".to_owned(), format!("/api/tasks/{task}")] {
        let shown = app.get(&path).await.expect(200);
        assert_eq!(shown.etag(), "\"1\"");
        for tags in ["\"1\"", "W/\"1\"", "\"9\", \"1\"", "*"] {
            let same = app.get(&path).header("if-none-match", tags).await.expect(304);
            assert_eq!((same.etag(), same.text.as_str()), ("\"1\"", ""));
        }
        app.get(&path).header("if-none-match", "\"2\"").await.expect(200);
        app.get(&path).header("if-none-match", "1").await.refused(400, "malformed_header");
    }
}

#[tokio::test]
async fn a_write_on_a_stale_version_is_refused_on_every_entity() {
    let app = App::new().await;
    app.agent("Scout").await;
    let task = app.task("Write").await;
    let task = format!("/api/tasks/{task}");
    app.patch("/api/projects/openclaw", json!({ "description": "x" })).await.expect(200);
    app.patch("/api/agents/scout", json!({ "emoji": "x" })).await.expect(200);
    app.patch(&task, json!({ "priority": 1 })).await.expect(200);
    let patches =
        ["/api/projects/openclaw", "/api/agents/scout", &task].map(|path| app.patch(path, json!({})));
    let posts = [
        ("/api/agents/scout/pause".to_owned(), json!({})),
        ("/api/agents/scout/resume".to_owned(), json!({})),
        ("/api/agents/scout/drain".to_owned(), json!({})),
        ("/api/agents/scout/quarantine".to_owned(), json!({})),
        ("/api/agents/scout/restart".to_owned(), json!({})),
        ("/api/agents/scout/heartbeat".to_owned(), json!({})),
        (format!("{task}/claim"), json!({ "agentId": "scout" })),
        (format!("{task}/transition"), json!({ "toStatus": "canceled" })),
        (format!("{task}/messages"), json!({ "content": "x" })),
    ];
    for write in patches.into_iter().chain(posts.map(|(path, body)| app.post(path, body))) {
        let refused = write.if_match("\"1\"").await.refused(412, "precondition_failed");
        assert_eq!(refused["currentVersion"], 2);
    }
    for tag in ["2", "\"2", "\"2\", *", ","] {
        app.patch(&task, json!({})).if_match(tag).await.refused(400, "malformed_header");
    }
    app.patch(&task, json!({})).if_match("W/\"2\"").await.refused(412, "precondition_failed");
    for tags in ["\"2\" ,", "\"1\", \"2\"", ", W/\"2\",\"2\""] {
        app.patch(&task, json!({})).if_match(tags).await.expect(200);
    }
    let fresh = app.patch(&task, json!({ "priority": 2 })).if_match("\"2\"").await.expect(200);
    assert_eq!((fresh.etag(), &fresh["version"]), ("\"3\"", &json!(3)));
    app.patch(&task, json!({ "priority": 3 })).if_match("*").await.expect(200);
}

#[tokio::test]
async fn an_answer_says_which_position_it_reflects() {
    let app = App::new().await;
    let created = app.post("/api/tasks", json!({ "title": "Write", "type": "docs" })).await.expect(201);
    assert_eq!(created.header("mc-position"), app.head().to_string());
    let task = format!("/api/tasks/{}", created.id());
    for path in [task.as_str(), "/api/tasks", "/api/agents", "/api/projects", "/api/board", "/api/activity"] {
        assert_eq!(app.get(path).await.expect(200).header("mc-position"), app.head().to_string(), "{path}");
    }
    let unchanged = app.patch(&task, json!({})).await.expect(200).recorded(&[]);
    assert_eq!(unchanged.header("mc-position"), app.head().to_string());
}

#[tokio::test]
async fn whoever_acts_is_recorded() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.task("Write").await;
    for (actor, recorded) in [
        (Value::Null, "Sofie"),
        (json!("human"), "Sofie"),
        (json!("OPERATOR"), "Sofie"),
        (json!({ "type": "human" }), "Sofie"),
        (json!({ "type": "Human", "id": "Ada" }), "Ada"),
        (json!("system"), "mission-control"),
        (json!({ "type": "system", "id": "sweeper" }), "sweeper"),
        (json!({ "type": "agent", "id": "SCOUT" }), "Scout"),
        (json!({ "type": "agent", "id": scout }), "Scout"),
    ] {
        let body = json!({ "content": "x", "actor": actor });
        let said = app.post(format!("/api/tasks/{task}/messages"), body).await.expect(201);
        assert_eq!(said["author"]["name"], recorded, "{actor}");
    }
    for actor in [
        json!("robot"),
        json!(7),
        json!([]),
        json!({}),
        json!({ "type": "agent" }),
        json!({ "type": "agent", "id": "nobody" }),
        json!({ "type": "agent", "id": NOBODY }),
        json!({ "type": "human", "id": 7 }),
        json!({ "type": "human", "id": "" }),
        json!({ "type": "human", "id": "a\u{0}b" }),
        json!({ "type": "human", "name": "Ada" }),
    ] {
        let body = json!({ "content": "x", "actor": actor });
        let refused = app.post(format!("/api/tasks/{task}/messages"), body).await;
        let refused = refused.refused(422, "invalid_fields");
        assert!(refused.error_fields()[0].starts_with("actor"), "{}", refused.text);
    }
}

#[tokio::test]
async fn other_hosts_and_pages_of_other_origins_are_kept_out() {
    let app = App::new().await;
    for host in ["evil.example", "127.0.0.1.evil.example:3000", "localhost.evil.example"] {
        app.get("/api/tasks").header("host", host).await.refused(403, "host_not_allowed");
    }
    for host in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
        app.get("/api/tasks").header("host", host).await.expect(200);
    }
    let write = || {
        app.post("/api/tasks", json!({ "title": "Write", "type": "docs" })).header("host", "localhost:3000")
    };
    write().header("origin", "http://evil.example").await.refused(403, "cross_origin");
    write().header("origin", "null").await.refused(403, "cross_origin");
    write().header("sec-fetch-site", "cross-site").await.refused(403, "cross_origin");
    write().header("origin", "http://localhost:3000").await.expect(201);
    write().header("sec-fetch-site", "same-origin").await.expect(201);
}

#[tokio::test]
async fn a_request_keeps_its_id_and_gets_one_when_it_has_none() {
    let app = App::new().await;
    let kept =
        app.get("/api/tasks/nothing").header("x-request-id", "trace-1").await.refused(404, "not_found");
    assert_eq!(kept["instance"], "trace-1");
    let drawn = app.get("/api/tasks").header("x-request-id", "not sane!").await.expect(200);
    assert_eq!(drawn.header("x-request-id").len(), 36);
    assert_ne!(
        app.get("/livez").await.header("x-request-id"),
        app.get("/livez").await.header("x-request-id")
    );
}

#[tokio::test]
async fn head_is_get_without_its_body_and_options_lists_the_methods() {
    let app = App::new().await;
    let task = app.task("Write").await;
    let head = app.send(Method::HEAD, format!("/api/tasks/{task}"), Body::empty()).await.expect(200);
    assert_eq!((head.text.as_str(), head.etag()), ("", "\"1\""));
    let options = app.send(Method::OPTIONS, "/api/tasks", Body::empty()).await.expect(204);
    assert!(options.header("allow").contains("POST"));
}
