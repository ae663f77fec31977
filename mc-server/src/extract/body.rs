//! The JSON body of a request, with what goes with it: the idempotency key and the actor.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    body::Body as Stream,
    extract::{FromRequest, Request},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mc_domain::{json::Json, policy::secrets::redact_json, text::is_blank};
use serde::{Deserialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;

use super::{
    claim::{self, ActorClaim},
    fields, idempotency,
    idempotency::Keyed,
    json,
};
use crate::{
    access::{Admission, Caller},
    problem::{Excerpt, Kind, Problem},
};

/// The most bytes a body may have: 1 MiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The fields that are judged or hashed as they were sent.
const AS_SENT: [&str; 2] = ["payload", "params"];
/// How long a body may take to arrive by default.
pub const TIME_TO_ARRIVE: Duration = Duration::from_secs(30);

/// How long the bodies of a server's requests are waited for; an extension of every request that came over a connection.
#[derive(Debug, Clone)]
pub struct Arrival {
    limit: Duration,
    end: CancellationToken,
}

impl Arrival {
    /// Waits for each body as long as `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { limit, end: CancellationToken::new() }
    }

    /// How long a body may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Stops waiting, because the server shuts down.
    pub fn end(&self) {
        self.end.cancel();
    }
}

impl Default for Arrival {
    fn default() -> Self {
        Self::new(TIME_TO_ARRIVE)
    }
}

/// The body of a request: JSON whatever its content type, nothing at all counting as `{}`.
///
/// The fields `idempotencyKey` and `actor` are taken out before `T` is read, so `T` may refuse unknown fields. Credentials
/// in any text of it are replaced before anything else looks at it: a log that never forgets must never learn them. What
/// is judged or hashed as it was sent, `payload` and `params`, is left to its handler, which redacts what it records. A text
/// of which nothing can be seen counts as an empty one.
///
/// Problems: `malformed-body`, `body-too-large`, `body-too-slow`, `unsupported-encoding`, `invalid-fields`,
/// `idempotency-key-invalid`.
#[derive(Debug, Clone)]
pub struct Body<T> {
    /// The body as the handler's type.
    pub value: T,
    /// The field `actor`, where the body has one; it is checked only when the actor is resolved.
    pub actor: Option<ActorClaim>,
    /// The idempotency key, from header or body, with the fingerprint of the request.
    pub keyed: Option<Keyed>,
}

/// A state that finds the answer it gave before under an idempotency key.
pub trait Remembers: Send + Sync {
    /// The first answer to the same request under its key, if it was asked before.
    ///
    /// # Errors
    /// `idempotency-key-reused` when it was another request, and what the log says.
    fn first_answer(&self, keyed: &Keyed) -> impl Future<Output = Result<Option<Response>, Problem>> + Send;
}

/// Why a handler gets no body.
#[derive(Debug)]
pub enum BodyRejection {
    /// The problem that the request is refused with.
    Refused(Problem),
    /// The request was answered before, and gets the first answer again.
    Answered(Box<Response>),
}

impl From<Problem> for BodyRejection {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl IntoResponse for BodyRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(problem) => problem.into_response(),
            Self::Answered(first) => *first,
        }
    }
}

/// The body of a request that needs none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl<T: DeserializeOwned, S: Remembers> FromRequest<S> for Body<T> {
    type Rejection = BodyRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, BodyRejection> {
        let (parts, stream) = request.into_parts();
        let arrival = parts.extensions.get().cloned().unwrap_or_default();
        let bytes = read(&parts.headers, stream, &arrival).await?;
        let mut json = json::parse_object(&bytes)?;
        let keyed = keyed(&parts, &mut json)?;
        if let Some(keyed) = &keyed
            && let Some(first) = state.first_answer(keyed).await?
        {
            return Err(BodyRejection::Answered(Box::new(first)));
        }
        let recorded = json.iter_mut().filter(|(name, _)| !AS_SENT.contains(&name.as_str()));
        recorded.for_each(|(_, value)| {
            drop(redact_json(value));
            empty_blanks(value);
        });
        let actor = claim::take(&mut json)?;
        let value = fields::read(&json)?;
        Ok(Self { value, actor, keyed })
    }
}

