//! What every request passes through, whatever its route.

mod guard;
mod request_id;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::time::Instant;

pub use guard::{Host, HostPolicy, InvalidHost};
pub(crate) use guard::{is_for_loopback, is_of_own_page};
pub use request_id::RequestId;
use request_id::identified;

use crate::{
    access::address,
    extract::{Arrival, MAX_BODY_BYTES},
    problem::{Kind, Problem},
    requests::Requests,
};

/// How long a request may take until its answer begins, beside the time its body may take. A stream may go on after that.
pub const TIME_TO_ANSWER: Duration = Duration::from_secs(30);

/// The most bytes path and query may have together: 8 KiB.
pub const MAX_ADDRESS_BYTES: usize = 8 * 1024;

/// What monitors ask every few seconds; not worth a line of the log while all is well.
const PROBES: [&str; 3] = ["/health", "/livez", "/readyz"];

/// Puts all that around the routes and fallbacks of `router`.
///
/// From the outside in: the request id, the request's line in the log and its count, panics, the time limit, the length of the
/// address, the host and the origin. Whatever is inside may answer with a [`Problem`], or panic, and the client still
/// gets `application/problem+json` with the request id in it.
pub fn around(router: Router, hosts: HostPolicy, requests: Arc<Requests>) -> Router {
    let door = Door { hosts, requests };
    router.layer((from_fn_with_state(door, pass), DefaultBodyLimit::max(MAX_BODY_BYTES)))
}

/// What every request is checked and counted by.
#[derive(Clone)]
struct Door {
    hosts: HostPolicy,
    requests: Arc<Requests>,
}

/// One layer, not one for each concern: for every request a layer clones all the layers inside it and boxes a future.
async fn pass(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let Door { hosts, requests } = door;
    request.extensions_mut().insert(Arc::clone(&requests));
    let answer = |request| async move {
        match check(&request, &hosts) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    };
    let arrival = request.extensions().get::<Arrival>().map_or(Duration::ZERO, Arrival::limit);
    let limit = TIME_TO_ANSWER + arrival;
    identified(request, |request| {
        logged(request, &requests, |request| unharmed(in_time(answer(request), limit)))
    })
    .await
}

fn check(request: &Request, hosts: &HostPolicy) -> Result<(), Problem> {
    check_address(request)?;
    guard::check_one_host(request)?;
    guard::check_host(request, hosts)?;
    guard::check_origin(request, hosts)
}

fn check_address(request: &Request) -> Result<(), Problem> {
    let bytes = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if bytes <= MAX_ADDRESS_BYTES {
        return Ok(());
    }
    let detail = format!("Path and query have {bytes} bytes together, at most {MAX_ADDRESS_BYTES} are read.");
    Err(Problem::new(Kind::AddressTooLong, detail))
}

async fn in_time(answer: impl Future<Output = Response>, limit: Duration) -> Response {
    match tokio::time::timeout(limit, answer).await {
        Ok(response) => response,
        Err(_) => {
            let secs = limit.as_secs();
            let detail = format!(
                "No answer was ready within {secs} seconds. It may still have taken effect: repeat a write with the same \
                 idempotency key, or read first."
            );
            Problem::new(Kind::TimedOut, detail).into_response()
        }
    }
}

/// A handler holds no lock over an await and shares no half-written state, so others can go on after its panic.
async fn unharmed(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(panic = message.unwrap_or("not a text"), "a handler panicked");
        Problem::internal().into_response()
    })
}

