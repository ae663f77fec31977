//! Every page and every form by every visitor, and whatever may be typed into an address or sent as a form.
//!
//! The addresses are those of the table of pages, so that no page is left out: what is shown is HTML, never a defect of the
//! server, never a script of somebody else's, and never anything from behind the walls around a visitor.

use axum::http::{Method, header};
use mc_server::{access::Needs, service};

use crate::{
    app::{Answer, App, NOBODY},
    matrix::{CALLERS, MARK, Things, Who, World},
};

/// What somebody may type for a part of an address, or for the value of a parameter, percent-encoded.
const TYPED: [&str; 12] = [
    "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "%00",
    "%ff%fe",
    "%",
    "..%2F..%2Fapi%2Fagents",
    "%2e%2e",
    "javascript%3Aalert(1)",
    "%E2%80%AE%F0%9F%92%A5",
    "-1",
    "99999999999999999999999",
    "%2B262142-12-31",
    "a%0d%0aset-cookie%3Ax%3Dy",
];

/// The parameters that some page knows.
const PARAMETERS: [&str; 28] = [
    "project", "type", "assignee", "priority", "label", "blocked", "search", "all", "limit", "status",
    "overdue", "archived", "sortBy", "order", "cursor", "part", "replyTo", "parent", "risk", "agentId",
    "taskId", "severity", "resolved", "unread", "date", "actor", "ids", "done",
];

/// What may be sent as a form, whichever it is.
const SENT: [&[u8]; 14] = [
    b"",
    b"%",
    b"=&=&&&",
    b"\xff\xfe\x00",
    b"{\"title\":\"x\"}",
    b"_key=%00",
    b"_key=a%20b&reason=x",
    b"_key=1&_key=2",
    b"_version=-1",
    b"_version=99999999999999999999999",
    b"_version=18446744073709551615",
    b"nope=1",
    b"%3Cscript%3Ealert(1)%3C%2Fscript%3E=1",
    b"reason=a&reason=b",
];

/// What may be sent as the value of each field of a form.
const VALUES: [&str; 8] = [
    "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "%00",
    "1e999",
    "NaN",
    "%5B%5B%5B%5B",
    "%7B%22a%22%3A%7B%7D%7D",
    "99999999999999999999999999",
    "9999-99-99T99%3A99",
];

/// The address of a page about these things.
fn address(page: &str, things: &Things, credential: &str) -> String {
    let parts = [
        ("{task}", &*things.task),
        ("{approval}", &*things.approval),
        ("{alert}", &*things.alert),
        ("{notification}", &*things.notification),
        ("{agent}", &*things.agents[0]),
        ("{run}", &*things.run),
        ("{credential}", credential),
        ("{to}", "blocked"),
        ("{version}", "0"),
        ("{name}", "page.js"),
    ];
    parts.iter().fold(page.to_owned(), |address, (part, id)| address.replace(part, id))
}

/// Every page with each of its methods.
fn pages() -> impl Iterator<Item = (&'static str, Method, Needs)> {
    let of = |(page, methods, needs): (_, &'static [Method], _)| {
        methods.iter().map(move |method| (page, method.clone(), needs))
    };
    service::pages().into_iter().flat_map(of)
}

async fn ask(
    world: &World,
    who: Who,
    method: &Method,
    address: &str,
    body: impl Into<axum::body::Body>,
) -> Answer {
    let request = world.app.send(method.clone(), address, body).header("accept", "text/html");
    match world.secrets.get(&who) {
        Some(secret) => request.by(secret).await,
        None => request.await,
    }
}

/// Asserts that an answer is a page, a way to one or a file of one, and does no harm.
#[track_caller]
fn harmless(answer: &Answer, asked: &str) {
    let status = answer.status.as_u16();
    assert!(status < 500, "{asked}: {status}: {}", answer.text);
    assert!(!answer.text.to_lowercase().contains("<script>alert"), "{asked}: {}", answer.text);
    assert!(!answer.headers.contains_key("set-cookie"), "{asked}");
    if let Some(location) = answer.headers.get(header::LOCATION) {
        let location = location.to_str().unwrap();
        assert!(location.starts_with('/') && !location.starts_with("//"), "{asked} leads to {location}");
        return;
    }
    let kind =
        answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_file = asked.contains("/assets/");
    assert!(is_file || kind.starts_with("text/html"), "{asked}: {status} of {kind:?}: {}", answer.text);
    assert!(is_file || answer.headers.contains_key(header::CONTENT_SECURITY_POLICY), "{asked}");
}

