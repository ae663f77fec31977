//! How many events per second are backed up, restored and verified?
//!
//! `cargo bench --bench backup`; `-- --quick` takes a tenth of the events, `-- --events 5000000` takes more. The log on
//! disk has a million events about tasks, ten per task. The bench writes a backup of it, restores the backup into a new
//! database, and verifies that database. The reference is how long copying the bytes of the document takes in the same
//! run. On Linux it also prints the processor time of each step, which depends less on other programs.
#![allow(clippy::unwrap_used)]

mod guides;

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use mc_store::{
    backup,
    log::{Commit, EventLog, Idempotency},
    sqlite::{Existing, SqliteImport, SqliteInspection, SqliteLog},
    verify::verify,
};

const EVENTS: u64 = 1_000_000;
const EVENTS_PER_TASK: u64 = 10;
/// How many tasks get events in turns.
const TASKS_AT_ONCE: u64 = 64;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let wanted = arguments.iter().skip_while(|argument| *argument != "--events").nth(1);
    let events = wanted.map_or(if quick { EVENTS / 10 } else { EVENTS }, |count| count.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let (log, document, copy, restored) = (
        directory.path().join("log.db"),
        directory.path().join("backup.json"),
        directory.path().join("copy.json"),
        directory.path().join("restored.db"),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let events = runtime.block_on(fill(&log, events));
    let bytes = |path: &Path| path.metadata().unwrap().len() / 1024 / 1024;
    println!("{events} events, {} MiB in the database", bytes(&log));

    let report = |what: &str, Took { time, processors }: Took| {
        let rate = events as f64 / time.as_secs_f64();
        let busy =
            processors.map_or(String::new(), |busy| format!("{:>9.2} processor s", busy.as_secs_f64()));
        println!("{what:<10} {:>9.2} s {rate:>12.0} events/s {busy}", time.as_secs_f64());
    };
    let source = SqliteLog::open_read_only(&log).unwrap();
    report(
        "backup",
        took(|| {
            let mut out = BufWriter::with_capacity(1 << 20, File::create(&document).unwrap());
            let now = DateTime::UNIX_EPOCH;
            runtime.block_on(backup::write(&source, now, &mut out, &mut |_, _| {})).unwrap();
            out.into_inner().unwrap().sync_all().unwrap();
        }),
    );
    println!("{} MiB in the backup", bytes(&document));
    report(
        "copy",
        took(|| {
            let mut out = File::create(&copy).unwrap();
            out.write_all(&std::fs::read(&document).unwrap()).unwrap();
            out.sync_all().unwrap();
        }),
    );
    report(
        "restore",
        took(|| {
            let input = BufReader::with_capacity(1 << 20, File::open(&document).unwrap());
            let import = SqliteImport::create(&restored, Existing::Refuse).unwrap();
            backup::read(input, import, &mut |_, _| {}).unwrap();
        }),
    );
    report(
        "verify-db",
        took(|| {
            let inspection = SqliteInspection::open(&restored).unwrap();
            let report = verify(&inspection, DateTime::<Utc>::MAX_UTC, &mut |_, _| {});
            assert!(report.is_sound() && report.events == events, "{report:?}");
        }),
    );
}

/// The time that one step took.
struct Took {
    time: Duration,
    processors: Option<Duration>,
}

fn took(work: impl FnOnce()) -> Took {
    let (start, busy) = (Instant::now(), processor_time());
    work();
    let processors = processor_time().zip(busy).map(|(after, before)| after - before);
    Took { time: start.elapsed(), processors }
}

/// The processor time of all threads of this process so far, which Linux counts in hundredths of a second.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<_> = stat.rsplit(')').next()?.split_whitespace().collect();
    let hundredths: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(hundredths * 10))
}

/// Appends events about tasks, several tasks in turns, one commit per event, every second one under a key.
async fn fill(path: &Path, events: u64) -> u64 {
    let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(path).unwrap());
    for group in 0..events / (EVENTS_PER_TASK * TASKS_AT_ONCE) {
        for version in 0..EVENTS_PER_TASK {
            let commits = (0..TASKS_AT_ONCE).map(|task| {
                let number = group * TASKS_AT_ONCE + task;
                log.append(step(number, version))
            });
            futures_util::future::try_join_all(commits).await.unwrap();
        }
    }
    let head = log.head();
    log.close().await;
    head
}

fn step(task: u64, version: u64) -> Commit {
    let at = DateTime::from_timestamp_secs(1_790_000_000).unwrap()
        + TimeDelta::milliseconds((task * 10 + version) as i64);
    let append = guides::step(task, version, at);
    let idempotency = version.is_multiple_of(2).then(|| Idempotency {
        key: format!("{task}/{version}"),
        fingerprint: [7; 32],
        answer: r#"{"changed":{"task":"00000000-0000-0000-0000-000000000000"}}"#.to_owned(),
    });
    Commit { appends: vec![append], idempotency, ..Commit::default() }
}
