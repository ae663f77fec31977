//! The allow-list, and what the arguments of an allowed command may still not be.

use super::{DEVICES, Judge, base_name, parse::Word};
use crate::policy::{
    files::{self, Access},
    reason::Verdict,
};

/// Commands that read the files they name.
const READERS: [&str; 11] = ["cat", "head", "tail", "sort", "uniq", "cut", "wc", "jq", "grep", "ls", "find"];
/// Commands whose first argument is a text, not a path.
const PATTERN_FIRST: [&str; 10] = ["grep", "egrep", "fgrep", "rg", "jq", "sed", "awk", "gawk", "perl", "tr"];
/// Commands that print their arguments.
const PRINTERS: [&str; 2] = ["echo", "date"];
/// Options that write, run or change something although the command is allowed; long ones may be cut short.
const RISKY: [(&str, &[&str]); 7] = [
    ("sort", &["--compress-program", "--output", "--temporary-directory", "-T"]),
    ("date", &["-s", "--set"]),
    ("find", &["-delete", "-fprint", "-fprint0", "-fprintf", "-fls"]),
    ("git", &["--output", "--ext-diff", "--textconv", "--delete", "--move", "--exec-path", "--no-index"]),
    ("jq", &["--from-file", "-f"]),
    ("cargo", &["--config"]),
    ("npm", &["--script-shell", "--userconfig", "--globalconfig"]),
];

impl Judge<'_> {
    pub(super) fn allowed(&self, name: &str, words: &[Word]) -> Verdict {
        if words[0].is_dynamic() {
            return super::dynamic(&words[..1]);
        }
        if self.shell.allow.iter().any(|entry| entry == "*") {
            return Verdict::allowed();
        }
        if !self.shell.allow.iter().any(|entry| self.leads(entry, words)) {
            return self.unlisted(words);
        }
        self.arguments(name, words).and(risky(name, words)).and(self.outputs(name, words))
    }

    fn unlisted(&self, words: &[Word]) -> Verdict {
        let name: String = words[0].text.chars().take(100).collect();
        let allow = &self.shell.allow;
        let allowed = if allow.is_empty() { "nothing".to_owned() } else { allow.join(", ") };
        Verdict::unlisted(
            "command_unlisted",
            format!("{name} as given is not on the allow-list; allowed: {allowed}"),
        )
    }

    /// Whether the words begin with those of the entry; a last one that ends in `/` stands for what is below it.
    fn leads(&self, entry: &str, words: &[Word]) -> bool {
        let entry: Vec<&str> = entry.split_whitespace().collect();
        let same = |(wanted, word): (&&str, &Word)| {
            !word.is_dynamic()
                && !word.wildcard
                && match wanted.ends_with('/') {
                    true => self.is_below(wanted, &word.text),
                    false => *wanted == word.text,
                }
        };
        !entry.is_empty() && entry.len() <= words.len() && entry.iter().zip(words).all(same)
    }

    fn is_below(&self, directory: &str, path: &str) -> bool {
        let path = files::workspace_path(self.files, path);
        let directory = directory.strip_prefix("./").unwrap_or(directory);
        path.is_some_and(|path| path.len() > directory.len() && path.starts_with(directory))
    }

    /// What an argument expands to must be known, unless it is only printed.
    fn arguments(&self, name: &str, words: &[Word]) -> Verdict {
        let printed = PRINTERS.contains(&name)
            || (name == "git" && words.get(1).is_some_and(|word| word.text == "commit"));
        let unknown = |word: &Word| word.variable || (!printed && !word.scripts.is_empty());
        match words.iter().any(unknown) {
            true => Verdict::unlisted("dynamic_argument", "an argument is only known when the command runs"),
            false => Verdict::allowed(),
        }
    }

    /// Files that an allowed command writes.
    fn outputs(&self, name: &str, words: &[Word]) -> Verdict {
        let write = |path: &str| match DEVICES.contains(&path) {
            true => Verdict::allowed(),
            false => files::judge(self.files, Access::Write, path),
        };
        match name {
            "sort" => {
                let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
                let is_output =
                    |text: &str| text.starts_with('-') && !text.starts_with("--") && text.contains('o');
                let at = texts.iter().position(|text| is_output(text));
                at.map_or(Verdict::allowed(), |at| match texts[at].split_once('o') {
                    Some((_, "")) => write(texts.get(at + 1).copied().unwrap_or_default()),
                    Some((_, path)) => write(path),
                    None => Verdict::allowed(),
                })
            }
            "uniq" => operands(name, words).nth(1).map_or(Verdict::allowed(), |word| write(&word.text)),
            _ => Verdict::allowed(),
        }
    }

    /// No word may be a path that leaves the workspace, and no reader may name a file that is never read.
    pub(super) fn paths(&self, name: &str, words: &[Word]) -> Verdict {
        let texts = text_arguments(name, words);
        let paths = (1..words.len()).filter(|at| !texts.contains(at)).map(|at| &words[at]);
        let leaving: Verdict = paths.map(|word| self.leaving(&word.text)).collect();
        leaving.and(self.never_read(name, words))
    }

    /// The same for the words of a wrapper, none of which is a text.
    pub(super) fn paths_of(&self, words: &[Word]) -> Verdict {
        words.iter().map(|word| self.leaving(&word.text)).collect()
    }

    pub(super) fn leaving(&self, text: &str) -> Verdict {
        match candidates(text).find(|path| self.leaves(path)) {
            Some(path) => {
                let path: String = path.chars().take(100).collect();
                Verdict::denied("leaves_workspace", format!("{path} leaves the workspace"))
            }
            None => Verdict::allowed(),
        }
    }

    fn leaves(&self, path: &str) -> bool {
        if DEVICES.contains(&path) {
            return false;
        }
        if path.starts_with(['/', '~']) || path.starts_with("file:") {
            return files::workspace_path(self.files, path).is_none();
        }
        let mut depth = 0i64;
        let foreign = path.contains("://");
        !foreign
            && path.split('/').any(|part| {
                depth += match part {
                    ".." => -1,
                    "" | "." => 0,
                    _ => 1,
                };
                depth < 0
            })
    }

    pub(super) fn never(&self, path: &str) -> Verdict {
        let inside = files::workspace_path(self.files, path);
        match inside.filter(|path| !path.is_empty() && self.never.names(path)) {
            Some(path) => Verdict::denied("never_file", format!("{path} is a file that agents never touch")),
            None => Verdict::allowed(),
        }
    }

    fn never_read(&self, name: &str, words: &[Word]) -> Verdict {
        match name {
            "git" => operands(name, words)
                .filter(|word| self.never(&word.text) != Verdict::allowed())
                .map(|word| {
                    Verdict::unlisted(
                        "never_file",
                        format!("{} is a file that agents never touch", word.text),
                    )
                })
                .collect(),
            _ if READERS.contains(&name) => {
                operands(name, words).map(|word| self.never(&word.text).and(wide_wildcard(word))).collect()
            }
            _ => Verdict::allowed(),
        }
    }
}

