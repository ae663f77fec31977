//! All nodes show the same.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::wire::{Answer, Request};

/// What every node is asked for.
const VIEWS: &[&str] = &[
    "/api/board",
    "/api/agents?limit=1000",
    "/api/costs/daily",
    "/api/alerts?limit=1000",
    "/api/approvals?status=all&limit=1000",
    "/api/tasks?limit=1000",
    "/api/runs?limit=1000",
    "/api/notifications?limit=1000",
    "/api/activity?limit=1000",
    "/api/projects",
    "/api/standup",
];
/// The fields that are not compared.
const PASSING: &[&str] = &["\"lastHeartbeat\":", "\"generatedAt\":", "\"ageSecs\":"];
/// How long workers may go on recording something between the questions.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks all nodes for all views at the same position, which is `position` at least, and compares the answers byte for byte,
/// but for [`PASSING`].
pub fn views(nodes: &[SocketAddr], position: u64) {
    for view in VIEWS {
        let begin = Instant::now();
        let ask = || nodes.iter().map(|node| Request::get(*view).at(position).send(*node).unwrap());
        let mut answers: Vec<_> = ask().collect();
        while !are_the_same(&answers) {
            let differ = || differences(&answers);
            assert!(begin.elapsed() < PATIENCE, "the nodes show different things at {view}: {}", differ());
            thread::sleep(PAUSE);
            answers = ask().collect();
        }
        assert!(answers.iter().all(|answer| answer.status == 200), "{view}: {answers:?}");
    }
}

/// Where the answers differ, and what each says there.
fn differences(answers: &[Answer]) -> String {
    let positions: Vec<_> = answers.iter().map(|answer| (answer.status, answer.position)).collect();
    let bodies: Vec<Value> =
        answers.iter().map(|answer| serde_json::from_str(&answer.body).unwrap()).collect();
    let place = bodies.iter().find_map(|body| first_difference(&bodies[0], body, String::new()));
    let told: Vec<_> =
        bodies.iter().map(|body| place.as_deref().and_then(|place| body.pointer(place))).collect();
    format!("{positions:?} {place:?} {told:?}")
}

/// The JSON pointer to the first place where two documents differ.
fn first_difference(one: &Value, other: &Value, place: String) -> Option<String> {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) if fields.keys().eq(others.keys()) => fields
            .iter()
            .find_map(|(name, field)| first_difference(field, &others[name], format!("{place}/{name}"))),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => (0..items.len())
            .find_map(|index| first_difference(&items[index], &others[index], format!("{place}/{index}"))),
        _ => (one != other).then_some(place),
    }
}

fn are_the_same(answers: &[Answer]) -> bool {
    let shown = |answer: &Answer| Answer { body: lasting(&answer.body), ..answer.clone() };
    answers.windows(2).all(|pair| shown(&pair[0]) == shown(&pair[1]))
}

/// The body without what follows from the time of the question, and when agents were last heard of: nodes tell each other how
/// long ago that was, and most of it is in no log.
fn lasting(body: &str) -> String {
    PASSING.iter().fold(body.to_owned(), |body, field| {
        let mut parts = body.split(field);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |kept, part| kept + &part[part.find(',').unwrap_or_default()..])
    })
}
