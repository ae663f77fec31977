//! What happened to a task, from its creation to now?
//!
//! The projection keeps only where in the log the events are; [`entry`] renders one of them. That an agent took up
//! or let go of a task is left out: the task's own event of the same commit says it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use mc_domain::{
    ids::TaskId,
    money::Usd,
    recorded::{AnyEvent, Recorded},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agents::ActorView,
    dollars::Dollars,
    instant::Millis,
    projection::Projection,
    summary::{Naming, sentence},
    views::Views,
};

/// The positions of the events that concern each task, oldest first.
///
/// ```
/// use mc_domain::{task::{Event, Status}, values::Reason};
/// use mc_projections::{script::Script, timeline::{Timelines, entry}};
///
/// let mut script = Script::new();
/// let reason = Reason::new("the brief is missing")?;
/// let task = script.task(1, |at| Event::Blocked { from: Status::Inbox, reason, at });
///
/// let timelines: Timelines = script.fold();
/// assert_eq!(timelines.positions(task), [1]);
/// let shown = entry(&script.events()[0], &script.views());
/// assert_eq!(shown.summary, "Sofie blocked the task: the brief is missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timelines {
    positions: BTreeMap<TaskId, Vec<u64>>,
}

impl Timelines {
    /// Where the events that concern a task are, oldest first.
    pub fn positions(&self, task: TaskId) -> &[u64] {
        self.positions.get(&task).map_or(&[], Vec::as_slice)
    }
}

impl Projection for Timelines {
    const NAME: &'static str = "timelines";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        if let Some(task) = concerned(event) {
            self.positions.entry(task).or_default().push(event.position);
        }
    }
}

fn concerned(event: &Recorded<AnyEvent>) -> Option<TaskId> {
    match &event.event {
        AnyEvent::Task(_) => event.stream.aggregate_id.parse().ok(),
        AnyEvent::Agent(_)
        | AnyEvent::Project(_)
        | AnyEvent::Reservation(_)
        | AnyEvent::Approval(_)
        | AnyEvent::Alert(_)
        | AnyEvent::Budget(_)
        | AnyEvent::Run(_) => None,
    }
}

/// One thing that happened to a task, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// Where in the log.
    pub position: u64,
    /// When.
    pub at: Millis,
    /// What, by the name of the event.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Who did it.
    pub actor: ActorView<'static>,
    /// What, in one sentence.
    pub summary: String,
    /// What the event says, with money in dollars.
    pub data: Value,
}

/// An event as an entry of a timeline.
pub fn entry(event: &Recorded<AnyEvent>, views: &Views) -> TimelineEntry {
    TimelineEntry {
        position: event.position,
        at: Millis(event.metadata.recorded_at),
        kind: event.event.name(),
        actor: views.agents.actor(&event.metadata.actor).into_owned(),
        summary: sentence(event, views, Naming::Plain),
        data: data(&event.event),
    }
}

/// What an event says, as the REST answers write it: without the outer tag and the time, which the entry has, money
/// in dollars and times in milliseconds.
pub fn data(event: &AnyEvent) -> Value {
    let payload = event.serialize_payload(serde_json::value::Serializer).unwrap_or_default();
    let mut fields = match payload {
        Value::Object(tagged) => tagged.into_iter().next().map_or(Value::Null, |(_, fields)| fields),
        other => other,
    };
    if let Value::Object(fields) = &mut fields {
        fields.remove("at");
    }
    presented(fields)
}

fn presented(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().map(field).collect::<Map<_, _>>().into(),
        Value::Array(items) => items.into_iter().map(presented).collect(),
        other => other,
    }
}

fn field((name, value): (String, Value)) -> (String, Value) {
    let amount = name.strip_suffix("MicroUsd").zip(value.as_i64());
    if let Some((name, Ok(amount))) = amount.map(|(name, micros)| (name, Usd::from_micros(micros))) {
        return (name.to_owned(), serde_json::json!(Dollars(amount)));
    }
    let time = value.as_str().filter(|_| name.ends_with("At"));
    if let Some(Ok(time)) = time.map(str::parse::<DateTime<Utc>>) {
        return (name, serde_json::json!(Millis(time)));
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
            data(&event.into()),
            json!({
                "project": "00000000-0000-0000-0000-000000000000",
                "details": {
                    "title": "Guide",
                    "type": "docs",
                    "priority": 3,
                    "budget": 3,
                    "dueAt": "1970-01-01T00:00:01.500Z",
                },
                "creator": { "type": "human", "id": "Sofie" },
            })
        );
    }
}
