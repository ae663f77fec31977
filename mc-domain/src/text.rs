//! What people see of a text: when two names are one, when one passes for another, and what cannot be seen at all.
//!
//! Names compare by NFKC and case folding (Unicode 15, section 3.13, D146), look-alikes by the skeletons of UTS 39,
//! section 4. Nothing here changes what is recorded: these are the forms in which texts are compared and shown.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeSet, fmt::Write};

use caseless::Caseless;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_script::{Script, ScriptExtension, UnicodeScript};
use unicode_security::{MixedScript, skeleton as prototypes};

/// How often a text is folded again at most, until that changes nothing.
const MAX_FOLDS: usize = 4;

/// Why a text could be taken for another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misleading {
    /// A character that shows nothing, or changes the direction of what comes after it.
    #[error(
        "must not contain characters that cannot be seen or that change the direction of reading, such as U+{:04X}",
        u32::from(*.0)
    )]
    Unseen(char),
    /// A word with letters of several scripts that reads like a word of one.
    #[error(
        "must not mix letters of several scripts that look alike, as \"{0}\" does: write each word in one script"
    )]
    MixedScripts(String),
}

/// Whether a character shows nothing by itself: those that a display ignores, those that direct it, and the blanks that
/// are not white space.
///
/// The ranges are the `Default_Ignorable_Code_Point` of Unicode, which reserves blocks for those to come, and beside
/// them the separators of lines and paragraphs, the interlinear annotations, and the empty Braille pattern.
pub fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether nothing of a text can be seen.
///
/// ```
/// use mc_domain::text::is_blank;
///
/// assert!(is_blank(" \u{200b}\u{ad}\n"));
/// assert!(!is_blank("because"));
/// ```
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_unseen(c))
}

