//! Many writers at once: each commit succeeds or conflicts as a whole, and positions stay without holes.

use std::{future::Future, sync::Arc};

use mc_store::{
    error::StoreError,
    log::{Appended, Commit, EventLog},
};
use tokio::task::JoinSet;

use crate::fixture::{addition, committed, everything, keyed, one, positions, several, stream};

const WRITERS: u64 = 64;

/// Appends all commits at once, and returns the answers in the order of the commits.
async fn at_once(
    log: &Arc<dyn EventLog>,
    commits: impl IntoIterator<Item = Commit>,
) -> Vec<Result<Appended, StoreError>> {
    let append = |commit| {
        let log = Arc::clone(log);
        async move { log.append(commit).await }
    };
    all(commits.into_iter().map(append)).await
}

async fn all<T: Send + 'static>(
    tasks: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut answers = Vec::new();
    let mut running: JoinSet<_> =
        tasks.enumerate().map(|(index, task)| async move { (index, task.await) }).collect();
    while let Some(answer) = running.join_next().await {
        answers.push(answer.unwrap());
    }
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

pub async fn of_64_writers_with_one_expectation_exactly_one_wins(log: &Arc<dyn EventLog>) {
    for expected in 0..3 {
        let answers = at_once(log, (0..WRITERS).map(|writer| one("a", expected, writer))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        let actual = expected + 1;
        for refused in lost {
            assert!(
                matches!(refused, Err(StoreError::Conflict { actual: at, .. }) if at == actual),
                "{refused:?}"
            );
        }
    }
    assert_eq!(log.head(), 3);
}

pub async fn writers_of_64_streams_all_succeed_at_dense_positions(log: &Arc<dyn EventLog>) {
    let answers = at_once(log, (0..WRITERS).map(|writer| one(writer, 0, writer))).await;
    let mut answered: Vec<_> = answers.into_iter().map(committed).collect();
    for (writer, position) in answered.iter().enumerate() {
        let stored = log.read_stream(&stream(writer), 0, 10).await.unwrap();
        assert_eq!(positions(&stored), [*position]);
    }
    answered.sort_unstable();
    assert_eq!(answered, (1..=WRITERS).collect::<Vec<_>>());
    assert_eq!(positions(&everything(log).await), answered);
}

pub async fn concurrent_repeats_of_one_key_append_once(log: &Arc<dyn EventLog>) {
    let answers = at_once(log, (0..WRITERS).map(|n| keyed(one(n, 0, n), "k", 1, &n.to_string()))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let first = answers.iter().filter(|answer| matches!(answer, Appended::Committed { .. })).count();
    assert_eq!((first, log.head()), (1, 1));
    let kept = log.answered("k").await.unwrap().unwrap();
    for answer in answers {
        assert!(answer == Appended::Replayed(kept.clone()) || answer == Appended::Committed { position: 1 });
    }
}

pub async fn concurrent_commits_over_two_streams_never_half_succeed(log: &Arc<dyn EventLog>) {
    let commit =
        |writer: u64| several([addition("shared", 0, writer), addition(format!("own-{writer}"), 0, writer)]);
    let answers = at_once(log, (0..WRITERS).map(commit)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for (writer, answer) in answers.iter().enumerate() {
        let own = log.read_stream(&stream(format!("own-{writer}")), 0, 10).await.unwrap();
        assert_eq!(own.len(), usize::from(answer.is_ok()));
    }
    assert_eq!(log.head(), 2);
}

pub async fn an_abandoned_append_happens_wholly_or_not_at_all(log: &Arc<dyn EventLog>) {
    let abandon = |writer: u64| {
        let log = Arc::clone(log);
        let commit =
            several([addition(format!("a-{writer}"), 0, writer), addition(format!("b-{writer}"), 0, writer)]);
        async move {
            tokio::select! {
                biased;
                _ = log.append(commit) => {}
                () = tokio::task::yield_now() => {}
            }
        }
    };
    all((0..WRITERS).map(abandon)).await;
    // The log decides this commit after everything that was queued before it.
    committed(log.append(one("last", 0, 0)).await);
    for writer in 0..WRITERS {
        let a = log.read_stream(&stream(format!("a-{writer}")), 0, 10).await.unwrap();
        let b = log.read_stream(&stream(format!("b-{writer}")), 0, 10).await.unwrap();
        assert_eq!(a.len(), b.len());
    }
    let head = log.head();
    assert_eq!(positions(&everything(log).await), (1..=head).collect::<Vec<_>>());
}
