//! JSON whose numbers are kept digit by digit, as whoever sent them wrote them.
//!
//! `serde_json::Value` holds a number as 64 bits: of two different long numbers it makes the same one, and one that is too
//! large it refuses. What a person approves is what was sent, so what is judged, hashed, recorded and shown as it was sent
//! goes through [`Json`].

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::{Value, value::RawValue};

/// Any JSON: its objects name each member once, sorted, and its numbers keep their text.
///
/// Two values are equal where they have the same members and items with the same digits, whatever their order of members and
/// white space: `1`, `1.0` and `1e0` are three values, as a program may read them as different types.
///
/// ```
/// use mc_domain::json::Json;
///
/// let sent = Json::parse(r#"{ "b": 12345678901234567890123, "a": 0.10 }"#)?;
/// assert_eq!(sent.to_string(), r#"{"a":0.10,"b":12345678901234567890123}"#);
/// assert_ne!(Json::parse("12345678901234567890123")?, Json::parse("12345678901234567890124")?);
/// # Ok::<(), mc_domain::json::Malformed>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Json {
    /// The value `null`, which is not the same as a missing member.
    #[default]
    Null,
    /// The value `true` or `false`.
    Bool(bool),
    /// A number with the digits that it was sent with.
    Number(Number),
    /// A text, its escapes resolved.
    String(String),
    /// An array, in the order that it was sent in.
    Array(Vec<Json>),
    /// An object with each member once, sorted by name.
    Object(BTreeMap<String, Json>),
}

/// A number as it was written: `12`, `-0.50`, `1e400`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(Box<str>);

/// A text is not JSON, or not in the strict form that is read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at line {line}, column {column}")]
pub struct Malformed {
    /// What is wrong, in a few words.
    pub reason: String,
    /// The line, from 1, where reading stopped.
    pub line: usize,
    /// The character of that line, from 1.
    pub column: usize,
}

impl Json {
    /// The most levels of arrays and objects that are read, so that no text exhausts the stack.
    pub const MAX_DEPTH: usize = 128;

    /// The value that a text holds, and nothing beside it.
    ///
    /// # Errors
    /// [`Malformed`], also where an object names a member twice: RFC 8259 leaves open which of two counts, so two readers
    /// of one text could see different things.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let read = reader.value().and_then(|value| reader.end().map(|()| value));
        read.map_err(|reason| reader.malformed(reason))
    }

    /// A value as it is serialized, digit by digit.
    ///
    /// # Errors
    /// What the serialization says, such as that a key is no text.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        Self::parse(&serde_json::to_string(value)?).map_err(de::Error::custom)
    }

    /// The member of that name; nothing where this is no object or has none.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, where it is a whole one of 64 bits that is written as such.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.0.parse().ok(),
            _ => None,
        }
    }

    /// The items, where it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, where it is an object.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Whether it is the value `null`.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

impl Number {
    /// Its digits as they were written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest number of 64 bits; infinite where there is none.
    pub fn nearest(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The same number in one form, whoever wrote it how: no exponent, no zero that says nothing. Where that would take more
    /// than [`Number::MAX_PLAIN_DIGITS`], it is its digits and the power of ten they are of.
    ///
    /// ```
    /// use mc_domain::json::Json;
    ///
    /// let Json::Number(number) = Json::parse("1200.50e-2")? else { panic!("a number") };
    /// assert_eq!(number.plain(), "12.005");
    /// # Ok::<(), mc_domain::json::Malformed>(())
    /// ```
    pub fn plain(&self) -> String {
        let (sign, unsigned) = self.0.strip_prefix('-').map_or(("", &*self.0), |rest| ("-", rest));
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return format!("{sign}0");
        }
        // An exponent beyond 64 bits stays as it is written: such a number equals only itself.
        let Ok(exponent) = exponent.parse::<i64>() else { return self.0.to_string() };
        let dropped = i64::try_from(digits.len() - significant.len()).unwrap_or(i64::MAX);
        let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        // The power of ten of the last significant digit.
        let power = exponent.saturating_add(dropped).saturating_sub(places);
        let length = i64::try_from(significant.len()).unwrap_or(i64::MAX);
        let point = length.saturating_add(power);
        if point.max(length).max(1 - point) > Self::MAX_PLAIN_DIGITS {
            return format!("{sign}{significant}e{power}");
        }
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        match usize::try_from(point) {
            Ok(point) if point >= significant.len() => format!("{sign}{significant}{}", zeros(power)),
            Ok(point) if point > 0 => format!("{sign}{}.{}", &significant[..point], &significant[point..]),
            _ => format!("{sign}0.{}{significant}", zeros(-point)),
        }
    }