/// The form in which names are compared: NFKC and case folded, without what cannot be seen, one space for any white space.
///
/// ```
/// use mc_domain::text::folded;
///
/// assert_eq!(folded("Zoe\u{308}"), folded("ZO\u{cb}"));
/// assert_eq!(folded("QA  Engineer"), "qa engineer");
/// ```
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return one_spaced(&text.to_ascii_lowercase());
    }
    let mut folded = fold_once(text);
    // A compatibility decomposition may bring forth what folds on; it ends after a step or two.
    for _ in 0..MAX_FOLDS {
        let again = fold_once(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn fold_once(text: &str) -> String {
    let seen = text.chars().filter(|c| !is_unseen(*c));
    let folded: String = seen.nfd().default_case_fold().nfkc().default_case_fold().nfkc().collect();
    one_spaced(&folded)
}

/// The form in which a search compares: as names do, and without the accents of Latin, Greek and Cyrillic letters. The
/// marks of other scripts stay, since they make another letter there.
pub fn searchable(text: &str) -> String {
    let folded = folded(text);
    if folded.is_ascii() {
        return folded;
    }
    let plain: String = folded.nfd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).nfc().collect();
    one_spaced(&plain)
}

/// What a name looks like, in one or two forms: names that share a form are taken for each other.
///
/// The first form is that of the name in small letters, the second that of the name as it is written: a capital I looks
/// like a small L, and a small i does not. Names that are the same have the same first form.
pub fn looks(name: &str) -> Vec<String> {
    let written: String = name.chars().filter(|c| !is_unseen(*c)).nfkc().collect();
    let first = look(&skeleton(&folded(name)));
    let second = look(&skeleton(&one_spaced(&written)));
    if first == second { vec![first] } else { vec![first, second] }
}

/// Whether one name passes for the other, in capitals too.
pub fn look_alike(one: &str, other: &str) -> bool {
    let all =
        |name: &str| looks(name).into_iter().chain(looks(&name.to_uppercase())).collect::<BTreeSet<_>>();
    !all(one).is_disjoint(&all(other))
}

fn look(skeleton_of_any_case: &str) -> String {
    skeleton(&folded(skeleton_of_any_case))
}

fn skeleton(text: &str) -> String {
    prototypes(text).collect()
}

/// Refuses a name that could be taken for another one.
///
/// # Errors
/// [`Misleading`]
pub fn plain_name(name: &str) -> Result<(), Misleading> {
    plain(name, |_, _, _| false)
}

/// Refuses a text to decide on that could be taken for another one. Joiners are let through between letters of the
/// scripts that need them.
///
/// # Errors
/// [`Misleading`]
pub fn plain_summary(text: &str) -> Result<(), Misleading> {
    plain(text, joins_letters)
}

fn plain(text: &str, joins: fn(Option<char>, char, Option<char>) -> bool) -> Result<(), Misleading> {
    if let Some((_, unseen, _)) = in_context(text)
        .find(|(before, c, after)| is_hidden(*before, *c, *after) && !joins(*before, *c, *after))
    {
        return Err(Misleading::Unseen(unseen));
    }
    let words = text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
    match words.into_iter().find(|word| passes_for_one_script(word)) {
        Some(word) => Err(Misleading::MixedScripts(word.to_owned())),
        None => Ok(()),
    }
}

/// A word of several scripts that looks like one of a single script. Those that are written together, as Japanese ones
/// are, count as one.
fn passes_for_one_script(word: &str) -> bool {
    !word.is_ascii() && !word.is_single_script() && skeleton(word).as_str().is_single_script()
}

/// The same text, with what cannot be seen shown by its number, as `\u{202e}`: in sentences and documents of ours, text of
/// others must not hide or turn around anything.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let hidden = |(before, c, after): (Option<char>, char, Option<char>)| {
        is_hidden(before, c, after) && !joins_letters(before, c, after)
    };
    if !in_context(text).any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for (before, c, after) in in_context(text) {
        if hidden((before, c, after)) {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether letters of this script follow each other without a space between words, so that a word begins and ends
/// anywhere.
pub fn runs_on(c: char) -> bool {
    matches!(
        c.script(),
        Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Hangul
            | Script::Bopomofo
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar
    ) || matches!(c, '々' | 'ー')
}

fn in_context(text: &str) -> impl Iterator<Item = (Option<char>, char, Option<char>)> {
    let before = [None].into_iter().chain(text.chars().map(Some));
    let after = text.chars().skip(1).map(Some).chain([None]);
    before.zip(text.chars()).zip(after).map(|((before, c), after)| (before, c, after))
}

/// A character that shows nothing where it stands, or nothing that everybody sees: those for private use are what each
/// font makes of them.
fn is_hidden(before: Option<char>, c: char, after: Option<char>) -> bool {
    (is_unseen(c) && !joins_symbols(before, c, after)) || is_private(c)
}

fn is_private(c: char) -> bool {
    let plane_end = u32::from(c) & 0xfffe == 0xfffe;
    plane_end || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'..)
}

/// Emoji are made of several characters: a selector after a symbol, a joiner between two (UTS 51, section 1.4).
fn joins_symbols(before: Option<char>, c: char, after: Option<char>) -> bool {
    let symbol =
        |c: char| c >= '\u{a9}' && !c.is_alphanumeric() && !c.is_whitespace() && !is_combining_mark(c);
    match c {
        '\u{fe0f}' => before.is_some_and(|c| symbol(c) && !is_unseen(c)) || after == Some('\u{20e3}'),
        '\u{200d}' => {
            before.is_some_and(|c| symbol(c) && (c == '\u{fe0f}' || !is_unseen(c)))
                && after.is_some_and(|c| symbol(c) && !is_unseen(c))
        }
        _ => false,
    }
}

/// Persian and the scripts of India write words with joiners and non-joiners between letters (UAX 31, section 2.3).
fn joins_letters(before: Option<char>, c: char, after: Option<char>) -> bool {
    let needs = |c: char| {
        let scripts = ScriptExtension::from(c);
        !scripts.is_common()
            && JOINED.iter().any(|script| scripts.contains_script(*script))
            && (c.is_alphabetic() || is_combining_mark(c))
    };
    matches!(c, '\u{200c}' | '\u{200d}') && before.is_some_and(needs) && after.is_some_and(needs)
}

const JOINED: [Script; 13] = [
    Script::Arabic,
    Script::Syriac,
    Script::Devanagari,
    Script::Bengali,
    Script::Gurmukhi,
    Script::Gujarati,
    Script::Oriya,
    Script::Tamil,
    Script::Telugu,
    Script::Kannada,
    Script::Malayalam,
    Script::Sinhala,
    Script::Khmer,
];

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
