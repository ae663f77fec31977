//! How many events per second does the log append, each synced before its answer, next to a bare SQLite insert loop?
//!
//! `cargo bench --bench append`; `-- --quick` takes only a few seconds. Every caller waits for its answer before it
//! appends the next event. The bare loop is one thread that commits all queued rows as one transaction. It uses the
//! same pragmas, integer keys, a unique (stream, version) and rows of the same size, and checks nothing. The numbers
//! depend on the machine; the ratio hardly does.
#![allow(clippy::unwrap_used)]

mod callers;

use std::{path::Path, sync::Arc, time::Duration};

use callers::{Measured, event, measure};
use mc_domain::recorded::StreamId;
use mc_store::{
    log::{Append, Commit, EventLog, NewEvent},
    sqlite::SqliteLog,
};
use rusqlite::Connection;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

const CALLERS: [usize; 3] = [1, 16, 64];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (length, rounds) = if quick { (Duration::from_millis(300), 3) } else { (Duration::from_secs(3), 5) };
    let runtime = Runtime::new().unwrap();
    println!(
        "{:>7}  {:<26} {:>10} {:>9} {:>9} {:>9}  of bare",
        "callers", "", "events/s", "p50 ms", "p99 ms", "max ms"
    );
    for callers in CALLERS {
        let cases = [bare_fresh, log_fresh, bare_few, log_few];
        // The cases take turns, so that other load on the machine affects all of them.
        let rounds: Vec<_> = (0..rounds).map(|_| cases.map(|case| case(&runtime, callers, length))).collect();
        print(callers, "bare, a stream an event", &rounds, 0, 0);
        print(callers, "log, a stream an event", &rounds, 1, 0);
        print(callers, "bare, a stream a caller", &rounds, 2, 2);
        print(callers, "log, a stream a caller", &rounds, 3, 2);
    }
}

/// The median of each value over the rounds. The ratio compares two cases of one round.
fn print(callers: usize, name: &str, rounds: &[[Measured; 4]], case: usize, bare: usize) {
    let median = |value: &dyn Fn(&[Measured; 4]) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let per_second = median(&|round| round[case].per_second);
    let [p50, p99, max] = [0, 1, 2].map(|at| median(&|round| round[case].latencies_ms[at]));
    let ratio = median(&|round| 100.0 * round[case].per_second / round[bare].per_second);
    println!("{callers:>7}  {name:<26} {per_second:>10.0} {p50:>9.3} {p99:>9.3} {max:>9.3}  {ratio:>5.0} %");
}

fn log_fresh(runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    with_log(|log| {
        measure(runtime, callers, length, move |_, _| append(Arc::clone(&log), Uuid::now_v7().to_string(), 0))
    })
}

fn log_few(runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    with_log(|log| {
        measure(runtime, callers, length, move |caller, number| {
            append(Arc::clone(&log), format!("00000000-0000-7000-8000-{caller:012}"), number)
        })
    })
}

fn with_log<T>(run: impl FnOnce(Arc<SqliteLog>) -> T) -> T {
    let directory = tempfile::tempdir().unwrap();
    run(Arc::new(SqliteLog::open(directory.path().join("log.db")).unwrap()))
}

async fn append(log: Arc<SqliteLog>, aggregate_id: String, expected: u64) {
    let stream = StreamId { aggregate_type: "task".into(), aggregate_id };
    let appends = vec![Append { stream, expected, events: vec![event()] }];
    log.append(Commit { appends, ..Commit::default() }).await.unwrap();
}

fn bare_fresh(runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    with_bare(|rows| {
        measure(runtime, callers, length, move |caller, number| {
            insert(rows.clone(), number * callers as u64 + caller as u64, 1)
        })
    })
}

fn bare_few(runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    with_bare(|rows| {
        measure(runtime, callers, length, move |caller, number| {
            insert(rows.clone(), caller as u64, number + 1)
        })
    })
}

struct BareRow {
    stream: u64,
    version: u64,
    event_type: &'static str,
    payload: String,
    metadata: String,
    done: oneshot::Sender<()>,
}

async fn insert(rows: mpsc::Sender<BareRow>, stream: u64, version: u64) {
    let NewEvent { payload, metadata, .. } = event();
    let metadata = serde_json::to_string(&metadata).unwrap();
    let (done, waiting) = oneshot::channel();
    let row = BareRow { stream, version, event_type: "task.claimed", payload, metadata, done };
    rows.send(row).await.unwrap();
    waiting.await.unwrap();
}

fn with_bare<T>(run: impl FnOnce(mpsc::Sender<BareRow>) -> T) -> T {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bare.db");
    let (rows, queue) = mpsc::channel(1_024);
    let writer = std::thread::spawn(move || insert_in_groups(&path, queue));
    let answer = run(rows);
    writer.join().unwrap();
    answer
}

fn insert_in_groups(path: &Path, mut queue: mpsc::Receiver<BareRow>) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
             PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096;
             CREATE TABLE events (
                 position INTEGER PRIMARY KEY, stream_key INTEGER NOT NULL, sequence INTEGER NOT NULL,
                 event_type TEXT NOT NULL, event_version INTEGER NOT NULL, payload TEXT NOT NULL,
                 metadata TEXT NOT NULL, UNIQUE (stream_key, sequence)
             ) STRICT;",
        )
        .unwrap();
    let mut insert = connection
        .prepare(
            "INSERT INTO events (position, stream_key, sequence, event_type, event_version, payload, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .unwrap();
    let (mut position, mut group) = (0_u64, Vec::new());
    while queue.blocking_recv_many(&mut group, 1_024) > 0 {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for row in &group {
            position += 1;
            insert
                .execute((position, row.stream, row.version, row.event_type, 1, &row.payload, &row.metadata))
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        for row in group.drain(..) {
            row.done.send(()).unwrap();
        }
    }
}
