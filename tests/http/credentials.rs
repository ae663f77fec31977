//! Credentials: how they are issued, shown, refused and revoked, and the sessions that browsers open by them.

use axum::http::Method;
use chrono::TimeDelta;
use mc_domain::{agent::RetirementCause, json::Json};
use mc_server::refusal::Refused;
use serde_json::{Value, json};

use crate::{
    app::{Answer, App, NOBODY},
    events::follow,
};

/// Issues a credential as the bearer of `by`, which must succeed: its id and its secret.
async fn issue(app: &App, by: Option<&str>, body: Value) -> (String, String) {
    let request = app.post("/api/credentials", body);
    let issued = match by {
        Some(secret) => request.by(secret).await,
        None => request.await,
    };
    let issued = issued.expect(201);
    (issued.id(), issued["secret"].as_str().unwrap().to_owned())
}

/// A server with an operator's credential, and its secret.
async fn secured() -> (App, String) {
    let app = App::new().await;
    let (_, secret) = issue(&app, None, json!({ "name": "Ada", "role": "operator" })).await;
    (app, secret)
}

/// The whole log as text.
async fn log(app: &App) -> String {
    let facts = crate::app::facts_since(app, 0).await;
    facts.iter().map(|fact| format!("{}\n", fact.payload)).collect()
}

fn challenge(answer: &Answer) -> &str {
    answer.header("www-authenticate")
}

/// A secret that no credential has.
fn unknown() -> String {
    format!("mc_{}", "A".repeat(43))
}

/// A request as a browser sends it from a page of the server itself.
macro_rules! by_browser {
    ($request:expr, $session:expr) => {
        $request
            .header("cookie", format!("theme=dark; mc_session={}", $session))
            .header("sec-fetch-site", "same-origin")
    };
}

#[tokio::test]
async fn without_any_everyone_is_the_operator_and_from_the_first_on_nobody_is() {
    let app = App::new().await;
    let who = app.get("/api/whoami").await.expect(200);
    assert_eq!((&who["role"], &who["name"]), (&json!("operator"), &json!("Sofie")));
    assert_eq!(who["credentialsRequired"], false);
    app.task("Before").await;

    let (id, secret) = issue(&app, None, json!({ "name": "Ada", "role": "operator" })).await;
    for path in ["/api/tasks", "/api/whoami", "/metrics", "/api/nowhere"] {
        let refused = app.get(path).await.refused(401, "credential_missing");
        assert_eq!(challenge(&refused), "Bearer", "{path}");
    }
    app.send(Method::DELETE, "/api/tasks", "").await.refused(401, "credential_missing");
    app.post("/api/tasks", json!({ "title": "x", "type": "docs" })).await.refused(401, "credential_missing");
    for path in ["/livez", "/readyz", "/problems", "/problems/credential-missing"] {
        app.get(path).await.expect(200);
    }
    let who = app.get("/api/whoami").by(&secret).await.expect(200);
    assert_eq!((&who["name"], &who["credentialId"]), (&json!("Ada"), &json!(id)));
    assert_eq!(who["credentialsRequired"], true);
    app.get("/api/tasks").by(&secret).await.expect(200);
}

#[tokio::test]
async fn the_secret_is_shown_once_and_the_log_has_its_hash_alone() {
    let (app, ada) = secured().await;
    let body = json!({ "name": "Eve", "role": "auditor" });
    let first = app.post("/api/credentials", body.clone()).by(&ada).key("once").await.expect(201);
    let secret = first["secret"].as_str().unwrap();
    assert!(secret.starts_with("mc_") && secret.len() == 46, "{}", secret.len());
    assert_eq!(first.header("cache-control"), "no-store");
    assert_eq!(first.header("location"), format!("/api/credentials/{}", first.id()));

    let again = app.post("/api/credentials", body).by(&ada).key("once").await.expect(201);
    assert!(again.is_replayed() && again.body.get("secret").is_none(), "{}", again.text);
    assert_eq!(again.id(), first.id());

    let shown = app.get(format!("/api/credentials/{}", first.id())).by(&ada).await.expect(200);
    let list = app.get("/api/credentials").by(&ada).await.expect(200);
    let log = log(&app).await;
    for text in [&shown.text, &list.text, &log] {
        assert!(!text.contains(secret) && !text.contains(&ada), "{text}");
    }
    assert!(!shown.text.contains("ash") && !list.text.contains("ash"), "{}", list.text);
    assert!(log.contains(&mc_domain::credential::SecretHash::of(secret).to_string()));
    assert!(Json::parse(&log[..log.find('\n').unwrap()]).is_ok());
}

