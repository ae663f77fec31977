//! The parameters of a query, and the types that several lists share in theirs.

use std::{fmt, marker::PhantomData, str::FromStr};

use axum::{extract::FromRequestParts, http::request::Parts};
use mc_projections::page::MAX_LIMIT;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, Error, IntoDeserializer, SeqAccess, Visitor,
        value::{MapDeserializer, SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_path_to_error::Segment;

use super::fields::Refused;
use crate::problem::{Excerpt, FieldError, Kind, Problem};

/// The parameters of a query: none that `T` does not know, each at most once, unless it is a [`List`], and none that is
/// empty: a filter whose value got lost on the way must not become no filter at all.
///
/// `T` is a struct with `deny_unknown_fields`, its fields an [`Option`], a defaulted [`List`] or a plain value.
///
/// Problems: `malformed-query`.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// How many rows a page may have: 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// The number of rows, between 1 and the largest page.
    pub fn rows(self) -> usize {
        self.0
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let rows = text.parse().ok().filter(|rows| (1..=MAX_LIMIT).contains(rows));
        let refused = || format!("must be a whole number from 1 to {MAX_LIMIT}, was {}", Excerpt(&text));
        rows.map(Self).ok_or_else(|| D::Error::custom(refused()))
    }
}

/// The values of a filter, separated by commas or in parameters of one name; a filter that is given names at least one.
/// One that is not given admits everything. A comma that belongs to a value is written `\,`, and a backslash before a comma
/// `\\`.
///
/// ```
/// use mc_server::extract::List;
///
/// let statuses: List<u8> = "1, 2".parse().unwrap();
/// assert!(statuses.admits(&2) && !statuses.admits(&3));
/// assert!(List::<u8>::default().admits(&3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> List<T> {
    /// Whether the filter lets the value through.
    pub fn admits(&self, value: &T) -> bool {
        self.0.is_empty() || self.0.contains(value)
    }
}

impl<T: FromStr<Err: fmt::Display>> FromStr for List<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::of(&[text])
    }
}

impl<T: FromStr<Err: fmt::Display>> List<T> {
    /// The values of all these texts.
    fn of(texts: &[impl AsRef<str>]) -> Result<Self, String> {
        let words = texts.iter().flat_map(|text| separated(text.as_ref()));
        let named: Vec<T> = words
            .filter(|word| !word.trim().is_empty())
            .map(|word| {
                let word = word.trim();
                word.parse().map_err(|reason| format!("cannot be {}: {reason}", Excerpt(word)))
            })
            .collect::<Result<_, _>>()?;
        if named.is_empty() {
            Err("names no value; name one, or leave it out".to_owned())
        } else {
            Ok(Self(named))
        }
    }
}

/// What is between commas, with escaped commas and backslashes as they are meant.
fn separated(text: &str) -> Vec<String> {
    let (mut words, mut chars) = (vec![String::new()], text.chars().peekable());
    while let Some(c) = chars.next() {
        let word = words.last_mut().expect("there is one from the start");
        match c {
            '\\' if matches!(chars.peek(), Some(',' | '\\')) => word.extend(chars.next()),
            ',' => words.push(String::new()),
            c => word.push(c),
        }
    }
    words
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values separated by commas")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
        text.parse().map_err(E::custom)
    }

    /// `status=a&status=b` is the same as `status=a,b`.
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<List<T>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = values.next_element::<String>()? {
            texts.push(text);
        }
        List::of(&texts).map_err(A::Error::custom)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let parameters = parameters(query)?;
    let source =
        MapDeserializer::new(parameters.iter().map(|(name, values)| (name.as_str(), Values(values))));
    serde_path_to_error::deserialize(source).map_err(|error| {
        let name = error.path().iter().find_map(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            _ => None,
        });
        refused(name.unwrap_or_default(), error.inner())
    })
}

fn refused(name: String, reason: &Refused) -> Problem {
    let (name, reason) = match reason {
        Refused::Missing(field) => ((*field).to_owned(), reason.to_string()),
        _ => (name, reason.to_string()),
    };
    let detail = format!("The parameter {} {reason}.", Excerpt(&name));
    Problem::new(Kind::MalformedQuery, detail).errors(vec![FieldError::of_parameter(name, reason)])
}

/// The name of the first parameter, where there is one.
///
/// # Errors
/// `malformed-query` when it cannot be read.
pub(super) fn first_name(query: &str) -> Result<Option<String>, Problem> {
    let first = query.split('&').find(|pair| !pair.is_empty());
    first.map(|pair| decoded(pair.split_once('=').map_or(pair, |(name, _)| name))).transpose()
}

/// Names and their values, in the order of their first appearance.
fn parameters(query: &str) -> Result<Vec<(String, Vec<String>)>, Problem> {
    let mut parameters: Vec<(String, Vec<String>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        match parameters.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => parameters.push((name, vec![value])),
        }
    }
    Ok(parameters)
}

/// Percent signs and plus signs undone.
fn decoded(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                bytes.push(
                    hex(*high)
                        .zip(hex(*low))
                        .map(|(high, low)| high << 4 | low)
                        .ok_or_else(|| undecodable(text))?,
                );
                rest = after;
            }
            (b'%', _) => return Err(undecodable(text)),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| undecodable(text))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn undecodable(text: &str) -> Problem {
    let text = Excerpt(text);
    Problem::new(
        Kind::MalformedQuery,
        format!(
            "The query has {text}, which is not percent-encoded UTF-8. Write a percent sign itself as %25."
        ),
    )
}

