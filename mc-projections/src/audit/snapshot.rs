//! Compares the states of an entity before and after an event.
//!
//! A state is JSON text that is split into its fields; only fields whose text differs are parsed.

use std::{collections::BTreeMap, ops::Range};

use mc_domain::json::Json;
use serde::Serialize;

use crate::event_data::{AS_SENT, presented};

/// Fields that every event changes, or that change by themselves as time passes: they say nothing about what was
/// done.
const ALWAYS_CHANGED: [&str; 3] = ["version", "updatedAt", "stale"];

/// What the text of a snapshot is a serialisation of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A view: names and values are those of the REST answers already.
    View,
    /// The state enum of an aggregate: a variant's name, maybe with fields. The name becomes the field `state`.
    State,
}

/// The state of an entity at one version of its stream; without fields before the entity exists.
#[derive(Debug, Default)]
pub(super) struct EntitySnapshot {
    text: String,
    fields: Vec<Field>,
    /// The name of the state's variant, in camel case; absent for views and where the state has a field `state`
    /// itself.
    state: Option<String>,
    is_state: bool,
}

/// The bytes of a field's name and value in the text of its snapshot.
#[derive(Debug, Clone)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl EntitySnapshot {
    /// Serialises an entity as it is now.
    pub(super) fn of(view: &impl Serialize, form: Form) -> Self {
        Self::new(serde_json::to_string(view).unwrap_or_default(), form)
    }

    /// Splits a text that serde wrote, so that no spaces stand between its tokens.
    pub(super) fn new(text: String, form: Form) -> Self {
        let (mut fields, mut state) = (fields(&text, 0), None);
        if form == Form::State {
            match &fields[..] {
                [] => state = serde_json::from_str(&text).ok(),
                [Field { name, value }] if text[value.clone()].starts_with('{') => {
                    let inner = self::fields(&text[value.clone()], value.start);
                    let has_own = inner.iter().any(|field| &text[field.name.clone()] == "state");
                    state = (!has_own).then(|| camel(&text[name.clone()]));
                    fields = inner;
                }
                _ => {}
            }
        }
        Self { text, fields, state, is_state: form == Form::State }
    }

    fn name(&self, field: &Field) -> &str {
        &self.text[field.name.clone()]
    }

    fn value(&self, field: &Field) -> &str {
        &self.text[field.value.clone()]
    }

    /// The field called `name`. `place` is where it stands in the other snapshot, so mostly here too.
    fn find(&self, name: &str, place: usize) -> Option<&Field> {
        let there = self.fields.get(place).filter(|field| self.name(field) == name);
        there.or_else(|| self.fields.iter().find(|field| self.name(field) == name))
    }

    /// The field's name and value as audits answer them; nothing for `null` and for [`ALWAYS_CHANGED`].
    fn answered(&self, field: &Field) -> Option<(String, Json)> {
        let (name, value) = (self.name(field), self.value(field));
        if ALWAYS_CHANGED.contains(&name) || value == "null" {
            return None;
        }
        let value = Json::parse(value).unwrap_or_default();
        if !self.is_state {
            return Some((name.to_owned(), value));
        }
        let one = camel_case(Json::Object([(name.to_owned(), value)].into_iter().collect()));
        let Json::Object(one) = presented(one) else { return None };
        one.into_iter().next().filter(|(name, _)| !ALWAYS_CHANGED.contains(&name.as_str()))
    }

    /// The fields whose text differs from `other`, as audits answer them.
    fn other_than(&self, other: &Self) -> BTreeMap<String, Json> {
        let changed = self.fields.iter().enumerate().filter(|(place, field)| {
            let known = other.find(self.name(field), *place);
            known.is_none_or(|known| other.value(known) != self.value(field))
        });
        changed.filter_map(|(_, field)| self.answered(field)).collect()
    }
}