    /// The same number in plain form, where it can be written so.
    #[must_use]
    pub fn in_plain_form(&self) -> Self {
        Self(self.plain().into())
    }

    /// The most digits that a number is written out in.
    pub const MAX_PLAIN_DIGITS: i64 = 400;

    /// The whole number it is, however it is written: `3`, `3.0` and `0.3e1`.
    pub fn whole(&self) -> Option<i128> {
        self.plain().parse().ok()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Without spaces, the members sorted: the same value always has the same text.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => write_text(f, text),
            Self::Array(items) => {
                f.write_str("[")?;
                for (nth, item) in items.iter().enumerate() {
                    f.write_str(if nth == 0 { "" } else { "," })?;
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (nth, (name, value)) in members.iter().enumerate() {
                    f.write_str(if nth == 0 { "" } else { "," })?;
                    write_text(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// Every number of a `Value` has digits.
impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(Number(number.to_string().into())),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name, Self::from(value))).collect())
            }
        }
    }
}

/// Numbers of 64 bits as such, others digit by digit, which only JSON itself can take.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => match number.0.parse::<i64>() {
                Ok(whole) if *whole.to_string() == *number.0 => serializer.serialize_i64(whole),
                _ => RawValue::from_string(number.0.to_string())
                    .map_err(ser::Error::custom)?
                    .serialize(serializer),
            },
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members),
        }
    }
}

/// From JSON itself, or from a `Value`.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(de::Error::custom)
    }
}

