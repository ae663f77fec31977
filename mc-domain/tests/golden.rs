//! The stored shape of every event: one file per name and version, written once and never edited.
//!
//! A new event fails here until it has its file, with every field of it. A changed shape gets the next version and a
//! second file. A field that came later, and may be missing, has a file of its own: `<name>.v<N>.<field>.json`.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use mc_domain::recorded::AnyEvent;
use serde::{
    Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Value;

/// The text of every golden file, by event name, version, and the field that came later.
fn files() -> BTreeMap<(String, u32, String), String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events");
    fs::read_dir(folder).unwrap().map(|entry| golden(entry.unwrap().path())).collect()
}

fn golden(path: PathBuf) -> ((String, u32, String), String) {
    let file = path.file_name().unwrap().to_str().unwrap();
    let name_and_version = file.strip_suffix(".json").and_then(|stem| stem.rsplit_once(".v"));
    let (name, version) = name_and_version.unwrap_or_else(|| panic!("{file} is not <name>.v<N>.json"));
    let (version, field) = version.split_once('.').unwrap_or((version, ""));
    let key = (name.to_owned(), version.parse().unwrap(), field.to_owned());
    (key, fs::read_to_string(&path).unwrap())
}

/// The fields of every event there is, by its name.
fn events() -> BTreeMap<String, &'static [&'static str]> {
    let mut events = BTreeMap::new();
    for aggregate in AnyEvent::AGGREGATE_TYPES {
        for variant in variants(aggregate) {
            events.insert(format!("{aggregate}.{variant}"), fields(aggregate, variant));
        }
    }
    events
}

/// The newest version and its texts, by event name. Older ones are read through the store's upcasters.
fn newest() -> BTreeMap<String, (u32, Vec<String>)> {
    let mut newest = BTreeMap::<_, (u32, Vec<String>)>::new();
    for ((name, version, _), text) in files() {
        let known = newest.entry(name).or_default();
        if known.0 < version {
            *known = (version, Vec::new());
        }
        known.1.push(text);
    }
    newest
}

/// The golden event in its current shape.
fn decoded(name: &str, text: &str) -> AnyEvent {
    let (aggregate, _) = name.split_once('.').unwrap();
    AnyEvent::deserialize_payload(aggregate, &mut serde_json::Deserializer::from_str(text)).unwrap().unwrap()
}

#[test]
fn every_golden_file_reads_and_writes_as_the_same_event() {
    let all = newest().into_iter().flat_map(|(name, (version, texts))| {
        texts.into_iter().map(move |text| (name.clone(), version, text))
    });
    for (name, version, text) in all {
        let event = decoded(&name, &text);
        assert_eq!((event.name(), event.version()), (name.as_str(), version));
        let golden: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(payload(&event).unwrap(), golden, "{name}");
    }
}

#[test]
fn every_golden_file_ends_with_a_line_break() {
    for ((name, version, _), text) in files() {
        assert!(text.ends_with("}\n"), "{name}.v{version}");
    }
}

fn payload(event: &AnyEvent) -> serde_json::Result<Value> {
    struct Payload<'a>(&'a AnyEvent);
    impl Serialize for Payload<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize_payload(serializer)
        }
    }
    serde_json::to_value(Payload(event))
}

#[test]
fn every_event_has_golden_files_of_all_its_versions_and_no_file_is_left_over() {
    let newest = newest();
    let mut expected = Vec::new();
    for name in events().into_keys() {
        let (_, texts) =
            newest.get(&name).unwrap_or_else(|| panic!("tests/golden/events/{name}.v1.json is missing"));
        let version = decoded(&name, &texts[0]).version();
        expected.extend((1..=version).map(|version| (name.clone(), version)));
    }
    let mut there: Vec<_> = files().into_keys().map(|(name, version, _)| (name, version)).collect();
    there.dedup();
    assert_eq!(there, expected);
}

#[test]
fn every_golden_file_has_all_fields_of_its_event() {
    for (name, (_, texts)) in newest() {
        let goldens: Vec<Value> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let bodies = || goldens.iter().flat_map(|golden| golden.as_object().unwrap().values());
        for field in events()[&name] {
            assert!(bodies().any(|body| body.get(field).is_some()), "{name} has no {field}");
        }
    }
}

fn variants(aggregate: &str) -> &'static [&'static str] {
    match AnyEvent::deserialize_payload(aggregate, Ask::Variants) {
        Err(Answer::Names(variants)) => variants,
        other => panic!("the events of {aggregate} are not an enum: {other:?}"),
    }
}

fn fields(aggregate: &str, variant: &'static str) -> &'static [&'static str] {
    match AnyEvent::deserialize_payload(aggregate, Ask::FieldsOf(variant)) {
        Err(Answer::Names(fields)) => fields,
        other => panic!("{aggregate}.{variant} has no named fields: {other:?}"),
    }
}

/// Gets nothing to read, and answers with the names that a derived `Deserialize` says it would accept: so no list of
/// events has to be kept, and none can be forgotten.
#[derive(Clone, Copy)]
enum Ask {
    Variants,
    FieldsOf(&'static str),
    Fields,
}

#[derive(Debug)]
enum Answer {
    Names(&'static [&'static str]),
    Other(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names(names) => write!(f, "one of {names:?}"),
            Self::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Answer {}

impl de::Error for Answer {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }
}

impl<'de> Deserializer<'de> for Ask {
    type Error = Answer;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer::Other("not an enum".to_owned()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Answer> {
        match self {
            Self::Variants => Err(Answer::Names(variants)),
            Self::FieldsOf(variant) => visitor.visit_enum(Variant(variant)),
            Self::Fields => Err(Answer::Other("an enum".to_owned())),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Answer> {
        match self {
            Self::Fields => Err(Answer::Names(fields)),
            Self::Variants | Self::FieldsOf(_) => Err(Answer::Other("not an enum".to_owned())),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Variant(&'static str);

impl<'de> EnumAccess<'de> for Variant {
    type Error = Answer;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Answer> {
        Ok((seed.deserialize(IntoDeserializer::<Answer>::into_deserializer(self.0))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Answer;

    fn unit_variant(self) -> Result<(), Answer> {
        Err(Answer::Other("a unit".to_owned()))
    }

    /// The fields of a variant that is a struct of its own are that struct's.
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Answer> {
        seed.deserialize(Ask::Fields)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Answer> {
        Err(Answer::Other("a tuple".to_owned()))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Answer> {
        Err(Answer::Names(fields))
    }
}
