//! How runs and tool calls ended, in the words that people and programs use for it.

use std::str::FromStr;

use mc_domain::{
    run::{Outcome, ToolStatus},
    values::InvalidText,
};
use serde::{Deserialize, Deserializer, de::Error};

/// What is meant by a word, where the word itself is none of ours but means just one of them.
pub(super) trait Synonyms: FromStr<Err = InvalidText> {
    /// By a word in lower case, with `_` for whatever separates its parts.
    fn meant_by(word: &str) -> Option<Self>;
}

/// A word for how something ended; what is none and means none is refused with those that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended<T>(pub(super) T);

impl<'de, T: Synonyms> Deserialize<'de> for Ended<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let plain = word.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        match T::meant_by(&plain) {
            Some(meant) => Ok(Self(meant)),
            None => plain.parse().map(Self).map_err(D::Error::custom),
        }
    }
}

impl Synonyms for Outcome {
    fn meant_by(word: &str) -> Option<Self> {
        match word {
            "complete" | "success" | "succeeded" | "successful" | "ok" | "done" | "finished" => {
                Some(Self::Completed)
            }
            "fail" | "failure" | "error" | "errored" => Some(Self::Failed),
            "timed_out" | "timedout" | "time_out" => Some(Self::TimedOut),
            "abort" | "canceled" | "cancelled" | "interrupted" | "killed" => Some(Self::Aborted),
            _ => None,
        }
    }
}

impl Synonyms for ToolStatus {
    fn meant_by(word: &str) -> Option<Self> {
        match word {
            "succeeded" | "successful" | "ok" | "done" | "complete" | "completed" | "finished" => {
                Some(Self::Success)
            }
            "fail" | "failure" | "error" | "errored" => Some(Self::Failed),
            "deny" | "refused" | "rejected" | "forbidden" => Some(Self::Denied),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T: Synonyms>(word: &str) -> Result<T, String> {
        serde_json::from_value::<Ended<T>>(json!(word))
            .map(|ended| ended.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_people_say_is_understood_where_it_means_one_thing() {
        for word in ["completed", "succeeded", "Success", "OK", "done"] {
            assert_eq!(read(word), Ok(Outcome::Completed), "{word}");
            assert_eq!(read(word), Ok(ToolStatus::Success), "{word}");
        }
        for word in ["failed", "error", "FAILURE"] {
            assert_eq!(read(word), Ok(Outcome::Failed), "{word}");
            assert_eq!(read(word), Ok(ToolStatus::Failed), "{word}");
        }
        for word in ["timeout", "timed_out", "timed-out", "Timed out"] {
            assert_eq!(read(word), Ok(Outcome::TimedOut), "{word}");
        }
        assert_eq!(read("cancelled"), Ok(Outcome::Aborted));
        assert_eq!(read("rejected"), Ok(ToolStatus::Denied));
    }

    #[test]
    fn what_means_nothing_is_answered_with_what_does() {
        let of_runs = read::<Outcome>("running").unwrap_err();
        assert!(of_runs.starts_with("must be one of completed, failed, timeout, aborted"), "{of_runs}");
        let of_tools = read::<ToolStatus>("timeout").unwrap_err();
        assert!(of_tools.starts_with("must be one of success, failed, denied"), "{of_tools}");
    }
}
