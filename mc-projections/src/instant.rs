//! Times as REST answers print them: RFC 3339, UTC, milliseconds.

use std::{fmt, str};

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use serde::{Serialize, Serializer};

/// A time that prints with exactly three decimals of a second.
///
/// ```
/// use mc_projections::instant::Millis;
///
/// let time = chrono::DateTime::from_timestamp_micros(1_769_936_400_250_999).unwrap();
/// assert_eq!(serde_json::to_string(&Millis(time)).unwrap(), r#""2026-02-01T09:00:00.250Z""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub DateTime<Utc>);

const SHAPE: [u8; 24] = *b"0000-00-00T00:00:00.000Z";

impl Millis {
    /// The printed form, for years of four digits. A list prints hundreds of times, and this takes a tenth of the
    /// time that chrono's formatter takes.
    fn digits(self) -> Option<[u8; 24]> {
        let (day, time) = (self.0.date_naive(), self.0.time());
        let year = u32::try_from(day.year()).ok().filter(|year| *year <= 9999)?;
        // A leap second counts 1,000 ms or more; it prints as the last millisecond of its second.
        let millis = (time.nanosecond() / 1_000_000).min(999);
        let mut text = SHAPE;
        for (last, mut number, digits) in [
            (3, year, 4),
            (6, day.month(), 2),
            (9, day.day(), 2),
            (12, time.hour(), 2),
            (15, time.minute(), 2),
            (18, time.second(), 2),
            (22, millis, 3),
        ] {
            for place in 0..digits {
                text[last - place] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Some(text)
    }
}

impl From<DateTime<Utc>> for Millis {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digits().as_ref().and_then(ascii) {
            Some(digits) => f.write_str(digits),
            None => f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true)),
        }
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.digits().as_ref().and_then(ascii) {
            Some(digits) => serializer.serialize_str(digits),
            None => serializer.collect_str(self),
        }
    }
}

fn ascii(digits: &[u8; 24]) -> Option<&str> {
    str::from_utf8(digits).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_digits_are_those_of_chrono(micros in -62_135_596_800_000_000i64..253_402_300_800_000_000) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(Millis(time).to_string(), time.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }

    #[test]
    fn years_beyond_four_digits_print_too() {
        assert_eq!(Millis(DateTime::<Utc>::MAX_UTC).to_string(), "+262142-12-31T23:59:59.999Z");
    }
}
