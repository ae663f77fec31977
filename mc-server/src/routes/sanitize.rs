//! Texts and JSON that agents send about their work, made fit to be recorded: credentials are removed, and what is longer
//! than the record allows is cut or refused.

use std::str::FromStr;

use mc_domain::{
    approval::Payload,
    json::Json,
    policy::secrets::{redact, redact_json},
    text::plain_summary,
    values::{InvalidText, Preview, Reason},
};

use crate::problem::Problem;

/// An error message, cut to what a record keeps; `None` when nothing of it is left.
pub(super) fn error(text: Option<&str>) -> Option<Reason> {
    text.and_then(|text| Reason::truncated(&recordable(text)))
}

/// A text without the credentials in it.
///
/// # Errors
/// `invalid-fields` for `field` when what is left is no valid text of its type.
pub(super) fn redacted<T: FromStr<Err = InvalidText>>(
    field: &str,
    text: &impl AsRef<str>,
) -> Result<T, Problem> {
    let redacted = redact(text.as_ref()).parse();
    redacted.map_err(|error: InvalidText| Problem::invalid_field(field, error.to_string()))
}

/// Checks a text that somebody decides on: what it says must be what it looks like.
///
/// # Errors
/// `invalid-fields` for `field` when the text hides characters or can be mistaken for another.
pub(super) fn require_plain<T>(field: &str, text: Option<&T>) -> Result<(), Problem>
where
    T: AsRef<str>,
{
    let refused = text.map(|text| plain_summary(text.as_ref())).transpose();
    refused.map(drop).map_err(|misleading| Problem::invalid_field(field, misleading.to_string()))
}

/// The beginning of a tool's input or output: a text as it is, anything else as JSON.
pub(super) fn preview(value: Option<&Json>) -> Option<Preview> {
    match value {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Preview::truncated(&recordable(text)),
        Some(other) => {
            let mut other = other.clone();
            redact_json(&mut other);
            Preview::truncated(&recordable(&other.to_string()))
        }
    }
}

/// Removes credentials, and the control characters that no recorded text has.
fn recordable(text: &str) -> String {
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    redact(text).chars().filter(kept).collect()
}

/// The parameters of an action that an approval is requested for, without credentials; `None` for `null`.
///
/// # Errors
/// `invalid-fields` when they are too large or too deep.
pub(super) fn payload(value: Option<Json>) -> Result<Option<Payload>, Problem> {
    let redacted = value.filter(|value| !value.is_null()).map(|mut value| {
        redact_json(&mut value);
        value
    });
    let read = redacted.map(Payload::try_from).transpose();
    read.map_err(|error| Problem::invalid_field("payload", error.to_string()))
}
