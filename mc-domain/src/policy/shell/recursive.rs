//! Commands that read whatever is below a directory: they must not come by a file that is never read.

use globset::GlobBuilder;

use super::{
    Judge,
    options::{Arguments, Means},
    parse::{Word, base_name},
    unclear, wrappers,
};
use crate::policy::{files, reason::Verdict};

/// Commands that show the names of files, and nothing of what is in them.
const LISTERS: [&str; 4] = ["ls", "echo", "pwd", "date"];
/// Tests of `find` that look at names.
const NAME_TESTS: [&str; 6] = ["-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename"];
/// Tests that cannot be told to miss the files that are never read.
const UNCLEAR_TESTS: [&str; 2] = ["-regex", "-iregex"];

impl Judge<'_> {
    /// `grep -r` by where it starts and which files it includes.
    pub(super) fn recursion(&self, name: &str, words: &[Word]) -> Verdict {
        let arguments = Arguments::of(name, words);
        if name != "grep" || !(arguments.has(Means::Recurses) || arguments.has(Means::Directories)) {
            return Verdict::allowed();
        }
        let below = arguments.operands().any(|start| self.reaches(start));
        let nowhere = arguments.operands().next().is_none() && self.never.is_below("");
        let included = arguments.values(Means::Names).any(|pattern| self.may_name(pattern));
        reached(below || nowhere || included, name)
    }

    /// A command that `find` runs, or that is given what `find` prints, by what that may be.
    pub(super) fn named(&self, command: &[Word], find: &[Word]) -> Verdict {
        let name = command.first().map(|word| base_name(&word.text)).unwrap_or_default();
        if command.iter().any(|word| wrappers::is_shell(&base_name(&word.text))) {
            return unclear(&name);
        }
        if LISTERS.contains(&name.as_str()) || find.first().is_none_or(|word| base_name(&word.text) != "find")
        {
            return Verdict::allowed();
        }
        let arguments = Arguments::of("find", find);
        let below = arguments.operands().any(|start| self.reaches(start));
        let nowhere = arguments.operands().next().is_none() && self.never.is_below("");
        reached(below || nowhere || self.tested(find), &name)
    }

    /// Whether the tests of `find` ask for files that are never read.
    fn tested(&self, find: &[Word]) -> bool {
        let text = |at: usize| find.get(at).map_or("", |word| word.text.as_str());
        let negated = |at: usize| matches!(text(at.saturating_sub(1)), "!" | "-not");
        let asks = |at: usize| NAME_TESTS.contains(&text(at)) && self.may_name(text(at + 1));
        (1..find.len()).any(|at| UNCLEAR_TESTS.contains(&text(at)) || (asks(at) && !negated(at)))
    }

    /// Whether something that is never read is below the directory, or below one that its wildcards may stand for.
    fn reaches(&self, start: &Word) -> bool {
        let plain: Vec<&str> =
            start.text.split('/').take_while(|part| !part.contains(['*', '?', '['])).collect();
        let directory = if start.wildcard { plain.join("/") } else { start.text.clone() };
        let directory = files::workspace_path(self.files, &directory);
        directory.is_some_and(|directory| self.never.is_below(&directory))
    }

    /// Whether a pattern of names may stand for a file that is never read: as it is written, or as a hidden one.
    fn may_name(&self, pattern: &str) -> bool {
        let name = pattern.rsplit('/').next().unwrap_or(pattern);
        let lettered = name.chars().any(char::is_alphanumeric);
        let glob = GlobBuilder::new(name).case_insensitive(true).build();
        let hidden = glob.is_ok_and(|glob| {
            let glob = glob.compile_matcher();
            self.never.hidden().any(|hidden| glob.is_match(hidden))
        });
        name.starts_with(['.', '[', '?']) || self.never.names(name) || (lettered && hidden)
    }
}

fn reached(reaches: bool, name: &str) -> Verdict {
    match reaches {
        true => Verdict::unlisted(
            "reaches_never_file",
            format!("{name} may come by files that agents never touch"),
        ),
        false => Verdict::allowed(),
    }
}
