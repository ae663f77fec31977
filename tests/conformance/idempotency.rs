//! A repeat under an idempotency key appends nothing and gets the first answer.

use std::sync::Arc;

use mc_store::{
    error::StoreError,
    log::{Answered, Appended, Commit, EventLog},
};

use crate::fixture::{committed, everything, keyed, many, one, stream};

pub async fn a_repeat_gets_the_first_answer_and_appends_nothing(log: &Arc<dyn EventLog>) {
    assert_eq!(committed(log.append(keyed(many("a", 0, 2), "k", 1, "first")).await), 2);
    committed(log.append(one("b", 0, 3)).await);

    let first = Answered { fingerprint: [1; 32], position: 2, answer: "first".to_owned() };
    let repeat = log.append(keyed(many("a", 0, 2), "k", 1, "second")).await.unwrap();
    assert_eq!(repeat, Appended::Replayed(first.clone()));
    assert_eq!(log.answered("k").await.unwrap(), Some(first));
    assert_eq!((log.head(), everything(log).await.len()), (3, 3));
}

pub async fn a_repeat_is_recognised_although_its_expectation_is_stale(log: &Arc<dyn EventLog>) {
    committed(log.append(keyed(one("a", 0, 1), "k", 1, "first")).await);
    committed(log.append(one("a", 1, 2)).await);
    for expected in [0, 1, 2] {
        let repeat = log.append(keyed(one("a", expected, 3), "k", 1, "")).await.unwrap();
        assert!(matches!(repeat, Appended::Replayed(Answered { position: 1, .. })), "{repeat:?}");
    }
    assert_eq!(log.head(), 2);
}

pub async fn another_request_under_a_used_key_is_refused(log: &Arc<dyn EventLog>) {
    committed(log.append(keyed(one("a", 0, 1), "k", 1, "first")).await);
    let refused = log.append(keyed(one("a", 1, 2), "k", 2, "second")).await;
    assert!(matches!(&refused, Err(StoreError::KeyReused { key }) if key == "k"), "{refused:?}");
    assert_eq!(log.head(), 1);
    assert_eq!(log.answered("k").await.unwrap().unwrap().answer, "first");
}

pub async fn a_failed_commit_does_not_use_up_its_key(log: &Arc<dyn EventLog>) {
    committed(log.append(one("a", 0, 1)).await);
    log.append(keyed(one("a", 0, 2), "k", 1, "never")).await.unwrap_err();
    assert_eq!(log.answered("k").await.unwrap(), None);
    assert_eq!(committed(log.append(keyed(one("a", 1, 2), "k", 1, "now")).await), 2);
}

pub async fn a_commit_without_events_records_its_key(log: &Arc<dyn EventLog>) {
    committed(log.append(one("a", 0, 1)).await);
    let nothing = keyed(Commit::default(), "k", 1, "nothing to do");
    assert_eq!(committed(log.append(nothing.clone()).await), 1);
    assert!(matches!(log.append(nothing).await, Ok(Appended::Replayed(Answered { position: 1, .. }))));
    assert_eq!(log.head(), 1);
    assert_eq!(log.read_stream(&stream("a"), 1, 10).await.unwrap(), []);
}

pub async fn an_unused_key_has_no_answer(log: &Arc<dyn EventLog>) {
    committed(log.append(keyed(one("a", 0, 1), "used", 1, "")).await);
    assert_eq!(log.answered("unused").await.unwrap(), None);
}

pub async fn keys_are_listed_in_the_order_they_were_recorded(log: &Arc<dyn EventLog>) {
    assert_eq!(log.keys(0, 10).await.unwrap(), []);
    for (version, key) in (0..).zip(["m", "a", "z", "b"]) {
        committed(log.append(keyed(one("s", version, version), key, 1, key)).await);
    }
    let nothing = keyed(Commit::default(), "empty", 1, "nothing to do");
    committed(log.append(nothing).await);
    let names = async |after, limit| {
        let keys = log.keys(after, limit).await.unwrap();
        keys.into_iter().map(|recorded| (recorded.key, recorded.answered.position)).collect::<Vec<_>>()
    };
    let expected = [("m", 1), ("a", 2), ("z", 3), ("b", 4), ("empty", 4)]
        .map(|(key, position)| (key.to_owned(), position));
    assert_eq!(names(0, 10).await, expected);
    assert_eq!(names(0, 2).await, expected[..2]);
    let second = log.keys(0, 2).await.unwrap()[1].number;
    assert_eq!(names(second, usize::MAX).await, expected[2..]);
    assert_eq!(names(u64::MAX, 10).await, []);
}
