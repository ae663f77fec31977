//! Following a log by `EventSubscriber` and `Subscription`.

use std::time::Duration;

use eventually::{
    store::{EventStore, Expected, Select},
    subscription::{EventSubscriber, Subscription, Transient},
};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use mc_domain::project::Project;
use tokio::time::timeout;

use super::{created, edited, fixed::FixedLog, on_every_log, project, store_of, three_events};
use crate::eventually::{Error, LogSubscription};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_subscriber_sees_what_is_appended_after_it_subscribed() {
    on_every_log(async |log| {
        three_events(&log).await;
        let mut projects = store_of::<Project>(&log);
        let subscriber = projects.clone();
        let mut live = subscriber.subscribe_all().await.unwrap();
        projects.append(project(2), Expected::Any, vec![edited("Due")]).await.unwrap();
        let event = timeout(PATIENCE, live.next()).await.unwrap().unwrap().unwrap();
        assert_eq!((event.sequence_number(), &*event), (4, &edited("Due")));
        assert!(live.next().now_or_never().is_none(), "it waits for the next event");
    })
    .await;
}

#[tokio::test]
async fn an_event_between_subscribing_and_reading_is_not_lost() {
    on_every_log(async |log| {
        three_events(&log).await;
        let mut projects = store_of::<Project>(&log);
        let subscriber = projects.clone();
        let live = subscriber.subscribe_all().await.unwrap();
        projects.append(project(2), Expected::Any, vec![edited("Due")]).await.unwrap();
        let past = subscriber.stream_all(Select::All).await.unwrap();
        projects.append(project(2), Expected::Any, vec![edited("Deux")]).await.unwrap();
        let past: Vec<_> = past.map_ok(|event| event.sequence_number()).try_collect().await.unwrap();
        let live = live.take(2).map_ok(|event| event.sequence_number());
        let live: Vec<_> = timeout(PATIENCE, live.try_collect()).await.unwrap().unwrap();
        assert_eq!((past, live), (vec![1, 2, 3, 4], vec![4, 5]));
    })
    .await;
}

#[tokio::test]
async fn a_subscription_sees_the_past_and_then_the_present_once() {
    on_every_log(async |log| {
        three_events(&log).await;
        let subscription = LogSubscription::after(store_of::<Project>(&log), 1);
        let mut events = subscription.resume().await.unwrap();
        let mut seen = vec![];
        for number in 4..10 {
            let name = edited(&format!("Name {number}"));
            store_of::<Project>(&log).append(project(1), Expected::Any, vec![name]).await.unwrap();
            let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap().unwrap();
            seen.push(event.sequence_number());
        }
        let rest = events.by_ref().take(2).map_ok(|event| event.sequence_number());
        seen.extend(timeout(PATIENCE, rest.try_collect::<Vec<_>>()).await.unwrap().unwrap());
        assert_eq!(seen, (2..10).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_subscription_resumes_after_its_checkpoint() {
    on_every_log(async |log| {
        three_events(&log).await;
        let subscription = LogSubscription::after(store_of::<Project>(&log), 0);
        for expected in 1..=3 {
            let event = subscription.resume().await.unwrap().next().await.unwrap().unwrap();
            assert_eq!(event.sequence_number(), expected);
            subscription.checkpoint(expected).await.unwrap();
        }
        assert!(subscription.resume().await.unwrap().next().now_or_never().is_none());
    })
    .await;
}

#[tokio::test]
async fn their_transient_subscription_leaves_no_gap() {
    on_every_log(async |log| {
        three_events(&log).await;
        let transient = Transient::new(store_of::<Project>(&log), store_of::<Project>(&log)).from(2);
        let mut events = transient.resume().await.unwrap();
        store_of::<Project>(&log)
            .append(project(3), Expected::Exact(0), vec![created("three")])
            .await
            .unwrap();
        for expected in 2..=4 {
            let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(event.sequence_number(), expected);
            transient.checkpoint(expected).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_closed_log_ends_a_subscription() {
    on_every_log(async |log| {
        three_events(&log).await;
        let (store, subscription) =
            (store_of::<Project>(&log), LogSubscription::after(store_of::<Project>(&log), 2));
        let mut live = store.subscribe_all().await.unwrap();
        let mut events = subscription.resume().await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().sequence_number(), 3);
        log.close().await;
        assert!(timeout(PATIENCE, events.next()).await.unwrap().is_none());
        assert!(timeout(PATIENCE, live.next()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_position_beyond_32_bits_ends_a_subscription_with_an_error() {
    let beyond = u64::from(u32::MAX) + 1;
    let log = FixedLog::with_event_at(beyond, 1);
    let subscription = LogSubscription::after(store_of::<Project>(&log), u32::MAX);
    let events: Vec<_> =
        timeout(PATIENCE, subscription.resume().await.unwrap().collect::<Vec<_>>()).await.unwrap();
    assert!(matches!(events[..], [Err(Error::OutOfRange { number, of: "position" })] if number == beyond));
}
