//! Strict JSON: an object, in UTF-8, no name given twice.

use std::collections::BTreeMap;

use mc_domain::json::{Json, Malformed};

use crate::problem::{Kind, Problem};

/// The bytes some editors put in front of UTF-8 text; RFC 8259, section 8.1 allows to ignore them.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The object that a body holds, its numbers digit by digit; nothing at all counts as `{}`.
///
/// # Errors
/// `malformed-body`, saying where reading stopped.
pub(super) fn parse_object(body: &[u8]) -> Result<BTreeMap<String, Json>, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        malformed(format!("The body is not UTF-8: byte {at} cannot be read. Send JSON in UTF-8."))
    })?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    match Json::parse(text) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(other) => Err(malformed(format!("The body must be a JSON object, was {}.", kind_of(&other)))),
        Err(Malformed { reason, line, column }) => Err(malformed(format!(
            "The body is not JSON: {reason}, at line {line}, column {column}. Correct it and repeat."
        ))),
    }
}

fn malformed(detail: String) -> Problem {
    Problem::new(Kind::MalformedBody, detail)
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

/// JSON in one canonical form: names sorted, no white space, equal numbers written alike.
///
/// Two bodies that say the same give the same text, whatever their order and spacing, and whether they write `1`, `1.0` or
/// `1e0`; two numbers that differ in any digit give another one, however long they are.
pub(super) fn canonical(object: BTreeMap<String, Json>) -> String {
    plain(Json::Object(object)).to_string()
}

fn plain(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(plain).collect()),
        Json::Number(number) => Json::Number(number.in_plain_form()),
        other => other,
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
            assert_eq!(parse_object(body.as_bytes()).unwrap(), BTreeMap::new(), "{body:?}");
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
        assert_eq!(canonical(one), r#"{"a":{"x":0.5,"y":null},"b":[1,2000,"A"]}"#);
        assert_eq!(canonical(other), r#"{"a":{"x":0.5,"y":null},"b":[1,2000,"A"]}"#);
    }

    #[test]
    fn canonical_text_has_every_digit() {
        let of = |number: &str| canonical(parse_object(format!("{{\"a\":{number}}}").as_bytes()).unwrap());
        for (one, other) in [
            ("12345678901234567890123", "12345678901234567890124"),
            ("0.1", "0.10000000000000001"),
            ("1e400", "1e401"),
            ("9007199254740993.0", "9007199254740992.0"),
        ] {
            assert_ne!(of(one), of(other));
        }
        assert_eq!(of("10e399"), of("1e400"));
    }
}
