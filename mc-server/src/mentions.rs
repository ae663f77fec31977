//! Who a text mentions: the longest known name after an `@` that begins a word.
//!
//! Names may have spaces, hyphens, apostrophes and full stops, and follow or precede letters of scripts that put no space
//! between words. So it is not the text that says where a name ends, but who is known.

use mc_domain::{text::runs_on, values::Name};

/// The most that one message mentions, and the most unknown names it is told of.
pub const MAX_MENTIONS: usize = 50;
/// How many `@` of a text are looked at, from its beginning: what a mention costs is bounded, whatever is written.
const MAX_SIGNS: usize = 200;
/// How many characters after an `@` may be a name, which is longer when its letters are written in parts.
const MAX_CHARS: usize = 2 * Name::MAX_CHARS;

/// Those whom a text mentions with `@name`, and the words after an `@` that name nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentions<T> {
    /// Those who are known, in the order of the text.
    pub known: Vec<T>,
    /// The words after an `@` that begin with nobody's name, each once.
    pub unknown: Vec<String>,
}

/// Whom `text` mentions; `find` says who is known by a name. An e-mail address or a web address mentions nobody.
pub fn mentions<T>(text: &str, find: impl Fn(&str) -> Option<T>) -> Mentions<T> {
    let mut mentions = Mentions { known: Vec::new(), unknown: Vec::new() };
    let mut place = Place::default();
    let mut signs = 0;
    let mut named_until = 0;
    for (at, c) in text.char_indices() {
        let begins = c == '@' && at >= named_until && place.may_begin_mention();
        place.pass(c, &text[at..]);
        if !begins || signs == MAX_SIGNS {
            continue;
        }
        signs += 1;
        let rest = &text[at + 1..];
        let known = ends(rest).into_iter().rev().find_map(|end| Some((end, find(&rest[..end])?)));
        match known {
            Some((end, who)) if mentions.known.len() < MAX_MENTIONS => {
                mentions.known.push(who);
                named_until = at + 1 + end;
            }
            Some(_) => {}
            None => mentions.note_unknown(word(rest)),
        }
    }
    mentions
}

impl<T> Mentions<T> {
    fn note_unknown(&mut self, word: &str) {
        let new = !word.is_empty() && !self.unknown.iter().any(|known| known == word);
        if new && self.unknown.len() < MAX_MENTIONS {
            self.unknown.push(word.to_owned());
        }
    }
}

/// What of an address the text before an `@` is.
#[derive(Default)]
struct Place {
    in_mail: bool,
    in_web: bool,
}

impl Place {
    fn may_begin_mention(&self) -> bool {
        !self.in_mail && !self.in_web
    }

    fn pass(&mut self, c: char, from_here: &str) {
        self.in_web = !c.is_whitespace() && (self.in_web || from_here.starts_with("://"));
        self.in_mail = match c {
            '.' | '_' | '%' | '+' | '-' => self.in_mail,
            c => c.is_alphanumeric() && !runs_on(c),
        };
    }
}

/// Where a name at the beginning of `rest` could end, the shortest first.
fn ends(rest: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let characters = rest.char_indices().take(MAX_CHARS);
    if rest.starts_with(|c: char| c.is_whitespace() || c == '@') {
        return ends;
    }
    for (at, c) in characters {
        if c.is_control() {
            break;
        }
        let end = at + c.len_utf8();
        if !c.is_whitespace() && !goes_on(c, &rest[end..]) {
            ends.push(end);
        }
    }
    ends
}

