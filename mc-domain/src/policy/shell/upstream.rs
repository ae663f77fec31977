//! What comes before a command in its pipeline, and so what it reads.

use super::{
    options::{Arguments, Means},
    parse::{Command, Item, Word, base_name},
    wrappers,
};

/// The most words of the commands before that are looked at; bounds the work.
const MAX_WORDS: usize = 256;
/// Commands that write what they are told.
const ECHOES: [&str; 3] = ["echo", "printf", "yes"];
/// Tests of `find` that take a value, and those that take none, none of which changes what it prints.
const TESTS: [&str; 13] = [
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-type",
    "-maxdepth",
    "-mindepth",
    "-size",
    "-mtime",
    "-mmin",
    "-newer",
    "-not",
    "-o",
];
const FLAGS: [&str; 9] = ["-print", "-print0", "-empty", "-a", "-and", "-or", "(", ")", "!"];

/// The commands before one in its pipeline.
#[derive(Clone, Copy, Default)]
pub(super) struct Upstream<'a> {
    pub(super) items: &'a [Item],
    /// What the command reads is redirected to it.
    redirected: Option<&'a Command>,
}

impl<'a> Upstream<'a> {
    /// What `command` reads, which comes after `items`.
    pub fn of(items: &'a [Item], command: &'a Command) -> Self {
        let redirected = command.redirects.iter().any(|redirect| redirect.operator.starts_with('<'));
        let redirected = redirected.then_some(command);
        // The end of a command within a group does not end the pipeline that the group is part of.
        let mut open = 0usize;
        let start = items.iter().rposition(|item| {
            match item {
                Item::Close => open += 1,
                Item::Open => open = open.saturating_sub(1),
                Item::Command(_) | Item::Pipe | Item::End => {}
            }
            open == 0 && *item == Item::End
        });
        Self { items: &items[start.map_or(0, |start| start + 1)..], redirected }
    }

    /// Every word that is known to be written to what the command reads.
    pub fn words(self) -> Vec<Word> {
        let redirects = self.redirected.into_iter().flat_map(|command| &command.redirects);
        let strings = redirects.clone().filter(|redirect| redirect.operator == "<<<");
        let strings = strings.map(|redirect| &redirect.target);
        let scripts = redirects.flat_map(|redirect| &redirect.target.scripts);
        let inner = scripts.flat_map(|script| &script.items);
        let commands = self.items.iter().chain(inner).filter_map(command_of);
        let echoes = commands.filter(|command| ECHOES.iter().any(|name| is_named(command, name)));
        let words = echoes.flat_map(|command| command.words.iter().skip(1)).chain(strings);
        let texts = words.flat_map(|word| word.text.split_whitespace()).take(MAX_WORDS);
        texts.map(|text| Word { text: text.to_owned(), ..Word::default() }).collect()
    }

    /// The directories and files below which all the names are that come in; nothing when anything else may come.
    pub(super) fn names(self) -> Option<Vec<Word>> {
        let mut commands = Vec::new();
        for item in self.items {
            match item {
                Item::Command(command) => commands.push(command),
                Item::Pipe => {}
                Item::End | Item::Open | Item::Close => return None,
            }
        }
        let (first, filters) = commands.split_first().filter(|_| self.redirected.is_none())?;
        filters.iter().all(|command| filters_lines(command)).then(|| listed(first))?
    }
}

pub(super) fn command_of(item: &Item) -> Option<&Command> {
    match item {
        Item::Command(command) => Some(command),
        Item::Pipe | Item::End | Item::Open | Item::Close => None,
    }
}

fn is_named(command: &Command, name: &str) -> bool {
    command.words.first().is_some_and(|word| base_name(&word.text) == name)
}

/// Whether the command takes its arguments from what it reads.
pub(super) fn takes_input(command: &Command) -> bool {
    command.words.iter().any(|word| wrappers::takes_input(&base_name(&word.text)))
}

/// Where the names come from that a command lists: `find src -name '*.rs'`, `grep -l x src/*.rs`.
fn listed(command: &Command) -> Option<Vec<Word>> {
    let words = &command.words;
    let plain = |word: &Word| !word.is_dynamic() && !word.text.starts_with('-');
    let starts: Vec<Word> = match words.first()?.text.as_str() {
        "find" if prints_names(words) => Arguments::of("find", words).operands().cloned().collect(),
        "grep" if Arguments::of("grep", words).has(Means::Lists) => {
            Arguments::of("grep", words).operands().cloned().collect()
        }
        _ => return None,
    };
    (!starts.is_empty() && starts.iter().all(plain)).then_some(starts)
}

/// Whether `find` prints nothing but the names that it finds.
fn prints_names(words: &[Word]) -> bool {
    let tests = words[1..].iter().skip_while(|word| !word.text.starts_with(['-', '(', '!']));
    let mut value = false;
    tests.into_iter().all(|word| {
        let known = value || TESTS.contains(&word.text.as_str()) || FLAGS.contains(&word.text.as_str());
        value = !value && TESTS[..11].contains(&word.text.as_str());
        known && !word.is_dynamic()
    })
}

/// Whether a command only leaves out or sorts lines of what it reads.
fn filters_lines(command: &Command) -> bool {
    let texts: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
    let of = |text: &str, letters: &str| text.len() > 1 && text[1..].chars().all(|c| letters.contains(c));
    let short = |text: &&str, letters| text.starts_with('-') && of(text, letters);
    match texts.split_first() {
        Some((&"sort", options)) => options.iter().all(|text| short(text, "urnz")),
        Some((&"uniq", options)) => options.is_empty(),
        Some((&("head" | "tail"), ["-n", count])) => count.bytes().all(|b| b.is_ascii_digit()),
        Some((&("head" | "tail"), options)) => options.iter().all(|text| short(text, "n0123456789")),
        Some((&"grep", [options @ .., pattern])) => {
            !pattern.starts_with('-') && options.iter().all(|text| short(text, "viEFwxz"))
        }
        _ => false,
    }
}
