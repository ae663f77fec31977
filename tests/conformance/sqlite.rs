//! The database on disk: what survives a crash, who else may open it, and what it refuses.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use mc_store::{
    Store,
    error::StoreError,
    log::EventLog,
    sqlite::{SqliteInspection, SqliteLog, compact},
    verify::verify,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::fixture::{committed, everything, keyed, many, one, positions, stream};

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    (directory, path)
}

fn open(path: &Path) -> Arc<dyn EventLog> {
    Arc::new(SqliteLog::open(path).unwrap())
}

#[tokio::test]
async fn the_database_refuses_to_change_or_remove_what_was_recorded() {
    let (_directory, path) = directory();
    let log = open(&path);
    committed(log.append(keyed(one("a", 0, 1), "k", 1, "first")).await);
    let before = everything(&log).await;
    let operator = Connection::open(&path).unwrap();
    for (statement, message) in [
        ("UPDATE events SET payload = '{}'", "events are never updated: what was recorded is history"),
        ("DELETE FROM events", "events are never deleted: what was recorded is history"),
        ("UPDATE idempotency_keys SET answer = ''", "idempotency keys are never updated"),
        ("DELETE FROM idempotency_keys", "idempotency keys are never deleted"),
        ("UPDATE streams SET aggregate_id = 'b'", "streams are never updated"),
        ("DELETE FROM streams", "streams are never deleted"),
        (
            "INSERT OR REPLACE INTO events VALUES (1, 1, 1, 'task.created', 1, '{}', '{}')",
            "events are never replaced: what was recorded is history",
        ),
        (
            "INSERT OR REPLACE INTO events VALUES (9, 1, 1, 'task.created', 1, '{}', '{}')",
            "events are never replaced: what was recorded is history",
        ),
        ("INSERT OR REPLACE INTO streams VALUES (1, 'task', 'b')", "streams are never replaced"),
        ("INSERT OR REPLACE INTO streams VALUES (9, 'test', 'a')", "streams are never replaced"),
        (
            "INSERT OR REPLACE INTO idempotency_keys VALUES ('k', x'00', 1, '')",
            "idempotency keys are never replaced",
        ),
    ] {
        let refused = operator.execute(statement, []).unwrap_err();
        assert!(refused.to_string().contains(message), "{statement}: {refused}");
    }
    assert_eq!(everything(&log).await, before);
}