#[tokio::test]
async fn a_credential_is_answered_as_the_contract_says() {
    let (app, ada) = secured().await;
    let scout = app.post("/api/agents", json!({ "name": "Scout" })).by(&ada).await.expect(201);
    let body = json!({
        "name": "Scout on the laptop", "role": "agent", "agentId": "Scout", "projects": ["openclaw"],
        "expiresAt": "2027-01-01T00:00:00Z",
    });
    let (id, secret) = issue(&app, Some(&ada), body).await;
    let shown = app.get(format!("/api/credentials/{id}")).by(&ada).await.expect(200);
    let expected = json!({
        "id": id, "name": "Scout on the laptop", "role": "agent", "agentId": scout.id(),
        "projectIds": [scout["projectId"]], "expiresAt": "2027-01-01T00:00:00.000Z", "status": "active",
        "issuedAt": "2026-09-22T12:00:00.000Z",
        "issuedBy": { "type": "human", "id": "Ada", "name": "Ada" }, "lastUsedAt": null,
        "revokedAt": null, "revokedBy": null, "revokedBecause": null, "version": 1,
    });
    assert_eq!(shown.body, expected);
    app.wait(TimeDelta::minutes(5));
    app.get("/api/whoami").by(&secret).await.expect(200);
    let shown = app.get(format!("/api/credentials/{id}")).by(&ada).await.expect(200);
    assert_eq!(shown["lastUsedAt"], "2026-09-22T12:05:00.000Z");
    let who = app.get("/api/whoami").by(&secret).await.expect(200);
    assert_eq!((&who["role"], &who["name"]), (&json!("agent"), &json!("Scout")));
    assert_eq!((&who["agentId"], &who["projectIds"]), (&expected["agentId"], &expected["projectIds"]));
}

#[tokio::test]
async fn what_cannot_be_issued_is_refused() {
    let app = App::new().await;
    let post = |body| app.post("/api/credentials", body);
    for body in [
        json!({ "name": "Eve", "role": "auditor" }),
        json!({ "name": "Ada", "role": "operator", "projects": ["openclaw"] }),
    ] {
        let refused = post(body).await.refused(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains("\"role\": \"operator\""), "{}", refused.text);
    }
    app.agent("Scout").await;
    let (_, ada) = issue(&app, None, json!({ "name": "Ada", "role": "operator" })).await;
    let refused = async |body: Value, fields: &[&str]| {
        app.post("/api/credentials", body).by(&ada).await.refused_fields(fields);
    };
    refused(json!({}), &["name"]).await;
    refused(json!({ "name": "x", "role": "root" }), &["role"]).await;
    refused(json!({ "name": "Sc\u{200b}out", "role": "auditor" }), &["name"]).await;
    refused(json!({ "name": "x", "role": "agent" }), &["agentId"]).await;
    refused(json!({ "name": "x", "role": "agent", "agentId": "Nobody" }), &["agentId"]).await;
    refused(json!({ "name": "x", "role": "agent", "agentId": NOBODY }), &["agentId"]).await;
    refused(json!({ "name": "x", "role": "auditor", "agentId": "Scout" }), &["agentId"]).await;
    refused(json!({ "name": "x", "role": "auditor", "projects": ["nowhere"] }), &["projects[0]"]).await;
    refused(json!({ "name": "x", "role": "auditor", "expiresAt": "2026-01-01T00:00:00Z" }), &["expiresAt"])
        .await;
    refused(json!({ "name": "x", "role": "auditor", "secret": "mc_chosen" }), &["secret"]).await;
    let taken = json!({ "name": "scout", "role": "operator" });
    app.post("/api/credentials", taken).by(&ada).await.refused(409, "already_exists");
}

