//! Spans of time as people write them: `30d`, `12h`, `15m`, `90s`.

use std::{fmt, str::FromStr, time::Duration};

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, de::Error};

/// The longest span there is, in days.
const MAX_DAYS: u64 = 36_500;

/// A span of time: whole days, hours, minutes or seconds, up to a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

/// The error of a text that is no span of time, or one of more than a hundred years.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("give a whole number with d, h, m or s, such as 30d, 12h, 15m or 90s, of at most {MAX_DAYS} days")]
pub struct InvalidSpan;

impl Span {
    /// The same as a duration to wait for, for timers.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// The same as a difference of times, for arithmetic with dates.
    pub fn delta(self) -> TimeDelta {
        TimeDelta::from_std(self.0).unwrap_or(TimeDelta::MAX)
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let (number, secs) = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
            .into_iter()
            .find_map(|(unit, secs)| Some((text.strip_suffix(unit)?, secs)))
            .ok_or(InvalidSpan)?;
        let is_whole = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = number.parse().map_err(|_| InvalidSpan)?;
        let secs = number.checked_mul(secs).filter(|secs| is_whole && *secs <= MAX_DAYS * 86_400);
        secs.map(Duration::from_secs).map(Self).ok_or(InvalidSpan)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        let (number, unit) = [(86_400, "d"), (3_600, "h"), (60, "m")]
            .into_iter()
            .find(|(length, _)| secs > 0 && secs.is_multiple_of(*length))
            .map_or((secs, "s"), |(length, unit)| (secs / length, unit));
        write!(f, "{number}{unit}")
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_with_one_unit() {
        for text in ["30d", "12h", "15m", "90s", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("120s".parse::<Span>().unwrap().to_string(), "2m");
        for text in ["", "d", "30", "-1d", "+1d", "1.5h", "30 d", "1w", "99999999999999999999d", "36501d"] {
            assert_eq!(text.parse::<Span>(), Err(InvalidSpan), "{text}");
        }
    }
}
