//! What keeps the page harmless and small: its headers, what its templates may contain, and what it loads.

use std::{collections::BTreeSet, fs, path::PathBuf};

use axum::http::{HeaderMap, Method};
use http_body_util::BodyExt;
use mc_domain::credential::Bearer;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::{App, NOBODY, Request};

/// The most bytes of the first page with everything that it loads, as they are sent.
const MAX_FIRST_PAGE_BYTES: usize = 100_000;

fn in_server(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mc-server").join(path)
}

/// The names and texts of the templates.
fn templates() -> Vec<(String, String)> {
    let files = fs::read_dir(in_server("templates")).unwrap().map(|file| file.unwrap().path());
    let named = files.map(|file| (file.display().to_string(), fs::read_to_string(&file).unwrap()));
    named.collect()
}

#[track_caller]
fn is_harmless(headers: &HeaderMap, of: &str) {
    let header = |name: &str| {
        headers.get(name).unwrap_or_else(|| panic!("{of} has no {name}")).to_str().unwrap().to_owned()
    };
    assert_eq!(header("x-content-type-options"), "nosniff", "{of}");
    assert_eq!(header("referrer-policy"), "same-origin", "{of}");
    assert_eq!(header("x-frame-options"), "DENY", "{of}");
    let policy = header("content-security-policy");
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|own| own == rule), "{of}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{of}: {policy}");
}

#[tokio::test]
async fn every_answer_of_the_page_has_the_headers_that_keep_it_harmless() {
    let app = App::new().await;
    let task = app.task("Write the guide").await;
    let nowhere = format!("/tasks/{NOBODY}");
    let task = format!("/tasks/{task}");
    let pages = [
        ("/", 200),
        ("/tasks/new", 200),
        (task.as_str(), 200),
        ("/login", 200),
        ("/health-and-workers", 200),
        (nowhere.as_str(), 404),
        ("/tasks?priority=9", 400),
        ("/assets/any/page.css", 200),
        ("/assets/any/nothing.css", 404),
    ];
    for (address, status) in pages {
        let answer = app.get(address).await.expect(status);
        is_harmless(&answer.headers, address);
    }
    let form = app.send(Method::POST, "/tasks/new", "title=").await;
    is_harmless(&form.headers, "a form that is refused");
    let live = app.get("/live").response().await;
    is_harmless(live.headers(), "/live");

    app.operator("Ada", &[]).await;
    let login = app.get("/").await.expect(303);
    is_harmless(&login.headers, "the way to the login");
    let wrong = app.send(Method::POST, "/login", "credential=mc_wrong").await.expect(401);
    is_harmless(&wrong.headers, "a login that is refused");
    let auditor = app.issue("Ann", Bearer::Auditor, &[], None).await;
    let forbidden = app.send(Method::POST, "/tasks/new", "title=T&type=docs").by(&auditor).await;
    is_harmless(&forbidden.headers, "a form of somebody who may not");
}

#[tokio::test]
async fn pages_are_not_kept_and_what_they_load_is() {
    let app = App::new().await;
    let page = app.get("/").await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    let asset = assets_of(&page.text).into_iter().next().unwrap();
    assert_eq!(
        app.get(asset).await.expect(200).header("cache-control"),
        "public, max-age=31536000, immutable"
    );
}

#[test]
fn no_template_has_a_script_or_a_style_in_it() {
    for (file, text) in templates() {
        for tag in text.split('<').skip(1) {
            let tag = tag.to_ascii_lowercase();
            let tag = tag.split('>').next().unwrap();
            assert!(!tag.starts_with("style"), "{file}: <{tag}>");
            assert!(!tag.starts_with("script") || tag.contains(" src=\""), "{file}: <{tag}>");
            for attribute in tag.split_ascii_whitespace().skip(1) {
                let name = attribute.split('=').next().unwrap();
                let is_event = name.starts_with("on") && attribute.contains('=');
                assert!(!is_event && name != "style", "{file}: <{tag}>");
                assert!(!name.starts_with("hx-on") && !name.contains("javascript:"), "{file}: <{tag}>");
            }
        }
    }
}

/// Only the page of a task shows HTML that is made elsewhere: what `markdown::html` makes of what others wrote.
#[test]
fn no_template_but_that_of_a_task_trusts_html() {
    let trusted = ["markdown::html(description)|safe", "markdown::html(content)|safe", "report|safe"];
    for (file, text) in templates() {
        let is_task = file.ends_with("/task.html");
        let all = text.matches("safe").filter(|_| text.contains("|safe")).count();
        let known: usize = trusted.iter().map(|place| text.matches(place).count()).sum();
        assert!(all == 0 || is_task && all == known, "{file} trusts HTML somewhere else");
    }
}

#[tokio::test]
async fn the_first_page_is_small() {
    let app = App::new().await;
    let agent = app.agent("Scout").await;
    for number in 0..200 {
        let body = json!({
            "title": format!("Guide {number} on what customers asked for"), "type": "docs", "assigneeIds": [agent],
        });
        app.post("/api/tasks", body).await.expect(201);
    }
    let page = app.get("/").await.expect(200).text;
    let assets = assets_of(&page);
    assert!(assets.len() >= 6, "{assets:?}");
    assert_eq!(page.matches("<li class=\"card\"").count(), 200);
    let mut sum = sent(app.get("/")).await;
    for asset in assets {
        sum += sent(app.get(asset)).await;
    }
    assert!(sum < MAX_FIRST_PAGE_BYTES, "{sum} bytes");
}

/// What a page loads of the server.
fn assets_of(page: &str) -> BTreeSet<&str> {
    page.split('"').filter(|part| part.starts_with("/assets/")).collect()
}

/// The bytes of an answer as it is sent to a browser.
async fn sent(request: Request<'_>) -> usize {
    let answer = request.header("accept-encoding", "gzip").response().await;
    answer.into_body().collect().await.unwrap().to_bytes().len()
}

#[test]
fn every_vendored_file_is_the_one_that_was_looked_at_and_has_its_license() {
    for vendor in [in_server("assets/vendor"), in_server("tests/vendor")] {
        let listed = fs::read_to_string(vendor.join("SHA256SUMS")).unwrap();
        let listed: Vec<_> = listed.lines().map(|line| line.split_once("  ").unwrap()).collect();
        for (sum, file) in &listed {
            let hash = Sha256::digest(fs::read(vendor.join(file)).unwrap());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, *sum, "{file}");
            let library = file.split(['-', '.']).next().unwrap();
            let license = fs::read_to_string(vendor.join(format!("LICENSE-{library}"))).unwrap();
            assert!(license.len() > 500, "the license of {file} is not whole");
        }
        let there =
            fs::read_dir(&vendor).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let unlisted: Vec<_> = there
            .filter(|file| !file.starts_with("LICENSE-") && file != "SHA256SUMS")
            .filter(|file| listed.iter().all(|(_, known)| known != file))
            .collect();
        assert!(unlisted.is_empty(), "not in SHA256SUMS: {unlisted:?}");
    }
}