#[tokio::test]
async fn an_agent_that_is_registered_later_takes_no_operators_name() {
    let (app, ada) = secured().await;
    let body = json!({ "name": "ada" });
    app.post("/api/agents", body).by(&ada).await.refused_fields(&["name"]);
}

#[tokio::test]
async fn each_bad_credential_has_its_code_and_tells_nothing_else() {
    let (app, ada) = secured().await;
    app.post("/api/agents", json!({ "name": "Scout" })).by(&ada).await.expect(201);
    let expiring = json!({ "name": "Eve", "role": "auditor", "expiresAt": "2026-09-22T13:00:00Z" });
    let (_, expiring) = issue(&app, Some(&ada), expiring).await;
    let (revoked_id, revoked) = issue(&app, Some(&ada), json!({ "name": "Rex", "role": "auditor" })).await;
    app.post(format!("/api/credentials/{revoked_id}/revoke"), json!({ "reason": "leaked" }))
        .by(&ada)
        .await
        .expect(200)
        .recorded(&["credential.revoked"]);
    app.wait(TimeDelta::hours(2));
    for (header, code) in [
        (format!("Bearer {}", unknown()), "credential_unknown"),
        (format!("Bearer {expiring}"), "credential_expired"),
        (format!("Bearer {revoked}"), "credential_revoked"),
        ("Bearer".to_owned(), "credential_malformed"),
        ("Bearer ".to_owned(), "credential_malformed"),
        (format!("Bearer {}x", ada), "credential_malformed"),
        (format!("Basic {ada}"), "credential_malformed"),
        (ada.clone(), "credential_malformed"),
    ] {
        let refused = app.get("/api/tasks").header("authorization", &header).await.refused(401, code);
        assert_eq!(challenge(&refused), "Bearer error=\"invalid_token\"", "{header}");
        assert!(!refused.text.contains("mc_o") && !refused.text.contains("Eve"), "{}", refused.text);
        assert!(!refused.text.contains(header.split(' ').next_back().unwrap()) || header.len() < 8);
    }
    let binary = app.get("/api/tasks").header("authorization", b"Bearer \xff\xfe").await;
    binary.refused(401, "credential_malformed");
    app.get("/api/tasks").by(&ada).await.expect(200);
}

#[tokio::test]
async fn a_clock_that_is_set_back_brings_nothing_back() {
    let (app, ada) = secured().await;
    let expiring = json!({ "name": "Eve", "role": "auditor", "expiresAt": "2026-09-22T13:00:00Z" });
    let (_, eve) = issue(&app, Some(&ada), expiring).await;
    app.get("/api/tasks").by(&eve).await.expect(200);
    app.wait(TimeDelta::hours(2));
    let task = json!({ "title": "Late", "type": "docs" });
    app.post("/api/tasks", task).by(&ada).await.expect(201);
    app.wait(TimeDelta::hours(-2));
    app.get("/api/tasks").by(&eve).await.refused(401, "credential_expired");
}

#[tokio::test]
async fn two_at_once_and_one_in_the_address_are_refused() {
    let (app, ada) = secured().await;
    let both = app.get("/api/tasks").by(&ada).by(&ada).await;
    both.refused(400, "two_credentials");
    let session = session_of(&open(&app, &ada).await);
    let both = app.get("/api/tasks").by(&ada).header("cookie", format!("mc_session={session}")).await;
    both.refused(400, "two_credentials");
    for query in [format!("search={ada}"), "access_token=x".to_owned(), format!("project={session}")] {
        let refused = app.get(format!("/api/tasks?{query}")).by(&ada).await;
        assert!(!refused.text.contains(&ada), "{}", refused.text);
        refused.refused(400, "credential_in_address");
    }
}

