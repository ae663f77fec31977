//! A field that is judged, hashed and kept as it was sent.

use std::fmt;

use mc_domain::json::Json;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// By this name the body hands out a value as its JSON text.
pub(super) const AS_SENT: &str = "a value as it was sent";

/// Any JSON of a body, every digit of it; `null` counts as nothing where it is an option.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsSent(pub Json);

impl<'de> Deserialize<'de> for AsSent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(AS_SENT, Text)
    }
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = AsSent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, text: D) -> Result<AsSent, D::Error> {
        let text = String::deserialize(text)?;
        Json::parse(&text).map(AsSent).map_err(D::Error::custom)
    }
}
