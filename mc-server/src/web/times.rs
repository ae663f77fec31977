//! Times and amounts as people read them. Pages show UTC; a script turns it into the reader's zone.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// A time as the interface gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Time {
    /// For machines, as the attribute `datetime` has it.
    pub(super) fn machine(&self) -> String {
        self.0.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    /// For people, in UTC.
    pub(super) fn people(&self) -> String {
        self.0.format("%Y-%m-%d %H:%M UTC").to_string()
    }
}

/// A span of seconds in its two largest units, such as `3 h 12 min`.
pub(super) fn span(secs: i64) -> String {
    let secs = secs.max(0);
    let (days, hours, minutes) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// An amount of dollars with two decimals, or with more where they say something.
pub(super) fn dollars(amount: f64) -> String {
    match amount {
        amount if amount != 0.0 && amount.abs() < 0.01 => format!("${amount:.4}"),
        amount => format!("${amount:.2}"),
    }
}

/// A word of the interface for people: `in_progress` reads `in progress`.
pub(super) fn words(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_amounts_read_well() {
        let spans = [
            (5, "5 s"),
            (65, "1 min"),
            (7_200, "2 h"),
            (11_520, "3 h 12 min"),
            (90_000, "1 d 1 h"),
            (-3, "0 s"),
        ];
        for (secs, text) in spans {
            assert_eq!(span(secs), text);
        }
        for (amount, text) in [(0.0, "$0.00"), (1.5, "$1.50"), (0.0042, "$0.0042")] {
            assert_eq!(dollars(amount), text);
        }
    }
}
