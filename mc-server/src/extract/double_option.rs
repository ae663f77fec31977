//! Fields of a change, where absent, `null` and a value are three things.

use serde::{Deserialize, Deserializer, de::Error};

use super::fields::NEVER_NULL;

/// A field that may be absent, `null`, or have a value, which are three things.
pub(crate) fn double_option<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// A field that may be absent or have a value. `null` is refused, because it asks to remove what the field cannot be
/// without.
pub(crate) fn never_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(field)?.map(Some).ok_or_else(|| D::Error::custom(NEVER_NULL))
}
