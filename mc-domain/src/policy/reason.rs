//! Why a request is judged as it is.

use serde::{Deserialize, Serialize};

/// One reason of a judgement, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word for programs, in snake_case.
    pub code: String,
    /// A sentence for people: what is wrong, and what would be allowed.
    pub text: String,
}

impl Reason {
    /// A reason with a stable code and a sentence.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }
}

/// How one part of a request stands to the lists, mildest first; the worst of all parts wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// An allow-list names it, and no deny-list does.
    #[default]
    Allowed,
    /// No list names it, or it cannot be judged: red.
    Unlisted,
    /// A deny-list names it, whatever the allow-lists say.
    Denied,
}

/// The judgement of the lists over a command, an address or a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The worst of all its parts.
    pub standing: Standing,
    /// Why it is not allowed, each reason once; none when it is.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// The verdict on what nothing speaks against.
    pub fn allowed() -> Self {
        Self::default()
    }

    /// The verdict on what no list names, with the reason why it would need one.
    pub fn unlisted(code: &str, text: impl Into<String>) -> Self {
        Self { standing: Standing::Unlisted, reasons: vec![Reason::new(code, text)] }
    }

    /// The verdict on what a deny-list names, with the reason.
    pub fn denied(code: &str, text: impl Into<String>) -> Self {
        Self { standing: Standing::Denied, reasons: vec![Reason::new(code, text)] }
    }

    /// Both together: the worse standing, the reasons of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.standing = self.standing.max(other.standing);
        for reason in other.reasons {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
        self
    }
}

impl FromIterator<Verdict> for Verdict {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        verdicts.into_iter().fold(Self::default(), Self::and)
    }
}
