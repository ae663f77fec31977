//! How many events per second does the audit export write, next to a plain read of the same log?
//!
//! `cargo bench --bench export`; `-- --quick` takes a tenth of the events, `-- --events 1000000` takes more. The log on
//! disk has events about tasks, ten per task, many tasks in turns. The plain read decodes every event and does nothing
//! with it; the exports go through the route, without a network. On Linux it also prints the most memory that the process
//! had, which does not grow with the log.
#![allow(clippy::unwrap_used)]

mod guides;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use mc_domain::values::Name;
use mc_server::{app::App, health::Health, service::recovered_service};
use mc_store::{
    codec,
    log::{Append, Commit, EventLog, MAX_PAGE_EVENTS},
    sqlite::SqliteLog,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const EVENTS: u64 = 500_000;
const EVENTS_PER_TASK: u64 = 10;
/// How many tasks get events in turns.
const TASKS_AT_ONCE: u64 = 500;
const EVENTS_PER_DAY: i64 = 20_000;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let wanted = arguments.iter().skip_while(|argument| *argument != "--events").nth(1);
    let events = wanted.map_or(if quick { EVENTS / 10 } else { EVENTS }, |count| count.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(directory.path().join("log.db")).unwrap());
        fill(&log, events).await;
        let operator = Name::new("Sofie").unwrap();
        let (clock, token) = (mc_server::app::system_clock(), CancellationToken::new());
        let app = App::recover(Arc::clone(&log), operator, clock, Health::starting(), token).await.unwrap();
        let events = log.head();
        let start = Instant::now();
        read(&log).await;
        let plain = start.elapsed();
        report("plain read", events, plain, plain, 0);
        let service = recovered_service(app);
        for format in ["json", "ndjson", "csv", "cloudevents"] {
            let start = Instant::now();
            let bytes = export(&service, &format!("format={format}")).await;
            report(format, events, start.elapsed(), plain, bytes);
        }
        let middle = start_of_log() + TimeDelta::days(events as i64 / EVENTS_PER_DAY / 2);
        let start = Instant::now();
        let query = format!("format=ndjson&startDate={0}&endDate={0}", middle.date_naive());
        let bytes = export(&service, &query).await;
        println!("a day in the middle: {bytes} bytes in {:.3} s", start.elapsed().as_secs_f64());
        log.close().await;
    });
}

fn report(what: &str, events: u64, took: Duration, plain: Duration, bytes: u64) {
    let rate = events as f64 / took.as_secs_f64();
    let ratio = took.as_secs_f64() / plain.as_secs_f64();
    let memory = peak_mib().map_or(String::new(), |mib| format!("{mib:>6} MiB at most"));
    println!(
        "{what:<12} {:>8.2} s {rate:>10.0} events/s {ratio:>6.2} x {:>6} MiB written {memory}",
        took.as_secs_f64(),
        bytes >> 20
    );
}

/// The most memory that this process had so far, as Linux tells it.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
}

async fn read(log: &Arc<dyn EventLog>) {
    let mut position = 0;
    loop {
        let page = log.read_all(position, MAX_PAGE_EVENTS).await.unwrap();
        let Some(last) = page.last() else { return };
        position = last.position;
        page.iter().for_each(|stored| drop(codec::decode_any(stored).unwrap()));
    }
}

async fn export(service: &axum::Router, query: &str) -> u64 {
    let request = Request::get(format!("/api/audit/export?{query}")).body(Body::empty()).unwrap();
    let response = service.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (mut body, mut bytes) = (response.into_body(), 0);
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().into_data().map_or(0, |data| data.len() as u64);
    }
    bytes
}

fn start_of_log() -> DateTime<Utc> {
    DateTime::from_timestamp_secs(1_700_000_000).unwrap()
}

/// Appends events about tasks, many tasks in turns.
async fn fill(log: &Arc<dyn EventLog>, events: u64) {
    let mut position = 0;
    for group in 0..events / (EVENTS_PER_TASK * TASKS_AT_ONCE) {
        for version in 0..EVENTS_PER_TASK {
            let appends = (0..TASKS_AT_ONCE).map(|task| {
                position += 1;
                step(group * TASKS_AT_ONCE + task, version, position)
            });
            let appends: Vec<_> = appends.collect();
            log.append(Commit { appends, ..Commit::default() }).await.unwrap();
        }
    }
}

fn step(task: u64, version: u64, position: i64) -> Append {
    let at = start_of_log() + TimeDelta::milliseconds(86_400_000 / EVENTS_PER_DAY * position);
    guides::step(task, version, at)
}
