//! Copies between the adapters: the same log afterwards, or nobody can open it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use mc_domain::recorded::StreamId;
use mc_store::{
    Store,
    copy::{Copied, CopyError, Difference, Stage, copy},
    error::StoreError,
    log::{Answered, Append, Appended, Commit, EventLog, NewEvent, RecordedKey, StoredEvent},
    memory::MemoryLog,
    postgres::PostgresReader,
    sqlite::SqliteLog,
    testing::{Database, Postgres},
};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::fixture::{
    addition, at, backed_up, committed, event, event_at, keyed, many, one, several, stream,
};

/// A place to copy to, of either adapter.
enum Place {
    File(TempDir),
    Database(Database),
}

impl Place {
    /// A new one of each adapter that can be tested here.
    fn each() -> Vec<Self> {
        let database = Postgres::shared().map(|server| Self::Database(server.empty_database()));
        [Self::File(tempfile::tempdir().unwrap())].into_iter().chain(database).collect()
    }

    fn url(&self) -> String {
        match self {
            Self::File(directory) => format!("sqlite:{}", directory.path().join("copy.db").display()),
            Self::Database(database) => database.url().to_owned(),
        }
    }

    fn open(&self) -> Result<Arc<dyn EventLog>, StoreError> {
        Store::open(&self.url())
    }

    /// Opens it once the database knows that the session of an earlier copy is over.
    fn open_again(&self) -> Arc<dyn EventLog> {
        loop {
            match self.open() {
                Err(StoreError::Locked { .. }) => {}
                opened => return opened.unwrap(),
            }
        }
    }

    /// Opens it for reading, as it has to be there.
    fn read(&self) -> Box<dyn EventLog> {
        match self {
            Self::File(directory) => Box::new(read_file(directory.path())),
            Self::Database(database) => Box::new(PostgresReader::open(database.url()).unwrap()),
        }
    }

    /// Nobody can open what is there as a log.
    #[track_caller]
    fn assert_unfinished(&self) {
        match self {
            Self::File(directory) => {
                let names = std::fs::read_dir(directory.path()).unwrap();
                let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
                assert!(names.iter().any(|name| name == "copy.db.copying"), "{names:?}");
                assert!(names.iter().all(|name| name != "copy.db"), "{names:?}");
            }
            Self::Database(database) => {
                let opened = Store::open(database.url()).map(|_| ());
                assert!(matches!(opened, Err(StoreError::Incomplete { .. })), "{opened:?}");
                let read = PostgresReader::open(database.url()).map(|_| ());
                assert!(matches!(read, Err(StoreError::Incomplete { .. })), "{read:?}");
            }
        }
    }
}

fn read_file(directory: &Path) -> SqliteLog {
    SqliteLog::open_read_only(directory.join("copy.db")).unwrap()
}

async fn copied(source: &dyn EventLog, place: &Place) -> Result<Copied, CopyError> {
    copy(source, &place.url(), &mut |_, _, _| {}).await
}

