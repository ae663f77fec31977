//! What a tool that runs commands is given: the command in any of its spellings, and what it runs among.

use super::params::{fields, is_set, missing, texts, values};
use crate::{
    json::Json,
    policy::{
        document::{Document, FileRules, ShellRules},
        files,
        reason::Verdict,
        shell,
    },
};

/// Names of parameters that hold a command.
const COMMANDS: [&str; 4] = ["command", "cmd", "commandLine", "script"];
/// Names of what follows it, or of all its words.
const ARGUMENTS: [&str; 3] = ["args", "argv", "arguments"];
/// The most commands that several spellings may make; bounds the work.
const MAX_COMMANDS: usize = 64;

/// Judges every command that the parameters may mean, where it runs, with which variables and on what input.
pub(super) fn judge(document: &Document, params: &Json) -> Verdict {
    let places = values(params, &["cwd", "workdir", "workingDirectory", "dir", "directory"]);
    let (shell, rules) = rules(document, &places);
    let commands = commands(params);
    let verdict: Verdict =
        commands.iter().take(MAX_COMMANDS).map(|command| shell::judge(&shell, &rules, command)).collect();
    let verdict = match commands.len() {
        0 => missing("command"),
        1..=MAX_COMMANDS => verdict,
        _ => verdict.and(Verdict::unlisted("params_ambiguous", "the parameters name too many commands")),
    };
    let places: Verdict = places.iter().map(|place| within(document, place)).collect();
    let fed = input(document, params, &commands);
    verdict.and(places).and(variables(params)).and(interpreter(params)).and(fed)
}

/// The rules for where the command runs: in another directory than the workspace's root a relative path of the lists
/// means another file.
fn rules(document: &Document, places: &[String]) -> (ShellRules, FileRules) {
    let (mut shell, mut rules) = (document.shell.clone(), document.files.clone());
    let root =
        |place: &String| files::workspace_path(&document.files, place).is_some_and(|place| place.is_empty());
    if !places.iter().all(root) {
        shell.allow.retain(|entry| !entry.contains('/'));
        rules.write.clear();
    }
    (shell, rules)
}

/// Every command with every list of arguments, and with all of them: which ones the tool looks at is not known.
fn commands(params: &Json) -> Vec<String> {
    let spellings = |names: &[&str]| -> Vec<String> {
        names.iter().flat_map(|name| fields(params, name)).flat_map(lines).collect()
    };
    let (commands, mut lists) = (spellings(&COMMANDS), spellings(&ARGUMENTS));
    // A program that is found by a shell reads what is quoted here as it is.
    if fields(params, "shell").any(is_set) {
        let raw = ARGUMENTS.iter().flat_map(|name| fields(params, name)).map(|value| texts(value).join(" "));
        lists.extend(raw.filter(|line| !line.is_empty()).collect::<Vec<_>>());
    }
    if lists.len() > 1 {
        lists.push(lists.join(" "));
    }
    match (commands.is_empty(), lists.is_empty()) {
        (_, true) => commands,
        (true, _) => lists,
        _ => {
            let pairs = commands.iter().flat_map(|command| lists.iter().map(move |list| (command, list)));
            let pairs = pairs.take(MAX_COMMANDS + 1).map(|(command, list)| format!("{command} {list}"));
            pairs.chain(whole(params)).collect()
        }
    }
}

/// What may be a command of its own next to one: an `argv` that does not begin with an option.
fn whole(params: &Json) -> Vec<String> {
    let whole = fields(params, "argv").flat_map(lines);
    whole.filter(|line| !line.trim_start_matches('\'').starts_with('-')).collect()
}

/// A text as it is; words that were split already are not split again.
fn lines(value: &Json) -> Vec<String> {
    match value {
        Json::Array(_) => {
            let words: Vec<_> = texts(value).iter().map(|word| quoted(word)).collect();
            if words.is_empty() { Vec::new() } else { vec![words.join(" ")] }
        }
        value => texts(value),
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn within(document: &Document, place: &str) -> Verdict {
    files::leaving(&document.files, place).and(files::never(&document.files, place))
}

/// The variables a command is given, as an object or as texts such as `A=1`.
fn variables(params: &Json) -> Verdict {
    let given = ["env", "environment", "envVars", "variables"].into_iter();
    let given = given.flat_map(|name| fields(params, name));
    let names = given.flat_map(|value| match value {
        Json::Object(variables) => variables.keys().cloned().collect(),
        value => texts(value),
    });
    names.map(|name| shell::variable(&name)).collect()
}

/// A shell that is asked for by name must be one.
fn interpreter(params: &Json) -> Verdict {
    let named = fields(params, "shell").chain(fields(params, "executable")).flat_map(texts);
    let odd = named.filter(|name| !matches!(name.as_str(), "true" | "false" | "") && !shell::is_shell(name));
    odd.map(|name| Verdict::unlisted("shell_unlisted", format!("{name} is not a known shell"))).collect()
}

/// What a command reads, where it takes it for commands or their arguments.
fn input(document: &Document, params: &Json, commands: &[String]) -> Verdict {
    let inputs = values(params, &["stdin", "input"]);
    let pairs = commands.iter().flat_map(|command| inputs.iter().map(move |input| (command, input)));
    pairs
        .take(MAX_COMMANDS)
        .map(|(command, input)| shell::judge_input(&document.shell, &document.files, command, input))
        .collect()
}