#[tokio::test]
async fn operators_can_query_the_log_by_name() {
    let (_directory, path) = directory();
    committed(open(&path).append(one("a", 0, 1)).await);
    let row: (String, String, String) = Connection::open(&path)
        .unwrap()
        .query_one("SELECT aggregate_type, aggregate_id, recorded_at FROM event_log", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!((row.0.as_str(), row.1.as_str()), ("test", "a"));
    assert_eq!(row.2.parse::<chrono::DateTime<chrono::Utc>>().unwrap(), crate::fixture::at(1));
}

#[tokio::test]
async fn a_second_open_is_refused_while_the_first_lives() {
    let (directory, path) = directory();
    let log = open(&path);
    let detour = directory.path().join(".").join("log.db");
    for path in [&path, &detour] {
        let refused = SqliteLog::open(path);
        assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
    }
    log.close().await;
    drop(open(&path));
    drop(open(&path));
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_in_use_is_in_use_under_every_name() {
    let (directory, path) = directory();
    let name = |name: &str| directory.path().join(name);
    let log = open(&path);
    committed(log.append(one("a", 0, 1)).await);
    std::os::unix::fs::symlink("log.db", name("link.db")).unwrap();
    assert!(matches!(SqliteLog::open(name("link.db")), Err(StoreError::Locked { .. })));
    std::fs::hard_link(&path, name("second.db")).unwrap();
    assert!(matches!(SqliteLog::open(name("second.db")), Err(StoreError::Linked { links: 2, .. })));
    std::fs::remove_file(name("second.db")).unwrap();
    std::fs::rename(&path, name("moved.db")).unwrap();
    for taken in [&path, &name("moved.db")] {
        assert!(matches!(SqliteLog::open(taken), Err(StoreError::Locked { .. })));
    }
    std::fs::rename(name("moved.db"), &path).unwrap();
    log.close().await;
    drop(open(&name("link.db")));

    std::os::unix::fs::symlink("made.db", name("to-be-made.db")).unwrap();
    let made = open(&name("to-be-made.db"));
    assert!(matches!(SqliteLog::open(name("made.db")), Err(StoreError::Locked { .. })));
    drop(made);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_with_several_names_is_refused_until_it_has_one() {
    let (directory, path) = directory();
    let second = directory.path().join("second.db");
    committed(open(&path).append(one("a", 0, 1)).await);
    std::fs::hard_link(&path, &second).unwrap();
    for name in [&path, &second] {
        let refused = SqliteLog::open(name);
        assert!(matches!(refused, Err(StoreError::Linked { links: 2, .. })), "{refused:?}");
        assert!(matches!(compact(name), Err(StoreError::Linked { .. })));
    }
    assert_eq!(SqliteLog::open_read_only(&second).unwrap().head(), 1);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(open(&second).head(), 1);
}

#[tokio::test]
async fn a_log_that_was_emptied_is_not_begun_anew() {
    let (_directory, path) = directory();
    let lock = path.with_extension("db.lock");
    committed(open(&path).append(one("a", 0, 1)).await);
    let nothing_in_it = Connection::open(path.with_extension("other")).unwrap();
    nothing_in_it.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    drop(nothing_in_it);
    let assert_refused = || {
        let refused = SqliteLog::open(&path);
        assert!(matches!(refused, Err(StoreError::Emptied { .. })), "{refused:?}");
    };
    std::fs::write(&path, "").unwrap();
    assert_refused();
    std::fs::rename(path.with_extension("other"), &path).unwrap();
    assert_refused();
    std::fs::remove_file(&path).unwrap();
    assert_refused();
    assert!(!path.exists());
    // A lock file of an older version, which noted no position.
    std::fs::write(&lock, "").unwrap();
    std::fs::write(&path, "").unwrap();
    assert_refused();
    std::fs::remove_file(&lock).unwrap();
    let log = open(&path);
    assert_eq!(log.head(), 0);
    drop(log);
    // An empty file that never held a log.
    std::fs::write(&path, "").unwrap();
    assert_eq!(open(&path).head(), 0);
}

#[tokio::test]
async fn a_log_that_lacks_what_was_recorded_is_told_of_and_can_be_used() {
    let (_directory, path) = directory();
    let copy = path.with_extension("older");
    committed(open(&path).append(one("a", 0, 1)).await);
    std::fs::copy(&path, &copy).unwrap();
    committed(open(&path).append(one("a", 1, 2)).await);
    let warned = || {
        let report = verify(&SqliteInspection::open(&path).unwrap(), crate::fixture::at(60), &mut |_, _| {});
        assert!(report.is_sound(), "{report:?}");
        report.warnings.into_iter().map(|warning| warning.detail).collect::<Vec<_>>()
    };
    assert_eq!(warned(), [""; 0]);
    std::fs::rename(&copy, &path).unwrap();
    let told = "the log ends at position 1, but ended at 2 when it was last written to";
    assert!(warned()[0].starts_with(told), "{:?}", warned());
    let log = open(&path);
    assert_eq!(committed(log.append(one("a", 1, 3)).await), 2);
    assert_eq!(warned(), [""; 0]);
}

#[tokio::test]
async fn a_log_in_use_can_be_opened_to_read_only() {
    let (_directory, path) = directory();
    let log = open(&path);
    committed(log.append(keyed(many("a", 0, 3), "k", 1, "first")).await);
    let reader: Arc<dyn EventLog> = Arc::new(SqliteLog::open_read_only(&path).unwrap());
    committed(log.append(one("a", 3, 4)).await);

    assert_eq!(reader.head(), 3);
    assert_eq!(positions(&everything(&reader).await), [1, 2, 3]);
    assert_eq!(positions(&reader.read_stream(&stream("a"), 0, 10).await.unwrap()), [1, 2, 3]);
    assert_eq!(reader.answered("k").await.unwrap().unwrap().answer, "first");
    assert!(matches!(reader.append(one("b", 0, 1)).await, Err(StoreError::ReadOnly)));
    assert_eq!(log.head(), 4);
}

#[tokio::test]
async fn a_log_that_does_not_exist_cannot_be_read() {
    let (_directory, path) = directory();
    assert!(matches!(SqliteLog::open_read_only(&path), Err(StoreError::Unavailable(_))));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_directory, path) = directory();
    open(&path).close().await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    for refused in [SqliteLog::open(&path), SqliteLog::open_read_only(&path)] {
        assert!(matches!(refused, Err(StoreError::NewerVersion { found: 99, known: 2 })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_left_as_it_is() {
    let (_directory, path) = directory();
    std::fs::write(&path, "a letter to my grandmother, which is long enough to be a page of something")
        .unwrap();
    assert_left_alone(&path);
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    assert_left_alone(&path);
}

fn assert_left_alone(path: &Path) {
    let before = std::fs::read(path).unwrap();
    for refused in [SqliteLog::open(path), SqliteLog::open_read_only(path)] {
        assert!(matches!(refused, Err(StoreError::NotALog { .. })), "{refused:?}");
    }
    assert_eq!(std::fs::read(path).unwrap(), before);
}

#[tokio::test]
async fn a_missing_directory_is_created() {
    let (directory, _) = directory();
    let url = format!("sqlite:{}", directory.path().join("a/b/log.db").display());
    committed(Store::open(&url).unwrap().append(one("a", 0, 1)).await);
    assert_eq!(Store::open(&url).unwrap().head(), 1);
}

#[tokio::test]
async fn an_address_of_no_known_kind_is_refused() {
    for url in
        ["", "log.db", "sqlite:", "sqlite::memory:", "memory:x", "postgres:log", "mysql://localhost/log"]
    {
        assert!(matches!(Store::open(url).err(), Some(StoreError::UnknownStore { .. })), "{url}");
    }
}
