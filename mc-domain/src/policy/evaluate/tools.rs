//! Which lists judge a tool, which of its parameters they look at, and what in any parameter touches production.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::missing;
use crate::policy::{
    document::Document,
    evaluate::Risk,
    files::{self, Access},
    network,
    reason::{Reason, Standing, Verdict},
    shell,
};

const COMMANDS: [&str; 6] = ["command", "cmd", "commandLine", "script", "args", "argv"];
const ADDRESSES: [&str; 9] =
    ["url", "urls", "uri", "href", "endpoint", "host", "hostname", "baseUrl", "address"];
const PATHS: [&str; 16] = [
    "path",
    "paths",
    "file",
    "files",
    "filePath",
    "file_path",
    "filename",
    "fileName",
    "source",
    "destination",
    "target",
    "oldPath",
    "newPath",
    "dir",
    "directory",
    "folder",
];
const BRANCHES: [&str; 10] =
    ["branch", "ref", "refs", "refspec", "refspecs", "target", "to", "base", "branches", "args"];

/// What a tool does, as far as its parameters can be judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shell,
    Network,
    File(Access),
    Push,
    /// Unknown to the lists, so whatever they can read is judged.
    Other,
}

fn kind(tool: &str) -> Kind {
    match tool {
        "shell_exec" | "destructive_shell" | "shell" | "bash" | "exec" | "run_command" | "terminal" => {
            Kind::Shell
        }
        "network_call" | "http_request" | "web_fetch" | "browser" | "fetch" | "http" => Kind::Network,
        "read_file" => Kind::File(Access::Read),
        "list_files" => Kind::File(Access::List),
        "write_file" | "edit_file" | "delete_file" => Kind::File(Access::Write),
        "git_push" | "git_force_push" => Kind::Push,
        _ => Kind::Other,
    }
}

/// The judgement of the lists over the parameters of a tool.
pub(super) fn judge(document: &Document, tool: &str, params: &Value) -> Verdict {
    let judged = |names: &[&str], what: &str, judge: &dyn Fn(&str) -> Verdict| match values(params, names) {
        texts if texts.is_empty() => missing(what),
        texts => texts.iter().map(|text| judge(text)).collect(),
    };
    match kind(tool) {
        Kind::Shell => judged_commands(document, params)
            .unwrap_or_else(|| missing("command"))
            .and(elsewhere(document, params)),
        Kind::Network => judged(&ADDRESSES, "address", &|text| network::judge(&document.network.allow, text)),
        Kind::File(Access::List) if values(params, &PATHS).is_empty() => Verdict::allowed(),
        Kind::File(access) => judged(&PATHS, "path", &|text| files::judge(&document.files, access, text)),
        Kind::Push => judged(&BRANCHES, "branch", &|_| Verdict::allowed()),
        Kind::Other if tool.is_empty() => missing("tool"),
        Kind::Other if document.risk_of(tool) == Risk::Green => Verdict::allowed(),
        Kind::Other => readable(document, tool, params),
    }
}

/// A command as one text, or as a list of words.
fn judged_commands(document: &Document, params: &Value) -> Option<Verdict> {
    let command = COMMANDS[..4].iter().filter_map(|name| field(params, name));
    let whole: Vec<&Value> = command.collect();
    let listed = COMMANDS[4..].iter().filter_map(|name| field(params, name)).flat_map(texts);
    let mut words: Vec<String> = listed.map(|word| quoted(&word)).collect();
    let mut commands = Vec::new();
    for value in whole {
        match value {
            // Words that were split already are not split again.
            Value::Array(_) => {
                commands.push(texts(value).iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
            }
            value => commands.extend(texts(value)),
        }
    }
    if let (Some(first), false) = (commands.first_mut(), words.is_empty()) {
        *first = format!("{first} {}", std::mem::take(&mut words).join(" "));
    } else if !words.is_empty() {
        commands.push(words.join(" "));
    }
    let judge = |command: &String| shell::judge(&document.shell, &document.files, command);
    (!commands.is_empty()).then(|| commands.iter().map(judge).collect())
}

/// Where a command is to run.
fn elsewhere(document: &Document, params: &Value) -> Verdict {
    let places = values(params, &["cwd", "workdir", "workingDirectory", "dir", "directory"]);
    places.iter().map(|place| leaving(document, place)).collect()
}

/// What other tools may still not do: their parameters are judged where their names say what they are. Of a tool that
/// the risk map knows only what is denied counts, as its risk is known.
fn readable(document: &Document, tool: &str, params: &Value) -> Verdict {
    let commands = values(params, &COMMANDS[..3]);
    let addresses = values(params, &ADDRESSES);
    let paths = values(params, &PATHS[..8]);
    let commands = commands.iter().map(|text| shell::judge(&document.shell, &document.files, text));
    let addresses = addresses.iter().map(|text| network::judge(&document.network.allow, text));
    let paths = paths.iter().map(|text| match tool == "git_commit" {
        // A commit writes no files, so a lock file may well be part of it.
        true => leaving(document, text),
        false => files::judge(&document.files, Access::Write, text),
    });
    let known = document.tools.contains_key(tool);
    let counts = |verdict: &Verdict| !known || verdict.standing == Standing::Denied;
    commands.chain(addresses).chain(paths).filter(counts).collect()
}

fn leaving(document: &Document, path: &str) -> Verdict {
    match files::workspace_path(&document.files, path) {
        Some(_) => Verdict::allowed(),
        None => Verdict::denied("leaves_workspace", format!("{path} leaves the workspace")),
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The field of that name, in any case and with or without underscores.
fn field<'a>(params: &'a Value, name: &str) -> Option<&'a Value> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    params.as_object()?.iter().find(|(given, _)| plain(given) == plain(name)).map(|(_, value)| value)
}

fn values(params: &Value, names: &[&str]) -> Vec<String> {
    names.iter().filter_map(|name| field(params, name)).flat_map(texts).collect()
}

/// Every text in a value. What is neither a text nor made of texts is shown as JSON, which no list knows.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
    }
}

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

/// What in the parameters touches production.
pub(super) fn production(tool: &str, params: &Value) -> Vec<Reason> {
    let mut all = Vec::new();
    collect(params, &mut all);
    let found = |pattern: &Regex| {
        all.iter().find_map(|text| pattern.captures(text).map(|groups| groups[1].to_owned()))
    };
    let mut reasons = Vec::new();
    if let Some(word) = found(&PRODUCTION) {
        reasons.push(Reason::new("production", format!("the parameters speak of {word}")));
    }
    let forced = field(params, "force")
        .or_else(|| field(params, "hard"))
        .is_some_and(|flag| *flag == Value::Bool(true));
    if let Some(option) = found(&FORCE).or_else(|| forced.then(|| "force".to_owned())) {
        reasons.push(Reason::new("force", format!("the parameters ask for {option}")));
    }
    if kind(tool) == Kind::Push {
        let branches = values(params, &BRANCHES);
        let words = branches.iter().flat_map(|text| text.split_whitespace());
        if let Some(branch) = words.into_iter().find(|word| shell::is_protected_branch(word)) {
            reasons.push(Reason::new("protected_branch", format!("{branch} is a protected branch")));
        }
    }
    reasons
}

/// Every text and every name in a value.
fn collect<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, all)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            all.push(name);
            collect(value, all);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