/// The fields that differ, with their values before and after; an absent field is left out.
pub(super) fn changed(
    before: &EntitySnapshot,
    after: &EntitySnapshot,
) -> (BTreeMap<String, Json>, BTreeMap<String, Json>) {
    let (mut old, mut new) = (before.other_than(after), after.other_than(before));
    // Values may differ only in what the answer cuts off, such as the microseconds of a time: that is no change.
    let same: Vec<_> = old.iter().filter(|(name, value)| new.get(*name) == Some(value)).collect();
    let same: Vec<_> = same.into_iter().map(|(name, _)| name.clone()).collect();
    for name in same {
        old.remove(&name);
        new.remove(&name);
    }
    if before.state != after.state {
        let state = |snapshot: &EntitySnapshot| snapshot.state.as_deref().map(Json::from);
        old.extend(
            state(before).filter(|_| !old.contains_key("state")).map(|name| ("state".to_owned(), name)),
        );
        new.extend(
            state(after).filter(|_| !new.contains_key("state")).map(|name| ("state".to_owned(), name)),
        );
    }
    (old, new)
}

/// The fields of a JSON object, found by its commas and brackets; none when `text` is no object. `offset` is where
/// `text` begins in the whole snapshot: the ranges of the fields count from there.
fn fields(text: &str, offset: usize) -> Vec<Field> {
    let bytes = text.as_bytes();
    let (mut fields, mut at) = (Vec::with_capacity(48), 1);
    if bytes.first() != Some(&b'{') {
        return Vec::new();
    }
    while bytes.get(at) == Some(&b'"') {
        let name_end = end_of_string(bytes, at);
        let value_end = end_of_value(bytes, name_end + 1);
        let name = offset + at + 1..offset + name_end - 1;
        fields.push(Field { name, value: offset + name_end + 1..offset + value_end });
        at = value_end + 1;
    }
    fields
}

/// The place after the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The place after the value that begins at `at`: that of a comma or a bracket that is not its own.
fn end_of_value(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Renames all fields from snake case to camel case, except in [`AS_SENT`].
fn camel_case(value: Json) -> Json {
    let member = |(name, value): (String, Json)| match name.as_str() {
        AS_SENT => (name, value),
        _ => (camel(&name), camel_case(value)),
    };
    match value {
        Json::Object(fields) => Json::Object(fields.into_iter().map(member).collect()),
        Json::Array(items) => Json::Array(items.into_iter().map(camel_case).collect()),
        other => other,
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a\"\\\\{},:\\[\\]é]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c\"{]{1,3}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_object_is_taken_apart_into_its_fields(
            object in prop::collection::btree_map("[a-c_]{1,3}", values(), 0..5)
        ) {
            let text = serde_json::to_string(&object).unwrap();
            let found = fields(&text, 0).into_iter().map(|field| {
                (text[field.name].to_owned(), serde_json::from_str::<Value>(&text[field.value]).unwrap())
            });
            prop_assert_eq!(found.collect::<Vec<_>>(), object.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_state_goes_by_its_name_and_its_fields_as_they_are_answered() {
        let state = |value: Value| EntitySnapshot::new(value.to_string(), Form::State);
        let before = state(json!({ "set_aside": { "spent_micro_usd": 250_000, "kept": 1 } }));
        let after = state(json!({ "used_up": { "spent_micro_usd": 500_000, "kept": 1 } }));
        let (old, new) = changed(&before, &after);
        assert_eq!(Json::Object(old), Json::from(json!({ "state": "setAside", "spent": 0.25 })));
        assert_eq!(Json::Object(new), Json::from(json!({ "state": "usedUp", "spent": 0.5 })));
        let (old, new) = changed(&state(json!("free")), &before);
        assert_eq!(Json::Object(old), Json::from(json!({ "state": "free" })));
        assert_eq!(Json::Object(new), Json::from(json!({ "state": "setAside", "spent": 0.25, "kept": 1 })));
    }
}
