//! Unwraps commands that run other commands, so that those are judged.

use super::parse::Word;

/// What a command that runs another one runs.
pub(super) enum Unwrapped<'a> {
    /// It runs no other command.
    Plain,
    /// It runs the words from here on.
    Words(usize),
    /// Texts that are scripts themselves, and whether anything else about the call is unclear.
    Scripts(Vec<&'a Word>, bool),
    /// It runs something, but what cannot be told.
    Unclear,
}

/// The options of a wrapper: those that stand alone, and those with a value.
const WRAPPERS: [(&str, &str, &str); 14] = [
    ("env", "i0v", "u"),
    ("command", "pvV", ""),
    ("builtin", "", ""),
    ("exec", "cl", "a"),
    ("nohup", "", ""),
    ("setsid", "fwc", ""),
    ("time", "pv", "f"),
    ("nice", "", "n"),
    ("ionice", "t", "cn"),
    ("stdbuf", "", "ioe"),
    ("timeout", "v", "sk"),
    ("xargs", "0rtxp", "InPLdsE"),
    ("busybox", "", ""),
    ("chronic", "ve", ""),
];

/// Shells, which read scripts from an argument, a file or their input.
pub(super) const SHELLS: [&str; 10] =
    ["sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "rbash", "csh", "tcsh"];
/// Other programs that read a program from their input.
const INTERPRETERS: [&str; 8] = ["python", "python2", "python3", "perl", "ruby", "node", "php", "lua"];
/// Programs that fetch files from elsewhere.
const DOWNLOADERS: [&str; 10] =
    ["curl", "wget", "fetch", "aria2c", "http", "https", "httpie", "lynx", "nc", "ncat"];
/// Commands that may run one of their arguments; what they run is searched for denied commands.
const RUNNERS: [&str; 20] = [
    "parallel", "watch", "ssh", "script", "flock", "su", "doas", "pkexec", "chroot", "nsenter", "unshare",
    "docker", "podman", "kubectl", "strace", "ltrace", "coproc", "trap", "alias", "runuser",
];

pub(super) fn is_downloader(name: &str) -> bool {
    DOWNLOADERS.contains(&name)
}

/// Whether it takes what it reads for a program, or for the arguments of one.
pub(super) fn takes_input(name: &str) -> bool {
    is_shell(name) || INTERPRETERS.contains(&name) || matches!(name, "xargs" | "parallel")
}

/// Whether it takes one of its arguments for a script.
pub(super) fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name) || matches!(name, "eval" | "." | "source")
}

pub(super) fn is_runner(name: &str) -> bool {
    RUNNERS.contains(&name) || WRAPPERS.iter().any(|(wrapper, ..)| *wrapper == name)
}

/// Whether the command takes what it reads for a program.
pub(super) fn runs_its_input(name: &str, arguments: &[&str]) -> bool {
    let script = arguments.iter().find(|argument| !argument.starts_with('-') || **argument == "-");
    let reads = script.is_none_or(|script| matches!(*script, "-" | "/dev/stdin" | "/proc/self/fd/0"));
    let sources = matches!(name, "." | "source");
    SHELLS.contains(&name) || sources || (INTERPRETERS.contains(&name) && reads)
}

pub(super) fn unwrap<'a>(name: &str, words: &'a [Word]) -> Unwrapped<'a> {
    if name == "eval" {
        return Unwrapped::Scripts(words[1..].iter().collect(), false);
    }
    if SHELLS.contains(&name) {
        return shell_script(words);
    }
    let Some((_, flags, valued)) = WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name) else {
        return Unwrapped::Plain;
    };
    if let Some(scripts) = split_string(name, words) {
        return scripts;
    }
    let Some(mut at) = skip_options(words, flags, valued) else { return Unwrapped::Unclear };
    if name == "env" {
        at += words[at..].iter().take_while(|word| word.text.contains('=')).count();
    }
    if name == "timeout" {
        at += 1;
    }
    if at < words.len() { Unwrapped::Words(at) } else { Unwrapped::Unclear }
}

/// `env -S 'rm -rf x'` splits its argument into words by itself.
fn split_string<'a>(name: &str, words: &'a [Word]) -> Option<Unwrapped<'a>> {
    let splits = |word: &Word| {
        word.text.starts_with("--s")
            || (word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains('S'))
    };
    (name == "env" && words.iter().any(splits)).then(|| Unwrapped::Scripts(words[1..].iter().collect(), true))
}

/// The first word that is no option; nothing when an option is not known.
fn skip_options(words: &[Word], flags: &str, valued: &str) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        let Some(options) = word.text.strip_prefix('-').filter(|_| !word.is_dynamic()) else { break };
        at += 1;
        if options == "-" {
            break;
        }
        for (place, option) in options.char_indices() {
            if valued.contains(option) {
                at += usize::from(place + option.len_utf8() == options.len());
                break;
            }
            if !flags.contains(option) {
                return None;
            }
        }
    }
    Some(at)
}

/// `bash -c '…'`. Every word after the `-c` that is no option is taken for a script, as only the shell knows which is.
fn shell_script(words: &[Word]) -> Unwrapped<'_> {
    let is_option = |word: &&Word| word.text.starts_with(['-', '+']);
    let is_command =
        |word: &Word| word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains('c');
    let Some(at) = words[1..].iter().position(is_command) else { return Unwrapped::Plain };
    let known = |word: &Word| word.text[1..].chars().all(|c| "celuxvfn".contains(c));
    let unclear = words[1..].iter().filter(is_option).any(|word| !known(word))
        || !words[1..=at].iter().all(|word| is_option(&word));
    Unwrapped::Scripts(words[at + 2..].iter().filter(|word| !is_option(word)).collect(), unclear)
}
