//! Whoever is mentioned is told so, whichever node led in between.

use std::collections::BTreeSet;

use serde_json::Value;

use super::History;

/// Whether every message, each of which mentions somebody, has led to a notification. What is there twice is another stream's
/// first event twice, which the log refuses.
pub fn notices(history: &History) -> bool {
    let of_type = |name: &'static str| history.events.iter().filter(move |event| event.event_type == name);
    let causes: BTreeSet<String> = of_type("notification.queued")
        .filter_map(|event| {
            let payload: Value = serde_json::from_str(&event.payload).unwrap();
            payload["queued"]["cause"].as_str().map(str::to_owned)
        })
        .collect();
    of_type("task.message_posted").all(|event| causes.contains(&event.metadata.event_id.to_string()))
}
