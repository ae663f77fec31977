//! A blocking client of a running server's REST interface.

use std::time::Duration;

use serde_json::Value;

use super::Failure;

/// How long the server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// A client of one running server; requests block the thread.
pub(super) struct Client {
    base: String,
    agent: ureq::Agent,
}

/// The status and the JSON body of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Client {
    /// The server at `base`, such as `http://127.0.0.1:3000`.
    pub(super) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Self { base: base.to_owned(), agent: config.build().into() }
    }

    /// Asks for what has to be there.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        let url = format!("{}{path}", self.base);
        let asked = self.agent.get(&url).call();
        let answer = self.answer(&url, asked.map_err(|error| self.unreachable(error))?)?;
        if answer.is_success() { Ok(answer.body) } else { Err(Failure::new(answer.refusal(), None)) }
    }

    /// Posts a body, and takes any answer that is one of the interface.
    pub(super) fn try_post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.base);
        let sent = self.agent.post(&url).header("content-type", "application/json").send(body.to_string());
        self.answer(&url, sent.map_err(|error| self.unreachable(error))?)
    }

    fn answer(&self, url: &str, mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, Failure> {
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let text = text.map_err(|error| self.unreachable(error))?;
        let body = serde_json::from_str(&text).map_err(|_| {
            let advice = "Check that --server names a Mission Control".to_owned();
            Failure::new(format!("{url} answered something else than JSON"), Some(advice))
        })?;
        Ok(Answer { status, body })
    }

    /// Posts a body that has to be accepted.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let answer = self.try_post(path, body)?;
        if answer.is_success() { Ok(answer.body) } else { Err(Failure::new(answer.refusal(), None)) }
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

    /// The server's reason for refusing: the `detail` of its problem.
    pub(super) fn refusal(&self) -> String {
        let detail = self.body["detail"].as_str().unwrap_or("it did not say why");
        format!("the server refused ({}): {}", self.status, detail.trim_end_matches('.'))
    }
}