/// A wildcard that may stand for a hidden file, or for any directory, may stand for one that is never read.
fn wide_wildcard(word: &Word) -> Verdict {
    let wild = |part: &str| part.contains(['*', '?', '[']);
    let hidden = word.text.split('/').any(|part| part.starts_with('.') && wild(part));
    let any_directory =
        word.text.trim_start_matches("./").split_once('/').is_some_and(|(first, _)| wild(first));
    match word.wildcard && (hidden || any_directory) {
        true => Verdict::unlisted(
            "wide_wildcard",
            format!("{} may stand for a file that is never read", word.text),
        ),
        false => Verdict::allowed(),
    }
}

/// What of a word may be a path: itself, the value of an option, what is glued to a short option or an `@`.
fn candidates(text: &str) -> impl Iterator<Item = &str> {
    let value = text.split_once('=').map(|(_, value)| value);
    let glued = text.strip_prefix('-').and_then(|rest| rest.char_indices().nth(1).map(|(at, _)| &rest[at..]));
    let glued = glued.filter(|path| path.starts_with(['/', '~', '.']));
    let file = text.strip_prefix('@').or_else(|| value.and_then(|value| value.strip_prefix('@')));
    [Some(text), value, glued, file].into_iter().flatten()
}

/// The places of arguments that are texts: what is printed, patterns, messages of commits.
fn text_arguments(name: &str, words: &[Word]) -> Vec<usize> {
    let text = |at: usize| words[at].text.as_str();
    if PRINTERS.contains(&name) {
        return (1..words.len()).collect();
    }
    if name == "git" && words.get(1).is_some_and(|word| word.text == "commit") {
        let message = |at: &usize| {
            matches!(text(at - 1), "-m" | "-am" | "--message") || text(*at).starts_with("--message=")
        };
        return (2..words.len()).filter(message).collect();
    }
    let given =
        (1..words.len()).any(|at| matches!(text(at), "-e" | "-f" | "--regexp" | "--file" | "--from-file"));
    let pattern = (1..words.len()).find(|at| !text(*at).starts_with('-'));
    pattern.filter(|_| PATTERN_FIRST.contains(&name) && !given).into_iter().collect()
}

/// The arguments that name files: no options, no texts; of `find` only where it starts.
fn operands<'a>(name: &'a str, words: &'a [Word]) -> impl Iterator<Item = &'a Word> {
    let texts = text_arguments(name, words);
    let option = |word: &Word| word.text.starts_with('-');
    let end = match name {
        "find" => words[1..].iter().position(option).map_or(words.len(), |at| at + 1),
        _ => words.len(),
    };
    (1..end).filter(move |at| !texts.contains(at)).map(|at| &words[at]).filter(move |word| !option(word))
}

fn risky(name: &str, words: &[Word]) -> Verdict {
    let name = base_name(name);
    let listed = RISKY.iter().filter(|(command, _)| *command == name).flat_map(|(_, options)| *options);
    let options: Vec<&str> = listed.copied().collect();
    let texts = || words[1..].iter().map(|word| word.text.as_str());
    let same = |text: &str| options.iter().any(|option| is_option(option, text));
    let branch = name == "git" && words.get(1).is_some_and(|word| word.text == "branch");
    let moves = |text: &str| {
        branch
            && text.starts_with('-')
            && !text.starts_with("--")
            && text.contains(['d', 'D', 'm', 'M', 'f', 'C'])
    };
    let environment = |text: &str| {
        name == "jq"
            && text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word.eq_ignore_ascii_case("env"))
    };
    texts()
        .filter(|text| same(text) || moves(text) || environment(text))
        .map(|text| Verdict::unlisted("risky_option", format!("{name} {text} does more than read")))
        .collect()
}

/// Whether `text` is the option, perhaps with a value, perhaps a long one cut short.
fn is_option(option: &str, text: &str) -> bool {
    let given = text.split('=').next().unwrap_or(text);
    let short = given.starts_with("--") && given.len() > 4 && option.starts_with(given);
    given == option || short
}
