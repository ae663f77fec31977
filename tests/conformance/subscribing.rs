//! Following the log: first the events it has, then new ones, without gaps or repeats.

use std::sync::Arc;

use mc_store::{
    log::{EventLog, StoredEvent},
    subscription::Subscription,
};
use tokio::task::JoinSet;

use crate::fixture::{committed, everything, many, one, positions};

/// Reads until the subscription has handed out position `last`.
async fn up_to(subscription: &mut Subscription, last: u64) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    while subscription.position() < last {
        events.extend(subscription.next().await.unwrap());
    }
    events
}

pub async fn the_head_follows_every_commit(log: &Arc<dyn EventLog>) {
    let mut head = log.watch_head();
    assert_eq!((log.head(), *head.borrow_and_update()), (0, 0));
    committed(log.append(many("a", 0, 3)).await);
    assert_eq!((log.head(), *head.wait_for(|head| *head >= 3).await.unwrap()), (3, 3));
    log.append(one("a", 0, 1)).await.unwrap_err();
    assert_eq!((log.head(), *log.watch_head().borrow()), (3, 3));
}

pub async fn a_subscriber_sees_the_past_then_the_present(log: &Arc<dyn EventLog>) {
    committed(log.append(many("a", 0, 10)).await);
    let mut from_start = log.subscribe(0);
    let mut from_middle = log.subscribe(6);
    assert_eq!(positions(&up_to(&mut from_start, 10).await), (1..=10).collect::<Vec<_>>());
    assert_eq!(positions(&up_to(&mut from_middle, 10).await), (7..=10).collect::<Vec<_>>());

    let waiting = tokio::spawn(async move { from_start.next().await.unwrap() });
    committed(log.append(one("b", 0, 11)).await);
    assert_eq!(positions(&waiting.await.unwrap()), [11]);
    assert_eq!(positions(&up_to(&mut from_middle, 11).await), [11]);
}

pub async fn a_late_commit_is_never_skipped(log: &Arc<dyn EventLog>) {
    const WRITERS: u64 = 8;
    const COMMITS: u64 = 50;
    // The first commit of every writer is long and the others are short, so that earlier commits end later.
    const LONG: u64 = 500;
    const TOTAL: u64 = WRITERS * (LONG + COMMITS);

    let followers: Vec<_> = (0..4)
        .map(|_| {
            let mut subscription = log.subscribe(0);
            tokio::spawn(async move { up_to(&mut subscription, TOTAL).await })
        })
        .collect();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(log);
        writers.spawn(async move {
            committed(log.append(many(writer, 0, LONG)).await);
            for version in 0..COMMITS {
                committed(log.append(one(writer, LONG + version, version)).await);
            }
        });
    }
    writers.join_all().await;

    let log = everything(log).await;
    assert_eq!(positions(&log), (1..=TOTAL).collect::<Vec<_>>());
    for follower in followers {
        assert_eq!(follower.await.unwrap(), log);
    }
}

pub async fn a_subscriber_that_stops_waiting_loses_nothing(log: &Arc<dyn EventLog>) {
    let mut subscription = log.subscribe(0);
    tokio::select! {
        biased;
        _ = subscription.next() => panic!("the log is empty"),
        () = tokio::task::yield_now() => {}
    }
    committed(log.append(many("a", 0, 2)).await);
    assert_eq!(positions(&up_to(&mut subscription, 2).await), [1, 2]);
}

pub async fn whoever_has_an_answer_can_read_its_events(log: &Arc<dyn EventLog>) {
    for version in 0..50 {
        let position = committed(log.append(one("a", version, version)).await);
        assert_eq!(log.head(), position);
        assert_eq!(positions(&log.read_all(position - 1, 10).await.unwrap()), [position]);
    }
}
