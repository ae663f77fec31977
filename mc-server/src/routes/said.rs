//! What agents say of their work: as long as it is, cut to what is kept, and never with a secret in it.

use std::str::FromStr;

use mc_domain::{
    approval::Payload,
    json::Json,
    policy::secrets::{redact, redact_json},
    text::plain_summary,
    values::{InvalidText, Preview, Reason},
};

use crate::problem::Problem;

/// What went wrong, as much of it as is kept; nothing when it says nothing.
pub(super) fn error(text: Option<&str>) -> Option<Reason> {
    text.and_then(|text| Reason::truncated(&recordable(text)))
}

/// What an agent says in its own words, without credentials.
///
/// # Errors
/// `invalid-fields`, should nothing of it be left.
pub(super) fn told<T: FromStr<Err = InvalidText>>(field: &str, text: &impl AsRef<str>) -> Result<T, Problem> {
    let told = redact(text.as_ref()).parse();
    told.map_err(|error: InvalidText| Problem::invalid_field(field, error.to_string()))
}

/// What somebody is to decide on, in the words of who asks for it: they must be what they look like.
///
/// # Errors
/// `invalid-fields` when they hide something or could be taken for other words.
pub(super) fn plainly<T>(field: &str, text: Option<&T>) -> Result<(), Problem>
where
    T: AsRef<str>,
{
    let refused = text.map(|text| plain_summary(text.as_ref())).transpose();
    refused.map(drop).map_err(|misleading| Problem::invalid_field(field, misleading.to_string()))
}

/// The beginning of what went into a tool or came out of it: a text as it is, anything else as JSON.
pub(super) fn preview(said: Option<&Json>) -> Option<Preview> {
    match said {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Preview::truncated(&recordable(text)),
        Some(other) => {
            let mut other = other.clone();
            redact_json(&mut other);
            Preview::truncated(&recordable(&other.to_string()))
        }
    }
}

/// Without credentials, and without control characters, which no text of ours has.
fn recordable(text: &str) -> String {
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    redact(text).chars().filter(kept).collect()
}

/// The parameters of what an approval is asked for, without credentials.
///
/// # Errors
/// `invalid-fields` when they are too large or too deep.
pub(super) fn payload(said: Option<Json>) -> Result<Option<Payload>, Problem> {
    let said = said.filter(|value| !value.is_null()).map(|mut value| {
        redact_json(&mut value);
        value
    });
    let read = said.map(Payload::try_from).transpose();
    read.map_err(|error| Problem::invalid_field("payload", error.to_string()))
}
