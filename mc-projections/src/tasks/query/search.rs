//! Searches a text in other texts, without regard to case, accents and Unicode composition.

use mc_domain::text::searchable;

/// A text to search for in titles and descriptions.
#[derive(Debug)]
pub(super) struct Search {
    /// The text in the form in which searches compare; never empty.
    text: String,
}

impl Search {
    /// A search for `text`; nothing when there is nothing to search for in it.
    pub(super) fn new(text: &str) -> Option<Self> {
        Some(searchable(text)).filter(|text| !text.is_empty()).map(|text| Self { text })
    }

    /// Whether the text occurs in `text`. A plain one, as nearly all are, is not copied for it.
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

/// Whether a search compares a text as it is, except for its case.
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
