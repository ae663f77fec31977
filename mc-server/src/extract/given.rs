//! A new value from a client, which is checked more strictly than one from the log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};

/// A name or a slug that is new. Serde reads these types as the log has them; what is given is parsed, and so refused where
/// it could be taken for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use mc_domain::values::{Name, Slug};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_given_is_stricter_than_what_is_recorded() {
        for name in ["Sc\u{200b}out", "S\u{441}out"] {
            assert!(serde_json::from_value::<Name>(json!(name)).is_ok(), "{name:?}");
            assert!(serde_json::from_value::<Given<Name>>(json!(name)).is_err(), "{name:?}");
        }
        assert!(serde_json::from_value::<Given<Slug>>(json!("a--b")).is_err());
        assert_eq!(serde_json::from_value::<Given<Slug>>(json!("a-b")).unwrap().0.as_str(), "a-b");
    }
}
