//! The answer to every refused request: `application/problem+json` (RFC 9457).

mod kind;

use std::{fmt, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mc_domain::policy::secrets::redact;
use mc_store::error::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use kind::Kind;

/// How long a client waits before it repeats a request that a part of the server could not serve just now.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal: its kind, a sentence for the person who reads it, and what a program needs to go on.
///
/// The response carries a copy of it as an extension; the request-id layer uses that to fill in `instance`.
///
/// ```
/// use axum::response::IntoResponse;
/// use mc_server::problem::{Kind, Problem};
///
/// let problem = Problem::new(Kind::AlreadyClaimed, "Scout claimed the task first. Claim another one.").holder("Scout");
/// assert_eq!(problem.status(), 409);
/// assert_eq!(problem.into_response().headers()["content-type"], "application/problem+json");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

/// One thing wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The dotted name: `budgets.dailyCap`, `assigneeIds[0]`; empty for the body as a whole.
    pub field: String,
    /// The same place in the body as a JSON Pointer (RFC 6901): `/budgets/dailyCap`; nothing for a query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What is wrong, as a clause that continues the field's name, without a full stop.
    pub message: String,
}

/// The parts of a problem that are stored, also with a commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Details {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    allowed_transitions: Option<Vec<String>>,
    approval_id: Option<String>,
    current_version: Option<u64>,
    holder: Option<Value>,
    retry_after: Option<Duration>,
}

/// The members of the JSON document, in the order they are printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    code: String,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_transitions: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<&'a Value>,
}

impl Problem {
    /// A refusal of that kind, of which there is nothing more to say here than what the kind is about.
    pub fn of(kind: Kind) -> Self {
        Self::new(kind, kind.about())
    }

    /// A refusal of that kind; `detail` is whole sentences: what happened here, and what to do next.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            allowed_transitions: None,
            approval_id: None,
            current_version: None,
            holder: None,
            retry_after: kind.is_temporary().then_some(RETRY_AFTER),
        }))
    }

    /// `not-found`: there is no such entity, as in `Problem::not_found("task", id)`.
    pub fn not_found(what: &str, id: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("There is no {what} {}. Check the id.", Excerpt(&id.to_string())))
    }

    /// The body is well-formed, but some fields are not acceptable.
    pub fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [error] if error.field.is_empty() => format!("The body is not acceptable: {}.", error.message),
            [error] => format!("The field {} is not acceptable: {}.", error.field, error.message),
            errors => format!("{} fields are not acceptable; see errors.", errors.len()),
        };
        Self::new(Kind::InvalidFields, detail).errors(errors)
    }

    /// One field is not acceptable: `Problem::invalid_field("budgets.dailyCap", "must be at least perRunCap")`.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError::new(field, message)])
    }

    /// The entity has another version than the caller's `If-Match`.
    pub fn version_moved(current: u64) -> Self {
        let detail = format!(
            "The version is {current} by now, which is no strong tag in If-Match. Read it again, then repeat."
        );
        Self::new(Kind::PreconditionFailed, detail).current_version(current)
    }

    /// `internal`: a defect of the server; its log has the cause, under the request id.
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "Something broke while answering; the server's log has the cause under this request id.",
        )
    }

    /// Adds what is wrong, field by field.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds the statuses that the task may move to instead.
    #[must_use]
    pub fn allowed_transitions<T: ToString>(mut self, allowed: impl IntoIterator<Item = T>) -> Self {
        self.0.allowed_transitions = Some(allowed.into_iter().map(|status| status.to_string()).collect());
        self
    }

    /// Adds the approval that was opened in place of what was asked.
    #[must_use]
    pub fn approval_id(mut self, id: impl ToString) -> Self {
        self.0.approval_id = Some(id.to_string());
        self
    }

    /// Adds the version that the entity has, for a client that expected another one.
    #[must_use]
    pub fn current_version(mut self, version: u64) -> Self {
        self.0.current_version = Some(version);
        self
    }

    /// Adds who holds what was asked for: a name, or an object with more about them.
    #[must_use]
    pub fn holder(mut self, holder: impl Into<Value>) -> Self {
        self.0.holder = Some(holder.into());
        self
    }

    /// Adds when to repeat the request; sent in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The kind, which determines status, code, title and `type`.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The HTTP status that its kind has.
    pub fn status(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// The `detail`: full sentences about this occurrence, with what to do next.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What is wrong, field by field.
    pub fn field_errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The version that the entity has, where the caller expected another one.
    pub fn moved_to(&self) -> Option<u64> {
        self.0.current_version
    }

    /// The document as JSON; `instance` is the id of the request.
    pub fn to_json(&self, instance: Option<&str>) -> Vec<u8> {
        let details = &*self.0;
        let document = Document {
            r#type: format!("/problems/{}", details.kind.slug()),
            title: details.kind.title(),
            status: self.status().as_u16(),
            detail: &details.detail,
            instance,
            code: details.kind.code(),
            errors: &details.errors,
            allowed_transitions: details.allowed_transitions.as_deref(),
            approval_id: details.approval_id.as_deref(),
            current_version: details.current_version,
            holder: details.holder.as_ref(),
        };
        serde_json::to_vec(&document).expect("the document has string keys only, so it is always JSON")
    }

    /// The problem for a bare status that a library answered with.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match Kind::of_status(status) {
            Some(kind) => Self::new(kind, kind.about()),
            None if status.is_client_error() => {
                Self::new(Kind::MalformedRequest, Kind::MalformedRequest.about())
            }
            None => Self::internal(),
        }
    }

    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let challenge = match self.0.kind {
            Kind::CredentialMissing => Some("Bearer"),
            kind if kind.status() == StatusCode::UNAUTHORIZED => Some("Bearer error=\"invalid_token\""),
            _ => None,
        };
        let challenge =
            challenge.map(|challenge| (header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        let wait =
            self.0.retry_after.map(|wait| (header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1))));
        [(header::CONTENT_TYPE, PROBLEM_JSON)].into_iter().chain(challenge).chain(wait)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json(None)));
        *response.status_mut() = self.status();
        response.headers_mut().extend(self.headers());
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.code(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl FieldError {
    /// What is wrong with the body's field of that dotted name, such as `budgets.dailyCap`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = field.into();
        let pointer = match field.as_str() {
            "" => String::new(),
            dotted => format!("/{}", dotted.replace(['.', '['], "/").replace(']', "")),
        };
        Self { field, pointer: Some(pointer), message: message.into() }
    }

    /// What is wrong with a parameter of the query.
    pub fn of_parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: name.into(), pointer: None, message: message.into() }
    }
}