/// Empties a text without visible characters, wherever it stands in the body, so that it counts as absent.
fn empty_blanks(value: &mut Json) {
    match value {
        Json::String(text) if is_blank(text) => text.clear(),
        Json::Array(values) => values.iter_mut().for_each(empty_blanks),
        Json::Object(members) => members.values_mut().for_each(empty_blanks),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn keyed(parts: &Parts, json: &mut BTreeMap<String, Json>) -> Result<Option<Keyed>, Problem> {
    let in_body = json.remove(idempotency::BODY_FIELD);
    let key = idempotency::key(&parts.headers, in_body)?;
    let caller = parts.extensions.get::<Admission>().and_then(|admission| admission.0.as_ref().ok());
    let owner = caller.and_then(Caller::owner_of_keys);
    let of_request = |key| Keyed::new(key, &parts.method, &parts.uri, &json::canonical(json.clone()));
    Ok(key.map(|key| of_request(key).owned_by(owner)))
}

/// The bytes of a body, once it has arrived whole and in time.
pub(super) async fn read(headers: &HeaderMap, stream: Stream, arrival: &Arrival) -> Result<Vec<u8>, Problem> {
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    if let Some(coding) = headers.get(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        let coding = String::from_utf8_lossy(coding.as_bytes());
        let detail = format!("The body is encoded as {}. Send it as it is.", Excerpt(&coding));
        return Err(Problem::new(Kind::UnsupportedEncoding, detail));
    }
    let arriving = tokio::time::timeout(arrival.limit, Limited::new(stream, MAX_BODY_BYTES).collect());
    let arrived = tokio::select! {
        biased;
        arrived = arriving => arrived,
        () = arrival.end.cancelled() => {
            let detail = "The server shuts down, and the body did not arrive before. Nothing was recorded.";
            return Err(Problem::new(Kind::Draining, detail));
        }
    };
    match arrived {
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if is_limit(&*error) => Err(too_large()),
        Ok(Err(_)) => {
            Err(Problem::new(Kind::MalformedBody, "The body broke off before its end. Send it again, whole."))
        }
        Err(_) => {
            let secs = arrival.limit.as_secs();
            let detail =
                format!("The body did not arrive whole within {secs} seconds. Nothing was recorded.");
            Err(Problem::new(Kind::BodyTooSlow, detail))
        }
    }
}

fn is_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LengthLimitError>())
}

