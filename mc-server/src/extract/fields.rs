//! Reads a handler's type from parsed JSON, with a message in plain words for each field that is refused.

use std::{collections::BTreeMap, fmt};

use mc_domain::json::{Json, Number};
use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{BorrowedStrDeserializer, MapAccessDeserializer, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_path_to_error::{Path, Segment};

use super::as_sent::AS_SENT;
use crate::problem::{Excerpt, FieldError, Problem};

/// The most fields that one answer reports.
const MAX_ERRORS: usize = 16;
/// The most digits of a number that a sentence repeats.
const MAX_DIGITS: usize = 40;

/// Why a null is refused by a field that says what is to become of something, where leaving it out keeps what it is.
pub(crate) const NEVER_NULL: &str = "must not be null; leave it out to keep what it is";

/// Reads a handler's type out of a body. A null where none can be counts as nothing given, unless the field refuses it
/// with [`NEVER_NULL`].
///
/// # Errors
/// `invalid-fields`, naming as many of the bad fields as can be told at once.
pub(super) fn read<T: DeserializeOwned>(body: &BTreeMap<String, Json>) -> Result<T, Problem> {
    let mut first = match attempt(body) {
        Ok(value) => return Ok(value),
        Err(located) => located,
    };
    let mut given = body.clone();
    while let Some(null) = first.forgivable().filter(|field| given.get(field).is_some_and(Json::is_null)) {
        given.remove(&null);
        first = match attempt(&given) {
            Ok(value) => return Ok(value),
            Err(located) => located,
        };
    }
    Err(Problem::invalid_fields(all_errors::<T>(given, first)))
}

/// Serde stops at the first bad field: take it out and try again, to name the others too.
fn all_errors<T: DeserializeOwned>(mut body: BTreeMap<String, Json>, first: Located) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut next = Some(first);
    while let Some(located) = next.take() {
        let removed = located.top.as_ref().and_then(|field| body.remove(field)).is_some();
        let ours = located.missing && located.top.as_ref().is_some_and(|field| is_named(&errors, field));
        if !ours {
            errors.push(located.error);
        }
        if removed && errors.len() < MAX_ERRORS {
            next = attempt::<T>(&body).err();
        }
    }
    errors
}

/// Whether the field was refused before and taken out, so that its absence is no error of the client's.
fn is_named(errors: &[FieldError], top: &str) -> bool {
    errors.iter().any(|error| error.field.split(['.', '[']).next() == Some(top))
}

/// A message together with the place in the body that it is about.
struct Located {
    error: FieldError,
    top: Option<String>,
    missing: bool,
}

impl Located {
    /// The field of the body that it is about, where a null in it may count as nothing given.
    fn forgivable(&self) -> Option<String> {
        self.top.clone().filter(|_| self.error.message != NEVER_NULL)
    }
}

fn attempt<T: DeserializeOwned>(body: &BTreeMap<String, Json>) -> Result<T, Located> {
    serde_path_to_error::deserialize(Source::Object(body)).map_err(|error| {
        let mut place = Place::of(error.path());
        let refused = error.into_inner();
        if let Refused::Missing(field) = refused {
            place.push(Step::Name(field.to_owned()));
        }
        let missing = matches!(refused, Refused::Missing(_));
        let error = FieldError {
            field: place.dotted(),
            pointer: Some(place.pointer()),
            message: refused.to_string(),
        };
        Located { error, top: place.top(), missing }
    })
}

/// The path to a value in the body, outermost step first.
struct Place(Vec<Step>);

enum Step {
    Name(String),
    Index(usize),
}

