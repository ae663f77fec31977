//! Damage: a restore refuses a damaged backup, and verification reports what is wrong with a database file.

use std::path::Path;

use mc_store::{
    backup::{self, BackupError},
    error::StoreError,
    log::{Append, Commit, EventLog},
    sqlite::{Existing, SqliteImport, SqliteInspection, SqliteLog},
    verify::{Problem, verify},
};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::{
    fixture::{at, backed_up, committed, event, everything, keyed, many, memory, one},
    verification::{fill, problems, verified_after},
};

async fn small() -> Vec<u8> {
    let log = memory().log;
    committed(log.append(keyed(many("a", 0, 2), "k", 1, "\"first\"")).await);
    committed(log.append(one("b", 0, 3)).await);
    backed_up(&*log).await
}

fn refusal(document: &[u8]) -> BackupError {
    match memory().restored(document) {
        Err(error) => error,
        Ok(_) => panic!("it was restored: {}", String::from_utf8_lossy(document)),
    }
}

#[tokio::test]
async fn a_changed_byte_is_refused_wherever_it_is() {
    let document = small().await;
    for place in 0..document.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = document.clone();
            changed[place] ^= flip;
            let refused = refusal(&changed);
            assert!(
                !matches!(refused, BackupError::Store(_) | BackupError::Document(_)),
                "{place}: {refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_off_is_refused_wherever_it_ends() {
    let document = small().await;
    for length in 0..document.len() {
        let refused = refusal(&document[..length]);
        assert!(
            matches!(refused, BackupError::Damaged { .. } | BackupError::NotABackup { .. }),
            "{refused:?}"
        );
    }
    let mut longer = document.clone();
    longer.push(b'\n');
    assert!(refusal(&longer).to_string().contains("something follows the end"));
}

#[tokio::test]
async fn a_line_that_was_removed_repeated_or_swapped_is_refused() {
    let document = String::from_utf8(small().await).unwrap();
    let lines: Vec<_> = document.split_inclusive('\n').collect();
    for line in 0..lines.len() {
        let mut changed = lines.clone();
        changed.remove(line);
        refusal(changed.concat().as_bytes());
        changed.insert(line, lines[line]);
        changed.insert(line, lines[line]);
        refusal(changed.concat().as_bytes());
        if line > 0 {
            let mut changed = lines.clone();
            changed.swap(line, line - 1);
            refusal(changed.concat().as_bytes());
        }
    }
}

#[tokio::test]
async fn foreign_and_newer_files_are_told_apart_from_damaged_ones() {
    for foreign in ["", "{}", "[1,2]", "\u{0}PNG", "{\"header\":{\"format\":\"recipes\",\"version\":1},\n"] {
        let refused = refusal(foreign.as_bytes());
        assert!(matches!(refused, BackupError::NotABackup { .. }), "{foreign:?}: {refused:?}");
    }
    let document = String::from_utf8(small().await).unwrap();
    let newer = document.replacen("\"version\":1", "\"version\":2,\"compression\":\"none\"", 1);
    assert!(matches!(refusal(newer.as_bytes()), BackupError::NewerVersion { found: 2 }));
    let endless = std::io::Read::take(std::io::repeat(b'x'), 1 << 40);
    let log = mc_store::memory::MemoryLog::new();
    let refused =
        backup::read(std::io::BufReader::new(endless), log.import().unwrap(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(refused, BackupError::NotABackup { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_refused_backup_leaves_nothing_in_the_directory() {
    let (directory, document) = (tempfile::tempdir().unwrap(), small().await);
    let path = directory.path().join("log.db");
    for end in [0, 10, document.len() / 2, document.len() - 1] {
        let import = SqliteImport::create(&path, Existing::Refuse).unwrap();
        backup::read(&document[..end], import, &mut |_, _| {}).unwrap_err();
        assert_eq!(names(directory.path()), [""; 0]);
    }
    let import = SqliteImport::create(&path, Existing::Refuse).unwrap();
    backup::read(document.as_slice(), import, &mut |_, _| {}).unwrap();
    assert_eq!(names(directory.path()), ["log.db", "log.db.lock"]);
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_database_in_use_or_in_the_way_is_not_restored_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = SqliteLog::open(&path).unwrap();
    for existing in [Existing::Refuse, Existing::MoveAside(".old".to_owned())] {
        let refused = SqliteImport::create(&path, existing);
        assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
    }
    committed(log.append(one("a", 0, 1)).await);
    log.close().await;
    let refused = SqliteImport::create(&path, Existing::Refuse);
    assert!(matches!(refused, Err(StoreError::Occupied { .. })), "{refused:?}");
    // SQLite would take a left write-ahead log for that of the restored database.
    std::fs::rename(&path, directory.path().join("moved.db")).unwrap();
    std::fs::write(directory.path().join("log.db-wal"), "left over").unwrap();
    let refused = SqliteImport::create(&path, Existing::Refuse);
    assert!(matches!(refused, Err(StoreError::Occupied { store }) if store.ends_with("log.db-wal")));
}

#[tokio::test]
async fn what_is_in_the_way_is_moved_aside_once_the_new_database_is_complete() {
    let (directory, document) = (tempfile::tempdir().unwrap(), small().await);
    let path = directory.path().join("log.db");
    std::fs::write(&path, "a damaged database").unwrap();
    std::fs::write(directory.path().join("log.db-wal"), "and its write-ahead log").unwrap();
    let aside = || SqliteImport::create(&path, Existing::MoveAside(".before".to_owned())).unwrap();

    backup::read(&document[..document.len() - 1], aside(), &mut |_, _| {}).unwrap_err();
    assert_eq!(names(directory.path()), ["log.db", "log.db-wal"]);
    let (_, moved) = backup::read(document.as_slice(), aside(), &mut |_, _| {}).unwrap();
    assert_eq!(moved.len(), 2);
    assert_eq!(names(directory.path()), ["log.db", "log.db.before", "log.db.before-wal", "log.db.lock"]);
    assert_eq!(std::fs::read(directory.path().join("log.db.before")).unwrap(), b"a damaged database");
    assert_eq!(SqliteLog::open(&path).unwrap().head(), 3);

    let (_, moved) = backup::read(document.as_slice(), aside(), &mut |_, _| {}).unwrap();
    assert_eq!(moved, [directory.path().join("log.db.before-2")]);
    assert_eq!(SqliteLog::open(&path).unwrap().head(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_log_survives_backup_and_restore(
        steps in prop::collection::vec((0..5_u8, 1..4_u64, prop::option::of("[a-z\"\\\\\u{e4}]{1,9}"), ".*", any::<i32>()), 0..20)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = memory();
            for (number, (name, count, key, payload, seconds)) in (0_u64..).zip(steps) {
                let stream = crate::fixture::stream(name);
                let expected = fixture.log.read_stream(&stream, 0, 1_000).await.unwrap().len() as u64;
                let events = (0..count).map(|n| {
                    let mut new = event(number * 10 + n);
                    new.payload = payload.clone();
                    new.metadata.recorded_at = at(0) + chrono::TimeDelta::seconds(seconds.into());
                    new
                });
                let append = Append { stream, expected, events: events.collect() };
                let commit = Commit { appends: vec![append], ..Commit::default() };
                let _ = fixture.log.append(match key {
                    Some(key) => keyed(commit, &key, name, &payload),
                    None => commit,
                }).await;
            }
            let document = backed_up(&*fixture.log).await;
            let restored = fixture.restored(&document).unwrap().log;
            assert_eq!(everything(&restored).await, everything(&fixture.log).await);
            assert!(backed_up(&*restored).await == document);
        });
    }
}

#[tokio::test]
async fn what_is_no_damage_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = SqliteLog::open(&path).unwrap();
    committed(log.append(many("a", 0, 3_000)).await);
    log.close().await;
    let vandal = Connection::open(&path).unwrap();
    vandal.execute_batch("DELETE FROM instants; DROP TRIGGER events_are_not_deleted").unwrap();
    drop(vandal);
    let verified = |now| verify(&SqliteInspection::open(&path).unwrap(), now, &mut |_, _| {});

    let report = verified(at(3_000) - chrono::TimeDelta::days(1));
    let of = |problem| report.warnings.iter().filter(|warning| warning.problem == problem).count();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.warnings_total, 2, "{report:?}");
    assert_eq!(of(Problem::Lacking), 2);
    assert_eq!(report.foreign_events, 3_000);
    let earlier = verified(at(2_000) - chrono::TimeDelta::days(1));
    assert!(earlier.warnings.iter().any(|warning| warning.problem == Problem::AheadOfTime), "{earlier:?}");

    SqliteLog::open(&path).unwrap().close().await;
    assert_eq!(verified(at(3_000)).warnings, [], "opening it puts back what was gone");
}

#[tokio::test]
async fn damage_that_only_a_file_can_have_is_found_where_it_is() {
    for (damage, expected) in [
        (
            "DELETE FROM events WHERE position IN (5, 6)",
            vec![(Problem::PositionGap, Some(5)), (Problem::EmptyStream, None)],
        ),
        ("UPDATE events SET payload = '{' WHERE position = 4", vec![(Problem::Unreadable, Some(4))]),
        (
            "DELETE FROM streams WHERE stream_key = 2",
            vec![(Problem::Unreadable, Some(3)), (Problem::Unreadable, Some(4))],
        ),
    ] {
        let report = verified_after(&crate::fixture::sqlite(), damage).await;
        assert_eq!(problems(&report), expected, "{damage}: {report:?}");
    }
}

#[tokio::test]
async fn a_page_that_was_overwritten_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = SqliteLog::open(&path).unwrap();
    fill(&log).await;
    log.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = b"Write the long guide";
    let place = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    let page = place / 4096 * 4096;
    bytes[page..page + 64].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let report = verify(&SqliteInspection::open(&path).unwrap(), at(0), &mut |_, _| {});
    assert!(report.findings.iter().any(|finding| finding.problem == Problem::Database), "{report:?}");
}