#[tokio::test]
async fn a_secret_in_an_address_is_refused_everywhere_and_in_no_answer() {
    let (closed, ada) = secured().await;
    let open = App::new().await;
    let session = session_of(&self::open(&closed, &ada).await);
    for app in [&closed, &open] {
        for secret in [&ada, &session] {
            let encoded = secret.replace('_', "%5F");
            for path in [
                format!("/api/tasks/{secret}"),
                format!("/api/tasks/{encoded}?limit=3"),
                format!("/api/tasks?search={encoded}"),
                format!("/{secret}"),
                format!("/login?credential={secret}"),
                format!("/login?to=/{secret}"),
                format!("/problems/{secret}"),
                format!("/health?x={secret}"),
                format!("/tasks/{secret}/edit"),
            ] {
                for method in [Method::GET, Method::POST] {
                    let refused = app.send(method, &path, "").by(&ada).await;
                    let written = format!("{}{:?}", refused.text, refused.headers);
                    assert!(!written.contains(&secret[4..]), "{path}: {written}");
                    refused.refused(400, "credential_in_address");
                }
            }
        }
    }
    let metrics = closed.get("/metrics").by(&ada).await.expect(200);
    assert!(metrics.text.contains("mc_authentication_failures_total{code=\"credential_in_address\"}"));
}

#[tokio::test]
async fn a_credential_that_is_missing_where_one_is_needed_is_counted_and_slows_down_nobody() {
    let (app, ada) = secured().await;
    for _ in 0..200 {
        app.get("/api/tasks").await.refused(401, "credential_missing");
    }
    // A page sends its visitor to the login instead.
    assert_eq!(app.get("/tasks").response().await.status(), 303);
    for path in ["/login", "/livez", "/problems"] {
        assert_eq!(app.get(path).response().await.status(), 200);
    }
    let metrics = app.get("/metrics").by(&ada).await.expect(200);
    let counted = |line: &str| metrics.text.lines().any(|written| written == line);
    assert!(counted("mc_authentication_failures_total{code=\"credential_missing\"} 201"), "{}", metrics.text);
    assert!(counted("mc_http_requests_total{method=\"GET\",route=\"/tasks\",status=\"3xx\"} 1"));
    assert!(!metrics.text.contains("unmatched"), "{}", metrics.text);
}

#[tokio::test]
async fn credentials_are_listed_in_pages_newest_first() {
    let (app, ada) = secured().await;
    for number in 0..5 {
        app.wait(TimeDelta::seconds(1));
        let name = format!("Monitor {number}");
        issue(&app, Some(&ada), json!({ "name": name, "role": "monitor" })).await;
    }
    let (mut names, mut next) = (Vec::new(), Some("/api/credentials?limit=2&all=true".to_owned()));
    while let Some(address) = next {
        let page = app.get(&address).by(&ada).await.expect(200);
        names.extend(page.column("name").into_iter().map(str::to_owned));
        next = page.next().map(str::to_owned);
    }
    assert_eq!(names, ["Monitor 4", "Monitor 3", "Monitor 2", "Monitor 1", "Monitor 0", "Ada"]);
    for query in ["limit=0", "limit=1001", "cursor=x"] {
        app.get(format!("/api/credentials?{query}")).by(&ada).await.refused(400, "malformed_query");
    }
}