/// All values of one parameter as a source for serde.
#[derive(Clone, Copy)]
struct Values<'a>(&'a [String]);

impl Values<'_> {
    fn single(&self) -> Result<&str, Refused> {
        match self.0 {
            [value] if value.trim().is_empty() => {
                Err(Refused::Because("is empty; give it a value, or leave it out".to_owned()))
            }
            [value] => Ok(value),
            _ => Err(Refused::Because("was given twice; give it once".to_owned())),
        }
    }

    fn parsed<T: FromStr>(&self, what: &str) -> Result<T, Refused> {
        let text = self.single()?;
        text.parse().map_err(|_| Refused::Because(format!("must be {what}, was {}", Excerpt(text))))
    }
}

macro_rules! parse_numbers {
    ($($method:ident $visit:ident $number:ident $what:literal,)+) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
                visitor.$visit(self.parsed::<$number>($what)?)
            }
        )+
    };
}

impl<'de> Deserializer<'de> for Values<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_str(self.single()?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bool(self.parsed("true or false")?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_enum(StrDeserializer::new(self.single()?))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(SeqDeserializer::new(self.0.iter().map(String::as_str)))
    }

    parse_numbers! {
        deserialize_u8 visit_u8 u8 "a whole number from 0 to 255",
        deserialize_u16 visit_u16 u16 "a whole number from 0",
        deserialize_u32 visit_u32 u32 "a whole number from 0",
        deserialize_u64 visit_u64 u64 "a whole number from 0",
        deserialize_i64 visit_i64 i64 "a whole number",
        deserialize_f64 visit_f64 f64 "a number",
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Refused> for Values<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use mc_domain::task::TaskType;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Filter {
        #[serde(default)]
        r#type: List<TaskType>,
        search: Option<String>,
        limit: Option<u32>,
        stale: Option<bool>,
        order: Option<Order>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        Asc,
        Desc,
    }

    fn detail(query: &str) -> String {
        let problem = parse::<Filter>(query).unwrap_err();
        assert_eq!(problem.kind(), Kind::MalformedQuery);
        problem.detail().to_owned()
    }

    #[test]
    fn parameters_are_read_by_their_type() {
        let filter: Filter =
            parse("type=docs,CONTENT&search=a+b%26c&limit=5&stale=true&order=desc&type=seo_research")
                .unwrap();
        assert_eq!(filter.r#type.0, [TaskType::Docs, TaskType::Content, TaskType::SeoResearch]);
        assert_eq!(filter.search.as_deref(), Some("a b&c"));
        assert_eq!((filter.limit, filter.stale, filter.order), (Some(5), Some(true), Some(Order::Desc)));
    }

    #[test]
    fn a_parameter_that_is_empty_is_refused_and_does_not_count_as_absent() {
        for query in ["", "&", "&&"] {
            assert_eq!(parse::<Filter>(query).unwrap(), Filter::default(), "{query:?}");
        }
        for (query, name) in [
            ("limit=", "limit"),
            ("search=", "search"),
            ("search=%20", "search"),
            ("order", "order"),
            ("stale=", "stale"),
        ] {
            let sentence = format!("The parameter \"{name}\" is empty; give it a value, or leave it out.");
            assert_eq!(detail(query), sentence, "{query:?}");
        }
        for query in ["type=", "type", "type=,", "type=%20,", "type=&type=,"] {
            let sentence = "The parameter \"type\" names no value; name one, or leave it out.";
            assert_eq!(detail(query), sentence, "{query:?}");
        }
        assert_eq!(parse::<Filter>("type=docs,").unwrap().r#type.0, [TaskType::Docs]);
    }

    #[test]
    fn an_unknown_parameter_is_refused_and_the_known_ones_are_named() {
        assert_eq!(
            detail("colour=red"),
            "The parameter \"colour\" is not known; known are type, search, limit, stale, order."
        );
    }

    #[test]
    fn an_unknown_value_is_refused_and_the_allowed_ones_are_named() {
        let of_type = detail("type=docs,painting");
        assert!(
            of_type.starts_with("The parameter \"type\" cannot be \"painting\": must be one of "),
            "{of_type}"
        );
        assert_eq!(detail("order=up"), "The parameter \"order\" must be one of asc, desc, was \"up\".");
        assert_eq!(detail("limit=-1"), "The parameter \"limit\" must be a whole number from 0, was \"-1\".");
        assert_eq!(detail("stale=maybe"), "The parameter \"stale\" must be true or false, was \"maybe\".");
    }

    #[test]
    fn a_scalar_given_twice_is_refused() {
        assert_eq!(detail("limit=1&limit=2"), "The parameter \"limit\" was given twice; give it once.");
    }

    #[test]
    fn broken_percent_encoding_is_refused() {
        for query in ["search=%", "search=%2", "search=%zz", "search=%ff", "%ff=1", "search=%+1"] {
            assert!(detail(query).contains("percent-encoded"), "{query}");
        }
        assert_eq!(parse::<Filter>("search=%00").unwrap().search.as_deref(), Some("\u{0}"));
    }
}
