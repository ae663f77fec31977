//! A backup that is restored gives the same log.

use std::{collections::BTreeSet, sync::Arc};

use chrono::TimeDelta;
use mc_store::{
    backup::BackupError,
    error::StoreError,
    log::{Answered, Append, Appended, Commit, EventLog, NewEvent},
};

use uuid::Uuid;

use crate::fixture::{
    Fixture, addition, at, backed_up, committed, event, event_at, everything, keyed, many, one, several,
    stream,
};

/// Fills a log with several streams, a clock that steps back, keys with and without events, and payloads that need escaping.
async fn fill(fixture: &Fixture) {
    let log = &fixture.log;
    committed(log.append(keyed(many("a", 0, 3), "first \"key\"\n", 1, "{\"quoted\":\"answer\"}\n")).await);
    committed(log.append(several([addition("b", 0, 4), addition("a", 3, 5)])).await);
    committed(log.append(keyed(Commit::default(), "nothing", 2, "null")).await);
    let earlier = vec![event_at(6, at(0) - TimeDelta::days(400))];
    committed(
        log.append(several([Append { stream: stream("ü\u{2028}\"/"), expected: 0, events: earlier }])).await,
    );
    let mut payloads = vec!["null", "{ \"spaced\" : 1 }", "{\n}", " {}", "{} ", "\"\u{7f}ä\"", "1e400"];
    if fixture.stores_any_text() {
        payloads.extend(["not JSON", "\"\u{0}\"", ""]);
    }
    let events = (7..).zip(payloads).map(|(number, payload)| {
        let mut new = NewEvent { payload: payload.to_owned(), ..event(number) };
        new.metadata.project = None;
        new.metadata.idempotency_key = Some("k\"".to_owned());
        new
    });
    let odd = Append { stream: stream("odd"), expected: 0, events: events.collect() };
    committed(log.append(keyed(several([odd]), "a", 0xff, "\"last\"")).await);
}

/// Appends many events, each with its own id.
fn long() -> Commit {
    let mut commit = many("long", 0, 3_000);
    for (number, event) in (10_000..).zip(commit.appends.iter_mut().flat_map(|append| &mut append.events)) {
        event.metadata.event_id = Uuid::from_u128(number).into();
    }
    commit
}

async fn assert_same(restored: &Arc<dyn EventLog>, log: &Arc<dyn EventLog>) {
    assert_eq!((restored.head(), *restored.watch_head().borrow()), (log.head(), log.head()));
    let events = everything(log).await;
    assert_eq!(everything(restored).await, events);
    let by_credential = events.iter().filter(|event| event.metadata.credential.is_some()).count();
    assert_eq!(by_credential == 0, events.is_empty(), "the credentials that events came by are compared too");
    for name in events.iter().map(|event| &event.stream).collect::<BTreeSet<_>>() {
        assert_eq!(
            restored.read_stream(name, 0, 100).await.unwrap(),
            log.read_stream(name, 0, 100).await.unwrap()
        );
    }
    // Asks for only some of the thousands: the memory adapter scans for each.
    for time in events.iter().step_by(events.len() / 20 + 1).map(|event| event.metadata.recorded_at) {
        assert_eq!(restored.first_since(time).await.unwrap(), log.first_since(time).await.unwrap());
    }
    let keys = log.keys(0, 100).await.unwrap();
    assert_eq!(restored.keys(0, 100).await.unwrap(), keys);
    for recorded in keys {
        assert_eq!(restored.answered(&recorded.key).await.unwrap(), Some(recorded.answered));
    }
}

pub async fn an_empty_log_is_restored_empty(fixture: &Fixture) {
    let restored = fixture.restored(&backed_up(&*fixture.log).await).unwrap();
    assert_same(&restored.log, &fixture.log).await;
}

pub async fn a_restored_log_is_equal_in_everything_that_can_be_asked(fixture: &Fixture) {
    fill(fixture).await;
    committed(fixture.log.append(long()).await);
    let document = backed_up(&*fixture.log).await;
    let restored = fixture.restored(&document).unwrap();
    assert_same(&restored.log, &fixture.log).await;
    let again = backed_up(&*restored.log).await;
    assert!(again == document, "a backup of the restored log is another one");
    serde_json::from_slice::<serde::de::IgnoredAny>(&document).unwrap();
}

pub async fn a_log_of_more_streams_than_any_cache_holds_is_restored(fixture: &Fixture) {
    let log = &fixture.log;
    // More than twice the streams that an adapter remembers, which are 32,768.
    let streams = 66_000;
    let mut number = 0;
    let mut addition = |stream: u64, expected| {
        number += 1;
        addition(stream, expected, number)
    };
    for first in (0..streams).step_by(6_000) {
        committed(log.append(several((first..first + 6_000).map(|stream| addition(stream, 0)))).await);
    }
    // The adapter has forgotten each of these meanwhile.
    committed(log.append(several((0..streams).step_by(11).map(|stream| addition(stream, 1)))).await);
    let document = backed_up(&**log).await;
    let restored = fixture.restored(&document).unwrap();
    assert!(everything(&restored.log).await == everything(log).await);
    for log in [log, &restored.log] {
        let conflict = log.append(one(7, 0, 1)).await;
        assert!(matches!(conflict, Err(StoreError::Conflict { actual: 1, .. })), "{conflict:?}");
        assert_eq!(committed(log.append(one(0, 2, 200_000)).await), 72_001);
    }
}

pub async fn a_restored_log_goes_on_where_the_backup_ends(fixture: &Fixture) {
    fill(fixture).await;
    let restored = fixture.restored(&backed_up(&*fixture.log).await).unwrap();
    let restored = &restored.log;
    let head = fixture.log.head();
    let conflict = restored.append(one("a", 3, 1)).await;
    assert!(matches!(conflict, Err(StoreError::Conflict { actual: 4, .. })), "{conflict:?}");
    let repeat = restored.append(keyed(one("a", 0, 1), "a", 0xff, "")).await.unwrap();
    assert!(matches!(repeat, Appended::Replayed(Answered { position, .. }) if position == head));
    assert_eq!(
        committed(restored.append(several([addition("a", 4, 1), addition("new", 0, 2)])).await),
        head + 2
    );
}

pub async fn what_is_appended_during_a_backup_is_not_part_of_it(fixture: &Fixture) {
    fill(fixture).await;
    committed(fixture.log.append(many("long", 0, 3_000)).await);
    let before = backed_up(&*fixture.log).await;
    let (log, runtime) = (Arc::clone(&fixture.log), tokio::runtime::Handle::current());
    let mut document = Vec::new();
    let mut next = 0;
    let mut append = |_, _| {
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                committed(log.append(keyed(one("late", next, next), &format!("late {next}"), 1, "")).await);
            });
        });
        next += 1;
    };
    mc_store::backup::write(&*fixture.log, at(0), &mut document, &mut append).await.unwrap();
    assert!(next > 1);
    assert!(document == before);
}

pub async fn a_log_that_is_not_empty_is_not_restored_into(fixture: &Fixture) {
    // An adapter checks that it is empty before it reads a document, and once more at the end.
    let log = mc_store::memory::MemoryLog::new();
    let import = log.import().unwrap();
    log.append(one("a", 0, 1)).await.unwrap();
    assert!(matches!(log.import(), Err(StoreError::Occupied { .. })));
    let document = backed_up(&*fixture.log).await;
    let refused = mc_store::backup::read(document.as_slice(), import, &mut |_, _| {});
    assert!(matches!(refused, Err(BackupError::Store(StoreError::Occupied { .. }))), "{refused:?}");
    assert_eq!(log.head(), 1);
}
