//! The key under which a repeat of a request gets the first answer.

use std::fmt;

use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use mc_domain::{json::Json, policy::secrets::find_secrets};
use mc_store::log::Fingerprint;
use sha2::{Digest, Sha256};

use crate::problem::{Kind, Problem};

/// The field of a body that may hold the key.
pub(super) const BODY_FIELD: &str = "idempotencyKey";

/// The headers that may hold the key.
pub(super) const HEADERS: [&str; 2] = ["idempotency-key", "x-idempotency-key"];

/// The most characters of a key that a client sends.
const MAX_CHARS: usize = 255;

/// A key that a client chose for one request: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// A key with the fingerprint of the request it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The key as the client sent it.
    pub key: IdempotencyKey,
    /// Whose key it is: those of one caller mean nothing to another. None where the server asks for no credential.
    pub owner: Option<String>,
    /// SHA-256 over method, address and body without the key, the body in canonical form.
    pub fingerprint: Fingerprint,
}

impl IdempotencyKey {
    /// Checks the length and the characters of a key.
    ///
    /// # Errors
    /// `idempotency-key-invalid`.
    pub fn new(text: &str) -> Result<Self, Problem> {
        let acceptable = (1..=MAX_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        match acceptable {
            true if find_secrets(text).is_empty() => Ok(Self(text.into())),
            true => Err(invalid(
                "The idempotency key holds a credential, and keys are recorded. Use a UUID instead."
                    .to_owned(),
            )),
            false => Err(invalid(format!(
                "An idempotency key is 1 to {MAX_CHARS} visible ASCII characters, such as a UUID."
            ))),
        }
    }

    /// The key exactly as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Keyed {
    pub(super) fn new(key: IdempotencyKey, method: &Method, uri: &Uri, canonical_body: &str) -> Self {
        let address = uri.path_and_query().map_or("/", |address| address.as_str());
        // Neither a method nor an address can contain a line break, so the three parts cannot run into each other.
        let asked = [method.as_str(), "\n", address, "\n", canonical_body];
        let fingerprint =
            asked.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into();
        Self { key, owner: None, fingerprint }
    }

    /// The same key as that of `owner`.
    #[must_use]
    pub(super) fn owned_by(self, owner: Option<String>) -> Self {
        Self { owner, ..self }
    }

    /// The key under which the log keeps the answer. An owner contains no space, and neither does a key that a client sends.
    pub(crate) fn recorded(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{owner} {}", self.key),
            None => self.key.to_string(),
        }
    }
}

/// The one key of a request, wherever it is.
///
/// # Errors
/// `idempotency-key-invalid`, also when two places hold different keys.
pub(super) fn key(headers: &HeaderMap, in_body: Option<Json>) -> Result<Option<IdempotencyKey>, Problem> {
    let in_headers = HEADERS.iter().flat_map(|name| headers.get_all(*name)).map(of_header);
    let in_body = in_body.filter(|value| !value.is_null()).map(of_body);
    let mut keys = in_headers.chain(in_body);
    let Some(first) = keys.next().transpose()? else { return Ok(None) };
    for other in keys {
        if other? != first {
            return Err(invalid("The request has two different idempotency keys. Send one.".to_owned()));
        }
    }
    Ok(Some(first))
}

fn of_body(value: Json) -> Result<IdempotencyKey, Problem> {
    match value {
        Json::String(text) => IdempotencyKey::new(&text),
        _ => Err(invalid("The idempotencyKey of the body must be a text.".to_owned())),
    }
}

/// A structured-field string (RFC 9651, section 3.3.3), or the key as it is.
fn of_header(value: &HeaderValue) -> Result<IdempotencyKey, Problem> {
    let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default().trim();
    match text.strip_prefix('"') {
        None => IdempotencyKey::new(text),
        Some(quoted) => unquoted(quoted)
            .ok_or_else(|| {
                invalid("The idempotency key begins with a quote but does not end with one.".to_owned())
            })
            .and_then(|text| IdempotencyKey::new(&text)),
    }
}

/// The text between the quotes; `None` when the closing quote does not end the header.
fn unquoted(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(text),
            '\\' => text.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => text.push(c),
        }
    }
}

fn invalid(detail: String) -> Problem {
    Problem::new(Kind::IdempotencyKeyInvalid, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn found(values: &[(&'static str, &str)], in_body: Option<Value>) -> Result<Option<String>, Kind> {
        key(&headers(values), in_body.map(Json::from))
            .map(|key| key.map(|key| key.to_string()))
            .map_err(|problem| problem.kind())
    }

    #[test]
    fn bare_and_quoted_keys_are_the_same_key() {
        let same = [("idempotency-key", "k-1"), ("x-idempotency-key", "\"k-1\"")];
        assert_eq!(found(&same, Some(json!("k-1"))), Ok(Some("k-1".to_owned())));
        assert_eq!(found(&[("idempotency-key", r#""a\"b\\c""#)], None), Ok(Some(r#"a"b\c"#.to_owned())));
        assert_eq!(found(&[], Some(Value::Null)), Ok(None));
        assert_eq!(found(&[], None), Ok(None));
    }

    #[test]
    fn different_keys_in_one_request_are_refused() {
        let refused = Err(Kind::IdempotencyKeyInvalid);
        assert_eq!(found(&[("idempotency-key", "a"), ("x-idempotency-key", "b")], None), refused);
        assert_eq!(found(&[("idempotency-key", "a"), ("idempotency-key", "b")], None), refused);
        assert_eq!(found(&[("idempotency-key", "a")], Some(json!("b"))), refused);
    }

    #[test]
    fn keys_that_cannot_be_kept_are_refused() {
        let long = "k".repeat(256);
        for text in ["", "\"\"", "\"open", "\"a\"b", "\"a\\", "ä", "a b", "sk-live-0123456789", long.as_str()]
        {
            assert_eq!(
                found(&[("idempotency-key", text)], None),
                Err(Kind::IdempotencyKeyInvalid),
                "{text:?}"
            );
        }
        for value in [json!(""), json!(7), json!("a\u{0}"), json!("é"), json!([])] {
            assert_eq!(found(&[], Some(value)), Err(Kind::IdempotencyKeyInvalid));
        }
        assert!(found(&[("idempotency-key", &"k".repeat(255))], None).is_ok());
    }

    #[test]
    fn method_address_and_body_all_count_in_the_fingerprint() {
        let keyed = |method, uri: &'static str, body| {
            let key = IdempotencyKey::new("k").unwrap();
            Keyed::new(key, &method, &Uri::from_static(uri), body).fingerprint
        };
        let first = keyed(Method::POST, "/a", "{}");
        assert_eq!(first, keyed(Method::POST, "/a", "{}"));
        assert_ne!(first, keyed(Method::PATCH, "/a", "{}"));
        assert_ne!(first, keyed(Method::POST, "/b", "{}"));
        assert_ne!(first, keyed(Method::POST, "/a?project=x", "{}"));
        assert_ne!(first, keyed(Method::POST, "/a", "{\"a\":1}"));
    }
}
