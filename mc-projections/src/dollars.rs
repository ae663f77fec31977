//! Money as the REST answers print it: a JSON number of US dollars.

use mc_domain::money::Usd;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const MICROS_PER_DOLLAR: i64 = 1_000_000;

/// An amount that prints as a JSON number of dollars: `2`, `0.75`.
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

impl From<Usd> for Dollars {
    fn from(amount: Usd) -> Self {
        Self(amount)
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = self.0.micros();
        if micros % MICROS_PER_DOLLAR == 0 {
            return serializer.serialize_i64(micros / MICROS_PER_DOLLAR);
        }
        // At most 14 significant digits: the nearest double prints back as exactly these.
        serializer.serialize_f64(micros as f64 / MICROS_PER_DOLLAR as f64)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        number.to_string().parse().map(Self).map_err(D::Error::custom)
    }
}
