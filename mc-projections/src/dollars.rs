//! Money as the REST interface prints and reads it: a JSON number of US dollars.

use std::{fmt, str::FromStr};

use mc_domain::money::{InvalidUsd, Usd};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount that prints as a JSON number of dollars, `2` or `0.75`, and is read from such a number or from a text of
/// its digits.
///
/// Digits go in and digits come out: no arithmetic is done in floating point.
///
/// ```
/// use mc_projections::dollars::Dollars;
///
/// let cap: Dollars = serde_json::from_str("0.75").unwrap();
/// assert_eq!(cap.0.micros(), 750_000);
/// assert_eq!(serde_json::to_string(&cap).unwrap(), "0.75");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dollars(pub Usd);

/// What something costs, as agents report or estimate it. It is read like [`Dollars`], but fractions of a
/// micro-dollar are rounded up instead of refused: token prices make such numbers, and so does floating point.
///
/// ```
/// use mc_projections::dollars::Cost;
///
/// let cost: Cost = serde_json::from_str("0.0044985").unwrap();
/// assert_eq!(cost.0.micros(), 4_499);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(pub Usd);

impl From<Usd> for Dollars {
    fn from(amount: Usd) -> Self {
        Self(amount)
    }
}

impl From<Dollars> for Usd {
    fn from(dollars: Dollars) -> Self {
        dollars.0
    }
}

impl FromStr for Dollars {
    type Err = InvalidUsd;

    fn from_str(text: &str) -> Result<Self, InvalidUsd> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self.0.to_string();
        match digits.parse::<u64>() {
            Ok(whole) => serializer.serialize_u64(whole),
            // An amount has at most 14 significant digits and a double keeps 15: the nearest double prints as exactly
            // these digits.
            Err(_) => serializer.serialize_f64(digits.parse().expect("an amount prints as a decimal number")),
        }
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor { read: str::parse }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor { read: Usd::rounded_up }).map(Self)
    }
}

/// Reads an amount from the digits of a JSON number or of a text.
struct AmountVisitor {
    read: fn(&str) -> Result<Usd, InvalidUsd>,
}

impl de::Visitor<'_> for AmountVisitor {
    type Value = Usd;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of dollars, such as 2 or 0.75")
    }

    fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<Usd, E> {
        self.visit_str(&dollars.to_string())
    }

    fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<Usd, E> {
        self.visit_str(&dollars.to_string())
    }

    /// `Display` prints the fewest digits that mean this number, so those that were sent, and never an exponent.
    fn visit_f64<E: de::Error>(self, dollars: f64) -> Result<Usd, E> {
        self.visit_str(&dollars.to_string())
    }

    fn visit_str<E: de::Error>(self, digits: &str) -> Result<Usd, E> {
        (self.read)(digits).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<i64, String> {
        serde_json::from_str::<Dollars>(json)
            .map(|dollars| dollars.0.micros())
            .map_err(|error| error.to_string())
    }

    fn printed(micros: i64) -> String {
        serde_json::to_string(&Dollars(Usd::from_micros(micros).unwrap())).unwrap()
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for (json, micros) in [
            ("2", 2_000_000),
            ("2.0", 2_000_000),
            ("1e3", 1_000_000_000),
            ("1e-6", 1),
            ("0.00001", 10),
            ("0.1", 100_000),
            ("99999999.999999", 99_999_999_999_999),
            ("-0", 0),
            ("-0.0", 0),
            ("\"12.34\"", 12_340_000),
        ] {
            assert_eq!(read(json), Ok(micros), "{json}");
        }
    }

    #[test]
    fn amounts_that_cannot_be_are_refused_with_a_reason() {
        for (json, reason) in [
            ("-1", "cannot be negative"),
            ("-0.5", "cannot be negative"),
            ("1.5e-6", "at most six decimals"),
            ("0.30000000000000004", "at most six decimals"),
            ("100000000.5", "at most 100000000 dollars"),
            ("1e300", "at most 100000000 dollars"),
            ("18446744073709551615", "at most 100000000 dollars"),
            ("\"NaN\"", "a decimal number of dollars"),
            ("\"1e3\"", "a decimal number of dollars"),
            ("\"\"", "a decimal number of dollars"),
            ("true", "expected an amount of dollars, such as 2 or 0.75"),
            ("null", "expected an amount of dollars, such as 2 or 0.75"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }

    #[test]
    fn costs_are_rounded_up_and_refused_for_the_same_reasons() {
        let cost = |json: &str| serde_json::from_str::<Cost>(json).map(|cost| cost.0.micros());
        for (json, micros) in [
            ("0.0044985", 4_499),
            ("0.30000000000000004", 300_001),
            ("1e-300", 1),
            ("\"0.0044985\"", 4_499),
            ("2", 2_000_000),
            ("0.25", 250_000),
        ] {
            assert_eq!(cost(json).unwrap(), micros, "{json}");
        }
        for json in ["-1", "-1e-9", "100000000.0000001", "1e300", "\"NaN\"", "true", "null", "\"\""] {
            assert!(cost(json).is_err(), "{json}");
        }
    }

    #[test]
    fn whole_dollars_print_without_a_fraction() {
        assert_eq!(printed(2_000_000), "2");
        assert_eq!(printed(0), "0");
        assert_eq!(printed(750_000), "0.75");
        assert_eq!(printed(99_999_999_999_999), "99999999.999999");
    }

    proptest! {
        #[test]
        fn printed_amounts_read_back_as_the_same(micros in 0..=Usd::MAX.micros()) {
            prop_assert_eq!(read(&printed(micros)), Ok(micros));
        }

        #[test]
        fn printed_amounts_have_the_digits_of_the_amount(micros in 100..=Usd::MAX.micros()) {
            let digits = Usd::from_micros(micros).unwrap().to_string();
            let digits = if digits.contains('.') { digits.trim_end_matches('0').to_owned() } else { digits };
            prop_assert_eq!(printed(micros), digits);
        }
    }
}
