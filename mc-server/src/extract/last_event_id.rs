//! The header that resumes an event stream (WHATWG HTML, section 9.2.4).

use axum::{extract::FromRequestParts, http::request::Parts};

use super::contract::LAST_EVENT_ID;
use crate::problem::{Excerpt, Kind, Problem};

/// The position of the last event that a client received; nothing when it begins, which an empty header says too.
///
/// Problems: `malformed-header`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEventId(pub Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut ids = parts.headers.get_all(LAST_EVENT_ID).iter().filter(|id| !id.is_empty());
        let Some(id) = ids.next() else { return Ok(Self(None)) };
        if ids.any(|other| other != id) {
            let detail = "Last-Event-ID was given twice. Send the id of the last event received, once.";
            return Err(Problem::new(Kind::MalformedHeader, detail));
        }
        let text = id.to_str().unwrap_or("\u{fffd}");
        let position = text.parse().map_err(|_| {
            let text = Excerpt(text);
            let detail = format!(
                "Last-Event-ID cannot be {text}. Send the id of the last event received, which is a number."
            );
            Problem::new(Kind::MalformedHeader, detail)
        });
        position.map(|position| Self(Some(position)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request};

    use super::*;

    async fn read(ids: &[&str]) -> Result<Option<u64>, Kind> {
        let mut parts = Request::new(()).into_parts().0;
        for id in ids {
            parts.headers.append(LAST_EVENT_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
        }
        let read = LastEventId::from_request_parts(&mut parts, &()).await;
        read.map(|id| id.0).map_err(|problem| problem.kind())
    }

    #[tokio::test]
    async fn an_id_is_a_number_and_one() {
        assert_eq!(read(&[]).await, Ok(None));
        assert_eq!(read(&[""]).await, Ok(None));
        assert_eq!(read(&["7"]).await, Ok(Some(7)));
        assert_eq!(read(&["7", "7"]).await, Ok(Some(7)));
        for ids in [&["-1"][..], &["x"], &["1.5"], &["99999999999999999999"], &["ä"], &["7", "8"]] {
            assert_eq!(read(ids).await, Err(Kind::MalformedHeader), "{ids:?}");
        }
    }
}