#[tokio::test]
async fn one_credential_has_sixteen_streams_open_and_leaves_room_for_others() {
    let (app, ada) = secured().await;
    let (_, eve) = issue(&app, Some(&ada), json!({ "name": "Eve", "role": "auditor" })).await;
    let session = session_of(&open(&app, &ada).await);
    let mut streams = vec![follow(by_browser!(app.get("/api/events"), session)).await];
    for _ in 1..16 {
        streams.push(follow(app.get("/api/events").by(&ada)).await);
    }
    let refused = app.get("/api/events").by(&ada).await.refused(503, "too_many_streams");
    assert!(refused["detail"].as_str().unwrap().starts_with("The credential has 16"), "{}", refused.text);
    follow(app.get("/api/events").by(&eve)).await;
    drop(streams.pop());
    follow(app.get("/api/events").by(&ada)).await;

    let open = App::new().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(follow(open.get("/api/events")).await);
    }
}

#[tokio::test]
async fn the_credential_of_an_agent_that_is_gone_is_good_for_nothing() {
    let (app, ada) = secured().await;
    let parent = json!({ "name": "Nova", "role": "lead" });
    app.post("/api/agents", parent).by(&ada).await.expect(201);
    let child = json!({ "name": "Nova's helper", "purpose": "Look things up" });
    let child = app.post("/api/agents/Nova/spawn", child).by(&ada).await.expect(201);
    let body = json!({ "name": "helper", "role": "agent", "agentId": child.id() });
    let (_, secret) = issue(&app, Some(&ada), body.clone()).await;
    app.get("/api/whoami").by(&secret).await.expect(200);
    let context = mc_domain::aggregate::CommandContext::new(app.now(), system());
    let envelope = mc_store::repository::CommandEnvelope::new(context);
    let id = child.id().parse().unwrap();
    let retired = app.state().repository().execute(&envelope, |tx| {
        mc_domain::operation::retire_agent(tx, id, None, RetirementCause::TimeIsUp)?;
        Ok::<_, Refused>(())
    });
    retired.await.unwrap();
    app.get("/api/tasks").by(&ada).await.expect(200);
    app.get("/api/whoami").by(&secret).await.refused(401, "credential_orphaned");
    app.post("/api/credentials", body).by(&ada).await.refused(422, "illegal_transition");
}

fn system() -> mc_domain::actor::Actor {
    mc_domain::actor::Actor::System(mc_domain::values::Name::new("mission-control").unwrap())
}

#[tokio::test]
async fn the_last_operators_is_not_revoked_here() {
    let (app, ada) = secured().await;
    let ada_id = app.get("/api/whoami").by(&ada).await["credentialId"].as_str().unwrap().to_owned();
    let revoke = |id: &str| app.post(format!("/api/credentials/{id}/revoke"), json!({}));
    let limited = json!({ "name": "Bob", "role": "operator", "projects": ["openclaw"] });
    let (_, bob) = issue(&app, Some(&ada), limited).await;
    revoke(&ada_id).by(&ada).await.refused(409, "conflict");
    revoke(&ada_id).by(&bob).await.refused(403, "forbidden");
    let expiring = json!({ "name": "Cid", "role": "operator", "expiresAt": "2026-09-22T13:00:00Z" });
    let (cid_id, cid) = issue(&app, Some(&ada), expiring).await;
    app.wait(TimeDelta::hours(2));
    revoke(&ada_id).by(&ada).await.refused(409, "conflict");
    app.get("/api/whoami").by(&cid).await.refused(401, "credential_expired");
    revoke(&cid_id).by(&ada).await.expect(200);
    let (_, dan) = issue(&app, Some(&ada), json!({ "name": "Dan", "role": "operator" })).await;
    revoke(&ada_id).by(&dan).await.expect(200).recorded(&["credential.revoked"]);
    revoke(&ada_id).by(&dan).await.expect(200).recorded(&[]);
    app.get("/api/whoami").by(&ada).await.refused(401, "credential_revoked");
    revoke(NOBODY).by(&dan).await.refused(404, "not_found");
}

