//! What in any parameter touches production, forces, or changes a protected branch.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    params::{is_set, plain},
    tools::pushes,
};
use crate::{
    json::Json,
    policy::{reason::Reason, shell},
};

/// `prod` and `production` as whole words, so that product, domain and maintain stay harmless.
static PRODUCTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:^|[^a-z0-9])(prod|production)(?:$|[^a-z0-9])")
        .expect("the pattern is a constant that the tests compile")
});
/// `--force`, also as `--force-with-lease`, and `--hard`.
static FORCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:^|[^a-z0-9-])(--force|--hard)(?:$|[^a-z0-9])")
        .expect("the pattern is a constant that the tests compile")
});
/// Long options of a push that force, delete, push what is not named, or run a program; they may be cut short.
const PUSH_OPTIONS: [&str; 10] = [
    "--force",
    "--force-with-lease",
    "--force-if-includes",
    "--mirror",
    "--all",
    "--branches",
    "--delete",
    "--prune",
    "--receive-pack",
    "--exec",
];
/// The same as names of flags.
const PUSH_FLAGS: [&str; 8] =
    ["f", "forcepush", "forcewithlease", "mirror", "all", "branches", "delete", "prune"];

/// Everything in the parameters that raises the risk.
pub(super) fn found(tool: &str, params: &Json) -> Vec<Reason> {
    let mut all = Vec::new();
    collect(params, &mut all);
    let found = |pattern: &Regex| {
        all.iter().find_map(|text| pattern.captures(text).map(|groups| groups[1].to_owned()))
    };
    let mut reasons = Vec::new();
    if let Some(word) = found(&PRODUCTION) {
        reasons.push(Reason::new("production", format!("the parameters speak of {word}")));
    }
    let push = pushes(tool);
    let words =
        || all.iter().flat_map(|text| text.split(is_separator)).filter(|word| push && !word.is_empty());
    let option = || words().find(|word| forces(word)).map(str::to_owned);
    if let Some(option) = found(&FORCE).or_else(|| flag(params, push)).or_else(option) {
        reasons.push(Reason::new("force", format!("the parameters ask for {option}")));
    }
    if let Some(branch) = words().find(|word| may_be_protected(word)) {
        reasons.push(Reason::new("protected_branch", format!("{branch} is a protected branch, or may be")));
    }
    reasons
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';')
}

/// Whether a word of a push forces or deletes: `-f`, `--mirror`, `+feature`, `:feature`.
fn forces(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word).to_ascii_lowercase();
    let long = name.len() > 2 && name.starts_with("--");
    match () {
        () if long => PUSH_OPTIONS.iter().any(|option| option.starts_with(&name)),
        () if word.starts_with('-') => word[1..].contains(['f', 'd']),
        () => word.len() > 1 && word.starts_with(['+', ':']),
    }
}

/// Whether a word of a push names a protected branch, or one that is not known before.
fn may_be_protected(word: &str) -> bool {
    let target = word.rsplit(':').next().unwrap_or(word);
    shell::is_protected_branch(word) || word.contains('*') || matches!(target, "HEAD" | "@")
}

/// The name of a flag that is set, at any depth.
fn flag(value: &Json, push: bool) -> Option<String> {
    let forces = |name: &str| matches!(name, "force" | "hard") || (push && PUSH_FLAGS.contains(&name));
    match value {
        Json::Object(fields) => {
            fields.iter().find_map(|(name, value)| match forces(&plain(name)) && is_set(value) {
                true => Some(plain(name)),
                false => flag(value, push),
            })
        }
        Json::Array(items) => items.iter().find_map(|item| flag(item, push)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

/// Every text and every name in a value.
fn collect<'a>(value: &'a Json, all: &mut Vec<&'a str>) {
    match value {
        Json::String(text) => all.push(text),
        Json::Array(items) => items.iter().for_each(|item| collect(item, all)),
        Json::Object(fields) => fields.iter().for_each(|(name, value)| {
            all.push(name);
            collect(value, all);
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