/// Whether the word that has come to `last` goes on with what follows. The genitive ends it.
fn goes_on(last: char, following: &str) -> bool {
    let mut following = following.chars();
    let Some(next) = following.next() else { return false };
    let after = following.next();
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match next {
        '-' | '_' | '.' | '@' => last.is_alphanumeric() && letter(after) && !after.is_some_and(runs_on),
        '\'' | '’' => {
            let genitive = matches!(after, Some('s' | 'S')) && !letter(following.next());
            last.is_alphanumeric() && letter(after) && !genitive
        }
        next if is_mark(next) => true,
        next => next.is_alphanumeric() && last.is_alphanumeric() && !runs_on(last) && !runs_on(next),
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{fe0f}' | '\u{200d}' | '\u{3099}' | '\u{309a}')
}

/// The word that stands after an `@`.
fn word(rest: &str) -> &str {
    let mut end = 0;
    for (at, c) in rest.char_indices().take(Name::MAX_CHARS) {
        let joins = matches!(c, '-' | '_' | '.' | '\'' | '’')
            && at > 0
            && rest[at + c.len_utf8()..].starts_with(char::is_alphanumeric);
        if !c.is_alphanumeric() && !is_mark(c) && !joins {
            break;
        }
        end = at + c.len_utf8();
    }
    &rest[..end]
}

#[cfg(test)]
mod tests {
    use mc_domain::text::folded;

    use super::*;

    const KNOWN: [&str; 12] = [
        "Scout",
        "QA",
        "QA Engineer",
        "nova-2",
        "Nova",
        "小明",
        "小明明",
        "O'Brien",
        "Dr. No.",
        "Zoë",
        "민수",
        "node.js",
    ];

    fn found(text: &str) -> (Vec<&'static str>, Vec<String>) {
        let find = |name: &str| KNOWN.into_iter().find(|known| folded(known) == folded(name));
        let Mentions { known, unknown } = mentions(text, find);
        (known, unknown)
    }

    fn known(text: &str) -> Vec<&'static str> {
        found(text).0
    }

    #[test]
    fn the_longest_known_name_wins() {
        assert_eq!(known("@QA Engineer and @QA, then @QA engine"), ["QA Engineer", "QA", "QA"]);
        assert_eq!(known("@nova-2 @Nova @NOVA-2."), ["nova-2", "Nova", "nova-2"]);
        assert_eq!(known("@小明明"), ["小明明"]);
        assert_eq!(known("@QA\n Engineer"), ["QA"]);
    }

    #[test]
    fn scripts_without_spaces_need_none() {
        assert_eq!(known("请@小明看"), ["小明"]);
        assert_eq!(known("请@Scout看，还有@小明。"), ["Scout", "小明"]);
        assert_eq!(known("@민수가 왔다"), ["민수"]);
    }

    #[test]
    fn names_have_punctuation_and_sentences_end() {
        assert_eq!(known("Ask @O'Brien, @Dr. No. or @node.js."), ["O'Brien", "Dr. No.", "node.js"]);
        assert_eq!(
            known("It is @Scout's. (@Nova) @Scout: @Nova... “@Scout”"),
            ["Scout", "Nova", "Scout", "Nova", "Scout"]
        );
        assert_eq!(known("@Zoe\u{308} @ZOË"), ["Zoë", "Zoë"]);
    }

    #[test]
    fn addresses_mention_nobody() {
        for text in [
            "me@nova.example",
            "a.b+c@Nova",
            "x-@Nova",
            "é@nova",
            "https://example.com/@Nova",
            "@Nova.example",
            "@Nova@example.org",
            "see:http://a/b?c=@Scout",
            "@ Nova",
            "@",
            "@@",
            "me@Scout @ ",
        ] {
            assert_eq!(known(text), Vec::<&str>::new(), "{text}");
        }
        assert_eq!(known("-@Nova +@Scout /@QA"), ["Nova", "Scout", "QA"]);
    }

    #[test]
    fn words_that_begin_with_nobodys_name_are_told_once() {
        let (known, unknown) =
            found("@nam, @nam and @Scouts, @nova-3 @angular/core @小红看 @Zoe @QA @Nova.example (@)");
        assert_eq!(known, ["QA"]);
        assert_eq!(unknown, ["nam", "Scouts", "nova-3", "angular", "小红看", "Zoe", "Nova.example"]);
    }

    #[test]
    fn what_a_text_costs_is_bounded() {
        for text in ["@a ".repeat(3_000), "@".repeat(9_999), "@x@y".repeat(2_000), "@a.b-c'd e".repeat(1_000)]
        {
            let asked = std::cell::Cell::new(0);
            let find = |_: &str| -> Option<()> {
                asked.set(asked.get() + 1);
                None
            };
            let Mentions { unknown, .. } = mentions(&text, find);
            assert!(unknown.len() <= MAX_MENTIONS);
            assert!(asked.get() <= MAX_SIGNS * MAX_CHARS, "{}", asked.get());
        }
        assert_eq!(
            mentions(&"@Nova ".repeat(150), |name| (name == "Nova").then_some(())).known.len(),
            MAX_MENTIONS
        );
    }
}
