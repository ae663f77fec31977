mod approvals;
mod client;
mod operations;
mod red_tools;
mod runs;

use axum::{
    body::Body,
    http::{Request, header, request::Builder},
};
use http_body_util::BodyExt;
use mc_domain::values::Name;
use mc_store::memory::MemoryLog;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::app::system_clock;

async fn state() -> App {
    let operator = Name::new("Sofie").unwrap();
    let log = Arc::new(MemoryLog::new());
    App::recover(log, operator, system_clock(), Health::starting(), CancellationToken::new()).await.unwrap()
}

async fn ask(service: Router, request: Builder) -> (Response<()>, Value) {
    let (parts, body) = service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = || Value::from(String::from_utf8_lossy(&body).into_owned());
    (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap_or_else(|_| text()))
}

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    for path in ["/nothing", "/api", "/api/nothing", "/health/", "/api/tasks/%ff/x", "/%00"] {
        let (response, problem) = ask(recovered_service(state().await), Request::get(path)).await;
        assert_eq!((response.status().as_u16(), &problem["code"]), (404, &"no_such_route".into()), "{path}");
        assert_eq!(problem["instance"], response.headers()["x-request-id"].to_str().unwrap());
    }
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    for path in ["/health", "/api/events"] {
        let (response, problem) = ask(recovered_service(state().await), Request::delete(path)).await;
        assert_eq!((response.status().as_u16(), &problem["code"]), (405, &"method_not_allowed".into()));
        assert!(problem["detail"].as_str().unwrap().contains(path));
        assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");

        let (response, _) = ask(recovered_service(state().await), Request::options(path)).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()[header::ALLOW]),
            (204, &"GET,HEAD".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_server_that_recovers_answers_for_its_health_only() {
    let service = || service(Health::starting(), Gate::default(), HostPolicy::new(true, &[]));
    let (response, problem) = ask(service(), Request::get("/api/tasks")).await;
    assert_eq!((response.status().as_u16(), &problem["code"]), (503, &"starting".into()));
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(ask(service(), Request::get("/livez")).await.0.status(), 200);
    assert_eq!(ask(service(), Request::get("/readyz")).await.0.status(), 503);
    let (response, report) = ask(service(), Request::get("/health")).await;
    assert_eq!((response.status().as_u16(), &report["status"]), (503, &"starting".into()));
    assert!(response.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn every_problem_has_a_page() {
    let (_, index) = ask(recovered_service(state().await), Request::get("/problems")).await;
    for kind in Kind::ALL {
        let path = format!("/problems/{}", kind.slug());
        assert!(index.as_str().unwrap().contains(&path));
        let (response, page) = ask(recovered_service(state().await), Request::get(path)).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/markdown; charset=utf-8");
        assert!(page.as_str().unwrap().contains(kind.about()));
    }
    assert_eq!(
        ask(recovered_service(state().await), Request::get("/problems/nonsense")).await.0.status(),
        404
    );
}

#[tokio::test]
async fn the_head_of_an_answer_can_be_asked_for() {
    let (response, body) = ask(recovered_service(state().await), Request::head("/livez")).await;
    assert_eq!((response.status().as_u16(), body), (200, "".into()));
}

#[tokio::test]
async fn events_are_refused_where_they_cannot_start() {
    for (query, status) in [("after=99", 400), ("after=x", 400), ("since=1", 400), ("project=nope", 400)] {
        let path = format!("/api/events?{query}");
        assert_eq!(
            ask(recovered_service(state().await), Request::get(path)).await.0.status(),
            status,
            "{query}"
        );
    }
}

#[test]
fn every_line_of_the_table_is_a_different_endpoint() {
    let endpoints = endpoints();
    let different: std::collections::HashSet<_> = endpoints.iter().collect();
    assert_eq!(different.len(), endpoints.len());
}