#[tokio::test]
async fn two_operators_who_revoke_each_other_at_once_are_not_both_locked_out() {
    for _ in 0..20 {
        let (app, ada) = secured().await;
        let ada_id = app.get("/api/whoami").by(&ada).await["credentialId"].as_str().unwrap().to_owned();
        let (bob_id, bob) = issue(&app, Some(&ada), json!({ "name": "Bob", "role": "operator" })).await;
        let revoke = |id: &str, by: &str| {
            app.post(format!("/api/credentials/{id}/revoke"), json!({})).by(by).response()
        };
        let (one, other) = tokio::join!(revoke(&bob_id, &ada), revoke(&ada_id, &bob));
        let statuses = [one.status().as_u16(), other.status().as_u16()];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    }
}

#[tokio::test]
async fn a_call_that_began_before_the_first_credential_does_not_end_after_it() {
    use axum::body::{Body, Bytes};
    use futures_util::StreamExt;

    let app = App::new().await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Result<Bytes, std::io::Error>>();
    let body =
        futures_util::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let held_back = app.send(Method::POST, "/api/credentials", Body::from_stream(body.boxed())).response();
    sender.send(Ok("{\"name\":".into())).unwrap();
    let first = async {
        tokio::task::yield_now().await;
        let issued = issue(&app, None, json!({ "name": "Ada", "role": "operator" })).await;
        sender.send(Ok("\"Mallory\",\"role\":\"operator\"}".into())).unwrap();
        drop(sender);
        issued
    };
    let (late, (_, ada)) = tokio::join!(held_back, first);
    assert_eq!(late.status(), 401);
    let all = app.get("/api/credentials").by(&ada).await.expect(200);
    assert_eq!(all.column("name"), ["Ada"]);
}

#[tokio::test]
async fn no_session_is_opened_more_often_than_anybody_needs() {
    let (app, ada) = secured().await;
    for _ in 0..30 {
        open(&app, &ada).await;
    }
    app.post("/api/session", json!({ "credential": ada })).await.refused(429, "too_many_requests");
    app.get("/api/tasks").by(&ada).await.expect(200);
}

#[tokio::test]
async fn an_operators_credential_that_ends_replaces_none_that_does_not() {
    let app = App::new().await;
    let ending = json!({ "name": "Ada", "role": "operator", "expiresAt": "2026-12-01T00:00:00Z" });
    app.post("/api/credentials", ending.clone()).await.refused(409, "conflict");
    let (id, ada) = issue(&app, None, json!({ "name": "Ada", "role": "operator" })).await;
    let (ending_id, _) = issue(&app, Some(&ada), ending).await;
    app.post(format!("/api/credentials/{id}/revoke"), json!({})).by(&ada).await.refused(409, "conflict");
    app.post(format!("/api/credentials/{ending_id}/revoke"), json!({})).by(&ada).await.expect(200);
}

#[tokio::test]
async fn a_credential_is_renamed_and_its_operator_acts_under_the_new_name() {
    let (app, ada) = secured().await;
    let (_, bob) = issue(&app, Some(&ada), json!({ "name": "Bob", "role": "operator" })).await;
    let id = app.get("/api/whoami").by(&ada).await["credentialId"].as_str().unwrap().to_owned();
    let path = format!("/api/credentials/{id}");
    // Who decides is told by the name, so nobody gives themselves another.
    app.patch(path.clone(), json!({ "name": "Grace" })).by(&ada).await.refused(403, "forbidden");
    let renamed = app.patch(path.clone(), json!({ "name": "Grace" })).by(&bob).await.expect(200);
    assert_eq!(renamed["name"], "Grace");
    renamed.recorded(&["credential.renamed"]);
    app.patch(format!("/api/credentials/{id}"), json!({})).by(&ada).await.expect(200).recorded(&[]);
    let task = json!({ "title": "x", "type": "docs" });
    let task = app.post("/api/tasks", task).by(&ada).await.expect(201);
    assert_eq!(task["createdBy"]["name"], "Grace");
    assert_eq!(task.facts[0].metadata.credential.map(|id| id.to_string()), Some(id));
    app.patch(path, json!({ "name": null })).by(&ada).await.refused_fields(&["name"]);
}

