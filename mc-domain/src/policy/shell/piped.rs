//! What `xargs` is given: arguments that are only known when the command runs, unless they are names of files.

use super::{
    Judge, Surroundings,
    parse::Word,
    upstream::{Upstream, command_of},
};
use crate::policy::reason::{Standing, Verdict};

impl Judge<'_> {
    /// The command of `xargs` together with what it is given.
    pub(super) fn completed(&self, words: &[Word], surroundings: Surroundings<'_>) -> Verdict {
        let alone = Surroundings { upstream: Upstream::default(), ..surroundings };
        let with = |more: &[Word]| self.run(&[words, more].concat(), alone);
        let Some(names) = surroundings.upstream.names() else {
            let unknown =
                Verdict::unlisted("dynamic_command", "what xargs is given is only known when it runs");
            let words = surroundings.upstream.words();
            let guessed = if words.is_empty() { Verdict::allowed() } else { with(&words) };
            return if guessed.standing == Standing::Denied { guessed.and(unknown) } else { unknown };
        };
        let source = surroundings.upstream.items.iter().find_map(command_of);
        let source = source.map(|command| command.words.as_slice());
        // Twice, as a second argument may be what a command writes.
        with(&[names.as_slice(), &names].concat()).and(self.named(words, source.unwrap_or_default()))
    }
}
