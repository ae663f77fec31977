//! Limits: commits that every log refuses.

use std::sync::Arc;

use mc_store::{
    error::StoreError,
    log::{
        Append, Commit, EventLog, Guard, MAX_ANSWER_BYTES, MAX_COMMIT_BYTES, MAX_EVENTS_PER_COMMIT,
        MAX_KEY_BYTES, MAX_PAYLOAD_BYTES,
    },
};

use crate::fixture::{addition, committed, event, everything, keyed, many, one, several, stream};

async fn assert_invalid(log: &Arc<dyn EventLog>, commit: Commit) {
    let refused = log.append(commit).await;
    assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    assert_eq!(log.head(), 0);
}

pub async fn a_stream_named_twice_is_invalid(log: &Arc<dyn EventLog>) {
    assert_invalid(log, several([addition("a", 0, 1), addition("a", 1, 2)])).await;
    let guard = Guard { stream: stream("a"), expected: 0 };
    assert_invalid(log, Commit { guards: vec![guard.clone()], ..one("a", 0, 1) }).await;
    assert_invalid(log, Commit { guards: vec![guard.clone(), guard], ..one("b", 0, 1) }).await;
}

pub async fn a_commit_of_nothing_is_invalid(log: &Arc<dyn EventLog>) {
    assert_invalid(log, Commit::default()).await;
    let guards = vec![Guard { stream: stream("a"), expected: 0 }];
    assert_invalid(log, Commit { guards, ..Commit::default() }).await;
}

pub async fn an_append_without_events_is_invalid(log: &Arc<dyn EventLog>) {
    let empty = Append { stream: stream("a"), expected: 0, events: vec![] };
    assert_invalid(log, several([empty, addition("b", 0, 1)])).await;
}

pub async fn a_commit_of_too_many_events_is_invalid(log: &Arc<dyn EventLog>) {
    assert_invalid(log, many("a", 0, MAX_EVENTS_PER_COMMIT as u64 + 1)).await;
}

pub async fn a_commit_of_as_many_events_as_allowed_is_one_commit(log: &Arc<dyn EventLog>) {
    let most = MAX_EVENTS_PER_COMMIT as u64;
    assert_eq!(committed(log.append(many("a", 0, most)).await), most);
    assert_eq!(everything(log).await.len(), MAX_EVENTS_PER_COMMIT);
}

pub async fn a_payload_over_the_limit_is_invalid(log: &Arc<dyn EventLog>) {
    let mut commit = one("a", 0, 1);
    commit.appends[0].events[0].payload = format!("{:?}", "x".repeat(MAX_PAYLOAD_BYTES - 1));
    assert_invalid(log, commit.clone()).await;
    commit.appends[0].events[0].payload = format!("{:?}", "x".repeat(MAX_PAYLOAD_BYTES - 2));
    committed(log.append(commit).await);
}

pub async fn payloads_over_the_limit_together_are_invalid(log: &Arc<dyn EventLog>) {
    let mut big = event(1);
    big.payload = format!("{:?}", "x".repeat(MAX_PAYLOAD_BYTES - 2));
    let events = vec![big; MAX_COMMIT_BYTES / MAX_PAYLOAD_BYTES + 1];
    assert_invalid(log, several([Append { stream: stream("a"), expected: 0, events }])).await;
}

pub async fn a_key_is_neither_empty_nor_too_long(log: &Arc<dyn EventLog>) {
    assert_invalid(log, keyed(one("a", 0, 1), "", 1, "")).await;
    assert_invalid(log, keyed(one("a", 0, 1), &"k".repeat(MAX_KEY_BYTES + 1), 1, "")).await;
    committed(log.append(keyed(one("a", 0, 1), &"k".repeat(MAX_KEY_BYTES), 1, "")).await);
}

pub async fn an_answer_over_the_limit_is_invalid(log: &Arc<dyn EventLog>) {
    assert_invalid(log, keyed(one("a", 0, 1), "k", 1, &"x".repeat(MAX_ANSWER_BYTES + 1))).await;
}