impl Problem {
    /// The problem of a store error: only what a client can act on. Health checks read its kind; nothing is logged
    /// here.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::new(
                Kind::ConcurrentChange,
                "Others changed the same thing at the same moment, several times over. Nothing was recorded; try again.",
            ),
            StoreError::KeyReused { key } => Self::new(
                Kind::IdempotencyKeyReused,
                format!(
                    "The idempotency key {} was used for another request. Nothing was recorded; choose a new key.",
                    Excerpt(key.rsplit(' ').next().unwrap_or_default())
                ),
            ),
            StoreError::Invalid { reason } => Self::new(
                Kind::Unrecordable,
                format!("The log cannot record this: {reason}. Ask for less in one request."),
            ),
            StoreError::NotLoaded { .. } => Self::internal(),
            StoreError::Corrupt { .. } | StoreError::NewerEvent { .. } | StoreError::Damaged(_) => Self::new(
                Kind::StoreDamaged,
                "A part of the log cannot be read. The operator has to verify the store and restore it from a backup.",
            ),
            StoreError::Full => Self::new(
                Kind::StorageFull,
                "Too little disk space is left to record this. Nothing was recorded; reading works. Stopping, pausing, denying \
                 and whatever else ends work goes on as long as the reserve lasts. The operator has to make room.",
            ),
            StoreError::Displaced { .. } => Self::new(
                Kind::StoreDisplaced,
                "The file of the store was removed, moved or replaced while the server has it open, so nothing is recorded: it \
                 would be lost. The operator moves the file back, or starts the server anew on the file that is to be used.",
            ),
            StoreError::Undecided => Self::new(Kind::OutcomeUnknown, Kind::OutcomeUnknown.about()),
            StoreError::Deposed
            | StoreError::Unprivileged { .. }
            | StoreError::Unsuitable { .. }
            | StoreError::Incomplete { .. }
            | StoreError::Locked { .. }
            | StoreError::Linked { .. }
            | StoreError::OpenElsewhere { .. }
            | StoreError::Emptied { .. }
            | StoreError::Frozen { .. }
            | StoreError::Protected { .. }
            | StoreError::NewerVersion { .. }
            | StoreError::NotALog { .. }
            | StoreError::Occupied { .. }
            | StoreError::ReadOnly
            | StoreError::UnknownStore { .. }
            | StoreError::Unavailable(_) => Self::new(
                Kind::StoreUnavailable,
                "The store does not answer just now. Repeat the request in a few seconds, with the same idempotency key if it had one.",
            ),
        }
    }
}

