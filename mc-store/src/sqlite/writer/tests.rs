#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::sync::atomic::AtomicU64;

use chrono::DateTime;
use mc_domain::{
    actor::Actor,
    recorded::{Metadata, StreamId},
    values::Name,
};
use uuid::Uuid;

use super::*;
use crate::{
    log::Append,
    sqlite::{
        disk::{FLOOR_BYTES, RESERVE_BYTES},
        lock::StoreLock,
        queries,
    },
};

fn commit(name: &str, expected: u64, payload: String) -> Commit {
    let metadata = Metadata {
        event_id: Uuid::now_v7().into(),
        recorded_at: DateTime::UNIX_EPOCH,
        actor: Actor::Human(Name::new("Sofie").unwrap()),
        project: None,
        command_id: Uuid::now_v7().into(),
        idempotency_key: None,
        credential: None,
    };
    let stream = StreamId { aggregate_type: "task".into(), aggregate_id: name.to_owned() };
    let event = NewEvent { event_type: "test.happened".into(), event_version: 1, payload, metadata };
    Commit { appends: vec![Append { stream, expected, events: vec![event] }], ..Commit::default() }
}

/// Has the writer commit a group, and returns what it answers each caller.
fn answers<const N: usize>(writer: &mut Writer, commits: [Commit; N]) -> [CommitResult; N] {
    let (group, answers): (Vec<_>, Vec<_>) = commits.into_iter().map(QueuedCommit::new).unzip();
    writer.commit(group);
    let results: Vec<_> = answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect();
    results.try_into().unwrap()
}

fn small(name: &str, expected: u64) -> Commit {
    commit(name, expected, "{}".to_owned())
}

fn open() -> (tempfile::TempDir, Writer, watch::Receiver<u64>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let lock_file = Arc::clone(StoreLock::acquire(&path).unwrap().lock_file());
    let (writer, head) = Writer::open(&path, Disk::default(), lock_file, Arc::default()).unwrap();
    (directory, writer, head)
}

#[test]
fn a_conflict_fails_its_own_commit_and_not_the_others_of_its_group() {
    let (_directory, mut writer, head) = open();
    let results = answers(&mut writer, [small("a", 0), small("a", 0), small("b", 0), small("a", 1)]);
    let [Ok(first), Err(StoreError::Conflict { actual: 1, .. }), Ok(other), Ok(second)] = results else {
        panic!("{results:?}")
    };
    assert_eq!([first, other, second].map(|appended| appended.position()), [1, 2, 3]);
    assert_eq!(*head.borrow(), 3);
}

#[test]
fn a_stream_that_was_forgotten_is_found_in_the_table_and_fails_nobody_else() {
    let (_directory, mut writer, _head) = open();
    writer.heads = Heads::of_generations(1);
    let results = answers(
        &mut writer,
        [small("a", 0), small("b", 0), small("c", 0), small("a", 0), small("d", 0), small("a", 1)],
    );
    let [Ok(_), Ok(_), Ok(_), Err(StoreError::Conflict { actual: 1, .. }), Ok(new), Ok(old)] = results else {
        panic!("{results:?}")
    };
    assert_eq!([new, old].map(|appended| appended.position()), [4, 5]);
}

#[test]
fn a_failed_transaction_succeeds_for_nobody_and_leaves_the_log_as_it_was() {
    let (_directory, mut writer, head) = open();
    let [before] = answers(&mut writer, [small("a", 0)]);
    assert_eq!(before.unwrap().position(), 1);

    limit_pages(&writer, 40);
    let too_big = commit("b", 0, "x".repeat(1024 * 1024));
    for result in answers(&mut writer, [small("a", 1), too_big, small("a", 0), small("c", 0)]) {
        assert!(matches!(result, Err(StoreError::Full)), "{result:?}");
    }
    assert!(matches!(writer.probe(), Ok(())), "a page that is there already can be written again");
    assert_eq!((*head.borrow(), queries::last_position(&writer.connection).unwrap()), (1, 1));
    assert!(writer.recent.read(1, 10).is_none());

    limit_pages(&writer, 1_000_000);
    let results = answers(&mut writer, [small("a", 1), small("b", 0), small("a", 1)]);
    let [Ok(a), Ok(b), Err(StoreError::Conflict { actual: 2, .. })] = results else { panic!("{results:?}") };
    assert_eq!([a, b].map(|appended| appended.position()), [2, 3]);
    assert_eq!(*head.borrow(), 3);
}

