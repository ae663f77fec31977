//! Rows that another service writes: it is given their places, and cannot put the log out of order.

use mc_domain::actor::Actor;
use mc_store::{codec, error::StoreError, verify::Problem};

use super::{connected, database, execute, open, refusal};
use crate::{
    fixture::{committed, event, many, one, positions, stream},
    verification::{problems, verified_after},
};

/// A row as postgres-es writes it, of the stream `test-<id>`.
fn row(id: &str, sequence: i64, payload: &str, metadata: &str) -> String {
    row_of("test", id, sequence, "1", payload, metadata)
}

fn row_of(
    aggregate_type: &str,
    id: &str,
    sequence: i64,
    version: &str,
    payload: &str,
    metadata: &str,
) -> String {
    format!(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
         VALUES ('{aggregate_type}', '{id}', {sequence}, 'happened', '{version}', '{payload}', '{metadata}');"
    )
}

#[tokio::test]
async fn a_row_gets_the_next_position_and_is_seen_at_once() {
    let Some(database) = database() else { return };
    let log = open(&database);
    let mut subscription = log.subscribe(1);
    committed(log.append(one("a", 0, 1)).await);
    execute(database.url(), &row("b", 1, r#" {"n": 1} "#, r#"{"trace": "x"}"#)).await.unwrap();

    let seen = subscription.next().await.unwrap();
    assert_eq!(positions(&seen), [2]);
    assert_eq!((&seen[0].stream, seen[0].version), (&stream("b"), 1));
    assert!(matches!(seen[0].metadata.actor, Actor::System(_)), "{seen:?}");
    assert_eq!(log.read_all(1, 10).await.unwrap(), seen);
    let query = "SELECT metadata ->> 'trace' FROM events WHERE position = 2";
    let kept: String =
        sqlx::query_scalar(query).fetch_one(&mut connected(database.url()).await).await.unwrap();
    assert_eq!(kept, "x");
    let conflict = log.append(one("b", 0, 3)).await;
    assert!(matches!(conflict, Err(StoreError::Conflict { actual: 1, .. })), "{conflict:?}");
    assert_eq!(committed(log.append(one("b", 1, 3)).await), 3);
}

#[tokio::test]
async fn a_row_that_is_not_the_next_of_its_stream_is_refused() {
    let Some(database) = database() else { return };
    let log = open(&database);
    committed(log.append(many("a", 0, 2)).await);
    for (sequence, code) in [(-1, "23505"), (0, "23505"), (2, "23505"), (4, "23514")] {
        let (refused, message) = refusal(database.url(), &row("a", sequence, "{}", "{}")).await;
        assert_eq!(refused, code, "{sequence}: {message}");
    }
    assert_eq!(committed(log.append(one("a", 2, 3)).await), 3);
}

#[tokio::test]
async fn rows_of_a_transaction_are_neighbours_and_leave_no_hole_when_it_is_rolled_back() {
    let Some(database) = database() else { return };
    let log = open(&database);
    let two = format!("{}{}", row("a", 1, "{}", "{}"), row("b", 1, "{}", "{}"));
    execute(database.url(), &format!("BEGIN; {two} ROLLBACK")).await.unwrap();
    execute(database.url(), &format!("BEGIN; {two} COMMIT")).await.unwrap();
    assert_eq!(committed(log.append(one("c", 0, 1)).await), 3);
    assert_eq!(positions(&log.read_all(0, 10).await.unwrap()), [1, 2, 3]);
}

#[tokio::test]
async fn events_of_another_service_have_ids_of_their_own_whatever_its_metadata_says() {
    let Some(database) = database() else { return };
    let log = open(&database);
    let id = event(1).metadata.event_id.to_string();
    let metadata = format!(r#"{{"eventId": "{id}"}}"#);
    let two = format!("{}{}", row("a", 1, "{}", &metadata), row("a", 2, "{}", &metadata));
    execute(database.url(), &two).await.unwrap();
    committed(log.append(one("b", 0, 2)).await);
    let stored = log.read_all(0, 10).await.unwrap();
    assert_ne!(stored[0].metadata.event_id, stored[1].metadata.event_id);
}

#[tokio::test]
async fn an_event_that_does_not_decode_is_named_by_its_position() {
    let Some(database) = database() else { return };
    let log = open(&database);
    committed(log.append(one("a", 0, 1)).await);
    let id = "01890000-0000-7000-8000-000000000001";
    execute(database.url(), &row_of("task", id, 1, "1", r#"{"created": 1}"#, "{}")).await.unwrap();
    assert_eq!(committed(log.append(one("a", 1, 2)).await), 3);
    let stored = log.read_all(0, 10).await.unwrap();
    let decoded: Vec<_> = stored.iter().map(codec::decode_any).collect();
    assert!(matches!(
        decoded[1],
        Err(StoreError::Corrupt { position: 2, .. } | StoreError::NewerEvent { position: 2, .. })
    ));
    assert!(matches!((&decoded[0], &decoded[2]), (Ok(None), Ok(None))));
}

#[tokio::test]
async fn a_row_that_nobody_could_read_is_refused_and_leaves_no_hole() {
    let Some(database) = database() else { return };
    let log = open(&database);
    committed(log.append(one("a", 0, 1)).await);
    for unreadable in [
        row("b", 1, "{}", "[]"),
        row("b", 1, "{}", r#""text""#),
        row("b", 1, "{}", r#"{"trace": 7}"#),
        row("b", 1, "{}", r#"{"recordedAt": "yesteryear"}"#),
        row("b", 1, "{}", r#"{"commandId": "7"}"#),
        row("b", 1, "{}", r#"{"actor": "nobody"}"#),
        row("b", 1, "{}", r#"{"actor": "{\"type\": \"robot\", \"id\": \"7\"}"}"#),
        row("b", 1, "{}", r#"{"actor": "{\"type\": \"agent\", \"id\": \"7\"}"}"#),
        row_of("test", "b", 1, "new", "{}", "{}"),
    ] {
        let refused = execute(database.url(), &unreadable).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "23514", "{unreadable}: {refused}");
    }
    assert_eq!(committed(log.append(one("a", 1, 2)).await), 2);
}

#[tokio::test]
async fn a_version_with_parts_counts_by_its_whole_number() {
    let Some(database) = database() else { return };
    execute(database.url(), &row_of("test", "b", 1, "2.1.0", "{}", "{}")).await.unwrap();
    assert_eq!(open(&database).read_all(0, 10).await.unwrap()[0].event_version, 2);
}

#[tokio::test]
async fn verification_counts_foreign_events_and_names_those_that_cannot_be_read() {
    let Some(fixture) = crate::fixture::postgres() else { return };
    let rows = format!(
        "ALTER TABLE events ENABLE TRIGGER USER; {}{}{} ALTER TABLE events DISABLE TRIGGER USER; \
         UPDATE events SET metadata = '[]' WHERE aggregate_id = 'b' AND sequence = 2;",
        row("b", 1, r#"{"anything": 1}"#, "{}"),
        row("b", 2, "1", "{}"),
        row_of("task", "00000000-0000-0000-0000-000000000001", 3, "1", r#"{"danced":{}}"#, "{}"),
    );
    let report = verified_after(&fixture, &rows).await;
    let mut found = problems(&report);
    found.sort();
    assert_eq!(found[0], (Problem::Unreadable, Some(10)), "{report:?}");
    assert_eq!((found.len(), found[1].1), (2, Some(11)), "{report:?}");
    assert_eq!(report.foreign_events, 1);
}
