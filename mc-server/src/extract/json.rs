//! Strict JSON: an object, in UTF-8, no name given twice.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::problem::{Excerpt, Kind, Problem};

/// The bytes some editors put in front of UTF-8 text; RFC 8259, section 8.1 allows to ignore them.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The object that a body holds; nothing at all counts as `{}`.
///
/// Nesting is limited to 128 levels, which is serde_json's limit.
///
/// # Errors
/// `malformed-body`, saying where reading stopped.
pub(super) fn parse_object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        malformed(format!("The body is not UTF-8: byte {at} cannot be read. Send JSON in UTF-8."))
    })?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match parse(text)? {
        Value::Object(object) => Ok(object),
        other => Err(malformed(format!("The body must be a JSON object, was {}.", kind_of(&other)))),
    }
}

fn parse(text: &str) -> Result<Value, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value =
        Strict::deserialize(&mut deserializer).and_then(|Strict(value)| deserializer.end().map(|()| value));
    value.map_err(|error| {
        let (line, column, message) = (error.line(), error.column(), error.to_string());
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
        malformed(format!(
            "The body is not JSON: {reason}, at line {line}, column {column}. Correct it and repeat."
        ))
    })
}

fn malformed(detail: String) -> Problem {
    Problem::new(Kind::MalformedBody, detail)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A JSON value whose objects name each member once: RFC 8259 leaves open which of two counts, so two readers of one
/// request could see different requests.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> DeserializeSeed<'de> for StrictVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(StrictVisitor)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("the name {} is given twice", Excerpt(&name))));
            }
            object.insert(name, members.next_value_seed(StrictVisitor)?);
        }
        Ok(Value::Object(object))
    }
}

/// JSON in one canonical form: names sorted, no white space, whole numbers without a fraction.
///
/// Two bodies that say the same give the same text, whatever their order and spacing. It follows RFC 8785 except in
/// how it prints fractions and large numbers, which is stable too.
pub(super) fn canonical(object: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_object(&mut text, object);
    text
}

fn write_object(text: &mut String, object: &Map<String, Value>) {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(name, _)| name.as_str());
    write_list(text, ['{', '}'], members, |text, (name, value)| {
        write_text(text, name);
        text.push(':');
        write_value(text, value);
    });
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Object(object) => write_object(text, object),
        Value::Array(values) => write_list(text, ['[', ']'], values, write_value),
        Value::String(string) => write_text(text, string),
        Value::Number(number) => text.push_str(&canonical_number(number)),
        Value::Null | Value::Bool(_) => text.push_str(&value.to_string()),
    }
}

fn write_list<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    text.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(close);
}

fn write_text(text: &mut String, string: &str) {
    text.push_str(&serde_json::to_string(string).expect("a text is always JSON"));
}

/// `Display` of a float prints no exponent and no `.0`, so `1`, `1.0` and `1e0` are the same text.
fn canonical_number(number: &Number) -> String {
    match (number.is_f64(), number.as_f64()) {
        (true, Some(value)) => value.to_string(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(body: &[u8]) -> String {
        let problem = parse_object(body).unwrap_err();
        assert_eq!(problem.kind(), Kind::MalformedBody);
        problem.detail().to_owned()
    }

    #[test]
    fn nothing_at_all_is_an_empty_object() {
        for body in ["", " \r\n", "{}", "\u{feff}{}", "\u{feff}"] {
            assert_eq!(parse_object(body.as_bytes()).unwrap(), Map::new(), "{body:?}");
        }
    }

    #[test]
    fn malformed_json_is_located() {
        let detail = detail(b"{\n  \"title\": oops}");
        assert!(detail.contains("at line 2, column 12"), "{detail}");
    }

    #[test]
    fn odd_input_is_refused_without_a_panic() {
        let deep = "[".repeat(100_000);
        let deep_object = "{\"a\":".repeat(5_000);
        for body in [
            "{\"a\": \"\u{0}\"}",
            "\u{0}",
            "{\"a\": 1e999}",
            "{\"a\": \"\\ud800\"}",
            "{} {}",
            "{\"a\"",
            "{'a': 1}",
            "title=x&type=docs",
            deep.as_str(),
            deep_object.as_str(),
            "NaN",
            "{\"a\": NaN}",
        ] {
            detail(body.as_bytes());
        }
        assert!(detail(b"{\"a\": \"\xff\"}").contains("byte 7"));
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        assert_eq!(detail(b"[]"), "The body must be a JSON object, was an array.");
        assert_eq!(detail(b"null"), "The body must be a JSON object, was null.");
    }

    #[test]
    fn a_name_given_twice_is_refused_at_any_depth() {
        assert!(detail(br#"{"a": 1, "a": 2}"#).contains("the name \"a\" is given twice"));
        assert!(detail(br#"{"a": [{"b": 1, "\u0062": 2}]}"#).contains("given twice"));
    }

    #[test]
    fn canonical_text_ignores_order_spacing_and_how_numbers_are_written() {
        let one = parse_object(br#"{"b": [1.0, 2e3, "\u0041"], "a": {"y": null, "x": 0.5}}"#).unwrap();
        let other = parse_object(br#"{"a":{"x":5e-1,"y":null},"b":[1,2000,"A"]}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":{"x":0.5,"y":null},"b":[1,2000,"A"]}"#);
        assert_eq!(canonical(&one), canonical(&other));
    }
}
