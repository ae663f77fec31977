//! A text looked for in other texts, as a search compares them.

use mc_domain::text::searchable;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Search {
    /// In the form in which a search compares, and not empty.
    text: String,
}

impl Search {
    /// Of some text; nothing where it has nothing to look for.
    pub(super) fn new(text: &str) -> Option<Self> {
        Some(searchable(text)).filter(|text| !text.is_empty()).map(|text| Self { text })
    }

    /// Whether it is part of `text`. Of a plain one, as nearly all are, nothing is copied.
    pub(super) fn is_in(&self, text: &str) -> bool {
        if !is_plain(text) {
            return searchable(text).contains(&self.text);
        }
        let (part, whole) = (self.text.as_bytes(), text.as_bytes());
        let Some((first, rest)) = part.split_first() else { return true };
        let mut places = whole.iter().enumerate();
        places.any(|(at, byte)| {
            byte.to_ascii_lowercase() == *first
                && whole[at + 1..].get(..rest.len()).is_some_and(|next| next.eq_ignore_ascii_case(rest))
        })
    }
}

/// Whether a search compares a text as it is, but for upper and lower case.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let spaced = bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ') || text.contains("  ");
    !spaced && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_found_where_a_search_finds_it(part in "[aAbBÄäſ ]{1,3}", whole in "[aAbBÄäSs \n]{0,8}") {
            let found = Search::new(&part).is_none_or(|search| search.is_in(&whole));
            prop_assert_eq!(found, searchable(&whole).contains(&searchable(&part)));
        }
    }
}
