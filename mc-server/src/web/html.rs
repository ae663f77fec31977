//! HTML as an answer, with the headers that keep it harmless.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use form_urlencoded::byte_serialize;

use crate::problem::{Kind, Problem};

/// Nothing from elsewhere, nothing inline, and in no frame (Content Security Policy Level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// No other server learns where its visitor came from.
const REFERRER: &str = "same-origin";

/// Where htmx goes instead of showing the answer.
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// A rendered template; [`harmless`] adds the headers that every answer has.
pub(super) struct Html<T>(pub(super) T);

impl<T: Template> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => {
                let headers =
                    [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::VARY, "HX-Request")];
                (headers, html).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "a page cannot be rendered");
                Problem::internal().into_response()
            }
        }
    }
}

/// Why there is no page.
pub(super) enum Refused {
    /// The interface refused what the page asked for.
    Problem(Problem),
    /// The caller has to go elsewhere first.
    GoTo { address: String, is_scripted: bool },
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    detail: &'a str,
    status: u16,
}

impl Refused {
    /// The caller shows no good credential: to the login, and back to `address` from there.
    pub(super) fn not_admitted(problem: &Problem, address: &str, is_scripted: bool) -> Self {
        if problem.status() != StatusCode::UNAUTHORIZED {
            return Self::Problem(problem.clone());
        }
        let why = if problem.kind() == Kind::CredentialMissing {
            String::new()
        } else {
            format!("&why={}", problem.kind().code())
        };
        let to: String = byte_serialize(address.as_bytes()).collect();
        Self::GoTo { address: format!("/login?to={to}{why}"), is_scripted }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::GoTo { address, is_scripted } => go_to(&address, is_scripted),
            Self::Problem(problem) => {
                let (kind, detail) = (problem.kind(), problem.detail());
                let page = ProblemPage { title: kind.title(), detail, status: problem.status().as_u16() };
                (problem.status(), Html(page)).into_response()
            }
        }
    }
}

/// What a browser is told of every answer of the page, also of one that has no HTML, such as a redirection.
pub(super) async fn harmless(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static(REFERRER));
    headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Sends a browser to another page of the server.
pub(super) fn go_to(address: &str, is_scripted: bool) -> Response {
    match (is_scripted, HeaderValue::from_str(address)) {
        (true, Ok(address)) => ([(HX_REDIRECT, address)]).into_response(),
        (true, Err(_)) | (false, _) => Redirect::to(address).into_response(),
    }
}