#[tokio::test]
async fn everybody_sees_and_does_on_each_page_what_its_line_says_and_nothing_behind_the_walls() {
    for who in CALLERS {
        let mut world = World::new().await;
        let is_walled = !matches!(who, Who::Operator | Who::Auditor | Who::Monitor);
        for (n, (page, method, needs)) in pages().enumerate() {
            for whose in [true, false] {
                // A credential and an address have limits of how often, by a clock that stands still here.
                if n % 20 == 0 && whose {
                    world = World::new().await;
                }
                let things = if whose { &world.own } else { &world.other };
                let address = address(page, things, &world.credential);
                let asked = format!("{who:?}: {method} {address}");
                let answer = ask(&world, who, &method, &address, "").await;
                harmless(&answer, &asked);
                let status = answer.status.as_u16();
                let role = match who {
                    Who::Nobody | Who::Revoked => None,
                    Who::Operator | Who::LimitedOperator => Some("operator"),
                    Who::Agent => Some("agent"),
                    Who::Auditor | Who::LimitedAuditor => Some("auditor"),
                    Who::Monitor | Who::LimitedMonitor => Some("monitor"),
                };
                let may = match role {
                    None => needs == Needs::Nothing,
                    Some(role) => {
                        needs.roles().iter().any(|known| known.to_string() == role)
                            && !(is_walled && needs.takes_all_projects())
                    }
                };
                match (role, may) {
                    (None, false) => assert!(
                        status == 303 && answer.header("location").starts_with("/login?to="),
                        "{asked}: {status}"
                    ),
                    (Some(_), false) => assert_eq!(status, 403, "{asked}: {}", answer.text),
                    (Some("operator"), true) if whose => assert_ne!(status, 403, "{asked}: {}", answer.text),
                    (_, true) => {}
                }
                if !may || method == Method::GET {
                    assert!(answer.facts.is_empty(), "{asked} recorded {:?}", answer.facts);
                }
                if is_walled {
                    assert!(!answer.text.contains(MARK), "{asked}: {}", answer.text);
                    assert!(
                        whose || !page.contains("{") || status >= 300 || page.contains("{version}"),
                        "{asked}: {status}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn whatever_is_typed_into_an_address_is_answered_by_a_page() {
    for typed in TYPED {
        let world = World::new().await;
        for (n, (page, method, _)) in pages().filter(|(_, method, _)| *method == Method::GET).enumerate() {
            let world = if n % 20 == 19 { &World::new().await } else { &world };
            let whole = address(page, &world.own, &world.credential);
            let query: Vec<_> = PARAMETERS.iter().map(|name| format!("{name}={typed}")).collect();
            let mut asked =
                vec![format!("{whole}?{}", query.join("&")), format!("{whole}?why={typed}&to={typed}")];
            asked.extend(page.contains('{').then(|| {
                let parts = page.split('/').map(|part| if part.starts_with('{') { typed } else { part });
                parts.collect::<Vec<_>>().join("/")
            }));
            for address in asked {
                let answer = ask(world, Who::Operator, &method, &address, "").await;
                harmless(&answer, &format!("{method} {address}"));
                assert_ne!(answer.status, 429, "{address}");
            }
        }
    }
}

#[tokio::test]
async fn each_parameter_on_its_own_is_refused_or_shown_as_a_page() {
    let world = App::new().await;
    for page in service::pages()
        .iter()
        .filter(|(page, methods, _)| !page.contains('{') && methods.contains(&Method::GET))
    {
        for parameter in PARAMETERS {
            for typed in TYPED {
                let address = format!("{}?{parameter}={typed}", page.0);
                harmless(&world.get(&address).header("accept", "text/html").await, &address);
            }
        }
    }
}

#[tokio::test]
async fn whatever_is_sent_as_a_form_is_answered_by_a_page() {
    for (page, _, needs) in pages().filter(|(_, method, _)| *method == Method::POST) {
        if needs == Needs::Nothing {
            continue;
        }
        let world = World::new().await;
        let address = address(page, &world.own, &world.credential);
        let shown = ask(&world, Who::Operator, &Method::GET, &address, "").await.text;
        let names: Vec<_> = shown
            .split("name=\"")
            .skip(1)
            .filter_map(|after| after.split('"').next())
            .filter(|name| *name != "project")
            .collect();
        let with =
            |value: &str| names.iter().map(|name| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let bodies = VALUES.iter().map(|value| with(value).into_bytes());
        let large = vec![b'a'; 300 * 1024];
        let many = "a=1&".repeat(60_000).into_bytes();
        let bodies = SENT.iter().map(|body| body.to_vec()).chain(bodies).chain([large.clone(), many]);
        for body in bodies {
            let is_large = body == large;
            let asked = format!("{address} with {:.60}", String::from_utf8_lossy(&body));
            let answer = ask(&world, Who::Operator, &Method::POST, &address, body).await;
            harmless(&answer, &asked);
            assert!(!is_large || page == "/logout" || answer.status == 413, "{asked}: {}", answer.status);
        }
        for body in ["nope=1", "nope=1&nope=2"] {
            let answer = ask(&world, Who::Operator, &Method::POST, &address, body).await;
            assert!(page == "/logout" || answer.status.is_client_error(), "{address}: {}", answer.status);
            assert!(page == "/logout" || answer.facts.is_empty(), "{address}");
        }
    }
}

#[tokio::test]
async fn a_login_leads_nowhere_else_and_refuses_what_is_no_credential() {
    let app = App::new().await;
    let ada = app.operator("Ada", &[]).await;
    for to in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "/%09/evil.example",
        "/%C3%A9",
        "javascript%3Aalert(1)",
        "%00",
    ] {
        let body = format!("credential={}&to={to}", &*ada);
        let answer = app.send(Method::POST, "/login", body).await.expect(303);
        assert_eq!(answer.header("location"), "/", "{to}");
    }
    for body in
        ["", "credential=", "credential=%00", "credential=mc_%3Cscript%3Ealert(1)%3C/script%3E&to=%22%3E"]
    {
        let answer = app.send(Method::POST, "/login", body).await;
        assert!(answer.status.is_client_error(), "{body}: {}", answer.status);
        harmless(&answer, body);
    }
    let secret = &ada[..];
    let page = app.send(Method::POST, "/login", format!("credential={secret}x")).await;
    assert!(page.status.is_client_error() && !page.text.contains(secret));
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_a_browser_and_a_problem_for_a_program() {
    let app = App::new().await;
    let page = app.get("/nowhere").header("accept", "text/html,*/*").await.expect(404);
    harmless(&page, "/nowhere");
    let refused = app.delete("/tasks").header("accept", "text/html").await.expect(405);
    harmless(&refused, "DELETE /tasks");
    app.get("/nowhere").await.refused(404, "no_such_route");
    app.delete("/tasks").await.refused(405, "method_not_allowed");
    for page in [format!("/tasks/{NOBODY}"), format!("/agents/{NOBODY}/pause"), "/runs/x".to_owned()] {
        harmless(&app.get(&page).await.expect(404), &page);
    }
}

#[tokio::test]
async fn a_form_that_a_page_of_elsewhere_sends_by_the_cookie_does_nothing() {
    let world = World::new().await;
    let secret = &world.secrets[&Who::Operator];
    let opened =
        world.app.post("/api/session", serde_json::json!({ "credential": secret })).await.expect(200);
    let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
    for (page, method, needs) in pages().filter(|(_, method, _)| *method == Method::POST) {
        if needs == Needs::Nothing {
            continue;
        }
        let address = address(page, &world.own, &world.credential);
        let forged = world.app.send(method, &address, "reason=x").header("cookie", &cookie).await;
        assert_eq!(forged.status, 403, "{address}: {}", forged.text);
        assert!(forged.facts.is_empty(), "{address}");
        harmless(&forged, &address);
    }
}
