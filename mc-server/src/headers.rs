//! The headers that answers carry, whatever their body is.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::extract::{MC_POSITION, etag};

/// Set to `true` on the answer to a repeated request.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Marks the answer to a request that was answered before under the same idempotency key.
pub(crate) fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Names in `Mc-Position` the log position that the answer reflects. A response that names one already keeps it.
pub(crate) fn at_position(mut response: Response, position: u64) -> Response {
    response.headers_mut().entry(MC_POSITION).or_insert_with(|| HeaderValue::from(position));
    response
}

/// Turns a response into `201` with the address of what was created in `Location`.
pub(crate) fn created(mut response: Response, location: &str) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A response with the entity tag of the version it shows.
pub(crate) fn tagged(version: u64, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::ETAG, etag(version));
    response
}

/// `304`: the reader has this version already.
pub(crate) fn not_modified(version: u64) -> Response {
    tagged(version, StatusCode::NOT_MODIFIED)
}
