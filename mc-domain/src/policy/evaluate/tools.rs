//! Which lists judge a tool, and which of its parameters they look at.

use super::{
    commands,
    params::{missing, values},
};
use crate::{
    json::Json,
    policy::{
        document::Document,
        files::{self, Access},
        network,
        reason::{Standing, Verdict},
        shell,
    },
    risk::Risk,
};

/// Names of parameters that hold an address.
const ADDRESSES: [&str; 9] =
    ["url", "urls", "uri", "href", "endpoint", "host", "hostname", "baseUrl", "address"];
/// Names of paths, whatever the tool is.
const PATHS: [&str; 11] = [
    "path",
    "paths",
    "file",
    "files",
    "filePath",
    "filename",
    "oldPath",
    "newPath",
    "dir",
    "directory",
    "folder",
];
/// What names a path where the tool is about files.
const ENDS: [&str; 3] = ["source", "destination", "target"];
/// Names of parameters that hold a branch.
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
pub(super) fn judge(document: &Document, tool: &str, params: &Json) -> Verdict {
    let judged = |texts: Vec<String>, what: &str, judge: &dyn Fn(&str) -> Verdict| match texts {
        texts if texts.is_empty() => missing(what),
        texts => texts.iter().map(|text| judge(text)).collect(),
    };
    let paths = || values(params, &[&PATHS[..], &ENDS[..]].concat());
    match kind(tool) {
        Kind::Shell => commands::judge(document, params),
        Kind::Network => judged(values(params, &ADDRESSES), "address", &|text| {
            network::judge(&document.network.allow, text)
        }),
        Kind::File(Access::List) if paths().is_empty() => Verdict::allowed(),
        Kind::File(access) => judged(paths(), "path", &|text| files::judge(&document.files, access, text)),
        Kind::Push => judged(values(params, &BRANCHES), "branch", &|_| Verdict::allowed()),
        Kind::Other if tool.is_empty() => missing("tool"),
        Kind::Other => readable(document, tool, params),
    }
}

/// What other tools may still not do: their parameters are judged where their names say what they are. Of a tool that
/// the risk map knows only what is denied counts, as its risk is known; but where a green one goes is not.
fn readable(document: &Document, tool: &str, params: &Json) -> Verdict {
    let known = document.tools.contains_key(tool);
    let green = document.risk_of(tool) == Risk::Green;
    let counts = |verdict: &Verdict| !known || verdict.standing == Standing::Denied;
    let commands = values(params, &["command", "cmd", "commandLine"]);
    let commands = commands.iter().map(|text| shell::judge(&document.shell, &document.files, text));
    let paths = values(params, &PATHS);
    let paths = paths.iter().map(|text| match tool == "git_commit" {
        // A commit writes no files, so a lock file may well be part of it.
        true => files::leaving(&document.files, text),
        false => files::judge(&document.files, Access::Write, text),
    });
    let addresses = values(params, &ADDRESSES);
    let addresses = addresses.iter().map(|text| network::judge(&document.network.allow, text));
    let local: Verdict = commands.chain(paths).filter(counts).collect();
    local.and(addresses.filter(|verdict| green || counts(verdict)).collect())
}

/// Whether a tool pushes branches, going by its name.
pub(super) fn pushes(tool: &str) -> bool {
    kind(tool) == Kind::Push
}
