//! The pages that a problem's `type` leads to.

use std::fmt::Write;

use axum::{
    http::{HeaderName, header},
    response::IntoResponse,
};

use crate::{
    extract::Path,
    problem::{Excerpt, Kind, Problem},
};

const MARKDOWN: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];

/// `GET /problems`: every kind of problem, a line each.
pub async fn index() -> impl IntoResponse {
    let mut page = String::from("# Problems\n\nWhat the interface answers when it refuses (RFC 9457).\n\n");
    for kind in Kind::ALL {
        let (slug, status, title) = (kind.slug(), kind.status().as_u16(), kind.title());
        writeln!(page, "- [{slug}](/problems/{slug}) ({status}): {title}").expect("a String takes any text");
    }
    (MARKDOWN, page)
}

/// `GET /problems/{code}`: what one kind of problem means and what to do about it.
///
/// Problems: `not-found`.
pub async fn page(Path(code): Path<String>) -> Result<impl IntoResponse, Problem> {
    let kind = Kind::find(&code).ok_or_else(|| {
        Problem::new(
            Kind::NotFound,
            format!("There is no problem called {}. GET /problems lists all.", Excerpt(&code)),
        )
    })?;
    let (title, status, code, about) = (kind.title(), kind.status(), kind.code(), kind.about());
    Ok((MARKDOWN, format!("# {title}\n\nStatus {status}, code `{code}`.\n\n{about}\n")))
}
