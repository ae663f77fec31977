//! Money: US dollars as whole micro-dollars.

use std::{fmt, iter::Sum, str::FromStr};

use serde::{Deserialize, Serialize};

const MICROS_PER_DOLLAR: i64 = 1_000_000;

/// An amount of US dollars, held as whole micro-dollars: `0 ..= 100_000_000` dollars.
///
/// Events store it as an integer of micro-dollars. Sums saturate at the upper bound instead of overflowing.
///
/// ```
/// use mc_domain::money::Usd;
///
/// let cap: Usd = "0.75".parse().unwrap();
/// assert_eq!(cap.micros(), 750_000);
/// assert_eq!(cap.to_string(), "0.75");
/// assert!("0.0000001".parse::<Usd>().is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Usd(i64);

/// The number is not an amount of money we keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUsd {
    /// The text is not a decimal number.
    #[error("an amount is a decimal number of dollars, such as 2 or 0.75")]
    NotANumber,
    /// The amount is below zero.
    #[error("an amount cannot be negative")]
    Negative,
    /// The amount is more than [`Usd::MAX`].
    #[error("an amount can be at most {max} dollars", max = Usd::MAX)]
    TooLarge,
    /// The amount is finer than one micro-dollar.
    #[error("an amount has at most six decimals")]
    TooPrecise,
}

impl Usd {
    /// An amount of nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: one hundred million dollars.
    pub const MAX: Self = Self(100_000_000 * MICROS_PER_DOLLAR);

    /// An amount of whole cents, for constants.
    pub const fn cents(cents: u32) -> Self {
        Self(cents as i64 * (MICROS_PER_DOLLAR / 100))
    }

    /// The amount in micro-dollars, never below zero.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The amount from micro-dollars.
    ///
    /// # Errors
    /// [`InvalidUsd::Negative`] or [`InvalidUsd::TooLarge`] outside the range.
    pub const fn from_micros(micros: i64) -> Result<Self, InvalidUsd> {
        match micros {
            ..0 => Err(InvalidUsd::Negative),
            _ if micros > Self::MAX.0 => Err(InvalidUsd::TooLarge),
            _ => Ok(Self(micros)),
        }
    }

    /// Reads the digits of what something costs: what is finer than a micro-dollar is rounded up, so that no cost is lost.
    ///
    /// ```
    /// use mc_domain::money::Usd;
    ///
    /// assert_eq!(Usd::rounded_up("0.0044985").unwrap().micros(), 4_499);
    /// ```
    ///
    /// # Errors
    /// [`InvalidUsd`], but for [`InvalidUsd::TooPrecise`].
    pub fn rounded_up(digits: &str) -> Result<Self, InvalidUsd> {
        let (whole_micros, rest) = Self::read(digits)?;
        if rest { Self::from_micros(whole_micros.0 + 1) } else { Ok(whole_micros) }
    }

    /// What the digits mean to the micro-dollar below, and whether they mean more than that.
    fn read(text: &str) -> Result<(Self, bool), InvalidUsd> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if let Some(rest) = text.strip_prefix('-') {
            let zero = rest.bytes().all(|b| b == b'0' || b == b'.') && rest.contains('0');
            return if zero { Ok((Self::ZERO, false)) } else { Err(InvalidUsd::Negative) };
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(InvalidUsd::NotANumber);
        }
        let (fraction, finer) = fraction.split_at_checked(6).unwrap_or((fraction, ""));
        let whole: i64 = whole.parse().map_err(|_| InvalidUsd::TooLarge)?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| InvalidUsd::NotANumber)?;
        let micros = whole.checked_mul(MICROS_PER_DOLLAR).and_then(|micros| micros.checked_add(fraction));
        let amount = micros.ok_or(InvalidUsd::TooLarge).and_then(Self::from_micros)?;
        Ok((amount, finer.bytes().any(|b| b != b'0')))
    }

    /// The sum of both, cut off at [`Usd::MAX`].
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self((self.0 + other.0).min(Self::MAX.0))
    }

    /// Half of it, to the micro-dollar below.
    #[must_use]
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }

    /// The difference of both, cut off at zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self((self.0 - other.0).max(0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl TryFrom<i64> for Usd {
    type Error = InvalidUsd;

    fn try_from(micros: i64) -> Result<Self, InvalidUsd> {
        Self::from_micros(micros)
    }
}

impl From<Usd> for i64 {
    fn from(amount: Usd) -> i64 {
        amount.0
    }
}

impl FromStr for Usd {
    type Err = InvalidUsd;

    /// Reads the digits of a decimal number of dollars; no floating point is involved.
    fn from_str(text: &str) -> Result<Self, InvalidUsd> {
        match Self::read(text)? {
            (amount, false) => Ok(amount),
            (_, true) => Err(InvalidUsd::TooPrecise),
        }
    }
}

impl fmt::Display for Usd {
    /// Dollars with as many decimals as needed, at least two unless whole: `2`, `0.75`, `0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / MICROS_PER_DOLLAR, self.0 % MICROS_PER_DOLLAR);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:06}");
        let shown = digits.trim_end_matches('0');
        write!(f, "{whole}.{shown:0<2}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_outside_the_range_are_refused() {
        assert_eq!("-1".parse::<Usd>(), Err(InvalidUsd::Negative));
        assert_eq!("100000000.000001".parse::<Usd>(), Err(InvalidUsd::TooLarge));
        assert_eq!("99999999999999999999".parse::<Usd>(), Err(InvalidUsd::TooLarge));
        assert_eq!("1.0000001".parse::<Usd>(), Err(InvalidUsd::TooPrecise));
        for text in ["", ".", ".5", "1e3", "NaN", "1,5", " 1", "+1"] {
            assert_eq!(text.parse::<Usd>(), Err(InvalidUsd::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn costs_finer_than_a_micro_dollar_are_rounded_up() {
        for (digits, micros) in [
            ("0.0044985", 4_499),
            ("0.30000000000000004", 300_001),
            ("0.0000001", 1),
            ("0.0000000", 0),
            ("1.0000000000", 1_000_000),
            ("0.1234561", 123_457),
            ("0.123456", 123_456),
            ("99999999.9999999", 100_000_000_000_000),
            ("2", 2_000_000),
            ("-0.0", 0),
        ] {
            assert_eq!(Usd::rounded_up(digits).map(Usd::micros), Ok(micros), "{digits}");
        }
        assert_eq!(Usd::rounded_up("-0.0000001"), Err(InvalidUsd::Negative));
        assert_eq!(Usd::rounded_up("100000000.0000001"), Err(InvalidUsd::TooLarge));
        for text in ["", ".", "1e3", "NaN", "inf", "0.1x", "0.0000000x"] {
            assert_eq!(Usd::rounded_up(text), Err(InvalidUsd::NotANumber), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_digits_read_back_as_the_same_amount(micros in 0..=Usd::MAX.micros()) {
            let amount = Usd::from_micros(micros).unwrap();
            prop_assert_eq!(amount.to_string().parse::<Usd>().unwrap(), amount);
        }
    }
}