impl From<StoreError> for Problem {
    /// Logs the error where only an operator can act on it. A full or displaced store is logged by its writer, once for as
    /// long as it lasts; the rest is for the client.
    fn from(error: StoreError) -> Self {
        let problem = Self::of_store(&error);
        let error = Chain(&error);
        match problem.kind() {
            Kind::Internal => tracing::error!(%error, "a decision was answered instead of repeated"),
            Kind::StoreDamaged => tracing::error!(%error, "the log cannot be read"),
            Kind::StoreUnavailable => tracing::error!(%error, "the store does not answer"),
            _ => {}
        }
        problem
    }
}

/// An error with all its causes, on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// A text from the client, quoted in a sentence: secrets are taken out, control characters escaped, and long texts cut.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl Excerpt<'_> {
    const MAX_CHARS: usize = 80;
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = redact(self.0);
        let shown: String = text.chars().take(Self::MAX_CHARS).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        write!(f, "\"{}{more}\"", shown.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.to_json(Some("r-1"))).unwrap()
    }

    #[test]
    fn absent_members_are_left_out() {
        let problem = Problem::new(Kind::NotFound, "There is no such task.");
        assert_eq!(
            document(&problem),
            json!({
                "type": "/problems/not-found", "title": "Not found", "status": 404,
                "detail": "There is no such task.", "instance": "r-1", "code": "not_found"
            })
        );
    }

    #[test]
    fn every_extension_is_printed_under_its_name() {
        let problem = Problem::new(Kind::IllegalTransition, "No.")
            .allowed_transitions(["assigned", "canceled"])
            .approval_id("a-1")
            .current_version(7)
            .holder("Scout")
            .errors(vec![FieldError::new("workPlan.steps[1]", "must not be empty")]);
        let document = document(&problem);
        assert_eq!(document["allowedTransitions"], json!(["assigned", "canceled"]));
        assert_eq!(document["approvalId"], "a-1");
        assert_eq!(document["currentVersion"], 7);
        assert_eq!(document["holder"], "Scout");
        assert_eq!(
            document["errors"],
            json!([{"field": "workPlan.steps[1]", "pointer": "/workPlan/steps/1", "message": "must not be empty"}])
        );
    }

    #[test]
    fn temporary_refusals_say_when_to_come_back() {
        let response = Problem::new(Kind::StoreUnavailable, "Later.").into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let limited = Problem::new(Kind::TooManyRequests, "Later.").retry_after(Duration::from_millis(30));
        assert_eq!(limited.into_response().headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn a_request_without_credentials_is_told_how_to_bring_them() {
        let response = Problem::new(Kind::CredentialMissing, "Send a token.").into_response();
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }

    #[test]
    fn store_errors_have_their_status() {
        let unavailable = || StoreError::Unavailable("gone".into());
        let corrupt = StoreError::Corrupt { position: 3, reason: "bad".into() };
        let stream =
            mc_domain::recorded::StreamId { aggregate_type: "task".into(), aggregate_id: "1".into() };
        let statuses = [
            (StoreError::Conflict { stream, expected: 1, actual: 2 }, 409),
            (StoreError::KeyReused { key: "k".into() }, 422),
            (StoreError::Invalid { reason: "too many events".into() }, 422),
            (corrupt, 503),
            (StoreError::Damaged("malformed".into()), 503),
            (StoreError::Full, 507),
            (StoreError::Displaced { file: "mc.db".into() }, 503),
            (unavailable(), 503),
        ];
        for (error, status) in statuses {
            assert_eq!(Problem::from(error).status(), status);
        }
        assert!(Problem::from(unavailable()).into_response().headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn what_a_client_sent_is_quoted_short_and_printable() {
        assert_eq!(Excerpt("a\u{0}b\n").to_string(), r#""a\0b\n""#);
        assert_eq!(Excerpt(&"x".repeat(500)).to_string().chars().count(), 83);
    }
}
