//! Times of a body.

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Deserializer, de::Error};

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
