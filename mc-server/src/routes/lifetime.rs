//! How long something stays open, in the forms people write it in.

use chrono::TimeDelta;
use mc_domain::approval::Lifetime;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// How long an approval stays open: seconds, or a number with its unit, such as `30m`, `24h` or `7d`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiresIn(pub Lifetime);

const FORMS: &str = "must be seconds, or a number with a unit, such as 3600, 30m, 24h or 7d";

impl<'de> Deserialize<'de> for ExpiresIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lasts = match Value::deserialize(deserializer)? {
            Value::Null => return Ok(Self::default()),
            Value::Number(seconds) => seconds.as_i64().and_then(TimeDelta::try_seconds),
            Value::String(text) => span(&text),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let lasts = lasts.ok_or_else(|| D::Error::custom(FORMS))?;
        Lifetime::new(lasts).map(Self).map_err(D::Error::custom)
    }
}

fn span(text: &str) -> Option<TimeDelta> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = text[..digits].parse().ok()?;
    match text[digits..].trim() {
        "" | "s" => TimeDelta::try_seconds(number),
        "m" | "min" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Option<TimeDelta> {
        serde_json::from_value::<ExpiresIn>(value).ok().map(|expires| expires.0.lasts())
    }

    #[test]
    fn a_span_is_seconds_or_a_number_with_its_unit() {
        for hours in [json!(3600), json!("3600"), json!("60m"), json!("1h"), json!("3600s")] {
            assert_eq!(read(hours), Some(TimeDelta::hours(1)));
        }
        assert_eq!(read(json!("7d")), Some(TimeDelta::days(7)));
        assert_eq!(read(json!(null)), Some(TimeDelta::hours(24)));
    }

    #[test]
    fn what_is_no_span_or_out_of_range_is_refused() {
        for bad in [json!(59), json!("31d"), json!(-1), json!(1.5), json!("soon"), json!([]), json!("9e9")] {
            assert_eq!(read(bad), None);
        }
        assert_eq!(read(json!("99999999999999999d")), None);
    }
}
