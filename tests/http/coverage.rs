//! Some test of this program uses every endpoint of the server.
//!
//! This test reads the sources of the tests. Each call `get("…")`, `post("…")`, `patch("…")` and so on with a literal or
//! `format!`ted address counts for the endpoint of that address. A placeholder such as `{task}` stands only for a variable
//! part of the path. An address whose fixed parts are joined at run time does not count, so write at least one in full.

use std::{fs, path::Path};

use axum::http::Method;

const METHODS: [(&str, Method); 5] = [
    (".get(", Method::GET),
    (".post(", Method::POST),
    (".patch(", Method::PATCH),
    (".put(", Method::PUT),
    (".delete(", Method::DELETE),
];

/// Every address that a source requests, with its method.
fn calls(source: &str) -> Vec<(Method, String)> {
    let of = |(name, method): &(&str, Method)| {
        let after = source.match_indices(name).map(|(at, call)| &source[at + call.len()..]);
        after.filter_map(address).map(|address| (method.clone(), address.to_owned())).collect::<Vec<_>>()
    };
    METHODS.iter().flat_map(of).collect()
}

/// The path at the beginning of the arguments, if it is a literal.
fn address(arguments: &str) -> Option<&str> {
    let arguments = arguments.trim_start().trim_start_matches('&');
    let literal = arguments.strip_prefix("format!(").unwrap_or(arguments).trim_start().strip_prefix('"')?;
    literal.split(['"', '?']).next()
}

/// Whether a call with this address reaches the route: fixed parts must be equal, variable parts may be anything.
fn reaches(address: &str, route: &str) -> bool {
    let (address, route): (Vec<_>, Vec<_>) = (address.split('/').collect(), route.split('/').collect());
    let fits = |(part, of_route): (&&str, &&str)| part == of_route || of_route.starts_with('{');
    address.len() == route.len() && address.iter().zip(&route).all(fits)
}

#[test]
fn every_endpoint_is_exercised() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http");
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let tests = files.filter(|file| !file.ends_with("coverage.rs"));
    let calls: Vec<_> = tests.flat_map(|file| calls(&fs::read_to_string(file).unwrap())).collect();
    let is_called = |method: &Method, route: &str| {
        calls.iter().any(|(called, address)| called == method && reaches(address, route))
    };
    let missing: Vec<_> = mc_server::service::endpoints()
        .into_iter()
        .filter(|(method, route)| !is_called(method, route))
        .map(|(method, route)| format!("{method} {route}"))
        .collect();
    assert!(missing.is_empty(), "no test in tests/http asks for: {}", missing.join(", "));
}

#[test]
fn an_address_is_read_from_a_call_and_belongs_to_one_route() {
    let source = r#"
        app.get("/api/tasks?status=done").await;
        app.post( format!("/api/tasks/{task}/claim"), json!({}));
        app.patch(&format!("/api/agents/{agent}"), json!({}));
        app.get(page).await;
    "#;
    let written = [(Method::GET, "/api/tasks"), (Method::POST, "/api/tasks/{task}/claim")];
    let written = written.into_iter().chain([(Method::PATCH, "/api/agents/{agent}")]);
    assert_eq!(calls(source), written.map(|(method, path)| (method, path.to_owned())).collect::<Vec<_>>());
    assert!(reaches("/api/tasks/{id}/claim", "/api/tasks/{task}/claim"));
    assert!(reaches("/api/agents/scout", "/api/agents/{agent}"));
    assert!(!reaches("/api/agents/{agent}/{action}", "/api/agents/{agent}/pause"));
    assert!(!reaches("/api/agents", "/api/agents/{agent}"));
}
