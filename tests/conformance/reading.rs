//! Reading: in order, in pages, by stream and by time.

use std::sync::Arc;

use chrono::TimeDelta;
use mc_store::log::{Append, EventLog, MAX_PAGE_EVENTS};

use crate::fixture::{at, committed, event_at, many, one, positions, several, stream};

pub async fn the_log_is_read_in_pages(log: &Arc<dyn EventLog>) {
    committed(log.append(many("a", 0, 4)).await);
    committed(log.append(many("b", 0, 3)).await);
    for (after, limit, expected) in [
        (0, 3, vec![1, 2, 3]),
        (3, 3, vec![4, 5, 6]),
        (6, 3, vec![7]),
        (2, 100, vec![3, 4, 5, 6, 7]),
        (0, 0, vec![]),
    ] {
        assert_eq!(positions(&log.read_all(after, limit).await.unwrap()), expected);
    }
}

pub async fn a_page_never_exceeds_the_limit(log: &Arc<dyn EventLog>) {
    committed(log.append(many("a", 0, MAX_PAGE_EVENTS as u64 + 10)).await);
    assert_eq!(log.read_all(0, usize::MAX).await.unwrap().len(), MAX_PAGE_EVENTS);
    assert_eq!(log.read_stream(&stream("a"), 5, usize::MAX).await.unwrap().len(), MAX_PAGE_EVENTS);
}

pub async fn a_stream_is_read_after_a_version(log: &Arc<dyn EventLog>) {
    for version in 0..6 {
        committed(log.append(one("a", version, version)).await);
        committed(log.append(one("b", version, version)).await);
    }
    let versions = async |after, limit| {
        let events = log.read_stream(&stream("b"), after, limit).await.unwrap();
        assert!(events.iter().all(|event| event.stream == stream("b")));
        events.iter().map(|event| event.version).collect::<Vec<_>>()
    };
    assert_eq!(versions(0, 100).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(versions(4, 100).await, [5, 6]);
    assert_eq!(versions(1, 2).await, [2, 3]);
    assert_eq!(versions(6, 100).await, [0_u64; 0]);
}

pub async fn an_unknown_stream_is_empty(log: &Arc<dyn EventLog>) {
    committed(log.append(one("a", 0, 1)).await);
    let mut other_type = stream("a");
    other_type.aggregate_type = "agent".into();
    for unknown in [stream("A"), stream("a "), other_type] {
        assert_eq!(log.read_stream(&unknown, 0, 10).await.unwrap(), []);
    }
}

pub async fn reading_beyond_the_end_is_empty(log: &Arc<dyn EventLog>) {
    for after in [0, 1, u64::MAX] {
        assert_eq!(log.read_all(after, 10).await.unwrap(), []);
    }
    committed(log.append(one("a", 0, 1)).await);
    for after in [1, 2, u64::MAX] {
        assert_eq!(log.read_all(after, 10).await.unwrap(), []);
        assert_eq!(log.read_stream(&stream("a"), after, 10).await.unwrap(), []);
    }
}

pub async fn the_first_event_since_an_instant_is_found_although_clocks_step_back(log: &Arc<dyn EventLog>) {
    assert_eq!(log.first_since(at(0)).await.unwrap(), None);
    for (version, seconds) in (0..).zip([10, 30, 20, 30, 40]) {
        let events = vec![event_at(version, at(seconds))];
        committed(log.append(several([Append { stream: stream("a"), expected: version, events }])).await);
    }
    for (seconds, expected) in
        [(0, Some(1)), (10, Some(1)), (11, Some(2)), (25, Some(2)), (31, Some(5)), (41, None)]
    {
        assert_eq!(log.first_since(at(seconds)).await.unwrap(), expected, "at {seconds}");
    }
    let just_after = at(40) + TimeDelta::nanoseconds(1);
    assert_eq!(log.first_since(just_after).await.unwrap(), None);
}

pub async fn old_events_are_found_by_time_in_a_long_log(log: &Arc<dyn EventLog>) {
    const EVENTS: u64 = 5_000;
    // Event n has the time n seconds, but every hundredth event is a minute early.
    let second = |n: u64| if n.is_multiple_of(100) { n.saturating_sub(60) } else { n };
    let events = (1..=EVENTS).map(|n| event_at(n, at(second(n)))).collect();
    committed(log.append(several([Append { stream: stream("a"), expected: 0, events }])).await);
    for since in [1, 999, 1_000, 1_024, 1_025, 2_047, 2_048, 2_049, 4_321, EVENTS - 1] {
        let expected = (1..=EVENTS).find(|n| second(*n) >= since);
        assert_eq!(log.first_since(at(since)).await.unwrap(), expected, "since {since}");
    }
    assert_eq!(log.first_since(at(EVENTS)).await.unwrap(), None);
}
