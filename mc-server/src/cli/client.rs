//! A blocking client of a running server's REST interface.

use std::time::Duration;

use serde_json::Value;
use ureq::{
    RequestBuilder,
    http::{HeaderValue, header},
};

use super::Failure;
use crate::access::Secret;

/// How long the server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// A client of one running server; requests block the thread.
pub(super) struct Client {
    base: String,
    agent: ureq::Agent,
    /// What it shows with each request, marked so that nothing prints it.
    authorization: Option<HeaderValue>,
}

/// The status and the JSON body of an answer, and whether the request showed a credential.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// The path of the next page, where the answer is a page of a list (RFC 8288).
    next: Option<String>,
    has_shown_credential: bool,
}

impl Client {
    /// The server at `base`, such as `http://127.0.0.1:3000`.
    pub(super) fn new(base: &str) -> Self {
        // A credential goes to the server that was named, and nowhere it points to; nor through a proxy that the environment
        // names for the web at large, which would read it.
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT));
        Self { base: base.to_owned(), agent: config.build().into(), authorization: None }
    }

    /// The same, and from now on it shows this credential, if it is one.
    pub(super) fn bearing(self, secret: Option<&Secret>) -> Self {
        let authorization = secret.map(|secret| {
            let value = format!("Bearer {}", secret.reveal());
            let mut value =
                HeaderValue::try_from(value).expect("a secret is letters, digits, hyphens and underscores");
            value.set_sensitive(true);
            value
        });
        Self { authorization, ..self }
    }

    /// The address of the server.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for what has to be there.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.try_get(path)?.accepted()
    }

    /// Asks, and takes any answer that is one of the interface.
    pub(super) fn try_get(&self, path: &str) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.base);
        let asked = self.showing(self.agent.get(&url)).call();
        self.answer(&url, asked.map_err(|error| self.unreachable(error))?)
    }

    /// Asks for a list that has to be there, page by page to its end.
    pub(super) fn get_all(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let (mut rows, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(page) = next {
            let answer = self.try_get(&page)?;
            next = answer.next.clone();
            match answer.accepted()? {
                Value::Array(more) => rows.extend(more),
                _ => return Err(Failure::new(format!("{}{page} answered no list", self.base), None)),
            }
        }
        Ok(rows)
    }

    /// Posts a body, and takes any answer that is one of the interface.
    pub(super) fn try_post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.base);
        let request = self.showing(self.agent.post(&url)).header("content-type", "application/json");
        let sent = request.send(body.to_string());
        self.answer(&url, sent.map_err(|error| self.unreachable(error))?)
    }

    fn showing<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header(header::AUTHORIZATION, value),
            None => request,
        }
    }

    fn answer(&self, url: &str, mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, Failure> {
        let status = response.status().as_u16();
        let link = response.headers().get(header::LINK).and_then(|link| link.to_str().ok());
        let next = link.and_then(|link| link.split(['<', '>']).nth(1));
        // A path of the same server: whatever else is joined to its address may name another one.
        let next = next.filter(|next| next.starts_with('/')).map(str::to_owned);
        let text = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let text = text.map_err(|error| self.unreachable(error))?;
        let body = serde_json::from_str(&text).map_err(|_| {
            let advice = "Check that --server names a Mission Control".to_owned();
            Failure::new(format!("{url} answered something else than JSON"), Some(advice))
        })?;
        Ok(Answer { status, body, next, has_shown_credential: self.authorization.is_some() })
    }

    /// Posts a body that has to be accepted.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.try_post(path, body)?.accepted()
    }

    fn unreachable(&self, error: ureq::Error) -> Failure {
        let advice = "Start one with: mission-control serve; or name another with --server".to_owned();
        let what = match error {
            ureq::Error::Timeout(_) => {
                format!("the server at {} did not answer within {} seconds", self.base, TIMEOUT.as_secs())
            }
            error => format!("there is no answer from a server at {}: {error}", self.base),
        };
        Failure::new(what, Some(advice))
    }
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of an answer that has to be one of success.
    ///
    /// # Errors
    /// The server's reason for refusing, with what to do where it is the credential.
    pub(super) fn accepted(self) -> Result<Value, Failure> {
        if self.is_success() {
            return Ok(self.body);
        }
        let advice = match (self.status, self.has_shown_credential) {
            (401, false) => Some(
                "Name the file that has a credential with --credential-file, or in MC_CREDENTIAL_FILE; an operator makes one \
                 with: mission-control credential issue",
            ),
            (401 | 403, true) => Some("Name the file of another credential with --credential-file"),
            _ => None,
        };
        Err(Failure::new(self.refusal(), advice.map(str::to_owned)))
    }

    /// The server's reason for refusing: the `detail` of its problem.
    pub(super) fn refusal(&self) -> String {
        let detail = self.body["detail"].as_str().unwrap_or("it did not say why");
        format!("the server refused ({}): {}", self.status, detail.trim_end_matches('.'))
    }
}
