//! The metadata of events as cqrs-es has it: a JSON object whose values are strings.

use std::collections::HashMap;

use mc_domain::recorded::Metadata;
use serde_json::{Map, Value};

/// The metadata in that form. A value that is no string becomes its JSON.
pub(crate) fn flat(metadata: &Metadata) -> HashMap<String, String> {
    let json = serde_json::to_value(metadata).expect("metadata has string keys only, so it is always JSON");
    let fields = json.as_object().expect("a struct with fields is a JSON object");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The inverse of [`flat`].
///
/// # Errors
/// The error of a part that is missing or cannot be read.
pub(crate) fn unflat(fields: Map<String, Value>) -> Result<Metadata, serde_json::Error> {
    let mut metadata = fields;
    if let Some(Value::String(actor)) = metadata.get("actor") {
        let actor = serde_json::from_str(actor)?;
        metadata.insert("actor".to_owned(), actor);
    }
    serde_json::from_value(Value::Object(metadata))
}