/// A log with several streams, a clock that steps back, keys with and without events, and payloads with odd spaces.
async fn filled() -> MemoryLog {
    let log = MemoryLog::new();
    committed(log.append(keyed(many("a", 0, 3), "first \"key\"\n", 1, "{\"quoted\":\"answer\"}\n")).await);
    committed(log.append(keyed(Commit::default(), "nothing", 2, "null")).await);
    let earlier = vec![event_at(6, at(0) - TimeDelta::days(400))];
    committed(
        log.append(several([Append { stream: stream("ü\u{2028}\"/"), expected: 0, events: earlier }])).await,
    );
    let payloads = ["null", "{ \"spaced\" : 1 }", "{\n}", " {}", "{} ", "\"\\u0000\u{7f}ä\"", "1e400", "1.0"];
    let odd = (7..).zip(payloads).map(|(number, payload)| {
        let mut new = NewEvent { payload: payload.to_owned(), ..event(number) };
        new.metadata.project = None;
        new
    });
    let odd = Append { stream: stream("odd"), expected: 0, events: odd.collect() };
    committed(log.append(keyed(several([odd]), "a", 0xff, "\"last\"")).await);
    let long = (1_000..1_700).map(event).collect();
    committed(log.append(several([Append { stream: stream("long"), expected: 0, events: long }])).await);
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_went_through_every_adapter_is_the_same() {
    let source = filled().await;
    let document = backed_up(&source).await;
    let mut before: Option<(Box<dyn EventLog>, String)> = None;
    for place in Place::each().iter().chain(&Place::each()) {
        let from = before.as_ref().map_or(&source as &dyn EventLog, |(log, _)| &**log);
        let Copied { events, idempotency_keys, events_before, sha256 } = copied(from, place).await.unwrap();
        assert_eq!((events, idempotency_keys, events_before), (712, 3, 0));
        let copy = place.read();
        assert!(backed_up(&*copy).await == document, "{} differs", place.url());
        if let Some((_, hash)) = &before {
            assert_eq!(*hash, sha256);
        }
        before = Some((copy, sha256));
        let log = place.open_again();
        assert_eq!(committed(log.append(one("a", 3, 5_000)).await), 713, "it goes on where the copy ends");
        log.close().await;
        drop(log);
        // The next one is copied from it as it was read above.
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_copy_brings_over_what_was_appended_meanwhile() {
    for place in Place::each() {
        let source = filled().await;
        copied(&source, &place).await.unwrap();
        committed(source.append(keyed(many("new", 0, 600), "later", 9, "1")).await);
        let Copied { events, idempotency_keys, events_before, .. } = copied(&source, &place).await.unwrap();
        assert_eq!((events, idempotency_keys, events_before), (1_312, 4, 712));
        assert!(backed_up(&*place.read()).await == backed_up(&source).await);
        assert_eq!(copied(&source, &place).await.unwrap().events_before, 1_312, "once more changes nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_holds_another_log_is_refused_and_stays_as_it_is() {
    for place in Place::each() {
        let source = filled().await;
        copied(&source, &place).await.unwrap();
        let other = MemoryLog::new();
        committed(other.append(many("a", 0, 3)).await);
        committed(other.append(one("b", 0, 4)).await);
        let shorter = copied(&other, &place).await;
        assert!(matches!(shorter, Err(CopyError::OtherLog(Difference::Event(5)))), "{shorter:?}");
        committed(other.append(many("c", 0, 900)).await);
        let different = copied(&other, &place).await;
        assert!(matches!(different, Err(CopyError::OtherLog(Difference::Event(4)))), "{different:?}");
        assert!(backed_up(&*place.read()).await == backed_up(&source).await);
        place.open_again().close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_the_source_does_not_have_make_it_another_log() {
    for place in Place::each() {
        let (source, other) = (MemoryLog::new(), MemoryLog::new());
        committed(source.append(keyed(one("a", 0, 1), "key", 1, "1")).await);
        copied(&source, &place).await.unwrap();
        committed(other.append(keyed(one("a", 0, 1), "key", 1, "2")).await);
        let refused = copied(&other, &place).await;
        assert!(matches!(refused, Err(CopyError::OtherLog(Difference::Key(1)))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_ended_in_the_middle_goes_on_and_nobody_opens_it_before() {
    for place in Place::each() {
        let source = filled().await;
        let breaking = Breaking { log: source, reads_left: AtomicUsize::new(2) };
        let broken = copied(&breaking, &place).await;
        assert!(matches!(broken, Err(CopyError::Source(StoreError::Unavailable(_)))), "{broken:?}");
        place.assert_unfinished();
        let source = breaking.log;
        let resumed = copied(&source, &place).await.unwrap();
        assert_eq!((resumed.events, resumed.events_before), (712, 512));
        assert!(backed_up(&*place.read()).await == backed_up(&source).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_log_stays_whole_when_continuing_it_fails() {
    for place in Place::each() {
        let source = filled().await;
        copied(&source, &place).await.unwrap();
        let before = backed_up(&source).await;
        committed(source.append(many("new", 0, 600)).await);
        // Three pages are compared, one is copied.
        let breaking = Breaking { log: source, reads_left: AtomicUsize::new(4) };
        assert!(copied(&breaking, &place).await.is_err());
        assert!(backed_up(&*place.read()).await == before);
        place.open_again().close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_use_is_no_destination() {
    for place in Place::each() {
        let log = place.open().unwrap();
        let refused = copied(&filled().await, &place).await;
        assert!(
            matches!(refused, Err(CopyError::Destination(StoreError::Locked { .. }))),
            "{}: {refused:?}",
            place.url()
        );
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_opens_a_log_while_it_is_copied_into() {
    for place in Place::each() {
        let (source, mut seen) = (filled().await, Vec::new());
        let mut look = |stage, _, _| {
            if stage != Stage::Resuming {
                seen.push(place.open().map(|_| ()));
            }
        };
        copy(&source, &place.url(), &mut look).await.unwrap();
        assert!(!seen.is_empty());
        for opened in seen {
            assert!(
                matches!(opened, Err(StoreError::Locked { .. } | StoreError::Incomplete { .. })),
                "{opened:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_cannot_hold_is_refused_with_its_position() {
    let Some(server) = Postgres::shared() else { return };
    let with = |payload: &str, id: String| {
        let mut append = addition(id, 0, 9_000);
        append.events[0].payload = payload.to_owned();
        several([append])
    };
    for bad in [with("not JSON", "bad".to_owned()), with("{}", long_name())] {
        let place = Place::Database(server.empty_database());
        let source = filled().await;
        committed(source.append(one("good", 0, 8_000)).await);
        committed(source.append(bad.clone()).await);
        committed(source.append(one("good", 1, 8_001)).await);
        let refused = copied(&source, &place).await;
        assert!(
            matches!(refused, Err(CopyError::Unsuitable { what: Difference::Event(714), .. })),
            "{refused:?}"
        );
        place.assert_unfinished();

        let whole = Place::Database(server.empty_database());
        let source = filled().await;
        copied(&source, &whole).await.unwrap();
        committed(source.append(bad).await);
        assert!(matches!(copied(&source, &whole).await, Err(CopyError::Unsuitable { .. })));
        assert_eq!(whole.open_again().head(), 712);
    }
}

#[tokio::test]
async fn a_log_in_memory_is_no_destination() {
    let refused = copy(&MemoryLog::new(), "memory:", &mut |_, _, _| {}).await;
    assert!(matches!(refused, Err(CopyError::Destination(StoreError::UnknownStore { .. }))), "{refused:?}");
}

/// A name that no index of PostgreSQL has room for, and that cannot be compressed.
fn long_name() -> String {
    let parts = (1..300_u128).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    parts.map(|part| format!("{part:032x}")).collect()
}

/// A log that can be read so many times.
struct Breaking {
    log: MemoryLog,
    reads_left: AtomicUsize,
}

impl EventLog for Breaking {
    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        let left = self.reads_left.load(Ordering::Relaxed);
        if left == 0 {
            return async { Err(StoreError::Unavailable("it broke".into())) }.boxed();
        }
        self.reads_left.store(left - 1, Ordering::Relaxed);
        self.log.read_all(after, limit)
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        self.log.keys(after, limit)
    }

    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        self.log.append(commit)
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        self.log.answered(key)
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        self.log.read_stream(stream, after, limit)
    }

    fn first_since(&self, at: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        self.log.first_since(at)
    }

    fn head(&self) -> u64 {
        self.log.head()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.log.watch_head()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.log.close()
    }
}
