//! What the options of the usual commands mean, as far as they write, run or read something.

use super::parse::Word;

/// What an option means for the judgement of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// It makes the command do more than read.
    Risky,
    /// It names a file that is written.
    Writes,
    /// It has a value that may name a file.
    Value,
    /// It has two values; the second may name a file.
    Pair,
    /// It has two texts for values.
    Texts,
    /// It names a file with patterns, so that the first argument is none.
    PatternFile,
    /// It is the pattern, so that the first argument is none.
    Pattern,
    /// It makes the command go through directories.
    Recurses,
    /// It has a value that may make it go through directories.
    Directories,
    /// It has a pattern of names of files that are read.
    Names,
    /// It makes the command tell names of files only.
    Lists,
    /// It has a text for a value.
    Text,
    /// The rest of its word, if there is any, is a text.
    Glued,
    /// It has no value, and is no short form of another one.
    Flag,
}

use Means::{
    Directories, Flag, Glued, Lists, Names, Pair, Pattern, PatternFile, Recurses, Risky, Text, Texts, Value,
    Writes,
};

/// By command, or by command and first argument; of several that a shortened option may be the first one counts.
const MEANINGS: [(&str, Means, &[&str]); 51] = [
    ("cargo", Risky, &["--config"]),
    ("cargo", Writes, &["--target-dir", "--out-dir", "--artifact-dir"]),
    ("cargo", Value, &["--manifest-path", "--lockfile-path", "--target"]),
    ("cut", Text, &["-d", "--delimiter", "--output-delimiter"]),
    ("cut", Value, &["-b", "-c", "-f"]),
    ("date", Risky, &["-s", "--set"]),
    ("date", Value, &["-f", "--file", "-r", "--reference"]),
    ("date", Text, &["-d", "--date"]),
    ("date", Glued, &["-I", "-v"]),
    ("find", Risky, &["-delete", "-fprint", "-fprint0", "-fprintf", "-fls", "-files0-from"]),
    (
        "git",
        Risky,
        &["--output", "--ext-diff", "--textconv", "--delete", "--move", "--exec-path", "--no-index"],
    ),
    ("git", Risky, &["--force"]),
    ("git", Flag, &["--text"]),
    ("git", Text, &["--grep", "--author", "--committer", "--format", "--pretty"]),
    ("git", Text, &["--since", "--until", "--after", "--before", "--date"]),
    ("git add", Risky, &["-f"]),
    ("git add", Value, &["--pathspec-from-file"]),
    ("git branch", Risky, &["-d", "-D", "-m", "-M", "-f", "-C"]),
    ("git checkout", Risky, &["-f", "-B"]),
    ("git checkout", Value, &["-b"]),
    ("git commit", Value, &["-F", "--file", "-t", "--template", "--pathspec-from-file"]),
    ("git commit", Value, &["-C", "-c", "--reuse-message", "--reedit-message", "--fixup", "--squash"]),
    ("git commit", Text, &["-m", "--message", "--trailer"]),
    ("git commit", Glued, &["-S", "-u"]),
    ("git diff", Value, &["-O"]),
    ("git diff", Glued, &["-U", "-M", "-B", "-C", "-G", "-S"]),
    ("git log", Value, &["-O", "-L"]),
    ("git log", Text, &["-G", "-S"]),
    ("grep", Recurses, &["-r", "-R", "--recursive", "--dereference-recursive"]),
    ("grep", Directories, &["-d", "--directories"]),
    ("grep", PatternFile, &["-f", "--file"]),
    ("grep", Pattern, &["-e", "--regexp"]),
    ("grep", Names, &["--include"]),
    ("grep", Lists, &["-l", "-L", "--files-with-matches", "--files-without-match"]),
    ("grep", Value, &["-A", "-B", "-C", "-D", "-m", "--exclude-from", "--after-context", "--before-context"]),
    ("grep", Value, &["--context", "--max-count", "--devices", "--binary-files"]),
    ("grep", Text, &["--exclude", "--exclude-dir", "--label"]),
    ("head", Value, &["-n", "-c", "--lines", "--bytes"]),
    ("jq", Risky, &["-f", "--from-file", "-L", "--library-path"]),
    ("jq", Pair, &["--slurpfile", "--rawfile"]),
    ("jq", Texts, &["--arg", "--argjson"]),
    ("jq", Value, &["--indent"]),
    ("npm", Risky, &["--script-shell", "--userconfig", "--globalconfig", "--node-options"]),
    ("npm", Value, &["-C", "--prefix", "--cache"]),
    ("sort", Risky, &["--compress-program", "-T", "--temporary-directory", "--files0-from"]),
    ("sort", Writes, &["-o", "--output"]),
    ("sort", Text, &["-t", "--field-separator"]),
    ("sort", Value, &["-k", "-S", "--key", "--buffer-size", "--parallel", "--batch-size", "--random-source"]),
    ("tail", Value, &["-n", "-c", "-s", "--lines", "--bytes", "--pid", "--sleep-interval"]),
    ("uniq", Value, &["-f", "-s", "-w", "--skip-fields", "--skip-chars", "--check-chars"]),
    ("wc", Risky, &["--files0-from"]),
];
/// Other commands whose first argument is a text, unless one of these options gives it.
const PATTERN_FIRST: [&str; 8] = ["egrep", "fgrep", "rg", "sed", "awk", "gawk", "perl", "tr"];
const GIVEN: [&str; 5] = ["-e", "-f", "--regexp", "--file", "--from-file"];

