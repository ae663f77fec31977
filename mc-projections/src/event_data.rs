//! What does an event say, in the units of the REST interface?

use chrono::{DateTime, Utc};
use mc_domain::{json::Json, money::Usd, recorded::AnyEvent};
use serde::{Serialize, Serializer};

use crate::{dollars::Dollars, instant::Millis};

/// What an event says, as the REST answers write it: without the outer tag and the time, which the entry of a
/// timeline has anyway, with money in dollars and times in milliseconds.
pub fn event_data(event: &AnyEvent) -> Json {
    let mut fields = match Json::of(&Payload(event)).unwrap_or_default() {
        Json::Object(tagged) => tagged.into_iter().next().map_or(Json::Null, |(_, fields)| fields),
        other => other,
    };
    if let Json::Object(fields) = &mut fields {
        fields.remove("at");
    }
    presented(fields)
}

/// Serialises the payload of an event in its stored shape: one tag with the fields in it.
struct Payload<'a>(&'a AnyEvent);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_payload(serializer)
    }
}

/// Brings stored values into the units of the REST interface: micro-dollars become dollars, times get milliseconds.
pub(crate) fn presented(value: Json) -> Json {
    match value {
        Json::Object(fields) => Json::Object(fields.into_iter().map(field).collect()),
        Json::Array(items) => Json::Array(items.into_iter().map(presented).collect()),
        other => other,
    }
}

/// The name of the field that holds what somebody sent: it is shown as it was sent, digit by digit.
pub(crate) const AS_SENT: &str = "payload";
/// Fields that hold a time though their names do not say so.
const TIMES: [&str; 2] = ["deadline", "until"];

fn field((name, value): (String, Json)) -> (String, Json) {
    if name == AS_SENT {
        return (name, value);
    }
    let amount = name.strip_suffix("MicroUsd").zip(value.as_i64());
    if let Some((name, Ok(amount))) = amount.map(|(name, micros)| (name, Usd::from_micros(micros))) {
        return (name.to_owned(), Json::of(&Dollars(amount)).unwrap_or_default());
    }
    let time = value.as_str().filter(|_| name.ends_with("At") || TIMES.contains(&name.as_str()));
    if let Some(Ok(time)) = time.map(str::parse::<DateTime<Utc>>) {
        return (name, Json::of(&Millis(time)).unwrap_or_default());
    }
    (name, presented(value))
}

#[cfg(test)]
mod tests {
    use mc_domain::{
        actor::Actor,
        task::{Details, Event, TaskType},
        values::Name,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn data_is_written_in_dollars_and_milliseconds() {
        let details = Details {
            due_at: DateTime::from_timestamp_micros(1_500_999),
            ..Details::titled("Guide", TaskType::Docs).unwrap()
        };
        let event = Event::Created {
            project: uuid::Uuid::nil().into(),
            details,
            parent: None,
            creator: Actor::Human(Name::new("Sofie").unwrap()),
            at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(
            event_data(&event.into()),
            Json::from(json!({
                "project": "00000000-0000-0000-0000-000000000000",
                "details": {
                    "title": "Guide",
                    "type": "docs",
                    "priority": 3,
                    "budget": 3,
                    "dueAt": "1970-01-01T00:00:01.500Z",
                },
                "creator": { "type": "human", "id": "Sofie" },
            }))
        );
    }
}
