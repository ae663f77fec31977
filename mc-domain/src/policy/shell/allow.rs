//! The allow-list, and what the arguments of an allowed command may still not be.

use super::{
    DEVICES, Judge, is_option,
    options::{Arguments, Means},
    parse::Word,
};
use crate::policy::{
    files::{self, Access},
    reason::{Standing, Verdict},
};

/// Commands that read the files they name.
const READERS: [&str; 11] = ["cat", "head", "tail", "sort", "uniq", "cut", "wc", "jq", "grep", "ls", "find"];
/// Commands whose operands are text to print and no files.
const PRINTERS: [&str; 2] = ["echo", "date"];
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
        let judged = self.arguments(name, words).and(risky(name, words)).and(self.outputs(name, words));
        judged.and(self.recursion(name, words))
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
        let arguments = Arguments::of(name, words);
        let written: Verdict = arguments.values(Means::Writes).map(write).collect();
        match name {
            "uniq" => written.and(arguments.operands().skip(1).map(|word| write(&word.text)).collect()),
            _ => written,
        }
    }

    /// No word may be a path that leaves the workspace, and no reader may name a file that is never read.
    pub(super) fn paths(&self, name: &str, words: &[Word]) -> Verdict {
        let arguments = Arguments::of(name, words);
        let text = |at: usize| PRINTERS.contains(&name) || arguments.is_text(at);
        let words: Vec<&Word> = (1..words.len()).filter(|at| !text(*at)).map(|at| &words[at]).collect();
        let leaving: Verdict = words.iter().map(|word| self.leaving(&word.text)).collect();
        // What `find` looks for it does not read.
        let words = if name == "find" { arguments.operands().collect() } else { words };
        leaving.and(self.never_read(name, &words)).and(self.option_values(name, &arguments))
    }

    /// The files that the values of options name.
    fn option_values(&self, name: &str, arguments: &Arguments<'_>) -> Verdict {
        let means = [Means::Value, Means::Pair, Means::PatternFile, Means::Writes];
        let values = means.into_iter().flat_map(|means| arguments.values(means));
        values.map(|value| self.leaving(value).and(softened(name, self.never(value)))).collect()
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

    fn never_read(&self, name: &str, words: &[&Word]) -> Verdict {
        let named = |word: &&Word| candidates(&word.text).map(|path| self.never(path)).collect::<Verdict>();
        match name {
            // A name in a revision, as in `HEAD:.env`, or after the magic of a pattern, as in `:(top).env`.
            "git" => words
                .iter()
                .map(|word| {
                    let parts = word.text.split([':', ')']).map(|path| self.never(path));
                    softened(name, named(word).and(parts.collect()))
                })
                .collect(),
            _ if READERS.contains(&name) => {
                let wide = words.iter().filter(|word| !is_option(word)).map(|word| wide_wildcard(word));
                words.iter().map(named).chain(wide).collect()
            }
            _ => Verdict::allowed(),
        }
    }
}

/// Commits have every file in them, so what `git` is told about a file that is never touched is no more than unlisted.
fn softened(name: &str, verdict: Verdict) -> Verdict {
    match (name, verdict.standing) {
        ("git", Standing::Denied) => Verdict { standing: Standing::Unlisted, ..verdict },
        _ => verdict,
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

fn risky(name: &str, words: &[Word]) -> Verdict {
    let found = |what: &str| Verdict::unlisted("risky_option", format!("{what} does more than read"));
    let options = match Arguments::of(name, words).has(Means::Risky) {
        true => found(&format!("{name} with one of its options")),
        false => Verdict::allowed(),
    };
    let programs = words[1..].iter().filter(|word| name == "jq" && loads(&word.text));
    programs
        .map(|_| found("a filter that loads a module or reads the environment"))
        .fold(options, Verdict::and)
}

/// Whether a filter of `jq` reads the environment or a module; `.include` is only a field.
fn loads(filter: &str) -> bool {
    let of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = None;
    filter.split_inclusive(|c| !of_word(c)).any(|piece| {
        let word = piece.trim_end_matches(|c| !of_word(c));
        let field = before.replace(piece.chars().last()).flatten() == Some('.');
        word.eq_ignore_ascii_case("env") || (!field && matches!(word, "import" | "include" | "modulemeta"))
    })
}