/// An option as it is given.
pub(super) struct Given<'a> {
    pub means: Means,
    /// The value; nothing where it has none.
    pub value: Option<&'a str>,
    /// The places of the words it takes.
    at: Vec<usize>,
}

/// The words of a command, by what they mean.
pub(super) struct Arguments<'a> {
    words: &'a [Word],
    pub options: Vec<Given<'a>>,
    operands: Vec<usize>,
    pattern: Option<usize>,
}

impl<'a> Arguments<'a> {
    /// Reads the words of a command. What is no known option with a value is taken for one without, so that the word
    /// after it is judged.
    pub fn of(name: &str, words: &'a [Word]) -> Self {
        let (mut options, mut operands, mut at) = (Vec::new(), Vec::new(), 1);
        while let Some(word) = words.get(at) {
            let text = word.text.as_str();
            match name {
                _ if text == "--" => {
                    operands.extend(at + 1..words.len());
                    break;
                }
                "find" if text.starts_with(['-', '(', '!']) => options.extend(whole(name, text, at)),
                _ if text.len() > 1 && text.starts_with('-') => {
                    let given = given(name, words, at);
                    at = given.iter().flat_map(|option| &option.at).max().map_or(at, |last| at.max(*last));
                    options.extend(given);
                }
                _ => operands.push(at),
            }
            at += 1;
        }
        if name == "find" {
            operands = starts(words);
        }
        let pattern = pattern(name, words, &options, &operands);
        operands.retain(|at| Some(*at) != pattern);
        Self { words, options, operands, pattern }
    }

    /// What is no option and no text, such as the files to read.
    pub fn operands(&self) -> impl Iterator<Item = &'a Word> {
        self.operands.iter().map(|at| &self.words[*at])
    }

    /// Whether one of the options means this.
    pub fn has(&self, means: Means) -> bool {
        self.options.iter().any(|option| option.means == means)
    }

    /// The values of all options that mean this.
    pub fn values(&self, means: Means) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |option| option.means == means).filter_map(|option| option.value)
    }

    /// Whether the word at this place is a text and no path.
    pub fn is_text(&self, at: usize) -> bool {
        let text = |option: &Given<'_>| match option.means {
            Text | Glued | Pattern | Names => option.at.last() == Some(&at),
            Texts => option.at.contains(&at),
            _ => false,
        };
        self.pattern == Some(at) || self.options.iter().any(text)
    }
}