/// Reads a text from its beginning to its end.
struct Reader<'a> {
    text: &'a str,
    /// The byte that is read next.
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Json, String> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => {
                let words = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
                let found = words.into_iter().find(|(word, _)| self.text[self.at..].starts_with(word));
                let (word, value) = found.ok_or_else(|| "expected a value".to_owned())?;
                self.at += word.len();
                Ok(value)
            }
            None => Err("it ends too early".to_owned()),
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes the byte, if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn end(&mut self) -> Result<(), String> {
        if self.peek().is_none() { Ok(()) } else { Err("there is more after its end".to_owned()) }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        if self.depth == Json::MAX_DEPTH {
            return Err(format!("it is nested deeper than {} levels", Json::MAX_DEPTH));
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        if self.takes(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.takes(b']') {
                return Ok(Json::Array(items));
            }
            self.comma("an array")?;
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut members = BTreeMap::new();
        if self.takes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err("expected a name in quotes".to_owned());
            }
            let name = self.string()?;
            if members.contains_key(&name) {
                return Err(format!("the name {name:?} is given twice"));
            }
            if !self.takes(b':') {
                return Err("expected a colon after a name".to_owned());
            }
            let value = self.value()?;
            members.insert(name, value);
            if self.takes(b'}') {
                return Ok(Json::Object(members));
            }
            self.comma("an object")?;
        }
    }

    fn comma(&mut self, within: &str) -> Result<(), String> {
        match self.peek() {
            _ if self.takes(b',') => Ok(()),
            Some(_) => Err(format!("expected a comma or the end of {within}")),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let bytes = &self.text.as_bytes()[self.at..];
        let (mut length, mut escapes) = (1, false);
        loop {
            match bytes.get(length) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    length += 2;
                }
                Some(0..=0x1f) => {
                    self.at += length;
                    return Err("a text has a control character that is not escaped".to_owned());
                }
                Some(_) => length += 1,
                None => return Err("a text does not end".to_owned()),
            }
        }
        let quoted = &self.text[self.at..=self.at + length];
        let text = match escapes {
            true => serde_json::from_str(quoted)
                .map_err(|_| "a text has an escape that stands for nothing".to_owned())?,
            false => quoted[1..length].to_owned(),
        };
        self.at += length + 1;
        Ok(text)
    }

    /// Reads a number as RFC 8259, section 6, has it.
    fn number(&mut self) -> Result<Json, String> {
        let text: &'a str = &self.text[self.at..];
        let bytes = text.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = usize::from(bytes[0] == b'-');
        let whole = digits(end);
        let wrong = |end: usize| (end, "a number is not written as JSON has it".to_owned());
        let read = (|| {
            if whole == 0 || (whole > 1 && bytes[end] == b'0') {
                return Err(wrong(end));
            }
            end += whole;
            if bytes.get(end) == Some(&b'.') {
                let fraction = digits(end + 1);
                end += 1 + fraction;
                if fraction == 0 {
                    return Err(wrong(end));
                }
            }
            if matches!(bytes.get(end), Some(b'e' | b'E')) {
                end += 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                let exponent = digits(end);
                end += exponent;
                if exponent == 0 {
                    return Err(wrong(end));
                }
            }
            Ok(end)
        })();
        match read {
            Ok(end) => {
                self.at += end;
                Ok(Json::Number(Number(text[..end].into())))
            }
            Err((end, reason)) => {
                self.at += end;
                Err(reason)
            }
        }
    }

    fn malformed(&self, reason: String) -> Malformed {
        let read = &self.text[..floor_boundary(self.text, self.at)];
        let line = read.matches('\n').count() + 1;
        let column = read.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Malformed { reason, line, column }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        match Json::parse(text) {
            Ok(Json::Number(number)) => number,
            other => panic!("{text} is no number: {other:?}"),
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        for text in ["0", "-0", "1.0", "1e0", "1E+05", "0.10000000000000001", "1e400", "-1e-400"] {
            assert_eq!(Json::parse(text).unwrap().to_string(), text);
            let kept: Json = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&kept).unwrap(), text);
        }
        let long = "9".repeat(10_000);
        assert_eq!(number(&long).as_str(), long);
        assert_ne!(Json::parse("0.1").unwrap(), Json::parse("0.10000000000000001").unwrap());
    }

    #[test]
    fn order_and_white_space_do_not_count() {
        let one = Json::parse("{\"b\": [1, {\"y\": null, \"x\": \"\\u0041\"}],\n\t\"a\": true }").unwrap();
        let other = Json::parse(r#"{"a":true,"b":[1,{"x":"A","y":null}]}"#).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.to_string(), other.to_string());
    }

    #[test]
    fn one_number_has_one_plain_form() {
        for (written, plain) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1e0", "1"),
            ("2e3", "2000"),
            ("5e-1", "0.5"),
            ("-0.050", "-0.05"),
            ("100", "100"),
            ("120.0e-1", "12"),
            ("0.0", "0"),
            ("-0", "-0"),
            ("12345678901234567890123.10", "12345678901234567890123.1"),
            ("1e400", "1e400"),
            ("10e399", "1e400"),
            ("1e-999999999999", "1e-999999999999"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            assert_eq!(number(written).plain(), plain, "{written}");
        }
        assert_eq!(number("3.0").whole(), Some(3));
        assert_eq!((number("3.5").whole(), number("1e400").whole()), (None, None));
    }

    #[test]
    fn what_is_no_json_is_located() {
        for (text, line, column) in [
            ("{\n  \"title\": oops}", 2, 12),
            ("[1,]", 1, 4),
            ("{\"a\":1,}", 1, 8),
            ("[01]", 1, 2),
            ("[1.]", 1, 4),
            ("[1e]", 1, 4),
            ("[-]", 1, 3),
            ("", 1, 1),
            ("{} {}", 1, 4),
            ("\"ä\u{1}\"", 1, 3),
            ("{\"a\" 1}", 1, 6),
            ("[1 2]", 1, 4),
        ] {
            let Err(Malformed { line: l, column: c, .. }) = Json::parse(text) else { panic!("{text}") };
            assert_eq!((l, c), (line, column), "{text}");
        }
        for text in
            ["{", "[", "\"", "\"\\", "\"\\ud800\"", "\"\\x\"", "nul", "NaN", "+1", ".5", "{'a':1}", "{a:1}"]
        {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        let twice = Json::parse(r#"{"a": [{"b": 1, "\u0062": 2}]}"#).unwrap_err();
        assert!(twice.reason.contains("given twice"), "{twice}");
    }

    #[test]
    fn depth_is_limited() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::parse(&nested(Json::MAX_DEPTH)).is_ok());
        assert!(Json::parse(&nested(Json::MAX_DEPTH + 1)).is_err());
        assert!(Json::parse(&"[".repeat(1_000_000)).is_err());
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(text in "\\PC*") {
            let ours = Json::parse(&text).is_ok();
            prop_assert!(!ours || serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn a_text_comes_back(text in any::<String>()) {
            let value = Json::from(text.as_str());
            prop_assert_eq!(Json::parse(&value.to_string()), Ok(value));
        }
    }
}