fn too_large() -> Problem {
    Problem::new(
        Kind::BodyTooLarge,
        "The body has more than 1 MiB. Send less; long contents belong to where an artifact's address points.",
    )
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use futures_util::{StreamExt, stream};
    use serde_json::Value;

    use super::*;

    struct Forgetful;

    impl Remembers for Forgetful {
        async fn first_answer(&self, _: &Keyed) -> Result<Option<Response>, Problem> {
            Ok(None)
        }
    }

    async fn extract<T: DeserializeOwned>(request: Request) -> Result<Body<T>, Problem> {
        Body::from_request(request, &Forgetful).await.map_err(|rejection| match rejection {
            BodyRejection::Refused(problem) => problem,
            BodyRejection::Answered(_) => panic!("nothing was answered before"),
        })
    }

    fn post(body: impl Into<Stream>) -> Request {
        Request::builder().method(Method::POST).uri("/api/tasks").body(body.into()).unwrap()
    }

    #[tokio::test]
    async fn content_type_does_not_matter() {
        for content_type in
            ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"]
        {
            let mut request = post(r#"{"a": 1}"#);
            request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(extract::<Value>(request).await.unwrap().value["a"], 1);
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_however_it_arrives() {
        let long = "x".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(extract::<Nothing>(post(long)).await.unwrap_err().kind(), Kind::BodyTooLarge);

        let chunks = stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(64 * 1024)));
        let endless = Stream::from_stream(chunks);
        assert_eq!(extract::<Nothing>(post(endless)).await.unwrap_err().kind(), Kind::BodyTooLarge);

        let mut declared = post("{}");
        declared.headers_mut().insert(header::CONTENT_LENGTH, "1048577".parse().unwrap());
        assert_eq!(extract::<Nothing>(declared).await.unwrap_err().kind(), Kind::BodyTooLarge);
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read() {
        let filler = " ".repeat(MAX_BODY_BYTES - 2);
        assert!(extract::<Nothing>(post(format!("{{{filler}}}"))).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
        let broken = stream::iter([Ok("{"), Err(std::io::Error::other("reset"))]);
        let problem = extract::<Nothing>(post(Stream::from_stream(broken))).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::MalformedBody);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_is_not_waited_for() {
        let stalled = stream::iter([Ok::<_, std::io::Error>("{")]).chain(stream::pending());
        let problem = extract::<Nothing>(post(Stream::from_stream(stalled))).await.unwrap_err();
        assert_eq!((problem.kind(), problem.status().as_u16()), (Kind::BodyTooSlow, 408));
    }

    #[tokio::test]
    async fn a_body_that_is_compressed_is_refused_as_such() {
        let mut request = post("x");
        request.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        let problem = extract::<Nothing>(request).await.unwrap_err();
        assert_eq!((problem.kind(), problem.status().as_u16()), (Kind::UnsupportedEncoding, 415));
    }

    #[tokio::test]
    async fn a_null_where_none_can_be_counts_as_nothing_given() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wish {
            title: String,
            #[serde(default)]
            labels: Vec<String>,
            due: Option<String>,
        }
        let request =
            extract::<Wish>(post(r#"{"title": "a", "labels": null, "due": null}"#)).await.unwrap().value;
        assert_eq!((request.title.as_str(), request.labels.len(), request.due), ("a", 0, None));
        let problem = extract::<Wish>(post(r#"{"title": null, "labels": 5}"#)).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::InvalidFields);
    }

    #[tokio::test]
    async fn the_key_is_taken_out_of_the_body_before_it_is_read() {
        let body = extract::<Nothing>(post(r#"{"idempotencyKey": "move-1"}"#)).await.unwrap();
        assert_eq!(body.keyed.unwrap().key.as_str(), "move-1");
    }

    #[tokio::test]
    async fn credentials_are_gone_before_the_body_is_read_but_from_what_is_hashed_as_it_was_sent() {
        let sent = || {
            post(r#"{"sessionKey": "s-1", "note": "password=hunTer9x", "list": [{"url": "https://a:b@c"}]}"#)
        };
        let body = extract::<Value>(sent()).await.unwrap().value;
        assert!(!body.to_string().contains("hunTer9x"), "{body}");
        assert!(!body.to_string().contains("a:b@"), "{body}");
        assert_eq!(body["sessionKey"], "s-1");
        let hashed = post(r#"{"payload": {"note": "password=hunTer9x"}, "params": "password=hunTer9x"}"#);
        let body = extract::<Value>(hashed).await.unwrap().value;
        assert_eq!(
            (&body["payload"]["note"], &body["params"]),
            (&body["params"], &"password=hunTer9x".into())
        );
    }

    #[tokio::test]
    async fn texts_of_which_nothing_can_be_seen_are_empty_but_in_what_is_hashed_as_it_was_sent() {
        let sent = "{\"a\": \"\u{200b}\", \"b\": [{\"c\": \"\u{ad} \u{202e}\"}], \"d\": \"x\u{200b}\", \"payload\": \"\u{200b}\"}";
        let body = extract::<Value>(post(sent)).await.unwrap().value;
        assert_eq!(
            body,
            serde_json::json!({ "a": "", "b": [{ "c": "" }], "d": "x\u{200b}", "payload": "\u{200b}" })
        );
    }

    #[tokio::test]
    async fn a_secret_does_not_make_two_requests_one() {
        let keyed = |secret: &str| post(format!(r#"{{"idempotencyKey": "k", "note": "password={secret}"}}"#));
        let first = extract::<Value>(keyed("hunTer9x")).await.unwrap().keyed;
        assert_ne!(extract::<Value>(keyed("hunTer9y")).await.unwrap().keyed, first);
    }

    #[tokio::test]
    async fn key_in_header_and_in_body_give_the_same_fingerprint() {
        let in_body = extract::<Value>(post(r#"{"idempotencyKey": "k", "a": 1, "b": 2}"#)).await.unwrap();
        let mut request = post(r#"{ "b": 2, "a": 1 }"#);
        request.headers_mut().insert("idempotency-key", "\"k\"".parse().unwrap());
        let in_header = extract::<Value>(request).await.unwrap();
        assert_eq!(in_body.keyed, in_header.keyed);
    }
}