fn containing(commit: Commit) -> Commit {
    Commit { priority: Priority::Containment, ..commit }
}

/// Puts the writer on a disk with that many free bytes; the test may change the number.
fn on_disk_with(writer: &mut Writer, free_bytes: u64) -> Arc<AtomicU64> {
    let free = Arc::new(AtomicU64::new(free_bytes));
    let asked = Arc::clone(&free);
    writer.disk = Disk::new(move |_| Some(asked.load(Ordering::Relaxed)));
    free
}

#[test]
fn below_the_reserve_only_what_contains_is_written_and_below_the_floor_nothing() {
    let (_directory, mut writer, head) = open();
    let free = on_disk_with(&mut writer, RESERVE_BYTES);
    let [ordinary, contained] = answers(&mut writer, [small("a", 0), containing(small("b", 0))]);
    assert_eq!([ordinary, contained].map(|appended| appended.unwrap().position()), [1, 2]);
    writer.probe().unwrap();

    for scarce in [RESERVE_BYTES - 1, FLOOR_BYTES] {
        free.store(scarce, Ordering::Relaxed);
        let before = *head.borrow();
        let [refused, contained, other] =
            answers(&mut writer, [small("a", 1), containing(small("b", before - 1)), small("c", 0)]);
        assert!(matches!((refused, other), (Err(StoreError::Full), Err(StoreError::Full))));
        assert_eq!((contained.unwrap().position(), *head.borrow()), (before + 1, before + 1));
        assert!(matches!(writer.probe(), Err(StoreError::Full)), "health says that there is too little");
    }
    free.store(FLOOR_BYTES - 1, Ordering::Relaxed);
    for refused in answers(&mut writer, [small("a", 1), containing(small("b", 3))]) {
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    }
    assert!(writer.outage.reported.is_some());

    free.store(RESERVE_BYTES, Ordering::Relaxed);
    writer.probe().unwrap();
    assert!(writer.outage.reported.is_none());
    let [appended] = answers(&mut writer, [small("a", 1)]);
    assert_eq!(appended.unwrap().position(), 5);
}

#[test]
fn the_write_ahead_log_does_not_use_up_the_reserve() {
    let (directory, mut writer, _head) = open();
    on_disk_with(&mut writer, FLOOR_BYTES);
    let wal = || std::fs::metadata(directory.path().join("log.db-wal")).unwrap().len();
    for version in 0..50 {
        let [appended] = answers(&mut writer, [containing(commit("a", version, "x".repeat(50_000)))]);
        appended.unwrap();
    }
    assert!(wal() < 300_000, "{} bytes", wal());
}

#[test]
fn nothing_is_written_into_a_file_that_is_gone_and_everything_once_it_is_back() {
    for ending in ["", "-wal", "-shm"] {
        let (directory, mut writer, head) = open();
        let (file, aside) =
            (directory.path().join(format!("log.db{ending}")), directory.path().join("aside"));
        let [before] = answers(&mut writer, [small("a", 0)]);
        assert_eq!(before.unwrap().position(), 1);
        std::fs::rename(&file, &aside).unwrap();
        for replace in [false, true] {
            if replace {
                std::fs::copy(&aside, &file).unwrap();
            }
            let [refused, contained] = answers(&mut writer, [small("b", 0), containing(small("c", 0))]);
            for refused in [refused.map(drop), contained.map(drop), writer.probe()] {
                assert!(matches!(&refused, Err(StoreError::Displaced { file: gone }) if *gone == file));
            }
            assert_eq!((*head.borrow(), writer.outage.reported), (1, Some(Cause::Displaced)));
        }
        std::fs::rename(&aside, &file).unwrap();
        writer.probe().unwrap();
        assert_eq!(writer.outage.reported, None);
        let [after] = answers(&mut writer, [small("a", 1)]);
        assert_eq!((after.unwrap().position(), *head.borrow()), (2, 2));
    }
}

