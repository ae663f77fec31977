//! The name of one request, for the client, the log and the problem alike.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use tracing::Instrument;
use uuid::Uuid;

use crate::problem::Problem;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters an id that came with a request may have.
const MAX_CHARS: usize = 128;

/// The id of a request: the one it came with in `x-request-id`, or a new one. Every answer carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let sane = |id: &&HeaderValue| {
            (1..=MAX_CHARS).contains(&id.len())
                && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        };
        headers.get(X_REQUEST_ID).filter(sane).cloned().map_or_else(Self::draw, Self)
    }

    /// Draws a random id, for a request that brings none of its own.
    pub(crate) fn draw() -> Self {
        let id = Uuid::now_v7().to_string();
        Self(HeaderValue::try_from(id).expect("a UUID is valid in a header"))
    }

    /// The id as the header `X-Request-Id` and the log write it.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("only visible ASCII gets in")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(Self::draw))
    }
}

/// Names the request, and writes the name into the answer.
pub(super) async fn identified<A: Future<Output = Response>>(
    mut request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let id = RequestId::of(request.headers());
    let span = tracing::info_span!("request", id = id.as_str());
    let method = request.method().clone();
    request.extensions_mut().insert(id.clone());
    let response = answer(request).instrument(span).await;
    let mut response = completed(response, &method, &id);
    response.headers_mut().insert(X_REQUEST_ID, id.0);
    response
}

/// Fills in `instance`, and turns an error that is not ours (the framework's are plain text) into a problem.
fn completed(response: Response, method: &Method, id: &RequestId) -> Response {
    let mut response = match response.extensions().get::<Problem>() {
        None if is_bare_error(&response) => replaced(response),
        _ => response,
    };
    if let Some(problem) = response.extensions().get::<Problem>().filter(|_| *method != Method::HEAD) {
        *response.body_mut() = Body::from(problem.to_json(Some(id.as_str())));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

fn is_bare_error(response: &Response) -> bool {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let is_plain = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/plain");
    is_error && response.headers().get(header::CONTENT_TYPE).is_none_or(is_plain)
}

/// The problem in place of the answer, with the answer's other headers, such as `Allow`.
fn replaced(response: Response) -> Response {
    let (bare, _) = response.into_parts();
    let mut problem = Problem::of_status(bare.status).into_response();
    for (name, value) in &bare.headers {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}