impl Place {
    fn of(path: &Path) -> Self {
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Name(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        Self(path.iter().filter_map(step).collect())
    }

    fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    fn top(&self) -> Option<String> {
        match self.0.first() {
            Some(Step::Name(name)) => Some(name.clone()),
            Some(Step::Index(_)) | None => None,
        }
    }

    fn dotted(&self) -> String {
        let mut dotted = String::new();
        for step in &self.0 {
            match step {
                Step::Index(index) => dotted.push_str(&format!("[{index}]")),
                Step::Name(name) if dotted.is_empty() => dotted.push_str(name),
                Step::Name(name) => dotted.push_str(&format!(".{name}")),
            }
        }
        dotted
    }

    /// RFC 6901, section 3: `~` and `/` within a name are escaped.
    fn pointer(&self) -> String {
        let token = |step: &Step| match step {
            Step::Index(index) => format!("/{index}"),
            Step::Name(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        };
        self.0.iter().map(token).collect()
    }
}

/// Why a value was refused; serde's own errors are text only.
#[derive(Debug)]
pub(super) enum Refused {
    /// A name that the type does not have.
    Unknown { expected: &'static [&'static str] },
    /// A name that the type needs.
    Missing(&'static str),
    /// A number where something else is expected; its digits are put in where they are known.
    OtherThan { expected: String },
    /// Anything else, as the end of a sentence that begins with the field's name.
    Because(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { expected: [] } => f.write_str("is not known; none is expected here"),
            Self::Unknown { expected } => write!(f, "is not known; known are {}", expected.join(", ")),
            Self::Missing(_) => f.write_str("is missing"),
            Self::OtherThan { expected } => write!(f, "must be {expected}"),
            Self::Because(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Because(plain_reason(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = plain(expected);
        match unexpected {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => {
                Self::OtherThan { expected }
            }
            other => Self::Because(format!("must be {expected}, was {}", found(other))),
        }
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::Because(format!("must be {}, had {length} elements", plain(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::Because(format!("must be one of {}, was {}", expected.join(", "), Excerpt(variant)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::Unknown { expected }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Because("was given twice".to_owned())
    }
}

/// What chrono and uuid say of a text they cannot read means nothing to someone who wrote JSON.
fn plain_reason(message: String) -> String {
    match message.as_str() {
        "premature end of input"
        | "input contains invalid characters"
        | "input is out of range"
        | "trailing input"
        | "no possible date and time matching input" => {
            "must be a time in RFC 3339, such as 2026-02-01T09:00:00Z".to_owned()
        }
        text if text.starts_with("UUID parsing failed") => "must be an id as the server gave it".to_owned(),
        _ => message,
    }
}

/// What serde expected, in words for someone who writes JSON.
fn plain(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "str" | "String" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a formatted date and time string or a unix timestamp"
        | "an RFC 3339 formatted date and time string" => {
            "a time in RFC 3339, such as 2026-02-01T09:00:00Z".to_owned()
        }
        "a UUID string" | "a formatted UUID string" => "an id as the server gave it".to_owned(),
        text if text.starts_with("struct ") || text == "a map" => "an object".to_owned(),
        text if text.starts_with("enum ") || text.starts_with("string or map") => {
            "one of its words".to_owned()
        }
        _ => expected,
    }
}

/// What was found, in JSON's words.
fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Str(text) => format!("the text {}", Excerpt(text)),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// Parsed JSON as a source for serde whose errors are [`Refused`].
#[derive(Clone, Copy)]
enum Source<'de> {
    Object(&'de BTreeMap<String, Json>),
    Value(&'de Json),
}

type Members<'de> = MapDeserializer<
    'de,
    Box<dyn Iterator<Item = (BorrowedStrDeserializer<'de, Refused>, Source<'de>)> + 'de>,
    Refused,
>;

fn members(object: &BTreeMap<String, Json>) -> Members<'_> {
    MapDeserializer::new(Box::new(
        object.iter().map(|(name, value)| (BorrowedStrDeserializer::new(name), Source::Value(value))),
    ))
}

/// A number for whoever takes any, and what is wrong with it in its own digits.
fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Refused> {
    let digits = number.as_str();
    let nearest = number.nearest();
    let taken = match (digits.parse::<u64>(), digits.parse::<i64>()) {
        (Ok(value), _) => visitor.visit_u64(value),
        (Err(_), Ok(value)) => visitor.visit_i64(value),
        (Err(_), Err(_)) if nearest.is_finite() => visitor.visit_f64(nearest),
        (Err(_), Err(_)) => Err(de::Error::invalid_type(Unexpected::Float(nearest), &visitor)),
    };
    taken.map_err(|refused: Refused| refused.of(number))
}

impl Refused {
    /// Why, of this number, in its own digits.
    fn of(self, number: &Number) -> Self {
        match self {
            Self::OtherThan { expected } => {
                Self::Because(format!("must be {expected}, was {}", Shortened(number.as_str())))
            }
            refused => refused,
        }
    }
}

/// Whole numbers are taken also where they are written `3.0` or `3e0`: JSON does not know two kinds of numbers.
macro_rules! take_whole_numbers {
    ($($method:ident)+) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
                let Self::Value(Json::Number(number)) = self else { return self.deserialize_any(visitor) };
                let whole = number.whole();
                let taken = match (whole.map(u64::try_from), whole.map(i64::try_from)) {
                    (Some(Ok(value)), _) => visitor.visit_u64(value),
                    (_, Some(Ok(value))) => visitor.visit_i64(value),
                    _ => return self.deserialize_any(visitor),
                };
                taken.map_err(|refused: Refused| refused.of(number))
            }
        )+
    };
}

impl<'de> Deserializer<'de> for Source<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self {
            Self::Object(object) | Self::Value(Json::Object(object)) => visitor.visit_map(members(object)),
            Self::Value(Json::Null) => visitor.visit_unit(),
            Self::Value(Json::Bool(value)) => visitor.visit_bool(*value),
            Self::Value(Json::String(text)) => visitor.visit_borrowed_str(text),
            Self::Value(Json::Array(values)) => {
                let mut elements = SeqDeserializer::new(values.iter().map(Source::Value));
                let value = visitor.visit_seq(&mut elements)?;
                elements.end().map(|()| value)
            }
            Self::Value(Json::Number(value)) => number(value, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self {
            Self::Value(Json::Null) => visitor.visit_none(),
            Self::Value(_) | Self::Object(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self {
            Self::Value(value) if name == AS_SENT => {
                visitor.visit_newtype_struct(value.to_string().into_deserializer())
            }
            Self::Value(_) | Self::Object(_) => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self {
            Self::Value(Json::String(word)) => visitor.visit_enum(BorrowedStrDeserializer::new(word)),
            Self::Object(object) | Self::Value(Json::Object(object)) => {
                visitor.visit_enum(MapAccessDeserializer::new(members(object)))
            }
            Self::Value(_) => self.deserialize_any(visitor),
        }
    }

    /// Only an object is a struct: derived types would read an array too, field by field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self {
            Self::Value(Json::Array(_)) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            Self::Value(_) | Self::Object(_) => self.deserialize_any(visitor),
        }
    }

    take_whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Refused> for Source<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The digits of a number, as many of them as a sentence has room for.
struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..MAX_DIGITS) {
            Some(beginning) if self.0.len() > MAX_DIGITS => write!(f, "{beginning}…"),
            Some(_) | None => f.write_str(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use mc_domain::{actor::Actor, ids::AgentId, task::TaskType, values::Title};
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Example {
        title: Title,
        r#type: Option<TaskType>,
        priority: Option<u8>,
        due_at: Option<DateTime<Utc>>,
        #[serde(default)]
        assignee_ids: Vec<AgentId>,
        actor: Option<Actor>,
        budgets: Option<Budgets>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Budgets {
        daily_cap: u32,
    }

    fn errors(body: Value) -> Vec<(String, String, String)> {
        let Json::Object(body) = Json::from(body) else { panic!("an object") };
        let problem = read::<Example>(&body).unwrap_err();
        let document: Value = serde_json::from_slice(&problem.to_json(None)).unwrap();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        document["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (text(error, "field"), text(error, "pointer"), text(error, "message")))
            .collect()
    }

    fn only(body: Value) -> (String, String, String) {
        let mut errors = errors(body);
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    }

    #[test]
    fn a_missing_field_is_located_by_its_own_name() {
        assert_eq!(only(json!({})), ("title".into(), "/title".into(), "is missing".into()));
        let (field, pointer, _) = only(json!({"title": "x", "budgets": {}}));
        assert_eq!((field.as_str(), pointer.as_str()), ("budgets.dailyCap", "/budgets/dailyCap"));
    }

    #[test]
    fn an_unknown_field_is_located_and_the_known_ones_are_named() {
        let (field, _, message) = only(json!({"title": "x", "budgets": {"dailyCap": 1, "cap/day": 2}}));
        assert_eq!(field, "budgets.cap/day");
        assert_eq!(message, "is not known; known are dailyCap");
    }

    #[test]
    fn an_element_is_located_by_its_index() {
        let (field, pointer, message) =
            only(json!({"title": "x", "assigneeIds": ["00000000-0000-7000-8000-000000000001", "scout"]}));
        assert_eq!((field.as_str(), pointer.as_str()), ("assigneeIds[1]", "/assigneeIds/1"));
        assert_eq!(message, "must be an id as the server gave it");
    }

    #[test]
    fn several_bad_fields_are_named_at_once() {
        let errors = errors(json!({"title": " ", "priority": "high", "dueAt": "soon", "colour": "red"}));
        let fields: Vec<_> = errors.iter().map(|(field, _, _)| field.as_str()).collect();
        assert_eq!(fields, ["colour", "dueAt", "priority", "title"]);
        assert_eq!(errors[1].2, "must be a time in RFC 3339, such as 2026-02-01T09:00:00Z");
        assert_eq!(errors[2].2, "must be a whole number from 0, was the text \"high\"");
        assert_eq!(errors[3].2, "must not be empty");
    }

    #[test]
    fn enumerations_and_tagged_values_are_read() {
        let body =
            json!({"title": "x", "type": "CUSTOMER_RESEARCH", "actor": {"type": "human", "id": "Sofie"}});
        let Json::Object(body) = Json::from(body) else { panic!("an object") };
        let example: Example = read(&body).unwrap();
        assert_eq!(example.r#type, Some(TaskType::CustomerResearch));
        assert!(matches!(example.actor, Some(Actor::Human(_))));
    }

    #[test]
    fn a_wrong_type_is_said_in_the_words_of_json() {
        assert_eq!(only(json!({"title": 7})).2, "must be a text, was 7");
        assert_eq!(only(json!({"title": "x", "budgets": [1]})).2, "must be an object, was an array");
        assert_eq!(only(json!({"title": "x", "assigneeIds": "a"})).2, "must be an array, was the text \"a\"");
        assert_eq!(only(json!({"title": "x", "priority": 300})).2, "must be a whole number from 0, was 300");
    }
}