/// The places of the words that name where `find` starts.
fn starts(words: &[Word]) -> Vec<usize> {
    let text = |at: &usize| words[*at].text.as_str();
    let leading = |at: &usize| matches!(text(at), "-H" | "-L" | "-P" | "--") || text(at).starts_with("-O");
    let places = (1..words.len()).skip_while(leading);
    places.take_while(|at| !text(at).starts_with(['-', '(', '!'])).collect()
}

/// The place of the argument that is a pattern.
fn pattern(name: &str, words: &[Word], options: &[Given<'_>], operands: &[usize]) -> Option<usize> {
    let elsewhere = match name {
        "grep" | "jq" => options.iter().any(|option| matches!(option.means, Pattern | PatternFile)),
        _ if PATTERN_FIRST.contains(&name) => words.iter().any(|word| GIVEN.contains(&word.text.as_str())),
        _ => true,
    };
    operands.first().copied().filter(|_| !elsewhere)
}

/// What an option that is a whole word means; `find` has only such ones.
fn whole<'a>(name: &str, text: &str, at: usize) -> Option<Given<'a>> {
    let (_, means, _) =
        MEANINGS.iter().find(|(command, _, options)| *command == name && options.contains(&text))?;
    Some(Given { means: *means, value: None, at: vec![at] })
}

/// The options in one word, the last of which may take more words.
fn given<'a>(name: &str, words: &'a [Word], at: usize) -> Vec<Given<'a>> {
    let text = words[at].text.as_str();
    let subcommand = words.get(1).map(|word| word.text.as_str()).filter(|_| name == "git");
    let known = |option: &str| meaning(name, subcommand, option);
    if text.starts_with("--") {
        let (option, value) =
            text.split_once('=').map_or((text, None), |(option, value)| (option, Some(value)));
        return known(option).map(|means| valued(means, value, words, at)).into_iter().collect();
    }
    let mut options = Vec::new();
    for (place, letter) in text.char_indices().skip(1) {
        let Some(means) = known(&format!("-{letter}")) else { continue };
        let rest = Some(&text[place + letter.len_utf8()..]).filter(|rest| !rest.is_empty());
        options.push(valued(means, rest, words, at));
        if takes_value(means) {
            break;
        }
    }
    options
}

fn valued<'a>(means: Means, value: Option<&'a str>, words: &'a [Word], at: usize) -> Given<'a> {
    let more = match means {
        Pair | Texts => 2,
        Glued => 0,
        means => usize::from(takes_value(means) && value.is_none()),
    };
    let last = (at + more).min(words.len() - 1);
    let value = if more > 0 && last > at { Some(words[last].text.as_str()) } else { value };
    Given { means, value: value.filter(|_| takes_value(means)), at: (at..=last).collect() }
}

fn takes_value(means: Means) -> bool {
    match means {
        Writes | Value | Pair | Texts | PatternFile | Pattern | Directories | Names | Text | Glued => true,
        Risky | Recurses | Lists | Flag => false,
    }
}

/// What an option means; a long one may be cut short, unless that would make less of it.
fn meaning(name: &str, subcommand: Option<&str>, given: &str) -> Option<Means> {
    let whole = subcommand.map(|subcommand| format!("{name} {subcommand}"));
    let rows =
        || MEANINGS.iter().filter(|(command, ..)| *command == name || whole.as_deref() == Some(*command));
    let exact = rows().find(|(.., options)| options.contains(&given));
    let short = |(_, means, options): &&(&str, Means, &[&str])| {
        let begins = |option: &&str| given.len() > 2 && given.starts_with("--") && option.starts_with(given);
        !matches!(means, Text | Texts | Glued | Flag) && options.iter().any(begins)
    };
    exact.or_else(|| rows().find(short)).map(|(_, means, _)| *means)
}
