//! Times of a body, and days of a query.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Deserializer, de::Error};

use crate::problem::Excerpt;

/// A time as RFC 3339 writes it, so that it can be printed as it was read: its year has four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = DateTime::<Utc>::deserialize(deserializer)?;
        match time.year() {
            0..=9999 => Ok(Self(time)),
            _ => Err(D::Error::custom("must be a time in RFC 3339, such as 2026-02-01T09:00:00Z")),
        }
    }
}

/// A UTC day as RFC 3339 writes it, such as `2026-02-01`: ten characters, so that its year has four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(pub NaiveDate);

impl Day {
    /// The UTC midnight that ends the day, which is no longer part of it.
    pub fn end(self) -> DateTime<Utc> {
        let next = self.0.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
        next.and_time(NaiveTime::MIN).and_utc()
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let shaped = text.len() == "2026-02-01".len() && text.split('-').all(digits);
        let day = text.parse().ok().filter(|_| shaped);
        day.map(Self).ok_or_else(|| format!("must be a day, such as 2026-02-01, was {}", Excerpt(text)))
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_has_a_year_of_four_digits() {
        let read = |text: &str| serde_json::from_value::<Day>(json!(text));
        let day = read("2026-02-01").unwrap();
        assert_eq!(day.end().to_rfc3339(), "2026-02-02T00:00:00+00:00");
        assert!(read("9999-12-31").is_ok() && read("0000-01-01").is_ok());
        for text in
            ["-262143-01-01", "+262142-12-31", "2026-1-1", "2026-02-30", "2026-02-01T00:00:00Z", "foo", ""]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