async fn open(app: &App, secret: &str) -> Answer {
    app.post("/api/session", json!({ "credential": secret })).await.expect(200)
}

fn session_of(opened: &Answer) -> String {
    let cookie = opened.header("set-cookie");
    cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_stands_for_its_credential() {
    let (app, ada) = secured().await;
    let opened = app.post("/api/session", json!({ "credential": ada })).await.expect(200);
    assert_eq!((&opened["role"], &opened["name"]), (&json!("operator"), &json!("Ada")));
    let cookie = opened.header("set-cookie").to_owned();
    assert!(cookie.starts_with("mc_session=mcs_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let session = session_of(&opened);
    let task = json!({ "title": "x", "type": "docs" });
    let made = by_browser!(app.post("/api/tasks", task), session).await.expect(201);
    assert_eq!(made["createdBy"]["name"], "Ada");
    assert!(!log(&app).await.contains(&session));

    let ended = by_browser!(app.delete("/api/session"), session).await.expect(204);
    assert!(ended.header("set-cookie").contains("Max-Age=0"));
    by_browser!(app.get("/api/tasks"), session).await.refused(401, "session_over");
    app.delete("/api/session").by(&ada).await.refused(409, "conflict");
}

#[tokio::test]
async fn off_loopback_the_cookie_is_for_encrypted_connections_alone() {
    let (app, ada) = secured().await;
    let request = app.post("/api/session", json!({ "credential": ada }));
    let opened = request.header("host", "localhost:3000").await.expect(200);
    assert!(opened.header("set-cookie").starts_with("mc_session="));
    let hosts = mc_server::layers::HostPolicy::new(false, &[]);
    let app = app.answering_for(hosts);
    let request = app.post("/api/session", json!({ "credential": ada }));
    let opened = request.header("host", "mc.example.org").await.expect(200);
    let cookie = opened.header("set-cookie");
    assert!(cookie.starts_with("__Host-mc_session=") && cookie.ends_with("; Secure"), "{cookie}");
    let session = session_of(&opened);
    let request = app.get("/api/whoami").header("host", "mc.example.org");
    request.header("cookie", format!("__Host-mc_session={session}")).await.expect(200);
}

#[tokio::test]
async fn a_write_by_a_cookie_comes_from_a_page_of_the_server() {
    let (app, ada) = secured().await;
    let session = session_of(&open(&app, &ada).await);
    let write = |headers: &[(&'static str, &str)]| {
        let request = app.post("/api/tasks", json!({ "title": "x", "type": "docs" }));
        let request =
            request.header("cookie", format!("mc_session={session}")).header("host", "localhost:3000");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let own = "http://localhost:3000";
    for headers in [
        &[("sec-fetch-site", "same-origin")][..],
        &[("origin", own)],
        &[("sec-fetch-site", "same-origin"), ("origin", own)],
    ] {
        write(headers).await.expect(201);
    }
    for headers in [
        &[][..],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")],
    ] {
        write(headers).await.refused(403, "cross_origin");
    }
    let read = app.get("/api/tasks").header("cookie", format!("mc_session={session}"));
    read.header("sec-fetch-site", "none").await.expect(200);
}

#[tokio::test]
async fn a_session_lasts_while_it_is_used_and_outlives_the_server() {
    let app = App::on_disk().await;
    let (_, ada) = issue(&app, None, json!({ "name": "Ada", "role": "operator" })).await;
    let (eve_id, eve) = issue(&app, Some(&ada), json!({ "name": "Eve", "role": "auditor" })).await;
    let (session, of_eve) = (session_of(&open(&app, &ada).await), session_of(&open(&app, &eve).await));
    app.wait(TimeDelta::hours(11));
    by_browser!(app.get("/api/tasks"), session).await.expect(200);
    app.wait(TimeDelta::hours(11));
    by_browser!(app.get("/api/tasks"), session).await.expect(200);
    by_browser!(app.get("/api/tasks"), of_eve).await.refused(401, "session_over");
    let of_eve = session_of(&open(&app, &eve).await);
    let app = app.restarted().await;
    by_browser!(app.get("/api/tasks"), of_eve).await.expect(200);
    app.post(format!("/api/credentials/{eve_id}/revoke"), json!({})).by(&ada).await.expect(200);
    by_browser!(app.get("/api/tasks"), of_eve).await.refused(401, "session_over");
}

#[tokio::test]
async fn what_opens_no_session_is_refused() {
    let (app, ada) = secured().await;
    let post = |body: Value| app.post("/api/session", body);
    post(json!({})).await.refused_fields(&["credential"]);
    post(json!({ "credential": 7 })).await.refused_fields(&["credential"]);
    post(json!({ "credential": ada, "name": "x" })).await.refused_fields(&["name"]);
    post(json!({ "credential": "hunter2" })).await.refused(401, "credential_malformed");
    post(json!({ "credential": unknown() })).await.refused(401, "credential_unknown");
    app.send(Method::POST, "/api/session", "{").await.refused(400, "malformed_body");
    post(json!({ "credential": ada })).key("k").await.refused(400, "malformed_header");
    let open = App::new().await;
    let request = open.post("/api/session", json!({ "credential": unknown() }));
    request.await.refused(401, "credential_unknown");
}

#[tokio::test]
async fn who_guesses_is_slowed_down_and_who_knows_is_served() {
    let (app, ada) = secured().await;
    let mut slowed = 0_u32;
    for number in 0..10_000 {
        let guess = format!("mc_{number:043}");
        let response = app.get("/api/tasks").by(&guess).response().await;
        match response.status().as_u16() {
            401 => {}
            429 => {
                assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
                slowed += 1;
            }
            other => panic!("{other}"),
        }
        if number % 1_000 == 0 {
            app.get("/api/tasks").by(&ada).await.expect(200);
        }
    }
    assert!(slowed > 9_000, "{slowed}");
    let metrics = app.get("/metrics").by(&ada).await.expect(200);
    let line = "mc_authentication_failures_total{code=\"credential_unknown\"} 10000";
    assert!(metrics.text.lines().any(|written| written == line), "{}", metrics.text);
}

#[tokio::test]
async fn a_credential_that_is_used_too_often_waits() {
    let (app, ada) = secured().await;
    let mut refused = None;
    for _ in 0..20_000 {
        let response = app.get("/api/whoami").by(&ada).response().await;
        if response.status() == 429 {
            refused = Some(response);
            break;
        }
    }
    assert_eq!(refused.expect("the limit is 2,000 at once").headers()["retry-after"], "1");
}

#[tokio::test]
async fn health_tells_strangers_only_whether_it_works() {
    let (app, ada) = secured().await;
    let (_, monitor) = issue(&app, Some(&ada), json!({ "name": "Prometheus", "role": "monitor" })).await;
    for request in [app.get("/health"), app.get("/health").by(&unknown())] {
        let health = request.await;
        assert_eq!(health["status"], "ok");
        assert!(health.body.get("workers").is_none(), "{}", health.text);
    }
    for secret in [&ada, &monitor] {
        assert!(app.get("/health").by(secret).await["workers"].is_object());
    }
    app.get("/metrics").by(&monitor).await.expect(200);
    app.get("/api/metrics").by(&monitor).await.expect(200);
    app.get("/api/tasks").by(&monitor).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_stream_ends_with_the_session_that_opened_it() {
    let (app, ada) = secured().await;
    let session = session_of(&open(&app, &ada).await);
    let mut by_page = follow(by_browser!(app.get("/api/events"), session)).await;
    let mut by_program = follow(app.get("/api/events").by(&ada)).await;
    by_browser!(app.delete("/api/session"), session).await.expect(204);
    assert_eq!(by_page.next().await, None);
    assert_eq!(by_program.next().await.unwrap().name, "credential.session_ended");
}
