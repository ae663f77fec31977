//! Reads the parameters of a request whatever way they are spelled.

use crate::{json::Json, policy::reason::Verdict};

/// The lists' judgement of a missing parameter.
pub(super) fn missing(what: &str) -> Verdict {
    Verdict::unlisted(
        "params_missing",
        format!("the parameters name no {what}, so the request cannot be judged"),
    )
}

/// A name in lower case and without underscores.
pub(super) fn plain(name: &str) -> String {
    name.replace(['_', '-'], "").to_ascii_lowercase()
}

/// Every field of that name, in any case and with or without underscores: which of them a tool looks at is not known.
pub(super) fn fields<'a>(params: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    let name = plain(name);
    let given = params.as_object().into_iter().flatten();
    given.filter(move |(given, _)| plain(given) == name).map(|(_, value)| value)
}

pub(super) fn values(params: &Json, names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| fields(params, name)).flat_map(texts).collect()
}

/// Every text in a value. What is neither a text nor made of texts is shown as JSON, which no list knows.
pub(super) fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::Null => Vec::new(),
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        Json::Object(fields) => fields.values().flat_map(texts).collect(),
        Json::Bool(_) | Json::Number(_) => vec![value.to_string()],
    }
}

/// Whether a flag is set, in whatever way it is written.
pub(super) fn is_set(value: &Json) -> bool {
    const UNSET: [&str; 7] = ["", "false", "0", "no", "off", "none", "never"];
    match value {
        Json::Null => false,
        Json::Bool(set) => *set,
        Json::Number(number) => number.nearest() != 0.0,
        Json::String(text) => !UNSET.contains(&text.trim().to_ascii_lowercase().as_str()),
        Json::Array(items) => items.iter().any(is_set),
        Json::Object(fields) => fields.values().any(is_set),
    }
}
