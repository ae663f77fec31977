//! A log that outlives the process: what it is after a restart, a crash and damage.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
};

use mc_store::{
    Store,
    error::StoreError,
    log::{Appended, MAX_PAGE_EVENTS},
};

use crate::fixture::{Fixture, committed, everything, keyed, many, one, positions, stream};

/// The environment variable that makes a copy of this test program append to the log at that address until it is killed.
const APPENDER_STORE: &str = "MC_CONFORMANCE_APPENDER_STORE";
const ACKNOWLEDGED: &str = "acknowledged ";

pub async fn a_reopened_log_is_exactly_the_same(fixture: &Fixture) {
    let log = &fixture.log;
    committed(log.append(keyed(many("a", 0, 3), "k", 1, "first")).await);
    committed(log.append(one("b", 0, 4)).await);
    let before = everything(log).await;

    let log = fixture.reopened().await;
    assert_eq!((log.head(), *log.watch_head().borrow()), (4, 4));
    assert_eq!(everything(&log).await, before);
    assert_eq!(log.read_stream(&stream("a"), 0, 10).await.unwrap(), before[..3]);
    let repeat = log.append(keyed(many("a", 0, 3), "k", 1, "second")).await.unwrap();
    assert!(matches!(repeat, Appended::Replayed(first) if first.answer == "first" && first.position == 3));
    let conflict = log.append(one("a", 0, 5)).await;
    assert!(matches!(conflict, Err(StoreError::Conflict { actual: 3, .. })), "{conflict:?}");
    assert_eq!(committed(log.append(one("a", 3, 5)).await), 5);
    assert_eq!(committed(log.append(one("c", 0, 6)).await), 6);
}

pub async fn old_events_are_read_from_the_database_and_new_ones_from_memory_alike(fixture: &Fixture) {
    committed(fixture.log.append(many("a", 0, 1_500)).await);
    let recent = everything(&fixture.log).await;
    let log = fixture.reopened().await;
    assert_eq!(everything(&log).await, recent);
    committed(log.append(many("a", 1_500, 10)).await);
    let both = log.read_all(1_495, MAX_PAGE_EVENTS).await.unwrap();
    assert_eq!(positions(&both), (1_496..=1_510).collect::<Vec<_>>());
}

pub async fn a_hole_in_the_log_is_reported_where_it_is(fixture: &Fixture) {
    committed(fixture.log.append(many("a", 0, 1_000)).await);
    committed(fixture.log.append(many("a", 1_000, 1_000)).await);
    fixture.damage("DELETE FROM events WHERE position IN (500, 1500)").await;
    let log = fixture.reader();
    for (after, hole) in [(0, 500), (500, 1_500), (1_000, 1_500)] {
        let read = log.read_all(after, MAX_PAGE_EVENTS).await;
        assert!(matches!(read, Err(StoreError::Corrupt { position, .. }) if position == hole), "{read:?}");
        let read = log.read_stream(&stream("a"), after, MAX_PAGE_EVENTS).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt { position, .. }) if position == hole + 1),
            "{read:?}"
        );
    }
}

pub async fn unreadable_metadata_is_reported_where_it_is(fixture: &Fixture) {
    committed(fixture.log.append(many("a", 0, 3)).await);
    fixture.damage("UPDATE events SET metadata = '{}' WHERE position = 2").await;
    let log = fixture.reader();
    let read = log.read_all(0, 10).await;
    assert!(matches!(read, Err(StoreError::Corrupt { position: 2, .. })), "{read:?}");
    assert_eq!(positions(&log.read_all(2, 10).await.unwrap()), [3]);
}

pub async fn everything_acknowledged_survives_a_kill(fixture: &Fixture) {
    fixture.log.close().await;
    for _ in 0..3 {
        let acknowledged = append_until_killed(&fixture.url(), 200);
        let log = Store::open(&fixture.url()).unwrap();
        assert!(acknowledged.iter().all(|(position, _)| *position <= log.head()));
        let events = everything(&log).await;
        assert_eq!(positions(&events), (1..=log.head()).collect::<Vec<_>>());
        for (position, key) in acknowledged {
            assert_eq!(log.answered(&key).await.unwrap().unwrap().position, position);
            assert_eq!(events[position as usize - 1].stream, stream(key));
        }
        log.close().await;
    }
}

/// Has another process append, and kills it once it has acknowledged `count` commits. Returns the positions and the keys of
/// all that it acknowledged.
fn append_until_killed(url: &str, count: usize) -> Vec<(u64, String)> {
    let mut appender = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lasting::the_appender_appends_until_it_is_killed", "--nocapture"])
        .env(APPENDER_STORE, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(appender.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        let line = line.unwrap();
        let Some((position, key)) = line.strip_prefix(ACKNOWLEDGED).and_then(|line| line.split_once(' '))
        else {
            continue;
        };
        acknowledged.push((position.parse().unwrap(), key.to_owned()));
        if acknowledged.len() == count {
            appender.kill().unwrap();
        }
    }
    appender.wait().unwrap();
    assert!(acknowledged.len() >= count);
    acknowledged
}

/// No test by itself: [`append_until_killed`] runs it in another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_appender_appends_until_it_is_killed() {
    let Ok(url) = std::env::var(APPENDER_STORE) else { return };
    let log = Store::open(&url).unwrap();
    let start = log.head();
    println!();
    let callers = (0..16).map(|caller| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for number in 0.. {
                let key = format!("{start}-{caller}-{number}");
                let position = committed(log.append(keyed(one(&key, 0, number), &key, 1, "")).await);
                println!("{ACKNOWLEDGED}{position} {key}");
            }
        })
    });
    futures_util::future::join_all(callers).await;
}