#[test]
fn a_reader_that_keeps_the_write_ahead_log_from_starting_over_is_told_of_until_it_ends() {
    let (directory, mut writer, _head) = open();
    (writer.checkpointer.every_pages, writer.checkpointer.long_bytes) = (64, 1024 * 1024);
    let reader = Connection::open(directory.path().join("log.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    let mut version = 0;
    let mut append_until = |writer: &mut Writer, is_long: bool| {
        for _ in 0..1_000 {
            let [appended] = answers(writer, [commit("a", version, "x".repeat(50_000))]);
            appended.unwrap();
            version += 1;
            writer.checkpointer.after_group(&writer.connection, writer.wal_pages.load(Ordering::Relaxed));
            if writer.checkpointer.is_long == is_long {
                return;
            }
        }
        panic!("the write-ahead log is not {}", if is_long { "long" } else { "short" });
    };
    append_until(&mut writer, true);
    reader.execute_batch("COMMIT").unwrap();
    append_until(&mut writer, false);
}

#[test]
fn a_writer_that_fails_says_so_until_it_can_write_again() {
    let (_directory, mut writer, _head) = open();
    writer.connection.pragma_update(None, "query_only", true).unwrap();
    let [refused] = answers(&mut writer, [small("a", 0)]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(writer.probe(), Err(StoreError::Unavailable(_))));
    writer.connection.pragma_update(None, "query_only", false).unwrap();
    writer.probe().unwrap();
    let [appended] = answers(&mut writer, [small("a", 0)]);
    assert_eq!(appended.unwrap().position(), 1);
}

/// Limits the database to that many pages: beyond them, SQLite fails as on a full disk.
fn limit_pages(writer: &Writer, pages: u32) {
    writer.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
}

#[test]
fn what_a_foreign_writer_appended_fails_one_group_and_is_known_to_the_next() {
    let (directory, mut writer, head) = open();
    let [first] = answers(&mut writer, [small("a", 0)]);
    first.unwrap();
    let foreign = Connection::open(directory.path().join("log.db")).unwrap();
    foreign
        .execute(
            "INSERT INTO events SELECT 2, stream_key, 2, event_type, 1, payload, metadata FROM events",
            [],
        )
        .unwrap();
    let [refused] = answers(&mut writer, [small("a", 1)]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let [refused, appended] = answers(&mut writer, [small("a", 1), small("a", 2)]);
    assert!(matches!(refused, Err(StoreError::Conflict { actual: 2, .. })), "{refused:?}");
    assert_eq!((appended.unwrap().position(), *head.borrow()), (3, 3));
}

#[test]
fn the_write_ahead_log_starts_over_under_a_load_that_never_pauses() {
    let (directory, mut writer, _head) = open();
    writer.checkpointer.every_pages = 1_024;
    let wal = directory.path().join("log.db-wal");
    let mut longest = 0;
    for version in 0..800 {
        let [appended] = answers(&mut writer, [commit("a", version, "x".repeat(100_000))]);
        appended.unwrap();
        writer.checkpointer.after_group(&writer.connection, writer.wal_pages.load(Ordering::Relaxed));
        longest = longest.max(std::fs::metadata(&wal).unwrap().len());
    }
    let appended = 800 * 100_000;
    assert!(longest < appended / 2, "{longest} bytes");
}
