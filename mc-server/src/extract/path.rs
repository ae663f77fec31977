//! The variable parts of a path.

use axum::{
    extract::{FromRequestParts, path::ErrorKind, rejection::PathRejection},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::problem::{Excerpt, Kind, Problem};

/// The variable parts of a path, such as an id. What is no valid id is answered with `not-found`.
///
/// Problems: `not-found`, `malformed-request`.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(refused(error.into_kind())),
            Err(error) => {
                tracing::error!(%error, "a handler and its route disagree about the path");
                Err(Problem::internal())
            }
        }
    }
}

fn refused(kind: ErrorKind) -> Problem {
    match kind {
        ErrorKind::InvalidUtf8InPathParam { .. } => Problem::new(
            Kind::MalformedRequest,
            "A part of the path is not UTF-8 once its percent signs are decoded. Encode it as UTF-8.",
        ),
        ErrorKind::ParseErrorAtKey { value, .. }
        | ErrorKind::ParseErrorAtIndex { value, .. }
        | ErrorKind::ParseError { value, .. }
        | ErrorKind::DeserializeError { value, .. } => {
            let value = Excerpt(&value);
            Problem::new(
                Kind::NotFound,
                format!("Nothing has the id {value}. Check it against the list of its kind."),
            )
        }
        ErrorKind::Message(_) => Problem::new(
            Kind::NotFound,
            "Nothing has the id in the path. Check it against the list of its kind.",
        ),
        other => {
            tracing::error!(error = %other, "a handler and its route disagree about the path");
            Problem::internal()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, http::Request, routing::get};
    use mc_domain::ids::TaskId;
    use tower::ServiceExt;

    use super::*;

    async fn status(path: &str) -> u16 {
        let one = |Path(id): Path<TaskId>| async move { id.to_string() };
        let two = |Path((_, id)): Path<(String, TaskId)>| async move { id.to_string() };
        let app: Router =
            Router::new().route("/tasks/{id}", get(one)).route("/of/{agent}/tasks/{id}", get(two));
        app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn what_is_no_id_is_not_found() {
        assert_eq!(status("/tasks/01890000-0000-7000-8000-000000000000").await, 200);
        assert_eq!(status("/of/a/tasks/01890000-0000-7000-8000-000000000000").await, 200);
        assert_eq!(status("/tasks/42").await, 404);
        assert_eq!(status("/of/a/tasks/42").await, 404);
        assert_eq!(status("/tasks/%00").await, 404);
    }

    #[tokio::test]
    async fn percent_signs_that_are_no_utf8_are_malformed() {
        assert_eq!(status("/tasks/%ff").await, 400);
    }
}
