//! Pages of lists over HTTP: the link to the next page, and what a cursor of no use is answered with.

use axum::{
    Json,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use mc_projections::{
    history::HistoryError,
    page::{InvalidCursor, Page},
};
use serde::Serialize;

use crate::problem::{FieldError, Kind, Problem};

/// A page of a list: a bare array, and where it goes on (RFC 8288).
pub(crate) fn listed<T: Serialize>(
    uri: &Uri,
    page: Result<Page<T>, InvalidCursor>,
) -> Result<Response, Problem> {
    let page = page.map_err(invalid_cursor)?;
    let mut response = Json(page.items).into_response();
    if let Some(cursor) = page.next {
        let kept = uri.query().unwrap_or_default().split('&');
        let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query = kept.chain([format!("cursor={cursor}").as_str()]).collect::<Vec<_>>().join("&");
        if let Ok(link) = HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

pub(crate) fn invalid_cursor(error: InvalidCursor) -> Problem {
    let detail = format!("The parameter cursor is of no use: {error}. Start again without it.");
    Problem::new(Kind::MalformedQuery, detail)
        .errors(vec![FieldError::of_parameter("cursor", error.to_string())])
}

pub(crate) fn history_problem(error: HistoryError) -> Problem {
    match error {
        HistoryError::Cursor(error) => invalid_cursor(error),
        HistoryError::Store(error) => error.into(),
    }
}
