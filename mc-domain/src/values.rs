//! Values parsed once, at the edge; whoever holds one need not check it again.
//!
//! Limits count Unicode scalar values. They may be raised, never lowered: recorded events are read through them. What else
//! is asked of a text that is new (that something of it can be seen, that a name passes for no other) is not asked of what
//! is recorded, so `new` and `FromStr` are stricter than serde is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::text::{self, Misleading};

/// The text cannot be this value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// The text has nothing that can be seen.
    #[error("must not be empty")]
    Empty,
    /// The text has too many characters.
    #[error("must be at most {max} characters, was {actual}")]
    TooLong {
        /// The most characters that it may have.
        max: usize,
        /// The characters that it has.
        actual: usize,
    },
    /// A control character; the multi-line texts allow line breaks and tabs.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// The text has something that a slug cannot have.
    #[error(
        "must be 1 to 63 lower-case letters a to z and digits, with single hyphens between them, such as site-gpt"
    )]
    NotASlug,
    /// Could be taken for another text.
    #[error(transparent)]
    Misleading(#[from] Misleading),
    /// Not one of a closed list of words.
    #[error("must be one of {0}")]
    NotOneOf(&'static str),
}

/// What of the control characters a text may contain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

fn checked(text: &str, max: usize, lines: Lines) -> Result<String, InvalidText> {
    let text = text.trim();
    let allowed = |c: char| !c.is_control() || (lines == Lines::Many && matches!(c, '\n' | '\r' | '\t'));
    let actual = text.chars().count();
    match () {
        () if text.is_empty() => Err(InvalidText::Empty),
        () if actual > max => Err(InvalidText::TooLong { max, actual }),
        () if !text.chars().all(allowed) => Err(InvalidText::ControlCharacter),
        () => Ok(text.to_owned()),
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $lines:ident) => {
        text!($(#[$doc])* $name, $max, $lines, |_: &str| Ok::<(), Misleading>(()));
    };
    ($(#[$doc:meta])* $name:ident, $max:literal, $lines:ident, $fit:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The most characters it may have.
            pub const MAX_CHARS: usize = $max;

            /// The text as somebody gives it, trimmed and checked.
            ///
            /// # Errors
            /// [`InvalidText`] when nothing of it can be seen, it is too long, has control characters, or is a name that
            /// could be taken for another.
            pub fn new(text: &str) -> Result<Self, InvalidText> {
                let text = Self::recorded(text)?;
                if text::is_blank(&text.0) {
                    return Err(InvalidText::Empty);
                }
                $fit(text.as_str())?;
                Ok(text)
            }

            /// The text as the log has it.
            fn recorded(text: &str) -> Result<Self, InvalidText> {
                checked(text, $max, Lines::$lines).map(|text| Self(text.into()))
            }

            /// As much of `text` as fits, for texts of our own making; nothing when it is empty or cannot be one.
            pub fn truncated(text: &str) -> Option<Self> {
                let end = text.char_indices().nth($max).map_or(text.len(), |(end, _)| end);
                Self::recorded(&text[..end]).ok()
            }

            /// The text as it was checked, trimmed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        text!(@conversions $name);
    };
    (@conversions $name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                Self::recorded(&text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0.into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// The name of an agent, a project or an operator: one line, 1 to 100 characters, all of which can be seen, no word of
    /// them reading like one of another script.
    Name, 100, One, text::plain_name
);
text!(
    /// The title of a task: one line, 1 to 200 characters.
    Title, 200, One
);
text!(
    /// A label, an emoji, a tool's or an artifact's name: one line, 1 to 100 characters.
    Label, 100, One
);
text!(
    /// Why something was done, or what was noted with it: 1 to 2,000 characters, lines allowed.
    Reason, 2000, Many
);
text!(
    /// A message, a description or an artifact's content: 1 to 10,000 characters, lines allowed.
    Text, 10000, Many
);
text!(
    /// The beginning of what went into a tool or came out of it: 1 to 4,000 characters, lines allowed.
    Preview, 4000, Many
);
text!(
    /// A web address or a path of an artifact: one line, 1 to 2,000 characters.
    Location, 2000, One
);

impl Name {
    /// Whether both are one name: they compare by NFKC and case folding.
    pub fn is(&self, other: &Self) -> bool {
        self == other || text::folded(&self.0) == text::folded(&other.0)
    }

    /// Whether `text` is this name, as [`Name::is`] compares.
    pub fn is_written(&self, text: &str) -> bool {
        text::folded(&self.0) == text::folded(text)
    }
}

/// What a project is called in addresses: `[a-z0-9-]`, 1 to 63 characters, no hyphen at an end or after another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Box<str>);

impl Slug {
    /// The most characters it may have: that of a DNS label (RFC 1035, 2.3.4).
    pub const MAX_CHARS: usize = 63;

    /// The slug as somebody gives it, checked.
    ///
    /// # Errors
    /// [`InvalidText::NotASlug`]
    pub fn new(text: &str) -> Result<Self, InvalidText> {
        let slug = Self::recorded(text)?;
        if slug.0.contains("--") { Err(InvalidText::NotASlug) } else { Ok(slug) }
    }

    /// The slug as the log has it: several hyphens in a row were let through once.
    fn recorded(text: &str) -> Result<Self, InvalidText> {
        let text = text.trim();
        let of_slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let well_formed = (1..=Self::MAX_CHARS).contains(&text.len())
            && text.bytes().all(of_slug)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if well_formed { Ok(Self(text.into())) } else { Err(InvalidText::NotASlug) }
    }

    /// The slug as text, as it stands in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text!(@conversions Slug);

/// A closed list of words: printed as written here, read in any case.
#[macro_export]
macro_rules! string_enum {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "std::borrow::Cow<'_, str>", into = "&'static str")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of its definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that it is printed and stored as.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::values::InvalidText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                const WORDS: &str = concat!($($word, ", ",)+);
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str().eq_ignore_ascii_case(text))
                    .ok_or($crate::values::InvalidText::NotOneOf(WORDS.split_at(WORDS.len() - 2).0))
            }
        }

        impl TryFrom<std::borrow::Cow<'_, str>> for $name {
            type Error = $crate::values::InvalidText;

            fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, $crate::values::InvalidText> {
                text.parse()
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> &'static str {
                value.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub use string_enum;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_bounded() {
        assert_eq!(Name::new("  Scout ").unwrap().as_str(), "Scout");
        assert_eq!(Name::new(" \n"), Err(InvalidText::Empty));
        assert_eq!(Name::new(&"x".repeat(101)), Err(InvalidText::TooLong { max: 100, actual: 101 }));
        assert_eq!(Name::new("Sc\u{0}out"), Err(InvalidText::ControlCharacter));
        assert_eq!(Name::new("two\nlines"), Err(InvalidText::ControlCharacter));
        assert_eq!(Text::new("two\nlines").unwrap().as_str(), "two\nlines");
    }

    #[test]
    fn slugs_are_lower_case_words_joined_by_hyphens() {
        assert_eq!(Slug::new("site-gpt").unwrap().as_str(), "site-gpt");
        let long = "x".repeat(Slug::MAX_CHARS + 1);
        for text in
            ["Site", "-a", "a-", "a b", "a_b", "ä", "a--b", "", " ", "a\u{0}", "a\u{200b}", long.as_str()]
        {
            assert_eq!(Slug::new(text), Err(InvalidText::NotASlug), "{text:?}");
        }
    }

    #[test]
    fn a_text_of_which_nothing_can_be_seen_says_nothing() {
        for text in ["\u{200b}", "\u{ad} \u{202e}", "\u{feff}", "\u{2800}"] {
            assert_eq!(Name::new(text), Err(InvalidText::Empty));
            assert_eq!(Title::new(text), Err(InvalidText::Empty));
            assert_eq!(Reason::new(text), Err(InvalidText::Empty));
            assert_eq!(Text::new(text), Err(InvalidText::Empty));
        }
        assert!(Reason::new("\u{202e}because").is_ok(), "what can be seen is kept as it is");
    }

    #[test]
    fn a_name_passes_for_no_other() {
        for text in ["Sc\u{200b}out", "Scout\u{202e}", "So\u{ad}fie", "S\u{441}out"] {
            assert!(matches!(Name::new(text), Err(InvalidText::Misleading(_))), "{text:?}");
        }
    }

    /// What was let through once stays readable.
    #[test]
    fn what_is_recorded_is_read_as_it_was_accepted() {
        fn read<T: serde::de::DeserializeOwned + Into<String>>(text: &str) -> String {
            serde_json::from_value::<T>(text.into()).unwrap().into()
        }
        assert_eq!(read::<Name>("Sc\u{200b}out"), "Sc\u{200b}out");
        assert_eq!(read::<Name>("S\u{441}out"), "S\u{441}out");
        assert_eq!(read::<Reason>("\u{200b}"), "\u{200b}");
        assert_eq!(read::<Slug>("a--b"), "a--b");
        assert_eq!(Title::truncated("To do: \u{202e}").unwrap().as_str(), "To do: \u{202e}");
    }
}
