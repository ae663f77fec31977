//! Appending: all or nothing, without holes, at the expected versions.

use std::sync::Arc;

use mc_domain::{actor::Actor, values::Name};
use mc_store::{
    error::StoreError,
    log::{Append, Commit, EventLog, Guard},
};
use uuid::Uuid;

use crate::fixture::{addition, committed, event, everything, many, one, positions, several, stream};

pub async fn events_are_read_back_exactly_as_appended(log: &Arc<dyn EventLog>) {
    let mut first = event(1);
    first.event_version = 3;
    first.payload =
        "{ \"text\" : \"Grüße, 世界 \\u0000 \\\"quoted\\\" 1e2\" , \"z\":1, \"a\":1.0 }".to_owned();
    first.metadata.actor = Actor::Agent(Uuid::from_u128(9).into());
    first.metadata.project = None;
    first.metadata.idempotency_key = Some("move ' it".to_owned());
    let mut second = event(2);
    second.metadata.actor = Actor::System(Name::new("reaper").unwrap());
    first.metadata.credential = Some(Uuid::from_u128(10).into());
    second.metadata.credential = None;
    let events = vec![first, second];

    let commit = several([Append { stream: stream("ä/b c"), expected: 0, events: events.clone() }]);
    assert_eq!(committed(log.append(commit).await), 2);

    let stored = log.read_stream(&stream("ä/b c"), 0, 10).await.unwrap();
    assert_eq!(stored, log.read_all(0, 10).await.unwrap());
    assert_eq!(stored.len(), events.len());
    for (index, (stored, event)) in stored.into_iter().zip(events).enumerate() {
        let place = index as u64 + 1;
        assert_eq!((stored.position, stored.version, stored.stream), (place, place, stream("ä/b c")));
        assert_eq!((stored.event_type, stored.event_version), (event.event_type, event.event_version));
        assert_eq!((stored.payload, &stored.metadata), (event.payload, &event.metadata));
        assert_eq!(stored.metadata.credential.is_some(), place == 1, "the credential that it came by");
    }
}

pub async fn positions_and_versions_are_dense(log: &Arc<dyn EventLog>) {
    for version in 0..5 {
        committed(log.append(one("a", version, version)).await);
        committed(log.append(many("b", version * 3, 3)).await);
    }
    let events = everything(log).await;
    assert_eq!(positions(&events), (1..=20).collect::<Vec<_>>());
    for (name, length) in [("a", 5), ("b", 15)] {
        let of_stream = events.iter().filter(|event| event.stream == stream(name));
        assert_eq!(
            of_stream.map(|event| event.version).collect::<Vec<_>>(),
            (1..=length).collect::<Vec<_>>()
        );
    }
}

pub async fn a_commit_over_several_streams_gets_positions_in_its_order(log: &Arc<dyn EventLog>) {
    let appends = [("b", 2), ("a", 1), ("c", 2)].map(|(name, count)| Append {
        stream: stream(name),
        expected: 0,
        events: (1..=count).map(event).collect(),
    });
    assert_eq!(committed(log.append(several(appends)).await), 5);
    let places: Vec<_> =
        everything(log).await.into_iter().map(|event| (event.stream.aggregate_id, event.version)).collect();
    let expected = [("b", 1), ("b", 2), ("a", 1), ("c", 1), ("c", 2)];
    assert_eq!(places, expected.map(|(name, version)| (name.to_owned(), version)));
}

pub async fn a_wrong_expectation_appends_nothing(log: &Arc<dyn EventLog>) {
    committed(log.append(many("a", 0, 2)).await);
    for wrong in [0, 1, 3] {
        let refused = log.append(one("a", wrong, 9)).await;
        assert!(
            matches!(&refused, Err(StoreError::Conflict { stream: of, expected, actual: 2 })
                if *of == stream("a") && *expected == wrong),
            "{refused:?}"
        );
    }
    assert_eq!((log.head(), everything(log).await.len()), (2, 2));
}

pub async fn one_conflicting_stream_fails_the_whole_commit(log: &Arc<dyn EventLog>) {
    committed(log.append(one("taken", 0, 1)).await);
    let commit = several([addition("new", 0, 2), addition("taken", 0, 3), addition("other", 0, 4)]);
    assert!(matches!(log.append(commit).await, Err(StoreError::Conflict { actual: 1, .. })));
    assert_eq!(log.head(), 1);
    for name in ["new", "other"] {
        assert_eq!(log.read_stream(&stream(name), 0, 10).await.unwrap(), []);
        committed(log.append(one(name, 0, 5)).await);
    }
}

pub async fn a_moved_guard_fails_the_commit(log: &Arc<dyn EventLog>) {
    committed(log.append(many("budget", 0, 2)).await);
    for wrong in [0, 1, 3] {
        let guards = vec![Guard { stream: stream("budget"), expected: wrong }];
        let refused = log.append(Commit { guards, ..one("a", 0, 3) }).await;
        assert!(matches!(refused, Err(StoreError::Conflict { actual: 2, .. })), "{refused:?}");
    }
    let guards = vec![Guard { stream: stream("absent"), expected: 1 }];
    let refused = log.append(Commit { guards, ..one("a", 0, 3) }).await;
    assert!(matches!(refused, Err(StoreError::Conflict { actual: 0, .. })), "{refused:?}");
    assert_eq!(log.head(), 2);
}

pub async fn a_guard_at_its_version_lets_the_commit_pass_and_stays(log: &Arc<dyn EventLog>) {
    committed(log.append(many("budget", 0, 2)).await);
    let guards = vec![
        Guard { stream: stream("budget"), expected: 2 },
        Guard { stream: stream("absent"), expected: 0 },
    ];
    committed(log.append(Commit { guards, ..one("a", 0, 3) }).await);
    committed(log.append(one("budget", 2, 4)).await);
    committed(log.append(one("absent", 0, 5)).await);
}

pub async fn a_new_stream_is_expected_at_zero(log: &Arc<dyn EventLog>) {
    let refused = log.append(one("a", 1, 1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { expected: 1, actual: 0, .. })), "{refused:?}");
    committed(log.append(one("a", 0, 1)).await);
    let refused = log.append(one("a", 0, 2)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { expected: 0, actual: 1, .. })), "{refused:?}");
}

pub async fn a_conflict_leaves_the_stream_open_for_the_right_expectation(log: &Arc<dyn EventLog>) {
    committed(log.append(one("a", 0, 1)).await);
    log.append(one("a", 0, 2)).await.unwrap_err();
    assert_eq!(committed(log.append(one("a", 1, 3)).await), 2);
}