/// One line per request once its answer begins. Never the query, nor a secret in the path: they do not belong into a log.
async fn logged<A: Future<Output = Response>>(
    request: Request,
    requests: &Requests,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let logged_path = address::loggable(&path).into_owned();
    let begin = Instant::now();
    let mut response = answer(request).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let (status, latency) = (response.status(), begin.elapsed());
    requests.record(&method, &path, status, latency);
    let problem = response.extensions().get::<Problem>().map(|problem| problem.kind().slug());
    macro_rules! answered {
        ($level:ident) => {
            tracing::$level!(%method, path = logged_path, status = status.as_u16(), ?latency, problem, "answered")
        };
    }
    match status {
        _ if status.is_server_error() => answered!(warn),
        _ if PROBES.contains(&path.as_str()) => answered!(debug),
        _ => answered!(info),
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{Method, StatusCode},
        routing::get,
    };
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn panics() -> &'static str {
        panic!("deliberately")
    }

    fn app() -> Router {
        let router = Router::new()
            .route("/ok", get(async || "ok").post(async || "ok"))
            .route("/plain", get(async || (StatusCode::IM_A_TEAPOT, "short and stout")))
            .route("/panic", get(panics))
            .route("/never", get(std::future::pending::<&'static str>));
        around(router, HostPolicy::new(true, &[]), Arc::new(Requests::of(["/ok"])))
    }

    async fn ask(request: axum::http::request::Builder) -> (Response<()>, String) {
        let (parts, body) = app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
    }

    async fn refused(request: axum::http::request::Builder) -> (u16, Value) {
        let (response, body) = ask(request).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["instance"].as_str().unwrap(), response.headers()["x-request-id"].to_str().unwrap());
        (response.status().as_u16(), body)
    }

    fn of(path: &str) -> axum::http::request::Builder {
        Request::get(path)
    }

    #[tokio::test]
    async fn a_request_keeps_the_id_it_came_with() {
        let (response, body) = ask(of("/ok").header("x-request-id", "trace-1.a_B")).await;
        assert_eq!(
            (response.headers()["x-request-id"].to_str().unwrap(), body.as_str()),
            ("trace-1.a_B", "ok")
        );
    }

    #[tokio::test]
    async fn a_request_without_a_sane_id_gets_a_new_one() {
        for id in ["", "a b", "<script>", "ä", &"x".repeat(129)] {
            let (response, _) = ask(of("/ok").header("x-request-id", id.as_bytes())).await;
            let given = response.headers()["x-request-id"].to_str().unwrap();
            assert_eq!(uuid::Uuid::try_parse(given).unwrap().get_version_num(), 7);
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_the_request_id() {
        let (status, problem) = refused(of("/panic").header("x-request-id", "r-9")).await;
        assert_eq!(
            (status, &problem["code"], &problem["instance"]),
            (500, &"internal".into(), &"r-9".into())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_answered() {
        let (status, problem) = refused(of("/never")).await;
        assert_eq!((status, &problem["code"]), (503, &"timed_out".into()));
    }

    #[tokio::test]
    async fn a_plain_error_becomes_a_problem() {
        assert_eq!(refused(of("/plain")).await.0, 400);
        assert_eq!(refused(of("/nowhere")).await.0, 404);
    }

    #[tokio::test]
    async fn an_address_that_is_too_long_is_refused() {
        let (status, _) = refused(of(&format!("/ok?search={}", "x".repeat(MAX_ADDRESS_BYTES)))).await;
        assert_eq!(status, 414);
    }

    #[tokio::test]
    async fn foreign_hosts_are_refused_on_loopback() {
        for host in [
            "localhost:3000",
            "LOCALHOST",
            "mission-control.localhost:3000",
            "127.0.0.1:3000",
            "127.0.0.2",
            "[::1]:3000",
            "[::1]",
        ] {
            assert_eq!(ask(of("/ok").header("host", host)).await.0.status(), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:3000",
            "evil-localhost:3000",
            "localhost.",
            "127.0.0.1.evil.example",
            "",
            "[::1",
            "a:b",
            "10.0.0.1",
        ] {
            let (status, problem) = refused(of("/ok").header("host", host)).await;
            assert_eq!((status, &problem["code"]), (403, &"host_not_allowed".into()), "{host}");
        }
        assert_eq!(refused(of("http://evil.example/ok").header("host", "localhost")).await.0, 403);
    }

    #[tokio::test]
    async fn foreign_pages_may_read_but_not_write() {
        let foreign: &[&[(&str, &str)]] = &[
            &[("origin", "http://evil.example")],
            &[("origin", "null")],
            &[("origin", "http://localhost:5173")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:5173")],
        ];
        for headers in foreign {
            let with = |method: Method| {
                let request = Request::builder().method(method).uri("/ok").header("host", "localhost:3000");
                headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
            };
            let (status, problem) = refused(with(Method::POST)).await;
            assert_eq!((status, &problem["code"]), (403, &"cross_origin".into()), "{headers:?}");
            assert_eq!(ask(with(Method::GET)).await.0.status(), 200);
        }
    }

    #[tokio::test]
    async fn own_pages_and_programs_may_write() {
        let own: &[&[(&str, &str)]] = &[
            &[],
            &[("origin", "http://localhost:3000")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:3000")],
            &[("sec-fetch-site", "none")],
        ];
        for headers in own {
            let request = Request::post("/ok").header("host", "localhost:3000");
            let request =
                headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            assert_eq!(ask(request).await.0.status(), 200, "{headers:?}");
        }
    }
}
