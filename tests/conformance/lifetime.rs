//! Closing: the log appends what is queued, then refuses everything.

use std::{sync::Arc, task::Poll};

use futures_util::future::{join_all, poll_fn};
use mc_store::{error::StoreError, log::EventLog};

use crate::fixture::{at, committed, one, stream};

fn assert_unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

pub async fn a_closed_log_is_unavailable(log: &Arc<dyn EventLog>) {
    committed(log.append(one("a", 0, 1)).await);
    log.close().await;
    assert_unavailable(log.append(one("a", 1, 2)).await);
    assert_unavailable(log.read_all(0, 10).await);
    assert_unavailable(log.read_stream(&stream("a"), 0, 10).await);
    assert_unavailable(log.answered("k").await);
    assert_unavailable(log.first_since(at(0)).await);
    log.close().await;
}

pub async fn closing_ends_subscriptions(log: &Arc<dyn EventLog>) {
    let mut subscription = log.subscribe(0);
    let following = tokio::spawn(async move { subscription.next().await });
    log.close().await;
    assert_unavailable(following.await.unwrap());
}

pub async fn closing_answers_what_is_queued(log: &Arc<dyn EventLog>) {
    let mut appends: Vec<_> = (0..32).map(|n| log.append(one(n, 0, n))).collect();
    let mut answered = Vec::new();
    for append in &mut appends {
        // The first poll queues the commit; nobody waits for its answer.
        answered.push(poll_fn(|context| Poll::Ready(append.as_mut().poll(context).is_ready())).await);
    }
    log.close().await;
    let waiting = appends.into_iter().zip(answered).filter(|(_, answered)| !answered);
    for answer in join_all(waiting.map(|(append, _)| append)).await {
        committed(answer);
    }
    assert_eq!(log.head(), 32);
}
