//! How long an approval stays open.

use chrono::TimeDelta;

/// How long an approval stays open: 1 minute to 30 days, 24 hours by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(TimeDelta);

/// Shorter or longer than an approval may be open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an approval expires after 1 minute to 30 days")]
pub struct InvalidLifetime;

impl Lifetime {
    /// The shortest lifetime: 1 minute.
    pub const MIN: TimeDelta = TimeDelta::minutes(1);
    /// The longest lifetime: 30 days.
    pub const MAX: TimeDelta = TimeDelta::days(30);
    /// What it is when nobody says otherwise.
    pub const DEFAULT: Self = Self(TimeDelta::hours(24));

    /// A lifetime within the range.
    ///
    /// # Errors
    /// [`InvalidLifetime`] outside of it.
    pub fn new(lasts: TimeDelta) -> Result<Self, InvalidLifetime> {
        if (Self::MIN..=Self::MAX).contains(&lasts) { Ok(Self(lasts)) } else { Err(InvalidLifetime) }
    }

    /// The time from the request to the expiry.
    pub const fn lasts(self) -> TimeDelta {
        self.0
    }
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::DEFAULT
    }
}
